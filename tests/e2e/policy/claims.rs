//! `require.claims`: every test on every shape of claim, and no value taken for one of another type.

use serde_json::{Value, json};

use super::{Case, UNMET, assert_answers, refused, stand};
use crate::stand::get;

const POLICY: &str = r#"
rules:
  - { name: text, match: { path: /text }, require: { claims: { tenant: { equals: acme } } } }
  - { name: number, match: { path: /number }, require: { claims: { level: { equals: 3 } } } }
  - { name: flag, match: { path: /flag }, require: { claims: { verified: { equals: true } } } }
  - { name: list, match: { path: /list }, require: { claims: { roles: { equals: [a, b] } } } }
  - { name: object, match: { path: /object }, require: { claims: { org: { equals: { id: 7, tags: [x] } } } } }
  - { name: one-of, match: { path: /one-of }, require: { claims: { tenant: { one_of: [acme, 7, true] } } } }
  - { name: nested, match: { path: /nested }, require: { claims: { org.unit.id: { one_of: [u1, u2] } } } }
  - { name: contains, match: { path: /contains }, require: { claims: { realm_access.roles: { contains: admin } } } }
  - { name: contains all, match: { path: /contains-all }, require: { claims: { roles: { contains: [a, 2] } } } }
  - { name: members, match: { path: /members }, require: { claims: { groups.name: { equals: ops } } } }
  - { name: member lists, match: { path: /member-lists }, require: { claims: { groups.roles: { contains: admin } } } }
  - name: namespaced
    match: { path: /namespaced }
    require: { claims: { '["https://example.com/roles"]': { contains: admin } } }
  - name: below a namespace
    match: { path: /below }
    require: { claims: { '["https://example.com/org"].plan["x.y"]': { equals: gold } } }
  - { name: prefix, match: { path: /prefix }, require: { claims: { email: { prefix: svc- } } } }
  - { name: there, match: { path: /there }, require: { claims: { mfa: { exists: true } } } }
  - { name: absent, match: { path: /absent }, require: { claims: { act.sub: { exists: false } } } }
  - name: several
    match: { path: /several }
    require: { claims: { tenant: { prefix: ac, one_of: [acme, other] }, level: { equals: 3 } } }
"#;

/// Where, which claims pass, and which do not.
type Row = (&'static str, Vec<Value>, Vec<Value>);

fn scalars() -> Vec<Row> {
    vec![
        (
            "/text",
            vec![json!({ "tenant": "acme" })],
            vec![
                json!({}),
                json!({ "tenant": null }),
                json!({ "tenant": "Acme" }),
                json!({ "tenant": "acme " }),
                json!({ "tenant": ["acme"] }),
                json!({ "tenant": { "acme": true } }),
                json!({ "tenant": { "id": "acme" } }),
                json!({ "Tenant": "acme" }),
                json!({ "token": { "tenant": "acme" } }),
            ],
        ),
        (
            "/number",
            vec![json!({ "level": 3 }), json!({ "level": 3.0 })],
            vec![
                json!({ "level": "3" }),
                json!({ "level": 30 }),
                json!({ "level": [3] }),
                json!({ "level": true }),
            ],
        ),
        (
            "/flag",
            vec![json!({ "verified": true })],
            vec![json!({ "verified": false }), json!({ "verified": "true" }), json!({ "verified": 1 })],
        ),
        (
            "/one-of",
            vec![json!({ "tenant": "acme" }), json!({ "tenant": 7 }), json!({ "tenant": true })],
            vec![json!({ "tenant": "7" }), json!({ "tenant": "true" }), json!({ "tenant": 8 }), json!({})],
        ),
        (
            "/prefix",
            vec![json!({ "email": "svc-a@x.example" }), json!({ "email": "svc-" })],
            vec![
                json!({ "email": "a@svc-x.example" }),
                json!({ "email": "SVC-a" }),
                json!({ "email": " svc-a" }),
                json!({ "email": 7 }),
            ],
        ),
        (
            "/there",
            vec![json!({ "mfa": false }), json!({ "mfa": "" }), json!({ "mfa": [] }), json!({ "mfa": 0 })],
            vec![json!({}), json!({ "mfa": null })],
        ),
        (
            "/absent",
            vec![json!({}), json!({ "act": {} }), json!({ "act": { "sub": null } }), json!({ "act": "bob" })],
            vec![json!({ "act": { "sub": "bob" } }), json!({ "act": [{}, { "sub": "" }] })],
        ),
        (
            "/several",
            vec![json!({ "tenant": "acme", "level": 3 })],
            vec![
                json!({ "tenant": "acme" }),
                json!({ "level": 3 }),
                json!({ "tenant": "other", "level": 3 }),
                json!({ "tenant": "acts", "level": 3 }),
                json!({ "tenant": "acme", "level": 4 }),
            ],
        ),
    ]
}

fn structures() -> Vec<Row> {
    let (roles, org) = ("https://example.com/roles", "https://example.com/org");
    vec![
        (
            "/list",
            vec![json!({ "roles": ["a", "b"] })],
            vec![
                json!({ "roles": ["b", "a"] }),
                json!({ "roles": ["a", "b", "c"] }),
                json!({ "roles": ["a"] }),
                json!({ "roles": "a,b" }),
                json!({ "roles": [["a", "b"]] }),
            ],
        ),
        (
            "/object",
            vec![json!({ "org": { "tags": ["x"], "id": 7.0 } })],
            vec![
                json!({ "org": { "id": 7 } }),
                json!({ "org": { "id": 7, "tags": ["x"], "more": 1 } }),
                json!({ "org": [{ "id": 7, "tags": ["x"] }] }),
            ],
        ),
        (
            "/nested",
            vec![
                json!({ "org": { "unit": { "id": "u1" } } }),
                json!({ "org": [{ "unit": [{ "id": "u2" }] }] }),
            ],
            vec![
                json!({ "org": { "unit": { "id": "u3" } } }),
                json!({ "org": { "unit": "u1" } }),
                json!({ "org.unit.id": "u1" }),
                json!({ "org": { "unit.id": "u1" } }),
            ],
        ),
        (
            "/contains",
            vec![json!({ "realm_access": { "roles": ["x", "admin"] } })],
            vec![
                json!({ "realm_access": { "roles": "admin" } }),
                json!({ "realm_access": { "roles": ["administrator"] } }),
                json!({ "realm_access": { "roles": { "admin": true } } }),
                json!({ "realm_access": { "roles": [["admin"]] } }),
                json!({ "roles": ["admin"] }),
            ],
        ),
        (
            "/contains-all",
            vec![json!({ "roles": [2, "b", "a"] })],
            vec![json!({ "roles": ["a"] }), json!({ "roles": ["a", "2"] }), json!({ "roles": [] })],
        ),
        (
            "/members",
            vec![
                json!({ "groups": [{ "name": "dev" }, { "name": "ops" }] }),
                json!({ "groups": { "name": "ops" } }),
            ],
            vec![
                json!({ "groups": [{ "name": "dev" }] }),
                json!({ "groups": ["ops"] }),
                json!({ "groups": [{ "name": { "is": "ops" } }] }),
                json!({ "groups": [{ "title": "ops" }] }),
            ],
        ),
        (
            "/member-lists",
            vec![json!({ "groups": [{ "roles": ["x"] }, { "roles": ["admin"] }] })],
            vec![json!({ "groups": [{ "roles": ["x"] }, { "roles": "admin" }] })],
        ),
        (
            "/namespaced",
            vec![json!({ roles: ["admin"] })],
            vec![
                json!({ "https://example": { "com/roles": ["admin"] } }),
                json!({ "roles": ["admin"] }),
                json!({ roles: ["user"] }),
            ],
        ),
        (
            "/below",
            vec![json!({ org: { "plan": { "x.y": "gold" } } })],
            vec![json!({ org: { "plan": { "x": { "y": "gold" } } } }), json!({ org: { "plan": "gold" } })],
        ),
    ]
}

#[tokio::test]
async fn a_claim_passes_only_as_the_rule_wants_it() {
    let stand = stand(POLICY).await;
    let mut cases = Vec::new();
    for (path, good, bad) in scalars().into_iter().chain(structures()) {
        let request = |claims: &Value| {
            let members = claims.as_object().unwrap().iter();
            let token =
                members.fold(stand.issuer.token(), |token, (name, value)| token.claim(name, value.clone()));
            (format!("{path}: {claims}"), get(path).bearer(&token.mint()))
        };
        cases.extend(good.iter().map(request).map(|(name, request)| super::passes(name, request)));
        cases.extend(
            bad.iter().map(request).map(|(name, request)| -> Case<'_> { refused(name, request, UNMET) }),
        );
    }
    assert_answers(&stand, cases).await;
}
