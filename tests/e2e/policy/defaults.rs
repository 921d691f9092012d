//! `defaults`: what a rule does not say itself, key by key, and nothing for public rules.

use gatepost_test_support::Request;

use super::{BEARER, NO_RULE, assert_answers, passes, refused, stand};
use crate::stand::{get, seen};

const POLICY: &str = "
defaults:
  hosts: [orders.example.com]
  require: { scopes: [orders:read], clients: [web] }
  forward: { x-subject: token.sub, x-stage: { value: production } }
rules:
  - { name: inherits, match: { path: /inherits } }
  - { name: overrides, match: { path: /overrides }, require: { scopes: [admin] }, forward: { x-stage: { value: test } } }
  - { name: elsewhere, match: { path: /inherits, hosts: [x.example.com] }, require: { clients: [batch] } }
  - { name: open, match: { path: /open }, public: true }
";

#[tokio::test]
async fn defaults_hold_where_a_rule_does_not_say_it_itself() {
    let stand = stand(POLICY).await;
    let reader = stand.issuer.token();
    let admin = reader.clone().claim("scope", "admin");
    let batch = reader.clone().claim("client_id", "batch");
    let at_x = |token: &str| Request::get("/inherits").host("x.example.com").bearer(token);
    let client = (403, "client_not_accepted", BEARER);
    let read = (403, "scope_insufficient", Some(r#"Bearer error="insufficient_scope", scope="orders:read""#));
    let admin_only = (403, "scope_insufficient", Some(r#"Bearer error="insufficient_scope", scope="admin""#));
    let (reader, admin, batch) = (reader.mint(), admin.mint(), batch.mint());
    assert_answers(
        &stand,
        vec![
            passes("inherited", get("/inherits").bearer(&reader)),
            refused("inherited scopes", get("/inherits").bearer(&admin), read),
            refused("inherited clients", get("/inherits").bearer(&batch), client),
            passes("own scopes", get("/overrides").bearer(&admin)),
            refused("own scopes, not both", get("/overrides").bearer(&reader), admin_only),
            passes("own hosts", at_x(&batch)),
            refused("own clients", at_x(&reader), client),
            passes("public", get("/open")),
            refused("hosts of a public rule", Request::get("/open").host("x.example.com"), NO_RULE),
        ],
    )
    .await;
    let forwarded = async |path: &str, token: &str| {
        let answer = stand.send(get(path).bearer(token).header("x-stage", "spoofed")).await;
        (seen(&answer, "x-subject").concat(), seen(&answer, "x-stage").concat())
    };
    assert_eq!(forwarded("/inherits", &reader).await, ("alice".into(), "production".into()));
    assert_eq!(forwarded("/overrides", &admin).await, ("alice".into(), "test".into()));
    assert_eq!(forwarded("/open", &reader).await, (String::new(), String::new()));
}
