//! Promise: what is good passes, however unusual it looks, so that strictness costs no honest client anything.

use gatepost_test_support::{Request, Signer, Token};
use serde_json::json;

use crate::stand::{HOST, Stand, get, orders};
use crate::table::assert_passed;

fn named(name: &str, request: Request) -> (String, Request) {
    (name.to_owned(), request)
}

#[tokio::test]
async fn good_tokens_pass_whoever_signed_them_and_whatever_else_they_say() {
    let stand = Stand::start().await;
    let good = || stand.issuer.token();
    let now = gatepost_test_support::token::now();
    let pass = |name: &str, token: Token| named(name, orders().bearer(&token.mint()));
    let mut cases = vec![
        pass("the plain one", good()),
        pass("typ at+JWT", good().header("typ", "at+JWT")),
        pass("typ application/at+jwt", good().header("typ", "application/at+jwt")),
        pass("without a kid", good().without_header("kid")),
        pass("an unknown header member", good().header("x", json!({ "y": 1 }))),
        pass("a jku, which nobody follows", good().header("jku", "https://idp.example.com/jwks")),
        pass("one audience in a list", good().claim("aud", json!([Token::AUDIENCE]))),
        pass(
            "ours among other audiences",
            good().claim("aud", json!(["https://a.example", Token::AUDIENCE])),
        ),
        pass("more scopes", good().claim("scope", "profile orders:read orders:write")),
        pass("scopes with two blanks", good().claim("scope", "profile  orders:read")),
        pass("exp with a fraction", good().claim("exp", now as f64 + 300.5)),
        pass("exp as an exponent", good().claim("exp", 9e9)),
        pass("a long life", good().claim("exp", now + 31_536_000)),
        pass("nbf now", good().claim("nbf", now)),
        pass("nbf long ago", good().claim("nbf", 0)),
        pass("an issuer's clock that is a little ahead", good().claim("iat", now + 3).claim("nbf", now + 3)),
        pass("a subject in another script", good().claim("sub", "Ælfrēd-アルフレッド")),
        pass("a subject with blanks inside", good().claim("sub", "alice  of example")),
        pass("a subject with commas and quotes", good().claim("sub", "CN=alice, O=\"Example\"")),
        pass("a client that acts for itself", good().claim("sub", "web")),
        pass("many groups", good().claim("groups", json!(vec!["a-group-with-a-long-name"; 200]))),
        pass(
            "nested claims",
            good().claim("address", json!({ "geo": { "lat": 1.5, "lng": [-1, null, true] } })),
        ),
        pass("an empty claim", good().claim("", "x").claim("nothing", json!(null))),
        pass("a large token", good().claim("long", "x".repeat(11_000))),
        pass("auth_time and acr", good().claim("auth_time", now - 5).claim("acr", "urn:example:mfa")),
        pass("a tenant that is a number", good().claim("tenant", 7)),
        pass("a tenant that is a list", good().claim("tenant", json!(["a", "b"]))),
    ];
    for name in Signer::ALGORITHMS {
        cases.push(pass(name, good().signed_by(&Signer::shared(name))));
    }
    assert_passed(&stand, cases).await;
}

#[tokio::test]
async fn good_requests_pass_whatever_they_look_like() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    let gold = stand.issuer.token().claim("scope", "orders:write tier:silver").mint();
    let admin = stand.issuer.token().claim("aud", "https://admin.example.com").claim("scope", "admin").mint();
    let path = |target: &str| named(target, get(target).bearer(&token));
    let scheme = |scheme: &str| named(scheme, orders().header("Authorization", format!("{scheme}{token}")));
    let host = |host: &str| named(host, Request::get("/orders/7").host(host).bearer(&token));
    let mut cases: Vec<_> = [
        "/orders",
        "/orders/",
        "/orders/7/",
        "/orders/7/lines/1",
        "/orders/7?x=1&y=//..%2F#".trim_end_matches('#'),
        "/orders/7?",
        "/orders/a%20b",
        "/orders/%C3%A9t%C3%A9",
        "/orders/100%25",
        "/orders/a:b@c!$&'()*+,=",
        "/orders/...",
        "/orders/a.b.c",
        "/orders/7?token=x&access_tokens=y",
    ]
    .map(path)
    .into();
    cases.extend(["Bearer ", "bearer ", "BEARER ", "bEARER   "].map(scheme));
    cases.extend(
        ["orders.example.com:443", "ORDERS.example.com", "orders.example.com.", "Orders.Example.Com.:8080"]
            .map(host),
    );
    cases.extend([
        named("HEAD", Request::new("HEAD", "/orders/7").host(HOST).bearer(&token)),
        named("POST", Request::post("/orders/7").host(HOST).bearer(&gold).body("{}")),
        named("another host of a wildcard", Request::get("/admin/x").host("eu.example.com").bearer(&admin)),
        named("any method where none is named", Request::new("PATCH", "/admin/x").host(HOST).bearer(&admin)),
        named("public", get("/healthz")),
        named("public, with a bad token", get("/healthz").bearer("nonsense")),
        named("public, with a query", get("/healthz?access_token=x")),
        named("public, for any host", Request::get("/healthz").host("10.0.0.1:8080")),
        named("many headers", (0..60).fold(orders().bearer(&token), |r, n| r.header(format!("x-{n}"), "v"))),
        named("a cookie", orders().bearer(&token).header("Cookie", "a=b; c=d")),
        named("a header of odd bytes", orders().bearer(&token).header("x-odd", b"caf\xe9")),
        // Envoy joins repetitions before any filter sees them, and leaves out the empty one.
        named("an empty token header too", orders().header("Authorization", "").bearer(&token)),
        named("the token header in capitals", orders().header("AUTHORIZATION", format!("Bearer {token}"))),
    ]);
    assert_passed(&stand, cases).await;
}
