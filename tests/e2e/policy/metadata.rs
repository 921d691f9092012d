//! `metadata`: values of any shape in Envoy's access log, for allowed requests only.

use serde_json::{Value, json};

use super::{access_log, assert_answers, refused, stand};
use crate::stand::get;

const POLICY: &str = r#"
rules:
  - { name: plain, match: { path: /plain }, require: {} }
  - name: told
    match: { path: /told/** }
    require: { scopes: [orders:read] }
    metadata:
      subject: token.sub
      client: token.client_id
      scopes: token.scope
      level: token.level
      ratio: token.ratio
      verified: token.verified
      roles: token.roles
      org: token.org
      tenant: token.org.tenant
      plan: 'token["https://example.com/plan"]'
      stage: { value: production }
      absent: token.absent
  - { name: needed, match: { path: /needed }, require: {}, metadata: { tenant: { from: token.org.tenant, missing: deny } } }
"#;

#[tokio::test]
async fn the_access_log_has_what_the_rule_names() {
    let mut stand = stand(POLICY).await;
    let claims: [(&str, Value); 6] = [
        ("level", json!(3)),
        ("ratio", json!(0.25)),
        ("verified", json!(true)),
        ("roles", json!(["a", 2, null, "\r\n\"é"])),
        ("org", json!({ "tenant": "acme", "units": [{ "id": 1 }] })),
        ("https://example.com/plan", json!("gold")),
    ];
    let token =
        claims.iter().fold(stand.issuer.token(), |token, (name, value)| token.claim(name, value.clone()));
    let token = token.claim("secret", "undeclared").mint();
    assert_eq!(stand.send(get("/told/all?q=hidden").bearer(&token)).await.status, 200);
    let found = access_log(&mut stand, "/told/all").await;
    let expected = json!({
        "outcome": "allow",
        "rule": "told",
        "claims": {
            "subject": "alice",
            "client": "web",
            "scopes": "orders:read",
            "level": 3,
            "ratio": 0.25,
            "verified": true,
            "roles": ["a", 2, null, "\r\n\"é"],
            "org": { "tenant": "acme", "units": [{ "id": 1 }] },
            "tenant": "acme",
            "plan": "gold",
            "stage": "production",
        },
    });
    assert!(same(&found, &expected), "{found:#}");
    assert_eq!(stand.send(get("/plain").bearer(&token)).await.status, 200);
    assert_eq!(access_log(&mut stand, "/plain").await, json!({ "outcome": "allow", "rule": "plain" }));
    let poor = stand.issuer.token().claim("scope", "other").mint();
    assert_eq!(stand.send(get("/told/refused").bearer(&poor)).await.status, 403);
    let found = access_log(&mut stand, "/told/refused").await;
    assert_eq!(found, json!({ "outcome": "deny", "reason": "scope_insufficient", "rule": "told" }));
    assert_answers(
        &stand,
        vec![refused("needed", get("/needed").bearer(&poor), (403, "forward_missing", None))],
    )
    .await;
    let log = stand.envoy.log();
    for hidden in [&token, &poor, "undeclared", "hidden"] {
        assert!(!log.contains(hidden), "{hidden}");
    }
}

/// Equality where Envoy may write 3 as 3.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}
