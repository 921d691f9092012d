//! Lines of the audit log, as checks under README's own samples make them, and what `gatepost diff` says of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gatepost::check::issuer::{IssuerKeys, Issuers, KnownKeys};
use gatepost::check::policy::Reads;
use gatepost::check::record::{Identities, Record, Recorder};
use gatepost::check::trail::Stages;
use gatepost::check::{CheckInput, Decided, Facts, Headers, Step, World, decide, plan};
use gatepost::config::{Config, POLICY_FILE, load};
use gatepost::jose::{Algorithm, KeySet, UnixTime};

use super::transcripts::{console, readers_token, session};
use crate::samples::of_readme;

/// One line.
pub(super) fn line() -> String {
    let record = records(of_readme().path()).pop().unwrap();
    let line = serde_json::to_string(&record).unwrap();
    // The token is signed by a key that is made for it, so its digest is another each time.
    let (before, digest) = line.split_once("\"sha256:").unwrap();
    let (_, after) = digest.split_once('"').unwrap();
    format!("```json\n{before}\"sha256:16d6cd95dd97383843425bdcd0fb3a9f\"{after}\n```\n")
}

/// Two lines, and a policy that asks for one scope more.
pub(super) fn diff() -> String {
    let (directory, next) = (of_readme(), of_readme());
    let lines =
        records(directory.path()).into_iter().map(|record| serde_json::to_string(&record).unwrap() + "\n");
    fs::write(directory.path().join("audit.jsonl"), lines.collect::<String>()).unwrap();
    let policy = next.path().join(POLICY_FILE);
    let text = fs::read_to_string(&policy).unwrap();
    let (from, to) = ("scopes: [orders:read]", "scopes: [orders:read, orders:list]");
    assert!(text.contains(from), "README's {POLICY_FILE} has no {from}");
    fs::write(policy, text.replace(from, to)).unwrap();
    std::os::unix::fs::symlink(next.path(), directory.path().join("next")).unwrap();
    let arguments = ["diff", "--old", ".", "--new", "next", "--requests", "audit.jsonl"];
    console(&session(directory.path(), &arguments))
}

/// A request that passes and one that does not, with the token that may only read.
fn records(directory: &Path) -> Vec<Record> {
    let (token, jwks) = readers_token();
    let config = load(directory).config.unwrap();
    let issuers = Issuers::new(config.issuers.iter().map(|trusted| trusted.issuer.clone()).collect());
    let keys = Arc::new(KeySet::read(jwks.as_bytes(), &Algorithm::ALL).unwrap());
    let requests = [("GET", "/orders/7?page=2"), ("POST", "/orders/7/refund")];
    let record = |(method, target): (&str, &str)| {
        let mut headers = Headers::default();
        headers.push("authorization", format!("Bearer {token}"));
        headers.push("x-request-id", "7f3c0b1e-6d5a-4f7b-9a58-0f5f0a3a9c11");
        headers.push("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let input = CheckInput {
            method: method.to_owned(),
            host: "orders.example.com".to_owned(),
            target: target.to_owned(),
            headers,
            source: Some([192, 0, 2, 7].into()),
            certificate: None,
        };
        let mut stages = Stages::default();
        let decided = decided(&input, &config, &issuers, &keys, &mut stages);
        let recorder = Recorder {
            input: &input,
            decided: &decided,
            stages,
            tried: &[],
            issuers: &issuers,
            reads: &Reads::of([&config.policy]),
            identities: &Identities::hashed(b"a key for this one sample"),
            now: now(),
            generation: 1,
            called: None,
        };
        recorder.record()
    };
    requests.map(record).into()
}

/// A minute after the token was issued.
fn now() -> UnixTime {
    UnixTime::from_seconds(1_795_435_260)
}

fn decided(
    input: &CheckInput,
    config: &Config,
    issuers: &Issuers,
    keys: &Arc<KeySet>,
    stages: &mut Stages,
) -> Decided {
    let (id, _) = issuers.iter().next().unwrap();
    let known = IssuerKeys { set: Arc::clone(keys), read_at: now(), stale_at: None };
    let known = KnownKeys::default().with(id, known);
    let world = World {
        policy: &config.policy,
        resource: None,
        issuers,
        keys: &known,
        screen: None,
        known: None,
        max_token_bytes: config.check.max_token_bytes,
    };
    let plan = plan(input, world, now(), stages).unwrap_or_else(|decided| panic!("{decided:?}"));
    match decide(plan, &Facts::Keys(Arc::clone(keys)), world, now(), stages) {
        Step::Decided(decided) => decided,
        Step::More(_) => panic!("the keys are all that is needed"),
    }
}
