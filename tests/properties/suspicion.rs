//! No detector speaks before its threshold, or twice about one key in one window, whatever is seen in whatever order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gatepost::check::DenyReason;
use gatepost::config::{SuspicionSettings, Threshold};
use gatepost::jose::UnixTime;
use gatepost::suspicion::{Detectors, Holder, Kind, Seen, Suspicion};
use proptest::prelude::*;
use proptest::sample::select;

/// One check: so long after the one before, of this token, from this address, at this rule, with this outcome.
type Step = (u16, u8, u8, u8, Option<DenyReason>);

const CERTIFICATES: [&str; 3] = ["", "a", "b"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcomes = [
        None,
        None,
        Some(DenyReason::TokenRevoked),
        Some(DenyReason::ScopeInsufficient),
        Some(DenyReason::SignatureInvalid),
        Some(DenyReason::TokenExpired),
    ];
    prop::collection::vec((0..4000_u16, 0..4_u8, 0..6_u8, 0..6_u8, select(outcomes.to_vec())), 1..300)
}

/// What was seen of a key: when, and what counts.
type History = BTreeMap<(usize, u8), Vec<(UnixTime, usize)>>;

/// An event: when, of which key, and what was said.
type Event = (UnixTime, (usize, u8), Suspicion);

fn run(steps: &[Step], settings: &SuspicionSettings) -> (History, Vec<Event>) {
    let detectors = Detectors::new();
    let (issuer, mut now) = (Arc::<str>::from("corp"), UnixTime::from_seconds(1_700_000_000));
    let (mut history, mut events) = (History::new(), Vec::new());
    for (number, (later, token, source, rule, refused)) in steps.iter().enumerate() {
        now = now.plus(Duration::from_millis(u64::from(*later)));
        let good = matches!(refused, None | Some(DenyReason::ScopeInsufficient));
        let certificate = CERTIFICATES.get(usize::from(*rule) % 3).unwrap();
        let (text, subject, name) =
            (format!("token-{token}"), format!("s-{token}"), Arc::from(rule.to_string()));
        let seen = Seen {
            source: Some(IpAddr::from([192, 0, 2, *source])),
            certificate: Some(*certificate).filter(|text| !text.is_empty()),
            token: Some(text.as_bytes()),
            holder: good.then_some(Holder { issuer: &issuer, client: Some("web"), subject: Some(&subject) }),
            refused: *refused,
            rule: Some(&name),
        };
        let mut note = |kind: Kind, key: u8, what: usize| {
            history.entry((kind as usize, key)).or_default().push((now, what));
        };
        match refused {
            Some(DenyReason::TokenRevoked) => note(Kind::RevokedToken, *token, number),
            Some(DenyReason::SignatureInvalid) => note(Kind::InvalidTokenBurst, *source, number),
            Some(DenyReason::ScopeInsufficient) => note(Kind::ScopeProbing, *token, usize::from(*rule)),
            _ => {}
        }
        if good {
            note(Kind::SharedToken, *token, usize::from(*source));
            if !certificate.is_empty() {
                note(Kind::CertificateChanged, *token, usize::from(*rule) % 3);
            }
        }
        for event in detectors.observe(&seen, settings, now) {
            let key = if event.kind == Kind::InvalidTokenBurst { *source } else { *token };
            events.push((now, (event.kind as usize, key), event));
        }
    }
    (history, events)
}

proptest! {
    #[test]
    fn no_event_below_its_threshold_and_one_at_most_in_a_window(
        steps in steps(),
        count in 2..6_u32,
        seconds in 1..120_u64,
    ) {
        let window = Duration::from_secs(seconds);
        let threshold = Some(Threshold { count, window });
        let settings = SuspicionSettings {
            revoked_token: threshold,
            shared_token: threshold,
            invalid_token_burst: threshold,
            limit: None,
            scope_probing: threshold,
            certificate_changed: Some(window),
        };
        let (history, events) = run(&steps, &settings);
        let mut told = BTreeMap::<_, Vec<UnixTime>>::new();
        for (at, key, event) in &events {
            let within: BTreeSet<_> = history[key]
                .iter()
                .filter(|(seen, _)| seen <= at && at.since(*seen) < window)
                .map(|(_, what)| what)
                .collect();
            let least = if event.kind == Kind::CertificateChanged { 2 } else { count };
            prop_assert!(within.len() >= least as usize && event.count == least, "{:?} {:?}", event, within);
            told.entry(key).or_default().push(*at);
        }
        // Windows of a key follow one another, so two events can be close together, and three can't.
        for times in told.values() {
            prop_assert!(times.windows(3).all(|three| three[2].since(three[0]) > window), "{:?}", times);
        }
    }

    #[test]
    fn what_reaches_its_threshold_within_a_window_is_told(count in 2..16_u32, seconds in 1..120_u64) {
        let window = Duration::from_secs(seconds);
        let threshold = Some(Threshold { count, window });
        let settings = SuspicionSettings {
            revoked_token: threshold,
            shared_token: threshold,
            invalid_token_burst: threshold,
            limit: None,
            scope_probing: threshold,
            certificate_changed: None,
        };
        for (refused, kind) in [
            (Some(DenyReason::TokenRevoked), Kind::RevokedToken),
            (None, Kind::SharedToken),
            (Some(DenyReason::SignatureInvalid), Kind::InvalidTokenBurst),
            (Some(DenyReason::ScopeInsufficient), Kind::ScopeProbing),
        ] {
            let one = |number: u32| {
                let number = u8::try_from(number).unwrap();
                let source = if refused.is_none() { number } else { 0 };
                (u16::try_from((seconds * 1000 - 1) / u64::from(count)).unwrap(), 0, source, number, refused)
            };
            let steps: Vec<_> = (0..count).map(one).collect();
            let (_, events) = run(&steps, &settings);
            let kinds: Vec<_> = events.iter().map(|(_, _, event)| event.kind).collect();
            prop_assert_eq!(kinds, [kind]);
        }
    }
}
