//! Promise: security events revoke the tokens that they mean and no others (RFC 8417, SSF 1.0, CAEP 1.0, RISC
//! 1.0; standards.md A.8), and none is believed that its transmitter did not sign for us.

use std::fs;
use std::path::Path;

use gatepost::check::revocation::{
    Meaning, Notice, REVOKING_EVENTS, SecurityEvent, SecurityEventFault, Signer as Transmitter, StreamStatus,
    Target,
};
use gatepost::jose::{Algorithm, KeySet, UnixTime};
use gatepost_test_support::{Signer, Token, token};
use serde_json::{Value, json};

const TRANSMITTER: &str = "https://idp.example.com/123456789/";
const US: &str = "https://sp.example.com/caep";
const IAT: i64 = 1_615_305_159;
const AT: i64 = 1_615_304_991;
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const OAUTH: &str = "https://schemas.openid.net/secevent/oauth/event-type/";
const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

fn set(claims: Value) -> Token {
    Token::good().header("typ", "secevent+jwt").only_claims(claims)
}

/// A good one; its members can be replaced or, with null, taken away.
fn claims(changed: Value) -> Value {
    let mut claims = json!({
        "iss": TRANSMITTER, "jti": "24c63fb5", "iat": IAT, "aud": US,
        "sub_id": { "format": "iss_sub", "iss": TRANSMITTER, "sub": "alice" },
        "events": { format!("{CAEP}session-revoked"): { "event_timestamp": AT } },
    });
    let members = claims.as_object_mut().expect("an object");
    for (name, value) in changed.as_object().expect("an object") {
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn verify(token: &Token) -> Result<SecurityEvent, SecurityEventFault> {
    verify_for(TRANSMITTER, US, &token.mint())
}

fn verify_for(issuer: &str, audience: &str, text: &str) -> Result<SecurityEvent, SecurityEventFault> {
    let keys = token::jwks([&Signer::shared("RS256")]).to_string();
    let keys = KeySet::read(keys.as_bytes(), &Algorithm::ALL).expect("a key set");
    let transmitter = Transmitter { issuer, audiences: &[audience.to_owned()], keys: &keys };
    SecurityEvent::verify(text, &transmitter)
}

fn meaning(changed: Value) -> Meaning {
    let event = verify(&set(claims(changed))).expect("a genuine event");
    let mut meanings = event.meanings();
    assert_eq!(meanings.len(), 1);
    meanings.remove(0)
}

fn revokes(target: &Target<'_>, at: i64) -> Meaning {
    Meaning::Revokes(vec![Notice::new(target, Some(UnixTime::from_seconds(at)), None)])
}

fn alice() -> Target<'static> {
    Target::Subject { issuer: TRANSMITTER, subject: "alice" }
}

#[test]
fn believes_a_genuine_event_and_reads_when_it_happened() {
    assert_eq!(meaning(json!({})), revokes(&alice(), AT));
    let event = format!("{CAEP}session-revoked");
    assert_eq!(meaning(json!({ "toe": AT - 9, "events": { &event: {} } })), revokes(&alice(), AT - 9));
    assert_eq!(meaning(json!({ "events": { &event: {} } })), revokes(&alice(), IAT));
    // Neither text nor milliseconds: then the time that is no earlier counts, and nothing escapes.
    for stamp in [json!("1615304991"), json!(AT * 1000), json!(null), json!(-1)] {
        let events = json!({ &event: { "event_timestamp": stamp } });
        assert_eq!(meaning(json!({ "events": events })), revokes(&alice(), IAT));
    }
}

#[test]
fn believes_nobody_else() {
    use SecurityEventFault::{Audience, Claim, Form, Issuer, Signature, UnknownKey};
    let refused = |changed: Value| verify(&set(claims(changed))).expect_err("refused");
    assert_eq!(refused(json!({ "iss": "https://other.example.com" })), Issuer);
    assert_eq!(refused(json!({ "iss": null })), Issuer);
    assert_eq!(refused(json!({ "aud": "https://other.example.com" })), Audience);
    assert_eq!(refused(json!({ "aud": null })), Audience);
    assert_eq!(refused(json!({ "aud": 1 })), Claim("aud"));
    assert_eq!(refused(json!({ "exp": IAT + 60 })), Claim("exp"));
    assert_eq!(refused(json!({ "sub": "alice" })), Claim("sub"));
    assert_eq!(refused(json!({ "jti": null })), Claim("jti"));
    assert_eq!(refused(json!({ "iat": null })), Claim("iat"));
    assert_eq!(refused(json!({ "iat": "now" })), Claim("iat"));
    for events in [json!(null), json!({}), json!([]), json!("x")] {
        assert_eq!(refused(json!({ "events": events })), Claim("events"));
    }
    for typ in ["JWT", "at+jwt", "logout+jwt"] {
        let token = set(claims(json!({}))).header("typ", typ);
        assert_eq!(verify(&token).expect_err(typ), Form);
    }
    assert_eq!(verify(&set(claims(json!({}))).without_header("typ")).expect_err("no type"), Form);
    let forged = set(claims(json!({}))).forged_by(&Signer::generate("RS256"));
    assert_eq!(verify(&forged).expect_err("forged"), Signature);
    let other = set(claims(json!({}))).signed_by(&Signer::generate("ES256").kid("new"));
    assert_eq!(verify(&other).expect_err("other key"), UnknownKey);
    assert_eq!(verify(&set(claims(json!({}))).hs256("x")).expect_err("a secret"), Form);
}

#[test]
fn each_event_does_what_its_standard_says() {
    for (event, payload, acts) in [
        (format!("{CAEP}session-revoked"), json!({}), true),
        (format!("{CAEP}token-claims-change"), json!({ "claims": {} }), true),
        (format!("{CAEP}credential-change"), json!({ "change_type": "revoke" }), true),
        (format!("{CAEP}credential-change"), json!({ "change_type": "update" }), true),
        (format!("{CAEP}credential-change"), json!({ "change_type": "create" }), false),
        (format!("{CAEP}assurance-level-change"), json!({ "change_direction": "decrease" }), true),
        (format!("{CAEP}assurance-level-change"), json!({ "change_direction": "increase" }), false),
        (format!("{CAEP}device-compliance-change"), json!({ "current_status": "not-compliant" }), true),
        (format!("{CAEP}device-compliance-change"), json!({ "current_status": "compliant" }), false),
        (format!("{CAEP}risk-level-change"), json!({ "current_level": "HIGH" }), true),
        (format!("{CAEP}risk-level-change"), json!({ "current_level": "LOW" }), false),
        (format!("{CAEP}session-established"), json!({}), false),
        (format!("{CAEP}session-presented"), json!({}), false),
        (format!("{RISC}account-disabled"), json!({}), true),
        (format!("{RISC}account-purged"), json!({}), true),
        (format!("{RISC}account-enabled"), json!({}), false),
        (format!("{RISC}credential-compromise"), json!({}), true),
        (format!("{RISC}account-credential-change-required"), json!({}), true),
        (format!("{RISC}identifier-recycled"), json!({}), true),
        (format!("{RISC}sessions-revoked"), json!({}), true),
        (format!("{RISC}opt-in"), json!({}), false),
        (format!("{OAUTH}token-revoked"), json!({}), true),
        (format!("{OAUTH}tokens-revoked"), json!({}), true),
        (format!("{OAUTH}client-disabled"), json!({}), true),
        (format!("{OAUTH}client-credential-changed"), json!({}), true),
        ("https://example.com/unknown".to_owned(), json!({}), false),
    ] {
        let expected = if acts { revokes(&alice(), IAT) } else { Meaning::Nothing };
        assert_eq!(meaning(json!({ "events": { &event: payload } })), expected, "{event}");
    }
}

#[test]
fn each_subject_names_the_tokens_it_means() {
    let session = Target::Session { issuer: TRANSMITTER, sid: "s1" };
    let user = json!({ "format": "iss_sub", "iss": TRANSMITTER, "sub": "alice" });
    let sid = json!({ "format": "opaque", "id": "s1" });
    let email = json!({ "format": "email", "email": "alice@example.com" });
    let device = json!({ "format": "opaque", "id": "d1" });
    let client = json!({ "format": "opaque", "id": "shop" });
    let meant = |subject: Value| meaning(json!({ "sub_id": subject }));
    assert_eq!(meant(sid.clone()), revokes(&session, AT));
    // A session of a user is that session, not every token of the user (issuers.md, Keycloak).
    for subject in [
        json!({ "format": "complex", "user": user, "session": sid }),
        json!({ "user": user, "session": sid }),
        json!({ "format": "complex", "user": email, "session": sid, "device": device }),
    ] {
        assert_eq!(meant(subject), revokes(&session, AT));
    }
    assert_eq!(meant(json!({ "format": "complex", "user": user, "device": device })), revokes(&alice(), AT));
    let shop = Target::Client { issuer: TRANSMITTER, client: "shop" };
    assert_eq!(meant(json!({ "format": "complex", "application": client })), revokes(&shop, AT));
    let one = Target::Token { issuer: "https://other", jti: "4711" };
    assert_eq!(
        meant(json!({ "format": "jwt_id", "iss": "https://other", "jti": "4711" })),
        revokes(&one, AT)
    );
    let aliases = json!({ "format": "aliases", "identifiers": [email, user] });
    assert_eq!(meant(aliases), revokes(&alice(), AT));
    for subject in [
        email,
        json!({ "format": "phone_number", "phone_number": "+1" }),
        json!({ "format": "complex", "device": device }),
        json!({ "format": "complex", "tenant": device }),
        json!({ "format": "iss_sub", "iss": TRANSMITTER }),
        json!("alice"),
    ] {
        assert_eq!(meant(subject.clone()), Meaning::Unmappable, "{subject}");
    }
}

#[test]
fn a_legacy_subject_stands_in_the_event() {
    let subject = json!({ "subject_type": "iss-sub", "iss": TRANSMITTER, "sub": "alice" });
    let event = format!("{RISC}account-disabled");
    let changed = json!({ "sub_id": null, "events": { event: { "subject": subject } } });
    assert_eq!(meaning(changed), revokes(&alice(), IAT));
}

#[test]
fn members_and_aliases_of_a_legacy_subject_say_their_format_in_the_old_way() {
    let user = json!({ "subject_type": "iss-sub", "iss": TRANSMITTER, "sub": "alice" });
    let session = json!({ "subject_type": "opaque", "id": "s1" });
    let client = json!({ "subject_type": "opaque", "id": "shop" });
    let meant = |subject: Value| meaning(json!({ "sub_id": subject }));
    assert_eq!(meant(json!({ "subject_type": "aliases", "identifiers": [user] })), revokes(&alice(), AT));
    assert_eq!(meant(json!({ "user": user })), revokes(&alice(), AT));
    let of_session = Target::Session { issuer: TRANSMITTER, sid: "s1" };
    assert_eq!(meant(json!({ "user": user, "session": session })), revokes(&of_session, AT));
    let shop = Target::Client { issuer: TRANSMITTER, client: "shop" };
    assert_eq!(meant(json!({ "format": "complex", "application": client })), revokes(&shop, AT));
}

#[test]
fn an_event_from_a_clock_that_is_ahead_is_not_lost() {
    let ahead = IAT + 3600;
    let events = json!({ format!("{CAEP}session-revoked"): {} });
    assert_eq!(meaning(json!({ "iat": ahead, "events": events })), revokes(&alice(), ahead));
}

#[test]
fn all_events_that_revoke_are_asked_of_a_transmitter_and_no_others() {
    for event in REVOKING_EVENTS {
        // With the values that count.
        let payload = json!({
            "change_type": "revoke", "change_direction": "decrease", "current_status": "not-compliant",
            "current_level": "HIGH",
        });
        assert_eq!(meaning(json!({ "events": { event: payload } })), revokes(&alice(), IAT), "{event}");
    }
}

#[test]
fn an_opaque_identifier_is_a_session_only_where_sessions_are_revoked() {
    let event = format!("{CAEP}credential-change");
    let changed = json!({ "sub_id": { "format": "opaque", "id": "x" }, "events": { event: { "change_type": "revoke" } } });
    assert_eq!(meaning(changed), Meaning::Unmappable);
}

#[test]
fn a_token_in_the_clear_is_known_by_its_digest() {
    let subject = json!({
        "subject_type": "oauth_token", "token_type": "refresh_token",
        "token_identifier_alg": "plain", "token": "test",
    });
    let event = format!("{OAUTH}token-revoked");
    let digest: [u8; 32] =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"test").as_ref().try_into().expect("32 bytes");
    let changed = json!({ "sub_id": null, "events": { event: { "subject": subject } } });
    assert_eq!(meaning(changed), revokes(&Target::TokenDigest(&digest), IAT));
}

#[test]
fn a_jwt_in_the_clear_is_known_by_its_name_too_so_that_writing_its_signature_anew_is_of_no_use() {
    let token = Token::good().signed_by(&Signer::shared("ES256")).claim("jti", "4711").mint();
    let subject = json!({ "format": "oauth_token", "token_identifier_alg": "plain", "token": token });
    let event = format!("{OAUTH}token-revoked");
    let Meaning::Revokes(notices) = meaning(json!({ "sub_id": subject, "events": { event: {} } })) else {
        panic!("revokes nothing");
    };
    let named = Target::Token { issuer: Token::ISSUER, jti: "4711" };
    assert!(notices.iter().any(|notice| notice.target() == named), "{notices:?}");
    assert_eq!(notices.len(), 2);
}

#[test]
fn the_stream_speaks_of_itself() {
    let said = |name: &str, payload: Value| meaning(json!({ "events": { format!("{SSF}{name}"): payload } }));
    assert_eq!(said("verification", json!({ "state": "abc" })), Meaning::Alive(Some("abc".to_owned())));
    assert_eq!(said("verification", json!({})), Meaning::Alive(None));
    for (status, expected) in [
        ("enabled", StreamStatus::Enabled),
        ("paused", StreamStatus::Paused),
        ("disabled", StreamStatus::Disabled),
        ("strange", StreamStatus::Disabled),
    ] {
        assert_eq!(said("stream-updated", json!({ "status": status })), Meaning::Stream(expected));
    }
}

#[test]
fn our_own_message_may_come_in_an_envelope() {
    let message = json!({ "v": 1, "kind": "session", "iss": TRANSMITTER, "sid": "s1", "at": AT });
    let event = |payload: Value| {
        meaning(json!({ "sub_id": null, "events": { "urn:gatepost:revocation:1": payload } }))
    };
    assert_eq!(event(message), revokes(&Target::Session { issuer: TRANSMITTER, sid: "s1" }, AT));
    assert_eq!(event(json!({ "v": 1, "kind": "heartbeat" })), Meaning::Alive(None));
    assert_eq!(event(json!({ "v": 9 })), Meaning::Unmappable);
}

/// Every complete event that the standards print.
#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn reads_every_event_that_the_standards_print() {
    let (mut read, mut acted) = (0, 0);
    for file in ["caep-1_0.json", "caep-interop.json", "risc-1_0.json", "ssf-1_0.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/ssf").join(file);
        let text = fs::read_to_string(path).expect("a vector");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        for example in file["examples"].as_array().expect("a list") {
            let printed = &example["json"];
            let (Some(issuer), true) = (printed["iss"].as_str(), printed["events"].is_object()) else {
                continue;
            };
            let audience = printed["aud"].as_str().or_else(|| printed["aud"][0].as_str()).unwrap_or_default();
            let mut claims = printed.clone();
            // Some print a time after those of the others.
            claims["iat"] = json!(IAT);
            let event = match verify_for(issuer, audience, &set(claims).mint()) {
                Ok(event) => event,
                Err(fault) => panic!("{}: {fault}", example["title"]),
            };
            read += 1;
            acted += usize::from(matches!(event.meanings()[..], [Meaning::Revokes(_)]));
        }
    }
    // The others are about what a token does not carry (a device, an e-mail address, a SAML assertion), about the
    // stream, or take nothing back (a level that rises, a credential that is added).
    assert_eq!((read, acted), (26, 8));
}
