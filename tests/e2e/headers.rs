//! Promise: an identity header that the service sees was set by gatepost, in whatever spelling a client sends
//! its own, whether the route asks for a token or is public, and however Envoy is told to pass headers on.

use gatepost_test_support::{Answer, EnvoyConfig, Request, Signer, TestIssuer};

use crate::stand::{Config, Stand, get, orders, seen};
use crate::table::{INVALID_REQUEST, assert_refused, refused};

/// Spellings of `x-subject` and of others that services take for the same header: CGI and its descendants
/// write every separator as `_`.
const SPELLINGS: [&str; 10] = [
    "x-subject",
    "X-Subject",
    "X-SUBJECT",
    "x_subject",
    "X_Subject",
    "X_SUBJECT",
    "x-client-id",
    "x_client_id",
    "x-client_id",
    "X_Client-Id",
];

/// Names with separators that are legal and that hardly anyone sends.
const STRANGE: [&str; 4] = ["x.subject", "x~subject", "x|subject", "x!subject"];

fn spoofed(request: Request) -> Request {
    SPELLINGS.iter().chain(&STRANGE).fold(request, |request, name| request.header(name, "spoofed"))
}

/// Every header that the service could take for an identity.
fn identities(answer: &Answer) -> Vec<(String, String)> {
    let description = answer.json().unwrap();
    let fold = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "-").to_lowercase();
    let pairs = description["headers"].as_array().unwrap().iter();
    let pairs =
        pairs.map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned()));
    let owned = ["x-subject", "x-scopes", "x-client-id", "x-tenant"];
    let mut found: Vec<_> = pairs.filter(|(name, _)| owned.contains(&fold(name).as_str())).collect();
    found.sort();
    found
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

async fn assert_only_ours(stand: &Stand) {
    let token = stand.issuer.token().mint();
    let told = [pair("x-client-id", "web"), pair("x-scopes", "orders:read"), pair("x-subject", "alice")];
    let all = stand.send(spoofed(orders().bearer(&token))).await;
    assert_eq!((all.status, identities(&all)), (200, told.to_vec()));
    let all = stand.send(spoofed(get("/healthz"))).await;
    assert_eq!((all.status, identities(&all)), (200, vec![]));
    for name in SPELLINGS.into_iter().chain(STRANGE) {
        let one = stand.send(orders().bearer(&token).header(name, "spoofed")).await;
        assert_eq!((one.status, identities(&one)), (200, told.to_vec()), "{name}");
        let one = stand.send(get("/healthz").header(name, "spoofed")).await;
        assert_eq!((one.status, identities(&one)), (200, vec![]), "{name}, public");
    }
}

#[tokio::test]
async fn a_spoofed_identity_header_reaches_the_service_in_no_spelling() {
    assert_only_ours(&Stand::start().await).await;
}

/// Envoy as some install it: headers in the form that joins repetitions.
async fn with_joined_headers() -> Stand {
    let issuer = TestIssuer::start().await.unwrap();
    let config = Config::trusting(issuer.issuer());
    let envoy = EnvoyConfig::shipped().unwrap();
    let envoy = envoy.replace("encode_raw_headers: true", "encode_raw_headers: false").unwrap();
    let mut stand = Stand::behind(envoy, issuer, config).await;
    stand.gatepost.ready().await;
    stand
}

#[tokio::test]
async fn neither_does_it_where_envoy_joins_headers() {
    assert_only_ours(&with_joined_headers().await).await;
}

// CVE-2021-32777, CVE-2026-26308
#[tokio::test]
async fn repeated_credentials_are_refused_in_either_form() {
    for stand in [Stand::start().await, with_joined_headers().await] {
        let token = stand.issuer.token().mint();
        let bearer =
            |request: Request, token: &str| request.header("Authorization", format!("Bearer {token}"));
        let forged = stand.issuer.token().signed_by(&Signer::generate("RS256")).mint();
        assert_refused(
            &stand,
            vec![
                refused("good twice", bearer(orders().bearer(&token), &token), 400, INVALID_REQUEST),
                refused("bad, then good", bearer(orders().bearer(&forged), &token), 400, INVALID_REQUEST),
                refused("good, then bad", bearer(orders().bearer(&token), &forged), 400, INVALID_REQUEST),
                refused(
                    "Basic, then good",
                    bearer(orders().header("authorization", "Basic YTpi"), &token),
                    400,
                    INVALID_REQUEST,
                ),
                refused("joined", orders().bearer(&format!("{token},Bearer {token}")), 400, INVALID_REQUEST),
                refused(
                    "joined with a blank",
                    orders().bearer(&format!("{token}, Bearer {token}")),
                    400,
                    INVALID_REQUEST,
                ),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_repeated_identity_header_is_replaced_whole() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    for values in [&["a", "b"][..], &["a, b"], &[""], &["", "a"], &["alice"], &["a", "A", "a"]] {
        let request = values.iter().fold(orders().bearer(&token), |r, value| r.header("X-Subject", value));
        assert_eq!(seen(&stand.send(request).await, "x-subject"), ["alice"], "{values:?}");
    }
}

#[tokio::test]
async fn an_identity_that_the_token_does_not_have_cannot_be_supplied_by_the_client() {
    let stand = Stand::start().await;
    let without = stand.issuer.token().mint();
    let answer =
        stand.send(orders().bearer(&without).header("X-Tenant", "acme").header("x_tenant", "acme")).await;
    assert_eq!((answer.status, seen(&answer, "x-tenant"), seen(&answer, "x_tenant")), (200, vec![], vec![]));
    let empty = stand.issuer.token().claim("tenant", "").mint();
    let answer = stand.send(orders().bearer(&empty).header("X-Tenant", "acme")).await;
    assert_eq!((answer.status, seen(&answer, "x-tenant")), (200, vec![]));
    let with = stand.issuer.token().claim("tenant", "globex").mint();
    let answer = stand.send(orders().bearer(&with).header("X-Tenant", "acme")).await;
    assert_eq!(seen(&answer, "x-tenant"), ["globex"]);
}

// GHSA-w9mr-28mw-j8hg, CVE-2024-45410
#[tokio::test]
async fn naming_an_identity_header_as_hop_by_hop_does_not_drop_it() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    for value in ["x-subject", "close, x-subject", "keep-alive, X-Subject, x-scopes", "x_subject"] {
        let request = orders().bearer(&token).header("Connection", value).header("X-Subject", "spoofed");
        let answer = stand.send(request).await;
        assert_eq!((answer.status, seen(&answer, "x-subject")), (200, vec!["alice".to_owned()]), "{value}");
    }
}

#[tokio::test]
async fn other_headers_reach_the_service_untouched() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    let request = orders()
        .bearer(&token)
        .header("x-subjects", "1")
        .header("xx-subject", "2")
        .header("x-sub-ject", "3")
        .header("x_other", "4")
        .header("x_other", "5");
    let answer = stand.send(request).await;
    for (name, values) in [
        ("x-subjects", vec!["1"]),
        ("xx-subject", vec!["2"]),
        ("x-sub-ject", vec!["3"]),
        ("x_other", vec!["4", "5"]),
    ] {
        assert_eq!(seen(&answer, name), values, "{name}");
    }
}

// CVE-2023-27488
#[tokio::test]
async fn headers_that_are_not_utf_8_neither_pass_for_another_nor_stop_the_check() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    let odd = stand
        .send(orders().bearer(&token).header("x-odd", b"\xff\xfe").header("X-Subject", b"al\xefce"))
        .await;
    assert_eq!((odd.status, seen(&odd, "x-subject")), (200, vec!["alice".to_owned()]));
    let value = [format!("Bearer {token}").as_bytes(), b"\xff"].concat();
    assert_refused(
        &stand,
        vec![refused(
            "a credential of odd bytes",
            orders().header("Authorization", value),
            400,
            INVALID_REQUEST,
        )],
    )
    .await;
}

#[tokio::test]
async fn a_subject_in_any_script_arrives_as_it_is_and_one_that_could_mislead_does_not() {
    let stand = Stand::start().await;
    for subject in ["José", "李雷", "a b", "a/b?c=d&e", "\"quoted\"", "1%41"] {
        let answer = stand.token(&stand.issuer.token().claim("sub", subject).mint()).await;
        assert_eq!(answer.status, 200, "{subject}");
        // The service reads headers as Latin-1 or as UTF-8; the bytes are what counts.
        let told = seen(&answer, "x-subject").concat();
        let as_latin_1: String = subject.bytes().map(char::from).collect();
        assert!(told == subject || told == as_latin_1, "{subject}: {told}");
    }
    for subject in ["alice\r\nx-tenant: other", "alice\n", "\u{0}", " alice", "alice ", "a\u{85}b"] {
        let answer = stand.token(&stand.issuer.token().claim("sub", subject).mint()).await;
        assert_eq!(answer.status, 403, "{subject:?}");
    }
    assert_eq!(stand.upstream.requests(), 6);
}
