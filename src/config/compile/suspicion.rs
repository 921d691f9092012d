//! `suspicion`: thresholds and windows, all within bounds.

use std::time::Duration;

use super::super::document::{DurationDocument, InvalidTokenBurstDocument, SuspicionDocument};
use super::super::suspicion::MOST_DIFFERENT;
use super::super::{Path, SuspicionSettings, Threshold};
use super::findings::Findings;
use super::{bounded, bounded_count};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A count and the window it stands in, as written and with their keys.
struct Written {
    enabled: Option<bool>,
    count: Option<u32>,
    key: &'static str,
    window: Option<DurationDocument>,
}

/// What they are when nothing is written, and the highest count.
struct Bounds {
    count: u32,
    most: u32,
    window: u64,
}

const MOST: u32 = 100_000;
#[expect(clippy::cast_possible_truncation, reason = "it is 16")]
const DIFFERENT: u32 = MOST_DIFFERENT as u32;

/// What `suspicion` says.
pub(super) fn compile(
    document: &SuspicionDocument,
    at: &Path,
    findings: &mut Findings<'_>,
) -> SuspicionSettings {
    let revoked = document.revoked_token.clone().unwrap_or_default();
    let shared = document.shared_token.clone().unwrap_or_default();
    let burst = document.invalid_token_burst.clone().unwrap_or_default();
    let probing = document.scope_probing.clone().unwrap_or_default();
    let changed = document.certificate_changed.clone().unwrap_or_default();
    let mut threshold = |name: &str, written, bounds| threshold(&written, &bounds, &at.key(name), findings);
    let revoked_token = threshold(
        "revoked_token",
        Written { enabled: revoked.enabled, count: revoked.uses, key: "uses", window: revoked.window },
        Bounds { count: 2, most: MOST, window: 10 * MINUTE },
    );
    let shared_token = threshold(
        "shared_token",
        Written { enabled: shared.enabled, count: shared.addresses, key: "addresses", window: shared.window },
        Bounds { count: 10, most: DIFFERENT, window: 10 * MINUTE },
    );
    let invalid_token_burst = threshold(
        "invalid_token_burst",
        Written { enabled: burst.enabled, count: burst.tokens, key: "tokens", window: burst.window },
        Bounds { count: 30, most: MOST, window: MINUTE },
    );
    let scope_probing = threshold(
        "scope_probing",
        Written { enabled: probing.enabled, count: probing.rules, key: "rules", window: probing.window },
        Bounds { count: 5, most: DIFFERENT, window: 10 * MINUTE },
    );
    let certificate = at.key("certificate_changed");
    let remembered = window(changed.window, HOUR, &certificate, findings);
    SuspicionSettings {
        revoked_token,
        shared_token,
        invalid_token_burst,
        limit: limit(&burst, invalid_token_burst, &at.key("invalid_token_burst"), findings),
        scope_probing,
        certificate_changed: changed.enabled.unwrap_or(true).then_some(remembered),
    }
}

fn threshold(
    written: &Written,
    bounds: &Bounds,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Threshold> {
    let count = bounded_count(written.count, bounds.count, 2, bounds.most, &at.key(written.key), findings);
    let window = window(written.window, bounds.window, at, findings);
    written.enabled.unwrap_or(true).then_some(Threshold { count, window })
}

fn window(
    written: Option<DurationDocument>,
    default: u64,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Duration {
    bounded(written, default, SECOND, DAY, &at.key("window"), findings)
}

/// The limit counts what the detector counts, in its window.
fn limit(
    document: &InvalidTokenBurstDocument,
    detector: Option<Threshold>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Threshold> {
    let written = document.limit?;
    let count = bounded_count(Some(written), MOST, 2, MOST, &at.key("limit"), findings);
    if detector.is_none() {
        findings.error(
            &at.key("limit"),
            "counts nothing while the detector is switched off",
            "delete it, or delete `enabled: false`",
        );
    }
    detector.map(|its| Threshold { count, ..its })
}

#[cfg(test)]
mod tests {
    use super::super::super::read::read;
    use super::*;

    fn compiled(text: &str) -> (SuspicionSettings, String) {
        let read = read::<SuspicionDocument>("gatepost.yaml", text);
        let mut problems = read.problems;
        let mut findings = Findings::new(&read.source, &mut problems);
        let settings = compile(&read.draft.unwrap_or_default(), &Path::root(), &mut findings);
        (settings, problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn without_a_word_all_is_looked_for_and_nothing_is_limited() {
        let (settings, problems) = compiled("{}");
        assert_eq!(problems, "");
        let minutes =
            |count, minutes: u64| Some(Threshold { count, window: Duration::from_secs(minutes * 60) });
        let expected = SuspicionSettings {
            revoked_token: minutes(2, 10),
            shared_token: minutes(10, 10),
            invalid_token_burst: minutes(30, 1),
            limit: None,
            scope_probing: minutes(5, 10),
            certificate_changed: Some(Duration::from_secs(3600)),
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn each_can_be_set_and_switched_off() {
        let (settings, problems) = compiled(
            "invalid_token_burst: { tokens: 5, window: 10s, limit: 50 }\nshared_token: { addresses: 16 }",
        );
        assert_eq!(problems, "");
        let window = Duration::from_secs(10);
        assert_eq!(settings.invalid_token_burst, Some(Threshold { count: 5, window }));
        assert_eq!(settings.limit, Some(Threshold { count: 50, window }));
        assert_eq!(settings.shared_token.unwrap().count, 16);

        let names =
            ["revoked_token", "shared_token", "invalid_token_burst", "scope_probing", "certificate_changed"];
        let off = names.map(|name| format!("{name}: {{ enabled: false }}\n")).concat();
        let (settings, problems) = compiled(&off);
        let none = SuspicionSettings {
            revoked_token: None,
            shared_token: None,
            invalid_token_burst: None,
            limit: None,
            scope_probing: None,
            certificate_changed: None,
        };
        assert_eq!((settings, problems.as_str()), (none, ""));
    }

    #[test]
    fn names_what_is_wrong_where_it_is() {
        for (text, expected) in [
            ("revoked_token: { uses: 1 }", "revoked_token.uses: is outside 2 to 100000"),
            ("shared_token: { addresses: 17 }", "shared_token.addresses: is outside 2 to 16"),
            ("scope_probing: { rules: 0 }", "scope_probing.rules: is outside 2 to 16"),
            ("invalid_token_burst: { window: 2d }", "invalid_token_burst.window: is outside"),
            ("invalid_token_burst: { limit: 1 }", "invalid_token_burst.limit: is outside 2"),
            (
                "invalid_token_burst: { enabled: false, limit: 100 }",
                "invalid_token_burst.limit: counts nothing",
            ),
            ("certificate_changed: { window: 1ms }", "certificate_changed.window: is outside"),
            ("certificate_changed: { uses: 2 }", "unknown key `uses`"),
        ] {
            let (_, problems) = compiled(text);
            assert!(problems.contains(expected), "{text}\n{problems}");
        }
    }
}
