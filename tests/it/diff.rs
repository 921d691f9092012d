//! `gatepost diff` and `explain --from-audit`: recorded requests judged again, and what is said of them.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::snapshot::assert_shows;

const GATEPOST: &str = "\
listen: { authz: 'unix:@none', admin: '127.0.0.1:0' }
issuers:
  - { name: corp, issuer: 'https://login.corp.example', audiences: [orders], jwks_file: jwks.json }
";

const OLD: &str = "\
rules:
  - { name: health, match: { path: /healthz }, public: true }
  - { name: orders, match: { path: /orders/** }, require: { scopes: [orders] } }
";

const NEW: &str = "\
rules:
  - { name: health, match: { path: /healthz }, public: true }
  - name: refund
    match: { methods: [POST], path: /orders/*/refund }
    require:
      scopes: [orders]
      claims: { tenant.tier: { one_of: [gold] } }
      condition: token.tenant.id == request.headers[\"x-tenant\"]
  - { name: read, match: { methods: [GET], path: /orders/** }, require: { scopes: { any: [orders, read] } } }
  - { name: admin, match: { path: /admin }, public: true }
";

fn configuration(policy: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("gatepost.yaml", GATEPOST), ("policy.yaml", policy), ("jwks.json", "{\"keys\":[]}")]
    {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn record(method: &str, path: &str, token: Option<Value>, outcome: [&str; 3]) -> Value {
    let [outcome, reason, rule] = outcome;
    let mut record = json!({
        "time": 1_795_435_200_000_u64, "time_dt": "2026-11-23T12:00:00Z",
        "category_uid": 6, "class_uid": 6003, "activity_id": 2, "type_uid": 600_302, "severity_id": 1,
        "status_id": 1, "status_code": reason, "action_id": 1, "disposition_id": 1,
        "actor": { "session": {} }, "src_endpoint": { "ip": "192.0.2.7" }, "api": { "operation": method },
        "http_request": { "http_method": method, "url": { "hostname": "orders.example.com", "path": path } },
        "authorizations": [{ "decision": outcome, "policy": { "name": rule, "version": "1" } }],
        "metadata": {
            "version": "1.6.0", "profiles": [],
            "product": { "name": "gatepost", "vendor_name": "gatepost", "version": "0" },
        },
        "unmapped": { "headers": { "x-tenant": ["t1"] } },
    });
    if let Some(token) = token {
        record["actor"] = json!({ "app_uid": "web", "session": { "issuer": "corp" } });
        record["unmapped"]["token"] = token;
    }
    record
}

fn token(scope: &str, claims: Value) -> Option<Value> {
    let mut claims = claims;
    claims["aud"] = json!("orders");
    Some(json!({ "scopes": [scope], "claims": claims }))
}

fn records() -> Vec<Value> {
    let allowed = ["allow", "", "orders"];
    let denied = |reason| ["deny", reason, "orders"];
    let tenant = |id: &str, tier: &str| json!({ "tenant": { "id": id, "tier": tier } });
    let mut all = vec![
        record("GET", "/healthz", None, ["allow", "", "health"]),
        record("GET", "/orders/7", token("orders", json!({})), allowed),
        record("GET", "/orders/8", token("read", json!({})), denied("scope_insufficient")),
        record("POST", "/orders/7/refund", token("orders", tenant("t1", "gold")), allowed),
        record("POST", "/orders/8/refund", token("orders", tenant("t2", "gold")), allowed),
        record("GET", "/orders/9", None, denied("token_expired")),
        record("DELETE", "/orders/9", token("orders", json!({})), allowed),
        record("GET", "/admin", None, ["deny", "no_rule", ""]),
    ];
    all[7]["authorizations"][0]["policy"].as_object_mut().unwrap().remove("name");
    all.extend((1..=7).map(|number| {
        record(
            "POST",
            &format!("/orders/{number}/refund"),
            token("orders", tenant("t1", "\u{1b}[2Jiron")),
            allowed,
        )
    }));
    all
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn gatepost(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatepost")).args(arguments).output().unwrap()
}

fn diff(old: &TempDir, new: &TempDir, text: &str, more: &[&str]) -> (Option<i32>, String) {
    let file = old.path().join("requests.jsonl");
    fs::write(&file, text).unwrap();
    let path = |directory: &TempDir| directory.path().to_str().unwrap().to_owned();
    let (old, new, file) = (path(old), path(new), file.to_str().unwrap().to_owned());
    let output = gatepost(&[&["diff", "--old", &old, "--new", &new, "--requests", &file], more].concat());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn shows_people_what_would_change() {
    let (old, new) = (configuration(OLD), configuration(NEW));
    let text = lines(&records()) + "\nno record\n{\"time\":\"\"}\n";
    let (code, shown) = diff(&old, &new, &text, &[]);
    assert_eq!(code, Some(1));
    assert_shows(&shown, "diff/changes.txt");
}

#[test]
fn tells_machines_what_would_change() {
    let (old, new) = (configuration(OLD), configuration(NEW));
    let (code, shown) = diff(&old, &new, &lines(&records()), &["--output", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(code, Some(1));
    assert_eq!([&shown["requests"], &shown["same"]], [&json!(15), &json!(4)]);
    let of = |outcome: &str| {
        let groups = shown["changes"].as_array().unwrap().iter();
        groups
            .filter(|group| group["new"]["outcome"] == outcome)
            .map(|group| group["count"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!([of("deny"), of("allow")], [9, 2]);
}

#[test]
fn the_exit_code_says_whether_something_changes() {
    let (old, new) = (configuration(OLD), configuration(NEW));
    let same = lines(&records()[..2]);
    assert_eq!(diff(&old, &new, &same, &[]).0, Some(0));
    assert_eq!(diff(&old, &old, &lines(&records()), &[]).0, Some(0), "a policy does not differ from itself");
    assert_eq!(diff(&old, &new, &(same.clone() + "broken\n"), &[]).0, Some(2));
    let closed = configuration("rules: [{ name: all, match: { path: /** }, require: {} }]");
    assert_eq!(diff(&old, &closed, &lines(&records()[..1]), &[]).0, Some(2), "no token was looked at");
    assert_eq!(diff(&old, &new, "", &[]).0, Some(0));
    let broken = configuration("rules: 7");
    let path = |directory: &TempDir| directory.path().to_str().unwrap().to_owned();
    let output =
        gatepost(&["diff", "--old", &path(&old), "--new", &path(&broken), "--requests", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("policy.yaml"));
}

#[test]
fn a_claim_that_was_not_recorded_is_not_taken_for_a_missing_one() {
    let (old, new) = (configuration(OLD), configuration(NEW));
    let refund =
        |claims| record("POST", "/orders/7/refund", token("orders", claims), ["allow", "", "orders"]);
    let code = |record: Value| diff(&old, &new, &lines(&[record]), &[]).0;
    assert_eq!(code(refund(json!({}))), Some(2));
    assert_eq!(code(refund(json!({ "tenant": null }))), Some(1), "it was there, and null");
    let mut absent = refund(json!({}));
    absent["unmapped"]["token"]["absent"] = json!(["tenant"]);
    assert_eq!(code(absent), Some(1), "it was looked for and was not there");
    let mut without_header = refund(json!({ "tenant": { "id": "t1", "tier": "gold" } }));
    without_header["unmapped"]["headers"] = json!({});
    assert_eq!(code(without_header.clone()), Some(2));
    without_header["unmapped"]["headers"] = json!({ "x-tenant": [] });
    assert_eq!(code(without_header), Some(1));
}

#[test]
fn what_was_hashed_or_hidden_is_not_guessed() {
    let by_client =
        configuration("rules: [{ name: orders, match: { path: /orders/** }, require: { clients: [web] } }]");
    let by_subject =
        configuration("rules: [{ name: orders, match: { path: /orders/** }, require: { subjects: [web] } }]");
    let plain = record("GET", "/orders/7", token("orders", json!({ "sub": "web" })), ["allow", "", "orders"]);
    let code = |new: &TempDir, record: &Value| diff(new, new, &lines(std::slice::from_ref(record)), &[]).0;
    assert_eq!([code(&by_client, &plain), code(&by_subject, &plain)], [Some(0); 2]);
    let mut hashed = record("GET", "/orders/7", token("orders", json!({})), ["allow", "", "orders"]);
    hashed["unmapped"]["token"]["hash_key"] = json!("0123abcd");
    assert_eq!([code(&by_client, &hashed), code(&by_subject, &hashed)], [Some(2); 2]);
    assert_eq!(code(&configuration(OLD), &hashed), Some(0), "a rule that does not ask who it is");
    let mut hidden = plain;
    hidden["unmapped"]["hidden"] = json!(true);
    assert_eq!(code(&by_client, &hidden), Some(2));
}

#[test]
fn explains_a_recorded_request() {
    let directory = configuration(NEW);
    let explain = |record: &Value| {
        let file = directory.path().join("line.jsonl");
        fs::write(&file, format!("{record}\n")).unwrap();
        let config = directory.path().to_str().unwrap();
        let output = gatepost(&["explain", "--config", config, "--from-audit", file.to_str().unwrap()]);
        assert_eq!(String::from_utf8(output.stderr.clone()).unwrap(), "");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let records = records();
    let explained: Vec<_> = [3, 4, 5, 8].map(|index| explain(&records[index])).into();
    let codes: Vec<_> = explained.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [Some(0), Some(1), Some(1), Some(1)]);
    let shown: Vec<_> = explained.into_iter().map(|(_, text)| text).collect();
    assert_shows(&shown.join("\n"), "diff/explained.txt");
}

#[test]
fn explain_shows_what_is_on_trial() {
    let shadow = "\
rules:
  - { name: orders, match: { path: /orders/** }, require: { scopes: [orders] }, shadow: true }
  - { name: open, match: { path: /** }, public: true }
";
    let directory = configuration(shadow);
    fs::write(directory.path().join("policy.next.yaml"), NEW).unwrap();
    let config = directory.path().to_str().unwrap();
    let at = ["--at", "2026-11-23T12:00:00Z", "--url", "https://orders.example.com/orders/7"];
    let output = gatepost(&[&["explain", "--config", config][..], &at].concat());
    assert_eq!(output.status.code(), Some(0), "a trial changes nothing");
    assert_shows(&String::from_utf8(output.stdout).unwrap(), "diff/trials.txt");
}
