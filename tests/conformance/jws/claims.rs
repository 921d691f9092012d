//! The registered claims: dates, issuer, audience (J13 to J16).

use gatepost::check::DenyReason::{
    AudienceMismatch, ClaimMalformed, ClaimMissing, IssuerUnknown, TokenExpired, TokenMalformed,
    TokenNotYetValid,
};
use gatepost_test_support::Token;
use serde_json::{Value, json};

use crate::gate::{Gate, NOW, STRICT, Table, good, issuer};

/// What no date is. Numbers are seconds.
fn not_dates() -> Vec<Value> {
    vec![
        json!(null),
        json!("1900000000"),
        json!(""),
        json!("soon"),
        json!(true),
        json!([1_900_000_000]),
        json!([]),
        json!({ "value": 1_900_000_000 }),
        json!(-1),
        json!(-1.5),
        json!(1e18),
        json!(100_000_000_001_i64),
        json!(u64::MAX),
        json!(i64::MIN),
    ]
}

// J13
#[test]
fn a_token_is_good_until_its_expiry_and_not_a_moment_longer() {
    Table::of(&STRICT)
        .allows("a second left", &good().claim("exp", NOW + 1))
        .allows("half a second left", &good().claim("exp", NOW as f64 + 0.5))
        .allows("a moment left", &good().claim("exp", NOW as f64 + 0.002))
        .refuses("expires now", &good().claim("exp", NOW), TokenExpired)
        .refuses("expires now, with a fraction", &good().claim("exp", NOW as f64), TokenExpired)
        .refuses("half a second ago", &good().claim("exp", NOW as f64 - 0.5), TokenExpired)
        .refuses("a second ago", &good().claim("exp", NOW - 1), TokenExpired)
        .refuses("in 1970", &good().claim("exp", 0), TokenExpired)
        .refuses("at minus zero", &good().claim("exp", -0.0), TokenExpired)
        .allows("in the year 5138", &good().claim("exp", 100_000_000_000_i64))
        .allows("as an exponent", &good().claim("exp", 1.9e9))
        .refuses("never", &good().without("exp"), ClaimMissing)
        .holds();
}

// J13
#[test]
fn an_expiry_leeway_is_as_long_as_written_and_at_most_a_minute() {
    let gate = Gate::with_issuer("expiry_leeway: 60s");
    Table::of(&gate)
        .allows("59 s ago", &good().claim("exp", NOW - 59))
        .refuses("60 s ago", &good().claim("exp", NOW - 60), TokenExpired)
        .holds();
    for line in ["expiry_leeway: 61s", "leeway: 61s"] {
        let text = issuer("https://a", line);
        assert!(Gate::try_load(&format!("issuers:\n{text}"), "rules: []", &[]).is_err(), "{line}");
    }
}

// J13, J14
#[test]
fn refuses_what_is_no_date() {
    let mut table = Table::of(&STRICT);
    for name in ["exp", "nbf", "iat"] {
        for value in not_dates() {
            let token = good().claim(name, value.clone());
            table = table.refuses(&format!("{name} {value}"), &token, ClaimMalformed);
        }
        for text in ["1e999", "NaN", "Infinity", "-", "0x10", "01", "1_000"] {
            let raw = good().claim(name, 4_242_424_242_i64).payload_text().replace("4242424242", text);
            table = table.refuses(&format!("{name} {text}"), &good().raw_payload(raw), TokenMalformed);
        }
    }
    table.holds();
}

// J13, J14: five seconds of leeway unless written otherwise
#[test]
fn a_token_from_the_future_is_not_yet_valid() {
    let mut table = Table::of(&STRICT);
    for name in ["nbf", "iat"] {
        table = table
            .allows(&format!("{name} now"), &good().claim(name, NOW))
            .allows(&format!("{name} long ago"), &good().claim(name, 0))
            .allows(&format!("{name} within the leeway"), &good().claim(name, NOW + 5))
            .refuses(
                &format!("{name} past the leeway"),
                &good().claim(name, NOW as f64 + 5.5),
                TokenNotYetValid,
            )
            .refuses(&format!("{name} in a year"), &good().claim(name, NOW + 31_536_000), TokenNotYetValid);
    }
    table.allows("without nbf", &good().without("nbf")).holds();
    let exact = Gate::with_issuer("leeway: 0s");
    Table::of(&exact)
        .allows("iat now", &good())
        .refuses("nbf in half a second", &good().claim("nbf", NOW as f64 + 0.5), TokenNotYetValid)
        .refuses("iat in a second", &good().claim("iat", NOW + 1), TokenNotYetValid)
        .holds();
}

// J15
#[test]
fn the_issuer_is_compared_code_point_by_code_point() {
    let mut table = Table::of(&STRICT);
    for iss in [
        "https://idp.example.com/",
        "https://idp.example.com:443",
        "https://IDP.example.com",
        "HTTPS://idp.example.com",
        "http://idp.example.com",
        "https://idp.example.com.",
        "https://idp.example.com#",
        "https://idp.example.com?",
        "https://idp.example.com/..",
        "https://idp%2Eexample.com",
        "https://user@idp.example.com",
        "https://idp.example.com.evil.example",
        "https://idp.example.co",
        "https://іdp.example.com",
        "https://idp.example.com\u{0}",
        "https://idp.example.com\u{200b}",
        " https://idp.example.com",
        "https://idp.example.com ",
        "idp.example.com",
        "",
        "*",
    ] {
        table = table.refuses(&format!("{iss:?}"), &good().claim("iss", iss), IssuerUnknown);
    }
    for iss in [json!(null), json!(1), json!([Token::ISSUER]), json!({ "iss": Token::ISSUER }), json!(true)] {
        table = table.refuses(&iss.to_string(), &good().claim("iss", iss.clone()), IssuerUnknown);
    }
    table.refuses("missing", &good().without("iss"), IssuerUnknown).holds();
}

// J15
#[test]
fn an_issuer_with_a_slash_and_one_without_are_two() {
    let gate = Gate::with_issuers(
        &issuer("https://idp.example.com/", ""),
        &[&gatepost_test_support::token::jwks([&gatepost_test_support::Signer::shared("RS256")])],
    );
    Table::of(&gate)
        .allows("with", &good().claim("iss", "https://idp.example.com/"))
        .refuses("without", &good(), IssuerUnknown)
        .refuses("with two", &good().claim("iss", "https://idp.example.com//"), IssuerUnknown)
        .holds();
}

// J16
#[test]
fn the_token_must_be_meant_for_this_service() {
    let ours = Token::AUDIENCE;
    let mut table = Table::of(&STRICT)
        .allows("ours", &good().claim("aud", ours))
        .allows("ours in a list", &good().claim("aud", json!([ours])))
        .allows("ours among others", &good().claim("aud", json!(["https://a.example", ours])))
        .allows("ours twice", &good().claim("aud", json!([ours, ours])))
        .refuses("missing", &good().without("aud"), ClaimMissing);
    for aud in [
        json!("https://billing.example.com"),
        json!(["https://billing.example.com", "https://a.example"]),
        json!(""),
        json!([""]),
        json!("https://orders.example.com/"),
        json!("https://Orders.example.com"),
        json!("https://orders.example.co"),
        json!("https://orders.example.com.evil.example"),
        json!("https://orders.example.com https://a.example"),
        json!("https://orders.example.com,https://a.example"),
        json!("*"),
    ] {
        table = table.refuses(&aud.to_string(), &good().claim("aud", aud.clone()), AudienceMismatch);
    }
    for aud in [
        json!(null),
        json!(1),
        json!(true),
        json!([]),
        json!({}),
        json!({ ours: true }),
        json!([ours, 1]),
        json!([ours, null]),
        json!([[ours]]),
        json!([ours, ["x"]]),
        json!([ours, {}]),
    ] {
        table = table.refuses(&aud.to_string(), &good().claim("aud", aud.clone()), ClaimMalformed);
    }
    table.holds();
}

// J16; CVE-2026-40946
#[test]
fn the_audience_is_waived_only_in_writing_and_never_alone() {
    let load = |lines: &str| {
        let text = issuer(Token::ISSUER, lines);
        Gate::try_load(
            &format!("issuers:\n{text}"),
            "rules: [{ name: a, match: { path: /** }, require: {} }]",
            &[],
        )
    };
    assert!(load("audiences: any").is_err());
    assert!(load("audiences: []").is_err());
    assert!(load("audiences: ['']").is_err());
    assert!(load("audiences: https://orders.example.com").is_err());
    let waived = load("audiences: any\nrequire_claims: { tenant: acme }").unwrap();
    assert!(waived.warnings.iter().any(|problem| problem.what.contains("waived")), "{:?}", waived.warnings);
}

// J16
#[test]
fn a_waived_audience_must_still_be_well_formed() {
    let gate = Gate::with_issuer("audiences: any\nrequire_claims: { tenant: acme }");
    let token = || good().claim("tenant", "acme");
    Table::of(&gate)
        .allows("another audience", &token().claim("aud", "https://billing.example.com"))
        .allows("none", &token().without("aud"))
        .refuses("a number", &token().claim("aud", 1), ClaimMalformed)
        .refuses("a list with a number", &token().claim("aud", json!(["x", 1])), ClaimMalformed)
        .refuses(
            "another tenant",
            &token().claim("tenant", "other"),
            gatepost::check::DenyReason::RequiredClaimMismatch,
        )
        .refuses("no tenant", &good(), ClaimMissing)
        .holds();
}
