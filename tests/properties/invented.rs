//! Invented tokens, requests, requirements and rules, from few values, so that they often meet.

use gatepost::check::{CheckInput, Headers};
use gatepost::jose::UnixTime;
use gatepost_test_support::{Signer, Token};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

/// When everything here is decided: all that is issued relates to it.
pub const NOW: i64 = 1_800_000_000;

/// [`NOW`], as checks take it.
pub const fn now() -> UnixTime {
    UnixTime::from_seconds(NOW)
}

/// The members of a mapping.
pub type Members = Map<String, Value>;

fn members(value: Value) -> Members {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

/// Mostly the first of these, or none; sometimes another one.
fn claim(values: Value) -> impl Strategy<Value = Option<Value>> {
    let values = values.as_array().unwrap().clone();
    let first = values.first().cloned();
    prop_oneof![4 => Just(first), 2 => select(values).prop_map(Some), 1 => Just(None)]
}

/// The claims of a token that verifies, besides those that every token has.
fn claims() -> impl Strategy<Value = Members> {
    let scopes = prop_oneof![
        3 => Just("a b c".to_owned()),
        2 => subsequence(&["a", "b", "c"][..], 0..=3).prop_map(|scopes| scopes.join(" ")),
    ];
    let identity = (select(&["alice", "alice", "bob"][..]), select(&["web", "web", "cli"][..]), scopes);
    let audiences = select(vec![vec![], vec!["https://billing.example.com"]]);
    let others = (
        claim(json!(["gold", "silver", "", 7, null])),
        claim(json!([NOW - 10, NOW - 1_000, NOW + 30, NOW + 1_000, "yesterday", null])),
        claim(json!(["t1", "t2", { "id": "t1" }, [{ "id": "t1" }, { "id": "t2" }], 7, null])),
        claim(json!([["admin", "dev"], ["dev"], "admin", [["admin"]], [], null])),
        claim(json!([3, 3.0, 2.5, "3", true, null])),
    );
    (identity, audiences, others).prop_map(|((subject, client, scope), more, others)| {
        let mut claims = members(json!({ "sub": subject, "client_id": client, "scope": scope }));
        let audiences: Vec<_> = [Token::AUDIENCE].into_iter().chain(more).collect();
        claims.insert("aud".into(), json!(audiences));
        let (acr, auth_time, tenant, roles, level) = others;
        let others = [acr, auth_time, tenant, roles, level];
        for (name, value) in ["acr", "auth_time", "tenant", "roles", "level"].into_iter().zip(others) {
            claims.extend(value.map(|value| (name.to_owned(), value)));
        }
        claims
    })
}

/// The value of an `Authorization` header: mostly a token that verifies.
fn authorization() -> impl Strategy<Value = Option<String>> {
    (0..20, claims()).prop_map(|(kind, claims)| {
        let issued = if kind == 0 { NOW - 1_000 } else { NOW };
        let mut token = Token::good().at(issued).signed_by(&Signer::shared("Ed25519"));
        for (name, value) in claims {
            token = token.claim(&name, value);
        }
        match kind {
            1 => None,
            2 => Some("Bearer e30.e30.nonsense".to_owned()),
            3 => Some(format!("Bearer {}", token.signature([0; 64]).mint())),
            _ => Some(format!("Bearer {}", token.mint())),
        }
    })
}

/// What a decoder writes for bytes that are no text; as text it is as good as any other.
const REPLACEMENT: &[u8] = "t1\u{fffd}".as_bytes();

/// A request, mostly with a good token.
pub fn request() -> impl Strategy<Value = CheckInput> {
    let place = (
        select(&["GET", "GET", "POST", "OPTIONS"][..]),
        select(&["a.example.com", "a.example.com:443", "b.example.com"][..]),
        select(&["/a", "/a?q=1", "/a/b", "/a/b/", "/b", "/c/d/e", "/", "/a//b"][..]),
    );
    let tenants: [&[&[u8]]; 7] =
        [&[b"t1"], &[b"t1"], &[b"t2"], &[], &[b"t1", b"t1"], &[b"t1\xff"], &[REPLACEMENT]];
    let preflight: &[&[&str]] = &[&[], &["origin"], &["origin", "access-control-request-method"]];
    (place, authorization(), select(tenants.to_vec()), select(preflight)).prop_map(
        |((method, host, target), authorization, tenants, preflight)| {
            let mut headers = Headers::default();
            authorization.into_iter().for_each(|value| headers.push("authorization", value));
            tenants.iter().for_each(|value| headers.push("x-tenant", *value));
            preflight.iter().for_each(|name| headers.push(name, "PUT"));
            // Somebody claims to be someone.
            headers.push("X-Subject", "mallory");
            CheckInput {
                method: method.to_owned(),
                host: host.to_owned(),
                target: target.to_owned(),
                headers,
                source: None,
                certificate: None,
            }
        },
    )
}

/// Conditions that hold for many tokens and can't be computed for some.
pub const CONDITIONS: [&str; 13] = [
    r#"token.tenant == "t1""#,
    r#"has(token.tenant) && token.tenant == "t1""#,
    r#"token.tenant == request.headers["x-tenant"]"#,
    r#""x-tenant" in request.headers && request.headers["x-tenant"] != "t2""#,
    r#"request.method != "POST" || token.level > 2"#,
    r#"request.host == "a.example.com""#,
    r#"request.path.startsWith("/a")"#,
    r#""admin" in token.roles"#,
    r#"token.roles.exists(role, role.startsWith("a"))"#,
    "now - token.auth_time < 300",
    r#"token.client_id == "web" && "a" in token.scopes"#,
    r#"token["sub"] == "alice" || "bob" in token.roles"#,
    r#"size(token) > 10 ? token.level >= 3 : "acr" in token"#,
];

/// Paths of claims with what may be asked there.
fn claim_tests() -> impl Strategy<Value = (&'static str, Value)> {
    select(
        &[
            ("tenant", r#"{"equals": "t1"}"#),
            ("tenant", r#"{"one_of": ["t1", "t2"]}"#),
            ("tenant", r#"{"prefix": "t", "exists": true}"#),
            ("tenant.id", r#"{"equals": "t1"}"#),
            ("roles", r#"{"contains": "admin"}"#),
            ("roles", r#"{"contains": ["admin", "dev"]}"#),
            ("level", r#"{"equals": 3}"#),
            ("[\"level\"]", r#"{"one_of": [2.5, 3]}"#),
            ("nothing", r#"{"exists": false}"#),
        ][..],
    )
    .prop_map(|(path, tests)| (path, serde_json::from_str(tests).unwrap()))
}

/// One key of `require`, with a value.
pub fn requirement() -> impl Strategy<Value = (&'static str, Value)> {
    let scopes = prop_oneof![
        subsequence(&["a", "b", "c"][..], 1..=2).prop_map(|scopes| json!(scopes)),
        subsequence(&["a", "b", "c"][..], 1..=3).prop_map(|scopes| json!({ "any": scopes })),
    ];
    let authentication = select(
        &[r#"{"acr": ["gold"]}"#, r#"{"acr": ["gold", "silver"], "max_age": "5m"}"#, r#"{"max_age": "60s"}"#]
            [..],
    );
    prop_oneof![
        2 => scopes.prop_map(|scopes| ("scopes", scopes)),
        1 => select(&["https://billing.example.com", Token::AUDIENCE][..]).prop_map(|one| ("audiences", json!([one]))),
        1 => subsequence(&["web", "cli"][..], 1..=2).prop_map(|clients| ("clients", json!(clients))),
        1 => subsequence(&["alice", "bob"][..], 1..=2).prop_map(|subjects| ("subjects", json!(subjects))),
        2 => claim_tests().prop_map(|(path, tests)| ("claims", json!({ path: tests }))),
        1 => authentication.prop_map(|text| ("authentication", serde_json::from_str(text).unwrap())),
        2 => select(&CONDITIONS[..]).prop_map(|text| ("condition", json!(text))),
    ]
}

/// What stands under `require`.
pub fn require() -> impl Strategy<Value = Members> {
    prop::collection::vec(requirement(), 0..3)
        .prop_map(|parts| parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// What stands under `match`.
fn matching() -> impl Strategy<Value = Value> {
    let covers = select(
        &[
            r#"{"path": "/**"}"#,
            r#"{"path": "/a/**"}"#,
            r#"{"paths": ["/a", "/b"]}"#,
            r#"{"path": "/a/*", "methods": ["GET"]}"#,
            r#"{"path": "/**", "hosts": ["a.example.com"]}"#,
            r#"{"path": "/**", "methods": ["POST", "OPTIONS"]}"#,
            r#"{"path": "/a/**", "preflight": true}"#,
        ][..],
    );
    covers.prop_map(|text| serde_json::from_str(text).unwrap())
}

/// What a rule needs and hands on, but for its name and whether it is on trial.
fn body() -> impl Strategy<Value = Members> {
    let forward = select(
        &[
            r#"{}"#,
            r#"{"x-subject": "token.sub"}"#,
            r#"{"x-client": "token.client_id", "x-tenant-id": {"from": "token.tenant", "missing": "deny"}}"#,
            r#"{"x-roles": {"from": "token.roles", "list": "json"}}"#,
        ][..],
    );
    (matching(), prop::option::weighted(0.8, require()), forward).prop_map(|(covers, require, forward)| {
        let mut rule = members(json!({ "match": covers }));
        match require {
            None => rule.extend([("public".to_owned(), json!(true))]),
            Some(require) => rule.extend([
                ("require".to_owned(), Value::Object(require)),
                ("forward".to_owned(), serde_json::from_str(forward).unwrap()),
            ]),
        }
        rule
    })
}

/// Rules, each with a name of its own, of which the last decides and the others may be on trial.
pub fn rules() -> impl Strategy<Value = Vec<Members>> {
    let rule = (body(), any::<bool>());
    prop::collection::vec(rule, 1..7).prop_map(|rules| {
        let last = rules.len() - 1;
        let named = rules.into_iter().enumerate().map(|(place, (mut rule, shadow))| {
            rule.insert("name".into(), json!(format!("r{place}")));
            rule.insert("shadow".into(), json!(shadow && place < last));
            rule
        });
        named.collect()
    })
}

/// A policy of these rules. JSON is YAML.
pub fn policy(rules: &[Members]) -> String {
    json!({ "rules": rules }).to_string()
}

/// A policy of one rule for everything.
pub fn requiring(require: &Members) -> String {
    json!({ "rules": [{ "name": "all", "match": { "path": "/**" }, "require": require }] }).to_string()
}
