//! `match.preflight`: a browser's preflight passes without a token, and nothing else does for looking like one.

use gatepost_test_support::Request;

use super::{MISSING, NO_RULE, assert_answers, passes, refused, stand};
use crate::stand::{HOST, get};

const POLICY: &str = "
rules:
  - { name: preflights, match: { preflight: true, path: /api/** }, public: true }
  - { name: api, match: { path: /api/** }, require: { scopes: [orders:read] } }
  - { name: other, match: { path: /other/** }, require: { scopes: [orders:read] } }
";

const ORIGIN: (&str, &str) = ("Origin", "https://app.example.com");
const METHOD: (&str, &str) = ("Access-Control-Request-Method", "DELETE");

fn send(method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
    let request = Request::new(method, target).host(HOST);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// As browsers send it.
fn browser(target: &str) -> Request {
    send("OPTIONS", target, &[])
        .header("Connection", "keep-alive")
        .header("Accept", "*/*")
        .header(METHOD.0, METHOD.1)
        .header("Access-Control-Request-Headers", "authorization,content-type")
        .header(ORIGIN.0, ORIGIN.1)
        .header(
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
        )
        .header("Sec-Fetch-Mode", "cors")
        .header("Sec-Fetch-Site", "same-site")
        .header("Sec-Fetch-Dest", "empty")
        .header("Referer", "https://app.example.com/")
        .header("Accept-Encoding", "gzip, deflate, br, zstd")
        .header("Accept-Language", "en")
}

#[tokio::test]
async fn only_a_preflight_passes_without_a_token() {
    let stand = stand(POLICY).await;
    let token = stand.issuer.token().mint();
    let mut cases = vec![
        passes("a browser's", browser("/api/orders/7")),
        passes("with a query", browser("/api/orders?page=2")),
        passes("at the top", browser("/api")),
        passes("of a page without an origin", send("OPTIONS", "/api/x", &[("Origin", "null"), METHOD])),
        passes("with a token that is not looked at", browser("/api/x").bearer("nonsense")),
        refused("elsewhere", browser("/other/x"), MISSING),
        refused("nowhere", browser("/nowhere"), NO_RULE),
        refused("a path that can be read twice", browser("/api//x"), (400, "path_ambiguous", None)),
        refused("OPTIONS alone", send("OPTIONS", "/api/x", &[]), MISSING),
        refused("only an origin", send("OPTIONS", "/api/x", &[ORIGIN]), MISSING),
        refused("only a method", send("OPTIONS", "/api/x", &[METHOD]), MISSING),
        refused("the origin twice", send("OPTIONS", "/api/x", &[ORIGIN, ORIGIN, METHOD]), MISSING),
        refused("two origins", send("OPTIONS", "/api/x", &[ORIGIN, ("origin", "null"), METHOD]), MISSING),
        refused("the method twice", send("OPTIONS", "/api/x", &[ORIGIN, METHOD, METHOD]), MISSING),
        refused(
            "an origin of another name",
            send("OPTIONS", "/api/x", &[("X-Origin", "a"), METHOD]),
            MISSING,
        ),
        passes("no preflight, with a token", get("/api/x").bearer(&token)),
        passes("OPTIONS with a token", send("OPTIONS", "/api/x", &[]).bearer(&token)),
    ];
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"] {
        let request = send(method, "/api/x", &[ORIGIN, METHOD, ("X-HTTP-Method-Override", "OPTIONS")]);
        cases.push(refused(format!("its headers on {method}"), request, MISSING));
    }
    assert_answers(&stand, cases).await;
}
