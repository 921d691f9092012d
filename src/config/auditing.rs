//! What a configuration says of the audit log, ready for use: which checks are recorded, and how names are written.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::{AuditRequests, AuditSettings};
use crate::check::Decision;
use crate::check::policy::{Policy, RuleAudit};
use crate::check::record::{Identities, MIN_KEY_BYTES};
use crate::check::trial::{Difference, Tried};

/// How the audit log is kept.
#[derive(Clone, Debug)]
pub struct Auditing {
    /// As configured.
    pub settings: AuditSettings,
    /// How subjects and clients are written.
    pub identities: Identities,
    /// Where the key of their hashes is from.
    pub key: HashKeyOrigin,
    /// The rules that say which of their checks are recorded.
    of_rules: HashMap<Arc<str>, RuleAudit>,
}

/// Where the key of hashes is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKeyOrigin {
    /// There is none: names are plain.
    None,
    /// The configured file.
    File,
    /// Made at the start, since none is configured.
    Process,
    /// Made at the start, since the configured file can't be used for this reason.
    ProcessInstead(String),
}

impl HashKeyOrigin {
    /// The word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::File => "hash_key_file",
            Self::Process | Self::ProcessInstead(_) => "random",
        }
    }

    /// Why the configured file is not used.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        if let Self::ProcessInstead(why) = self { Some(why) } else { None }
    }
}

/// Names hashed with a key that nobody knows and that lasts as long as the process.
#[must_use]
pub fn of_this_process() -> Identities {
    let mut key = Zeroizing::new([0; 32]);
    // Where the system has no randomness TLS could not be spoken either; a key that is easier to guess is still one.
    if rand::fill(key.as_mut_slice()).is_err() {
        fastrand::fill(key.as_mut_slice());
    }
    Identities::hashed(key.as_slice())
}

impl Auditing {
    /// What these settings and rules say. `of_process` is used where no key can be read.
    #[must_use]
    pub fn new(settings: AuditSettings, policy: &Policy, of_process: &Identities) -> Self {
        let of_rules = policy.rules().iter().filter_map(|rule| Some((Arc::clone(&rule.name), rule.audit?)));
        let of_rules = of_rules.collect();
        let (identities, key) = match (settings.plain_identities, &settings.hash_key_file) {
            (true, _) => (Identities::Plain, HashKeyOrigin::None),
            (false, None) => (of_process.clone(), HashKeyOrigin::Process),
            (false, Some(file)) => match read(file) {
                Ok(key) => (Identities::hashed(key.trim_ascii_end()), HashKeyOrigin::File),
                Err(why) => (of_process.clone(), HashKeyOrigin::ProcessInstead(why)),
            },
        };
        Self { settings, identities, key, of_rules }
    }

    /// Whether a check is recorded. What its rule says goes before what is said for all. `chance` yields a number
    /// from 0 to 1, and is asked only where checks are sampled.
    pub fn selects(&self, decision: &Decision, tried: &[Tried], chance: impl FnOnce() -> f64) -> bool {
        let AuditSettings { requests, sample, .. } = self.settings;
        let passed = matches!(decision, Decision::Allow(_) | Decision::Answer(_));
        let sampled = || sample > 0.0 && chance() < sample;
        match (self.of_rule(decision.rule()), requests) {
            (Some(RuleAudit::All), _) | (None, AuditRequests::All) => true,
            (Some(RuleAudit::None), _) => false,
            (Some(RuleAudit::Denials), _) => !passed || differs(tried),
            (None, AuditRequests::Denials) => !passed || differs(tried) || sampled(),
            (None, AuditRequests::Differences) => differs(tried) || sampled(),
            (None, AuditRequests::None) => sampled(),
        }
    }

    fn of_rule(&self, name: Option<&Arc<str>>) -> Option<RuleAudit> {
        // Most policies say nothing, and then there is nothing to look up.
        if self.of_rules.is_empty() { None } else { self.of_rules.get(name?).copied() }
    }

    /// Tells the log how names are written.
    pub fn announce(&self) {
        let identities = self.identities.key_id().map_or("plain", |_| "hashed");
        let (key, key_id) = (self.key.name(), self.identities.key_id().unwrap_or_default());
        match self.key.fault() {
            Some(why) => tracing::error!(
                key_id,
                why,
                "`hash_key_file` can't be used: the audit log hashes identities with a random key instead"
            ),
            None => tracing::info!(identities, key, key_id, "the audit log is kept"),
        }
    }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let key = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let key = Zeroizing::new(key);
    if key.trim_ascii_end().len() < MIN_KEY_BYTES {
        return Err(format!("{}: it has fewer than {MIN_KEY_BYTES} bytes", file.display()));
    }
    Ok(key)
}

fn differs(tried: &[Tried]) -> bool {
    let differs = [Difference::WouldDeny, Difference::WouldAllow];
    tried.iter().any(|tried| differs.contains(&tried.difference))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::trial::TrialKind;
    use crate::check::{Denial, DenyReason, Outage, OutageReason};
    use crate::config::AuditDestination;

    fn auditing(requests: AuditRequests, sample: f64, of_rule: Option<RuleAudit>) -> Auditing {
        let to = AuditDestination::Stdout;
        let settings = AuditSettings {
            requests,
            sample,
            per_second: 1,
            to,
            plain_identities: false,
            hash_key_file: None,
        };
        let of_rules = of_rule.map(|audit| (Arc::from("rule"), audit)).into_iter().collect();
        Auditing { settings, identities: Identities::Plain, key: HashKeyOrigin::None, of_rules }
    }

    fn passed() -> Decision {
        Decision::Answer("{}".into())
    }

    fn refused() -> Decision {
        let rule = Some(Arc::from("rule"));
        Decision::Deny(Denial { reason: DenyReason::TokenExpired, rule, hints: None })
    }

    fn undecided() -> Decision {
        let rule = Some(Arc::from("rule"));
        Decision::Unavailable(Outage { reason: OutageReason::KeysStale, rule, issuer: None })
    }

    fn tried(difference: Difference) -> [Tried; 1] {
        [Tried { kind: TrialKind::Shadow, rule: None, difference, reason: "" }]
    }

    #[test]
    fn the_configuration_says_which_checks_are_recorded() {
        use AuditRequests::{All, Denials, Differences, None as Nothing};
        for (requests, difference, expected) in [
            (Nothing, Difference::WouldDeny, [false; 3]),
            (Differences, Difference::Unknown, [false; 3]),
            (Differences, Difference::WouldDeny, [true; 3]),
            (Denials, Difference::Unknown, [false, true, true]),
            (Denials, Difference::WouldAllow, [true; 3]),
            (All, Difference::Unknown, [true; 3]),
        ] {
            let auditing = auditing(requests, 0.0, None);
            let never = || unreachable!("nothing is sampled");
            let selected = [passed(), refused(), undecided()]
                .map(|decision| auditing.selects(&decision, &tried(difference), never));
            assert_eq!(selected, expected, "{requests:?} {difference:?}");
        }
    }

    #[test]
    fn what_a_rule_says_goes_before_what_is_said_for_all() {
        use AuditRequests::{All, None as Nothing};
        for (requests, of_rule, expected) in [
            (All, RuleAudit::None, [false; 2]),
            (Nothing, RuleAudit::Denials, [true; 2]),
            (Nothing, RuleAudit::All, [true; 2]),
        ] {
            let auditing = auditing(requests, 1.0, Some(of_rule));
            let never = || unreachable!("a rule's own word is not sampled");
            let selected = [refused(), undecided()].map(|decision| auditing.selects(&decision, &[], never));
            assert_eq!(selected, expected, "{requests:?} {of_rule:?}");
        }
        let other = auditing(All, 0.0, Some(RuleAudit::None));
        assert!(other.selects(&passed(), &[], || 0.0), "no rule decided it");
    }

    #[test]
    fn of_the_others_a_share_is_recorded() {
        let at =
            |share, chance| auditing(AuditRequests::Denials, share, None).selects(&passed(), &[], || chance);
        assert_eq!([at(0.1, 0.09), at(0.1, 0.1), at(1.0, 0.999)], [true, false, true]);
    }

    #[test]
    fn a_key_that_is_too_short_or_not_there_is_replaced_by_one_of_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let of_process = of_this_process();
        let used = || {
            let settings = AuditSettings {
                hash_key_file: Some(file.clone()),
                ..auditing(AuditRequests::All, 0.0, None).settings
            };
            Auditing::new(settings, &Policy::default(), &of_process)
        };
        let missing = used();
        assert_eq!(missing.identities.key_id(), of_process.key_id());
        assert!(missing.key.fault().unwrap().contains("No such file"));
        fs::write(&file, "too short\n").unwrap();
        assert!(used().key.fault().unwrap().contains("fewer than 16 bytes"));
        fs::write(&file, "0123456789abcdef\n").unwrap();
        let good = used();
        assert_eq!(
            (good.key, good.identities.key_id()),
            (HashKeyOrigin::File, Identities::hashed(b"0123456789abcdef").key_id())
        );
        assert_ne!(of_this_process().key_id(), of_process.key_id());
    }
}
