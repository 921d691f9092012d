//! What is only tried out: rules with `shadow`, files with `mode: shadow`, and `policy.next.yaml`. No answer changes for
//! it and nobody is asked; what would change is counted and recorded.

mod audit;
mod candidate;

use std::collections::BTreeMap;

use gatepost_test_support::{Answer, IntrospectionServer, Request, Say, Signer, TestIssuer};
use serde_json::json;

use super::{audit, difference, family, until_generation};
use crate::introspection::{SECRET, Secrets};
use crate::stand::{Config, HOST, Stand, get, issuer};

const ENFORCED: &str = "
rules:
  - { name: open, match: { path: /open/** }, public: true }
  - { name: read, match: { path: /orders/** }, require: { scopes: [orders:read] }, forward: { x-subject: token.sub } }
  - { name: asked, match: { path: /asked }, require: { introspect: always } }
  - { name: health, match: { path: /healthz }, public: true }
";

/// `ENFORCED` with rules on trial among and before its own.
const SHADOWED: &str = "
rules:
  - { name: close, match: { path: /open/** }, shadow: true, require: { scopes: [orders:read] }, forward: { x-tried: { value: 'yes' } } }
  - { name: open, match: { path: /open/** }, public: true }
  - { name: write, match: { path: /orders/** }, shadow: true, require: { scopes: [orders:write] }, response_headers: { x-tried: { value: 'yes' } } }
  - { name: read, match: { path: /orders/** }, require: { scopes: [orders:read] }, forward: { x-subject: token.sub } }
  - { name: asked, match: { path: /asked }, require: { introspect: always } }
  - { name: health, match: { path: /healthz }, public: true }
";

/// Without `health`, and with a rule that asks the issuer and one that is public.
const NEXT: &str = "
rules:
  - { name: open, match: { path: /open/** }, public: true }
  - { name: read, match: { path: /orders/** }, require: { scopes: [orders:read], introspect: always } }
  - { name: asked, match: { path: /asked }, require: { subjects: [bob] } }
  - { name: new, match: { path: /new }, public: true }
";

type Issuers = (TestIssuer, IntrospectionServer);

/// One issuer of JWTs, whose keys are read once, and one that is asked anew each time.
async fn trial_stand(secrets: &Secrets) -> Stand<Issuers> {
    let issuers = (TestIssuer::start().await.unwrap(), IntrospectionServer::start().await.unwrap());
    issuers.1.calls_good("opaque");
    issuers.1.says("poor", Say::Json(issuers.1.active_with(&[("scope", json!("other"))])));
    let config = config(&issuers, secrets).policy(ENFORCED);
    Stand::ready(issuers, config).await
}

fn config(issuers: &Issuers, secrets: &Secrets) -> Config {
    let asked = format!(
        "keys: {{ refresh: 12h }}\nintrospection:\n  {}\n  cache: {{ active: 0s, inactive: 0s }}",
        secrets.basic()
    );
    let two = issuer("jwt", issuers.0.issuer(), "keys: { refresh: 12h }")
        + &issuer("asked", issuers.1.issuer(), &asked);
    Config::of(&format!("issuers:\n{two}audit: {{ requests: differences, per_second: 10000 }}\n"))
}

/// What differs: for the rules on trial, and for the candidate; empty where they have nothing to say.
type Differences = (&'static str, &'static str, &'static str, &'static str);

/// Requests, and what the rules on trial and the candidate make of each.
fn requests(stand: &Stand<Issuers>) -> Vec<(Request, Differences)> {
    let (jwt, asked) = &stand.issuer;
    let good = || jwt.token().claim("secret", "undeclared");
    let scope = |scope: &str| good().claim("scope", scope).mint();
    let confirmed = asked.token().mint();
    asked.calls_good(&confirmed);
    let strange = Signer::shared("RS256").kid("strange");
    vec![
        (get("/open/a?q=hidden"), ("close", "would_deny", "open", "none")),
        (get("/open/b").bearer(&good().mint()), ("close", "none", "open", "none")),
        (get("/open/c").bearer(&scope("other")), ("close", "would_deny", "open", "none")),
        (get("/open/d").bearer(&good().claim("exp", 1).mint()), ("close", "would_deny", "open", "none")),
        (get("/open/e").bearer(&good().signed_by(&strange).mint()), ("close", "unknown", "open", "none")),
        (get("/open/f").bearer("opaque"), ("close", "unknown", "open", "none")),
        (get("/orders/a"), ("write", "none", "read", "none")),
        (get("/orders/b").bearer(&good().mint()), ("write", "would_deny", "read", "unknown")),
        (get("/orders/c").bearer(&scope("orders:read orders:write")), ("write", "none", "read", "unknown")),
        (get("/orders/d").bearer(&scope("orders:write")), ("write", "would_allow", "read", "none")),
        (get("/orders/e").bearer("opaque"), ("write", "would_deny", "read", "none")),
        (get("/orders/f").bearer("poor"), ("write", "none", "read", "none")),
        (get("/orders/g").bearer("inactive"), ("write", "none", "read", "none")),
        (get("/asked").bearer("opaque"), ("", "", "asked", "would_deny")),
        (get("/asked").bearer(&good().mint()), ("", "", "asked", "unknown")),
        (get("/asked").bearer(&confirmed), ("", "", "asked", "would_deny")),
        (get("/asked").bearer(&asked.token().mint()), ("", "", "asked", "none")),
        (get("/healthz"), ("", "", "", "would_deny")),
        (get("/new"), ("", "", "new", "would_allow")),
        (get("/nowhere"), ("", "", "", "none")),
        (get("//x"), ("", "", "", "")),
        (
            Request::post("/orders/a").host(HOST).bearer(&scope("orders:write")),
            ("write", "would_allow", "read", "none"),
        ),
    ]
}

/// All that a client and the service see of an answer, but for what is of this moment.
fn seen(answer: &Answer) -> (u16, Vec<String>, String) {
    let told = ["www-authenticate", "cache-control", "content-type", "x-tried"];
    let told = told.iter().flat_map(|name| answer.headers(name)).map(str::to_owned).collect();
    let body = answer.json().map(|mut body| {
        let headers = body["headers"].as_array().unwrap();
        let kept = headers
            .iter()
            .filter(|header| header[0].as_str().unwrap().starts_with("x-s") || header[0] == "x-tried");
        body["headers"] = kept.cloned().collect();
        body.to_string()
    });
    (answer.status, told, body.unwrap_or_default())
}

async fn send_all(
    stand: &Stand<Issuers>,
    requests: &[(Request, Differences)],
) -> Vec<(u16, Vec<String>, String)> {
    let mut answers = Vec::new();
    for (request, _) in requests {
        answers.push(seen(&stand.send(request.clone()).await));
    }
    answers
}

fn expected(requests: &[(Request, Differences)]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (_, (rule, shadow, next_rule, next)) in requests {
        for (policy, rule, difference) in [("shadow", rule, shadow), ("candidate", next_rule, next)] {
            if !difference.is_empty() {
                let labels = format!("policy=\"{policy}\",rule=\"{rule}\",difference=\"{difference}\"");
                *counts.entry(labels).or_default() += 1;
            }
        }
    }
    counts
}

#[tokio::test]
async fn a_trial_changes_no_answer_asks_nobody_and_is_counted() {
    let secrets = Secrets::with(SECRET);
    let mut stand = trial_stand(&secrets).await;
    let requests = requests(&stand);
    let answers = send_all(&stand, &requests).await;
    let asked = |stand: &Stand<Issuers>| (stand.issuer.0.jwks_requests(), stand.issuer.0.metadata_requests());
    let (calls, keys) = (stand.issuer.1.calls(), asked(&stand));
    assert_eq!(calls, 6, "three opaque ones for orders; for /asked one, and two JWTs");
    assert_eq!(family(&stand, "gatepost_trial_checks_total").await, BTreeMap::new());

    let tried = config(&stand.issuer, &secrets).policy(SHADOWED).file("policy.next.yaml", NEXT);
    stand.gatepost.edit(tried);
    until_generation(&stand, 2).await;
    assert_eq!(asked(&stand), keys, "the edit itself asks nobody");
    let checks = super::checks(&stand).await;
    let again = send_all(&stand, &requests).await;
    for (index, (before, after)) in answers.iter().zip(&again).enumerate() {
        assert_eq!(before, after, "request {index}");
    }
    assert_eq!(stand.issuer.1.calls() - calls, calls, "no call more than without");
    assert_eq!(asked(&stand), keys, "no key was read");
    assert_eq!(family(&stand, "gatepost_trial_checks_total").await, expected(&requests));
    let counted: u64 = difference(&checks, &super::checks(&stand).await).values().sum();
    assert_eq!(counted, requests.len() as u64, "a trial is no check");

    let records = audit(&stand).await;
    let differ = |(_, (_, shadow, _, next)): &&(Request, Differences)| {
        [shadow, next].iter().any(|difference| ["would_deny", "would_allow"].contains(*difference))
    };
    assert_eq!(records.len(), requests.iter().filter(differ).count());
    let told =
        |path: &str| records.iter().find(|record| record["http_request"]["url"]["path"] == path).unwrap();
    let record = told("/orders/b");
    let policy = json!({ "name": "read", "version": "2" });
    assert_eq!(record["authorizations"], json!([{ "decision": "allow", "policy": policy }]));
    assert_eq!(
        record["unmapped"]["trials"],
        json!([
            { "policy": "shadow", "rule": "write", "difference": "would_deny", "reason": "scope_insufficient" },
            { "policy": "candidate", "rule": "read", "difference": "unknown", "reason": "introspection_unreachable" },
        ])
    );
    let record = told("/open/a");
    assert_eq!(record["http_request"]["url"], json!({ "hostname": HOST, "path": "/open/a" }));
    assert_eq!(record["unmapped"]["trials"][0]["reason"], "credential_missing");
    assert_eq!(told("/new")["unmapped"]["trials"][0]["difference"], "would_allow");
    let log = stand.gatepost.process.log();
    for hidden in ["hidden", "undeclared", "\"opaque\"", "\"poor\"", "eyJ", "Bearer"] {
        assert!(!log.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn a_file_whose_mode_is_shadow_decides_nothing() {
    let secrets = Secrets::with(SECRET);
    let mut stand = trial_stand(&secrets).await;
    let watch = "
mode: shadow
teams: [{ file: team.yaml, paths: [/team/**] }]
rules:
  - { name: strict, match: { path: /open/** }, require: {} }
  - { name: all, match: { path: /** }, public: true, shadow: false }
";
    let team = "mode: shadow\nrules: [{ name: strict, match: { path: /team/** }, require: {} }]";
    let config = config(&stand.issuer, &secrets).policy(watch).file("policy.d/team.yaml", team);
    stand.gatepost.edit(config);
    until_generation(&stand, 2).await;
    for path in ["/open/a", "/team/a", "/other"] {
        assert_eq!(stand.send(get(path)).await.status, 200, "{path}");
    }
    let counted = family(&stand, "gatepost_trial_checks_total").await;
    let denied = "policy=\"shadow\",rule=\"strict\",difference=\"would_deny\"".to_owned();
    assert_eq!(counted, BTreeMap::from([(denied, 1)]));
}
