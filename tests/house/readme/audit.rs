//! Lines of the audit log, as checks under README's own samples make them, and what `gatepost diff` says of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gatepost::check::issuer::{IssuerKeys, Issuers, KnownKeys};
use gatepost::check::policy::Reads;
use gatepost::check::record::Record;
use gatepost::check::{CheckInput, Decided, Facts, Headers, Step, World, decide, plan};
use gatepost::config::{Config, POLICY_FILE, load};
use gatepost::jose::{Algorithm, KeySet, UnixTime};

use super::transcripts::{console, readers_token, session};
use crate::samples::of_readme;

/// One line.
pub(super) fn line() -> String {
    let record = records(of_readme().path()).pop().unwrap();
    format!("```json\n{}\n```\n", serde_json::to_string(&record).unwrap())
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
        let input = CheckInput {
            method: method.to_owned(),
            host: "orders.example.com".to_owned(),
            target: target.to_owned(),
            headers,
            source: None,
            certificate: None,
        };
        let decided = decided(&input, &config, &issuers, &keys);
        Record::of(&input, &decided, &[], &issuers, &Reads::of([&config.policy]), now().to_string(), 1)
    };
    requests.map(record).into()
}

/// A minute after the token was issued.
fn now() -> UnixTime {
    UnixTime::from_seconds(1_795_435_260)
}

fn decided(input: &CheckInput, config: &Config, issuers: &Issuers, keys: &Arc<KeySet>) -> Decided {
    let (id, _) = issuers.iter().next().unwrap();
    let known = IssuerKeys { set: Arc::clone(keys), read_at: now(), stale_at: None };
    let known = KnownKeys::default().with(id, known);
    let world = World {
        policy: &config.policy,
        resource: None,
        issuers,
        keys: &known,
        screen: None,
        max_token_bytes: config.check.max_token_bytes,
    };
    let plan = plan(input, world, now(), &mut ()).unwrap_or_else(|decision| panic!("{decision:?}"));
    match decide(plan, &Facts::Keys(Arc::clone(keys)), world, now(), &mut ()) {
        Step::Decided(decided) => decided,
        Step::More(_) => panic!("the keys are all that is needed"),
    }
}
