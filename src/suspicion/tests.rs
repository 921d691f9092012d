//! Each detector with time as an argument, and the tables when they are full.

use std::mem::size_of;
use std::sync::Arc;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(1_700_000_000 + seconds)
}

/// Three of each within a minute, and a limit at six invalid tokens.
fn settings() -> SuspicionSettings {
    let three = Some(Threshold { count: 3, window: MINUTE });
    SuspicionSettings {
        revoked_token: three,
        shared_token: three,
        invalid_token_burst: three,
        limit: Some(Threshold { count: 6, window: MINUTE }),
        scope_probing: three,
        certificate_changed: Some(MINUTE),
    }
}

fn address(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

/// Somebody's checks, of which tests say what differs.
struct Somebody {
    token: String,
    source: Option<IpAddr>,
    certificate: Option<&'static str>,
    holder: Option<(&'static str, &'static str)>,
    refused: Option<DenyReason>,
    rule: &'static str,
}

impl Somebody {
    fn with(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            source: Some(address(1)),
            certificate: None,
            holder: Some(("web", "alice")),
            refused: None,
            rule: "read orders",
        }
    }

    fn refused(token: &str, reason: DenyReason) -> Self {
        let holder = (reason == DenyReason::ScopeInsufficient).then_some(("web", "alice"));
        Self { refused: Some(reason), holder, ..Self::with(token) }
    }

    fn from(self, number: u8) -> Self {
        Self { source: Some(address(number)), ..self }
    }

    fn showing(self, certificate: &'static str) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    fn at_rule(self, rule: &'static str) -> Self {
        Self { rule, ..self }
    }
}

impl Detectors {
    fn events(&self, whose: &Somebody, now: UnixTime) -> Vec<Suspicion> {
        let (issuer, rule): (Arc<str>, Arc<str>) = ("corp".into(), whose.rule.into());
        let seen = Seen {
            source: whose.source,
            certificate: whose.certificate,
            token: Some(whose.token.as_bytes()),
            holder: whose.holder.map(|(client, subject)| Holder {
                issuer: &issuer,
                client: Some(client),
                subject: Some(subject),
            }),
            refused: whose.refused,
            rule: Some(&rule),
        };
        self.observe(&seen, &settings(), now)
    }

    fn kinds(&self, whose: &Somebody, now: UnixTime) -> Vec<Kind> {
        self.events(whose, now).into_iter().map(|suspicion| suspicion.kind).collect()
    }

    fn waits(&self, number: u8, now: UnixTime) -> Option<Duration> {
        self.wait(Some(address(number)), &settings(), now)
    }
}

#[test]
fn a_revoked_token_is_suspicious_when_it_is_presented_again_and_once_in_a_window() {
    let detectors = Detectors::new();
    let revoked = Somebody::refused("token", DenyReason::TokenRevoked);
    let other = Somebody::refused("other", DenyReason::TokenRevoked);
    let found = [0, 1, 2, 3, 59].map(|second| detectors.kinds(&revoked, at(second)).len());
    assert_eq!(found, [0, 0, 1, 0, 0]);
    assert!(detectors.kinds(&other, at(59)).is_empty());
    let found = [60, 61, 62, 63].map(|second| detectors.kinds(&revoked, at(second)).len());
    assert_eq!(found, [0, 0, 1, 0], "a new window");
}

#[test]
fn an_event_says_what_was_seen_and_nothing_that_could_be_used() {
    let detectors = Detectors::new();
    let revoked = Somebody::refused("secret", DenyReason::TokenRevoked);
    let events: Vec<_> = (0..3).flat_map(|second| detectors.events(&revoked, at(second))).collect();
    let [event] = &events[..] else { panic!("{events:?}") };
    let told = (event.kind, event.source, event.rule.as_deref(), event.count, event.window);
    assert_eq!(told, (Kind::RevokedToken, Some(address(1)), Some("read orders"), 3, MINUTE));
    assert_eq!(event.token, Some(token_digest("secret")));
}

#[test]
fn a_token_is_shared_when_it_comes_from_many_addresses() {
    let detectors = Detectors::new();
    let from = |number, second| detectors.kinds(&Somebody::with("token").from(number), at(second)).len();
    assert_eq!([from(1, 0), from(2, 1), from(1, 2), from(2, 3), from(1, 4)], [0; 5]);
    assert_eq!([from(3, 5), from(4, 6), from(5, 7)], [1, 0, 0]);
    assert_eq!([from(6, 61), from(7, 62), from(6, 63), from(8, 64)], [0, 0, 0, 1], "a new window");
    let nowhere = Somebody { source: None, ..Somebody::with("token") };
    assert!(detectors.kinds(&nowhere, at(70)).is_empty());
}

#[test]
fn addresses_that_lie_further_apart_than_the_window_do_not_add_up() {
    let detectors = Detectors::new();
    for number in 0..100 {
        let found = detectors.kinds(&Somebody::with("token").from(number), at(31 * i64::from(number)));
        assert!(found.is_empty(), "{number}");
    }
}

#[test]
fn an_ipv6_network_is_one_address() {
    let detectors = Detectors::new();
    let kinds = |address: &str| {
        let source = Some(address.parse().unwrap());
        detectors.kinds(&Somebody { source, ..Somebody::with("token") }, at(0))
    };
    for host in 1..50 {
        assert!(kinds(&format!("2001:db8:0:1::{host}")).is_empty());
    }
    assert!(kinds("2001:db8:0:2::1").is_empty());
    assert_eq!(kinds("2001:db8:0:3::1"), [Kind::SharedToken]);
}

#[test]
fn a_second_signature_makes_no_second_token_but_opaque_ones_are_told_apart_to_their_end() {
    let detectors = Detectors::new();
    let from = |token: &str, number| detectors.kinds(&Somebody::with(token).from(number), at(0)).len();
    assert_eq!([from("eyJ.eyJ.one", 1), from("eyJ.eyJ.two", 2), from("eyJ.eyJ.three", 3)], [0, 0, 1]);
    assert_eq!([from("opaque.one", 1), from("opaque.two", 2), from("opaque.three", 3)], [0; 3]);
    assert_eq!([from("e.one", 1), from("e.two", 2), from("e.three", 3)], [0; 3]);
}

#[test]
fn invalid_tokens_add_up_by_address_and_ordinary_refusals_do_not() {
    let detectors = Detectors::new();
    let ordinary = [
        DenyReason::CredentialMissing,
        DenyReason::TokenExpired,
        DenyReason::NoRule,
        DenyReason::TokenBound,
        DenyReason::ClaimUnmet,
    ];
    for (reason, _) in ordinary.iter().cycle().zip(0..50) {
        assert!(detectors.kinds(&Somebody::refused("token", *reason), at(0)).is_empty(), "{reason:?}");
    }
    let invalid = |number, token: u32, second| {
        let invented = Somebody::refused(&token.to_string(), DenyReason::SignatureInvalid).from(number);
        detectors.events(&invented, at(second))
    };
    assert!(invalid(1, 1, 0).is_empty() && invalid(2, 1, 0).is_empty() && invalid(1, 2, 1).is_empty());
    let found = invalid(1, 3, 2);
    assert_eq!((found.len(), found[0].kind, &found[0].token), (1, Kind::InvalidTokenBurst, &None));
    assert!(invalid(1, 4, 3).is_empty() && invalid(2, 2, 3).is_empty());
}

#[test]
fn an_address_over_the_limit_waits_until_its_window_is_over_and_no_other_does() {
    let detectors = Detectors::new();
    let invalid = |number, second| {
        detectors.kinds(&Somebody::refused("token", DenyReason::SignatureInvalid).from(number), at(second))
    };
    for second in 0..6 {
        assert_eq!(detectors.waits(1, at(second)), None, "{second}");
        invalid(1, second);
    }
    assert_eq!(detectors.waits(1, at(6)), Some(Duration::from_secs(54)));
    assert_eq!(detectors.waits(2, at(6)), None);
    assert_eq!(detectors.wait(None, &settings(), at(6)), None);
    let off = SuspicionSettings { limit: None, ..settings() };
    assert_eq!(detectors.wait(Some(address(1)), &off, at(6)), None);
    assert!(detectors.waits(1, at(59)).is_some());
    assert_eq!(detectors.waits(1, at(60)), None);
    invalid(1, 60);
    assert_eq!(detectors.waits(1, at(61)), None, "it begins anew");
}

#[test]
fn a_client_probes_when_many_rules_find_its_scopes_too_few_whichever_token_it_takes() {
    let detectors = Detectors::new();
    let refused = |token, rule| Somebody::refused(token, DenyReason::ScopeInsufficient).at_rule(rule);
    for _ in 0..10 {
        assert!(detectors.kinds(&refused("one", "a"), at(0)).is_empty());
    }
    assert!(detectors.kinds(&refused("two", "b"), at(1)).is_empty());
    let bob = Somebody { holder: Some(("web", "bob")), ..refused("bobs", "c") };
    assert!(detectors.kinds(&bob, at(2)).is_empty(), "another subject");
    assert_eq!(detectors.kinds(&refused("three", "c"), at(3)), [Kind::ScopeProbing]);
    assert!(detectors.kinds(&refused("three", "d"), at(4)).is_empty());
    assert!(detectors.kinds(&refused("three", "a"), at(64)).is_empty(), "a new window");
}

#[test]
fn a_token_with_another_certificate_than_before_is_suspicious_once_in_a_window() {
    let detectors = Detectors::new();
    let showing =
        |certificate, second| detectors.kinds(&Somebody::with("token").showing(certificate), at(second));
    assert!(showing("a", 0).is_empty() && showing("a", 1).is_empty());
    assert!(detectors.kinds(&Somebody::with("token"), at(2)).is_empty(), "without one nothing is compared");
    assert!(detectors.kinds(&Somebody::with("other").showing("b"), at(2)).is_empty());
    assert_eq!(showing("b", 3), [Kind::CertificateChanged]);
    assert!(showing("a", 4).is_empty() && showing("b", 59).is_empty());
    assert!(showing("a", 60).is_empty(), "a new window");
    assert_eq!(showing("b", 61), [Kind::CertificateChanged]);
}

#[test]
fn a_clock_that_is_set_back_begins_a_new_window() {
    let detectors = Detectors::new();
    let revoked = Somebody::refused("token", DenyReason::TokenRevoked);
    for second in [1000, 1001, 0, 1, 2] {
        let found = detectors.kinds(&revoked, at(second)).len();
        assert_eq!(found, usize::from(second == 2), "{second}");
    }
}

#[test]
fn a_detector_that_is_switched_off_says_nothing() {
    let detectors = Detectors::new();
    let off = SuspicionSettings {
        revoked_token: None,
        shared_token: None,
        invalid_token_burst: None,
        limit: None,
        scope_probing: None,
        certificate_changed: None,
    };
    let (issuer, rule): (Arc<str>, Arc<str>) = ("corp".into(), "a".into());
    for number in 0..50 {
        for refused in [DenyReason::TokenRevoked, DenyReason::ScopeInsufficient, DenyReason::KeyUnknown] {
            let seen = Seen {
                source: Some(address(number)),
                certificate: Some(if number % 2 == 0 { "a" } else { "b" }),
                token: Some(b"token"),
                holder: Some(Holder { issuer: &issuer, client: None, subject: None }),
                refused: Some(refused),
                rule: Some(&rule),
            };
            assert!(detectors.observe(&seen, &off, at(0)).is_empty());
        }
    }
}

#[test]
fn a_million_addresses_take_no_memory_and_leave_one_that_was_seen_more_often_alone() {
    let detectors = Detectors::new();
    let invalid = |source: IpAddr| {
        let invented = Somebody::refused("invented", DenyReason::SignatureInvalid);
        detectors.kinds(&Somebody { source: Some(source), ..invented }, at(0))
    };
    let patient: Vec<_> = (0..50).map(address).collect();
    for source in patient.iter().chain(&patient) {
        assert!(invalid(*source).is_empty());
    }
    for number in 0..1_000_000_u32 {
        assert!(invalid(IpAddr::from((0x0a00_0000 + number).to_be_bytes())).is_empty());
    }
    assert!(patient.iter().all(|source| invalid(*source) == [Kind::InvalidTokenBurst]));
}

#[test]
fn a_million_tokens_take_no_memory_and_leave_one_that_two_addresses_share_alone() {
    let detectors = Detectors::new();
    let shared = |number| Somebody::with("shared").from(number);
    assert!(detectors.kinds(&shared(1), at(0)).is_empty() && detectors.kinds(&shared(2), at(0)).is_empty());
    for number in 0..1_000_000 {
        assert!(detectors.kinds(&Somebody::with(&number.to_string()), at(1)).is_empty());
    }
    assert_eq!(detectors.kinds(&shared(3), at(2)), [Kind::SharedToken]);
}

#[test]
fn the_tables_take_less_than_they_are_said_to() {
    let Detectors { shared, certificates, revoked, invalid, probing, .. } = Detectors::new();
    let bytes = shared.bytes() + certificates.bytes() + revoked.bytes() + invalid.bytes() + probing.bytes();
    assert!(bytes < 4 << 20, "{bytes}");
    assert!(bytes > size_of::<Detectors>());
}
