//! Promise: each requirement of a rule refuses exactly what it says, tells the client as the RFCs ask and the operator
//! why; what is handed on arrives as written; and what is only tried out changes no answer.

mod authentication;
mod claims;
mod condition;
mod debug;
mod defaults;
mod forward;
mod metadata;
mod preflight;
mod requirements;
mod teams;
mod trials;

use std::collections::BTreeMap;

use gatepost_test_support::{Request, TestIssuer, wait};
use serde_json::Value;

use crate::stand::{Config, Stand};

/// A stand with one steered issuer and this policy.
async fn stand(policy: &str) -> Stand {
    let issuer = TestIssuer::start().await.unwrap();
    let config = Config::trusting(issuer.issuer()).policy(policy);
    Stand::ready(issuer, config).await
}

/// What a refusal looks like from all sides: status, reason and challenge.
type Refused<'a> = (u16, &'a str, Option<&'a str>);

/// A challenge that says nothing but the scheme.
const BEARER: Option<&str> = Some("Bearer");
const UNMET: Refused<'static> = (403, "claim_unmet", BEARER);
const FALSE: Refused<'static> = (403, "condition_unmet", BEARER);
const FAILED: Refused<'static> = (403, "condition_failed", BEARER);
const MISSING: Refused<'static> = (401, "credential_missing", BEARER);
const NO_RULE: Refused<'static> = (403, "no_rule", None);

/// One request, and how it is refused; none where it passes.
struct Case<'a> {
    name: String,
    request: Request,
    refused: Option<Refused<'a>>,
}

fn passes(name: impl Into<String>, request: Request) -> Case<'static> {
    Case { name: name.into(), request, refused: None }
}

fn refused<'a>(name: impl Into<String>, request: Request, refused: Refused<'a>) -> Case<'a> {
    Case { name: name.into(), request, refused: Some(refused) }
}

/// Sends all of them before it fails. Exactly one check is counted for each, with its reason, and only what passes
/// reaches the service.
async fn assert_answers<I>(stand: &Stand<I>, cases: Vec<Case<'_>>) {
    let mut wrong = Vec::new();
    let count = cases.len();
    for Case { name, request, refused } in cases {
        let (before, reached) = (checks(stand).await, stand.upstream.requests());
        let answer = stand.send(request).await;
        let (status, reason, challenge) = refused.unwrap_or((200, "", None));
        let outcome = match status {
            200 => "allow",
            503 => "unavailable",
            _ => "deny",
        };
        let found = (answer.status, answer.headers("www-authenticate").collect::<Vec<_>>());
        let expected = (status, Vec::from_iter(challenge));
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
        let counted = difference(&before, &checks(stand).await);
        let label = format!("outcome=\"{outcome}\",reason=\"{reason}\"");
        if counted != BTreeMap::from([(label.clone(), 1)]) {
            wrong.push(format!("{name}: expected {label} to be counted, found {counted:?}"));
        }
        let reached = stand.upstream.requests() - reached;
        if reached != u64::from(status == 200) {
            wrong.push(format!("{name}: the service was reached {reached} times"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} requests:\n  {}", wrong.len(), wrong.join("\n  "));
}

async fn checks<I>(stand: &Stand<I>) -> BTreeMap<String, u64> {
    family(stand, "gatepost_checks_total").await
}

/// The values of a metric family by their labels.
async fn family<I>(stand: &Stand<I>, name: &str) -> BTreeMap<String, u64> {
    let text = stand.gatepost.page("/metrics").await.text();
    let samples =
        text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} "));
    samples.map(|(labels, value)| (labels.to_owned(), value.parse().unwrap())).collect()
}

/// By how much each value is larger, where it is.
fn difference(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let grown = |(labels, value): (&String, &u64)| {
        let more = value - before.get(labels).unwrap_or(&0);
        (more > 0).then(|| (labels.clone(), more))
    };
    after.iter().filter_map(grown).collect()
}

/// What Envoy's access log says of gatepost's answer to the request for this path.
async fn access_log<I>(stand: &mut Stand<I>, path: &str) -> Value {
    let path = format!("\"path\":\"{path}\"");
    let line = stand.envoy.process().line("the access log", |line| line.contains(&path)).await.unwrap();
    let mut told = serde_json::from_str::<Value>(&line).unwrap()["gatepost"].take();
    // Envoy adds how long it waited for the answer.
    told.as_object_mut().unwrap().remove("ext_authz_duration");
    told
}

/// The lines of the audit log, once there are as many as gatepost has counted.
async fn audit<I>(stand: &Stand<I>) -> Vec<Value> {
    let written = async || {
        let count = stand.gatepost.metric("gatepost_audit_lines_total{result=\"written\"}").await;
        let log = stand.gatepost.process.log();
        let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines: Vec<Value> = whole.map(|line| serde_json::from_str(line).unwrap()).collect();
        let records: Vec<_> = lines.into_iter().filter(|line| line["class_uid"] == 6003).collect();
        (records.len() as u64 == count).then_some(records)
    };
    wait::until("the audit log", written).await.unwrap()
}

/// Waits until this generation of the configuration is in use.
async fn until_generation<I>(stand: &Stand<I>, generation: u64) {
    let live =
        async || (stand.gatepost.metric("gatepost_config_generation").await == generation).then_some(());
    wait::until(&format!("generation {generation}"), live).await.unwrap();
}
