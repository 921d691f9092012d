//! `require.condition`: it sees the token, the request and the clock, and refuses whenever it can't be computed.

use gatepost_test_support::{Request, Token};
use serde_json::{Value, json};

use super::{Case, FAILED, FALSE, assert_answers, passes, refused, stand};
use crate::stand::{HOST, get};

const POLICY: &str = r#"
rules:
  - { name: tenant, match: { path: /tenant }, require: { condition: 'token.tenant == "acme"' } }
  - { name: roles, match: { path: /roles }, require: { condition: '"admin" in token.realm.roles' } }
  - { name: groups, match: { path: /groups }, require: { condition: 'token.groups.exists(g, g.name == "ops" && g.level > 2)' } }
  - { name: meaning, match: { path: /meaning }, require: { condition: 'token.client_id == "web" && token.scope == "orders:read"' } }
  - { name: namespaced, match: { path: /namespaced }, require: { condition: 'token["https://example.com/plan"] == "gold"' } }
  - name: request
    match: { path: /request/** }
    require: { condition: 'request.method == "GET" && request.host == "orders.example.com" && request.path == "/request/a"' }
  - { name: header, match: { path: /header }, require: { condition: 'request.headers["x-tenant"] == token.tenant' } }
  - { name: no header, match: { path: /no-header }, require: { condition: '!("x-debug" in request.headers)' } }
  - { name: clock, match: { path: /clock }, require: { condition: 'now - token.auth_time < 600' } }
  - { name: optional, match: { path: /optional }, require: { condition: '!has(token.act) || token.act.sub == "bob"' } }
  - { name: value, match: { path: /value }, require: { condition: token.flag } }
  - { name: division, match: { path: /division }, require: { condition: '10 / token.n > 1' } }
  - { name: index, match: { path: /index }, require: { condition: 'token.list[2] == "c"' } }
  - { name: types, match: { path: /types }, require: { condition: 'token.n > 3' } }
  - { name: overflow, match: { path: /overflow }, require: { condition: 'token.n * 9223372036854775807 != 1' } }
"#;

fn with(token: Token, claims: &Value) -> String {
    let members = claims.as_object().unwrap().iter();
    members.fold(token, |token, (name, value)| token.claim(name, value.clone())).mint()
}

/// Where, with which claims, and whether it is true, false, or can't be computed.
fn rows(now: i64) -> Vec<(&'static str, Value, Option<bool>)> {
    vec![
        ("/tenant", json!({ "tenant": "acme" }), Some(true)),
        ("/tenant", json!({ "tenant": "globex" }), Some(false)),
        ("/tenant", json!({ "tenant": ["acme"] }), Some(false)),
        ("/tenant", json!({ "tenant": null }), Some(false)),
        ("/tenant", json!({}), None),
        ("/roles", json!({ "realm": { "roles": ["admin"] } }), Some(true)),
        ("/roles", json!({ "realm": { "roles": ["administrator"] } }), Some(false)),
        ("/roles", json!({ "realm": { "roles": [] } }), Some(false)),
        ("/roles", json!({ "realm": {} }), None),
        ("/roles", json!({ "realm": 7 }), None),
        (
            "/groups",
            json!({ "groups": [{ "name": "dev", "level": 9 }, { "name": "ops", "level": 3 }] }),
            Some(true),
        ),
        (
            "/groups",
            json!({ "groups": [{ "name": "dev", "level": 9 }, { "name": "ops", "level": 2 }] }),
            Some(false),
        ),
        ("/groups", json!({ "groups": [] }), Some(false)),
        ("/groups", json!({ "groups": [{ "name": "ops" }] }), None),
        ("/meaning", json!({}), Some(true)),
        ("/meaning", json!({ "client_id": "batch" }), Some(false)),
        ("/namespaced", json!({ "https://example.com/plan": "gold" }), Some(true)),
        ("/namespaced", json!({ "https://example.com/plan": "free" }), Some(false)),
        ("/namespaced", json!({}), None),
        ("/clock", json!({ "auth_time": now - 60 }), Some(true)),
        ("/clock", json!({ "auth_time": now - 660 }), Some(false)),
        ("/clock", json!({ "auth_time": (now - 60).to_string() }), None),
        ("/optional", json!({}), Some(true)),
        ("/optional", json!({ "act": { "sub": "bob" } }), Some(true)),
        ("/optional", json!({ "act": { "sub": "eve" } }), Some(false)),
        ("/optional", json!({ "act": {} }), None),
        ("/value", json!({ "flag": true }), Some(true)),
        ("/value", json!({ "flag": false }), Some(false)),
        ("/value", json!({ "flag": "true" }), None),
        ("/value", json!({ "flag": 1 }), None),
        ("/value", json!({ "flag": null }), None),
        ("/division", json!({ "n": 5 }), Some(true)),
        ("/division", json!({ "n": 10 }), Some(false)),
        ("/division", json!({ "n": 0 }), None),
        ("/index", json!({ "list": ["a", "b", "c"] }), Some(true)),
        ("/index", json!({ "list": ["a", "b", "d"] }), Some(false)),
        ("/index", json!({ "list": ["a"] }), None),
        ("/types", json!({ "n": 4 }), Some(true)),
        ("/types", json!({ "n": "4" }), None),
        ("/overflow", json!({ "n": 0 }), Some(true)),
        ("/overflow", json!({ "n": 2 }), None),
    ]
}

fn case(name: String, request: Request, holds: Option<bool>) -> Case<'static> {
    match holds {
        Some(true) => passes(name, request),
        Some(false) => refused(name, request, FALSE),
        None => refused(name, request, FAILED),
    }
}

#[tokio::test]
async fn what_a_condition_makes_of_a_token() {
    let stand = stand(POLICY).await;
    let rows = rows(gatepost_test_support::token::now()).into_iter();
    let cases = rows.map(|(path, claims, holds)| {
        let request = get(path).bearer(&with(stand.issuer.token(), &claims));
        case(format!("{path}: {claims}"), request, holds)
    });
    assert_answers(&stand, cases.collect()).await;
}

#[tokio::test]
async fn what_a_condition_makes_of_a_request() {
    let stand = stand(POLICY).await;
    let token = stand.issuer.token().claim("tenant", "acme").mint();
    let header = |values: &[&str]| {
        values.iter().fold(get("/header").bearer(&token), |request, value| request.header("X-Tenant", value))
    };
    let to = |method: &str, host: &str, target: &str| Request::new(method, target).host(host).bearer(&token);
    let cases = [
        ("as it should be", to("GET", HOST, "/request/a"), Some(true)),
        ("host in capitals and with a port", to("GET", "ORDERS.example.com:8080", "/request/a"), Some(true)),
        ("with a query", to("GET", HOST, "/request/a?path=/b"), Some(true)),
        ("dots that Envoy resolves", to("GET", HOST, "/request/b/../a"), Some(true)),
        ("an escape that Envoy resolves", to("GET", HOST, "/request/%61"), Some(true)),
        ("another method", to("POST", HOST, "/request/a"), Some(false)),
        ("another host", to("GET", "x.example.com", "/request/a"), Some(false)),
        ("another path", to("GET", HOST, "/request/b"), Some(false)),
        (
            "a method told in a header",
            to("POST", HOST, "/request/a").header("X-HTTP-Method-Override", "GET"),
            Some(false),
        ),
        ("the header", header(&["acme"]), Some(true)),
        ("another value", header(&["globex"]), Some(false)),
        ("two values in one header", header(&["acme, globex"]), Some(false)),
        ("no header", header(&[]), None),
        ("an empty header", header(&[""]), Some(false)),
        ("the header twice", header(&["acme", "acme"]), None),
        ("the header twice, a bad one first", header(&["globex", "acme"]), None),
        ("the header twice, in other cases", header(&["acme"]).header("x-TENANT", "globex"), None),
        ("a header with an underscore", get("/header").bearer(&token).header("x_tenant", "acme"), None),
        ("a header that is not UTF-8", get("/header").bearer(&token).header("x-tenant", b"\xff"), None),
        (
            "a header that must not be there",
            get("/no-header").bearer(&token).header("X-Debug", ""),
            Some(false),
        ),
        ("and is not", get("/no-header").bearer(&token), Some(true)),
        (
            "and stands twice",
            get("/no-header").bearer(&token).header("X-Debug", "").header("X-Debug", ""),
            None,
        ),
    ];
    let cases = cases.map(|(name, request, holds)| case(name.to_owned(), request, holds));
    assert_answers(&stand, cases.into()).await;
}
