//! `require.authentication`: the step-up challenge of RFC 9470, for JWTs and for opaque tokens alike.

use gatepost_test_support::{IntrospectionServer, Say};
use serde_json::{Value, json};

use super::{Refused, assert_answers, passes, refused};
use crate::introspection::{SECRET, Secrets, config, stand};
use crate::stand::get;

const POLICY: &str = "
rules:
  - { name: class, match: { path: /class }, require: { authentication: { acr: [mfa, phr] } } }
  - { name: age, match: { path: /age }, require: { authentication: { max_age: 5m } } }
  - { name: both, match: { path: /both }, require: { scopes: [orders:read], authentication: { acr: [mfa], max_age: 1h } } }
";

macro_rules! step_up {
    ($attributes:literal) => {
        (
            401,
            "authentication_insufficient",
            Some(concat!(
                r#"Bearer error="insufficient_user_authentication", "#,
                r#"error_description="A different authentication level is required", "#,
                $attributes
            )),
        )
    };
}

const CLASS: Refused<'_> = step_up!(r#"acr_values="mfa phr""#);
const AGE: Refused<'_> = step_up!(r#"max_age="300""#);
const BOTH: Refused<'_> = step_up!(r#"acr_values="mfa", max_age="3600""#);
const SCOPE: Refused<'_> =
    (403, "scope_insufficient", Some(r#"Bearer error="insufficient_scope", scope="orders:read""#));

type Row<'a> = (&'a str, Value, Option<Refused<'a>>);

fn rows(now: i64) -> Vec<Row<'static>> {
    vec![
        ("/class", json!({ "acr": "mfa" }), None),
        ("/class", json!({ "acr": "phr" }), None),
        ("/class", json!({ "acr": "pwd" }), Some(CLASS)),
        ("/class", json!({ "acr": "MFA" }), Some(CLASS)),
        ("/class", json!({ "acr": "mfa phr" }), Some(CLASS)),
        ("/class", json!({ "acr": ["mfa"] }), Some(CLASS)),
        ("/class", json!({ "acr": null }), Some(CLASS)),
        ("/class", json!({ "amr": ["mfa"], "acr_values": "mfa" }), Some(CLASS)),
        ("/class", json!({}), Some(CLASS)),
        ("/age", json!({ "auth_time": now }), None),
        ("/age", json!({ "auth_time": now - 200 }), None),
        ("/age", json!({ "auth_time": now - 301 }), Some(AGE)),
        ("/age", json!({ "auth_time": 0 }), Some(AGE)),
        ("/age", json!({ "auth_time": now + 3600 }), Some(AGE)),
        ("/age", json!({ "auth_time": now.to_string() }), Some(AGE)),
        ("/age", json!({ "auth_time": null }), Some(AGE)),
        ("/age", json!({}), Some(AGE)),
        ("/both", json!({ "acr": "mfa", "auth_time": now - 3000 }), None),
        ("/both", json!({ "acr": "pwd", "auth_time": now }), Some(BOTH)),
        ("/both", json!({ "acr": "mfa", "auth_time": now - 3601 }), Some(BOTH)),
        ("/both", json!({ "acr": "mfa" }), Some(BOTH)),
        ("/both", json!({ "auth_time": now }), Some(BOTH)),
        ("/both", json!({ "scope": "other" }), Some(SCOPE)),
    ]
}

#[tokio::test]
async fn a_weak_or_old_authentication_is_challenged_with_what_would_be_enough() {
    let server = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let config = config(server.issuer(), &secrets.basic()).policy(POLICY);
    let stand = stand(server, config).await;
    let server = &stand.issuer;
    let mut cases = Vec::new();
    for (number, (path, claims, outcome)) in rows(gatepost_test_support::token::now()).into_iter().enumerate()
    {
        let members: Vec<_> = claims.as_object().unwrap().iter().collect();
        let jwt =
            members.iter().fold(server.token(), |token, (name, value)| token.claim(name, (*value).clone()));
        let opaque = format!("opaque-{number}");
        let said: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), (*value).clone())).collect();
        server.says(&opaque, Say::Json(server.active_with(&said)));
        for (kind, token) in [("a JWT", jwt.mint()), ("an opaque token", opaque)] {
            let (name, request) = (format!("{path}, {kind}: {claims}"), get(path).bearer(&token));
            cases.push(match outcome {
                None => passes(name, request),
                Some(refusal) => refused(name, request, refusal),
            });
        }
    }
    assert_answers(&stand, cases).await;
}
