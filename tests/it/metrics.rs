//! What /metrics says of a sidecar that has served: all that README lists and nothing else, by Prometheus' own
//! conventions, and with no label that can grow without bound.

mod exposition;
mod levels;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use gatepost::check::revocation::Kind;
use gatepost::check::{DenyReason, OutageReason};
use gatepost::suspicion;
use gatepost_test_support::{IntrospectionServer, Request, TestIssuer, Token, token, wait};
use serde_json::json;

use crate::sidecar::{POLICY, Sidecar};
use crate::wire::question;
use exposition::{Family, read};

const OPAQUE: &str = "an-opaque-token-of-this-test";

const MORE_RULES: &str = "  - name: reports as planned
    shadow: true
    match: { path: /reports }
    require: { scopes: [\"reports:read\"] }
  - name: reports
    match: { path: /reports }
    require: { scopes: [\"orders:read\"] }
";

/// Adds to the configuration a rule on trial, a revocation feed, and an issuer that is asked about opaque tokens.
fn with_everything(directory: &Path, asked: &IntrospectionServer) {
    fs::write(directory.join("policy.yaml"), format!("{POLICY}{MORE_RULES}")).unwrap();
    fs::write(directory.join("secret"), "s3cret").unwrap();
    fs::write(directory.join("revocations.jsonl"), "").unwrap();
    let text = format!(
        "  - name: asked\n    issuer: {}\n    audiences: [\"{}\"]\n    introspection:\n      timeout: 10s\n      \
         client: {{ id: gatepost, auth: client_secret_basic, secret_file: secret }}\n\
         revocation: {{ feeds: [{{ name: written, file: revocations.jsonl }}] }}\n",
        asked.issuer(),
        Token::AUDIENCE
    );
    append(&directory.join("gatepost.yaml"), &text);
}

fn append(file: &Path, text: &str) {
    OpenOptions::new().append(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
}

/// The families by name, as OpenMetrics has them.
async fn scrape(sidecar: &Sidecar) -> BTreeMap<String, Family> {
    let page = sidecar.ask_admin(Request::get("/metrics")).await;
    assert_eq!(
        page.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    read(&page.text())
}

/// Sends each request so many times, with this token where there is one.
async fn send(sidecar: &Sidecar, requests: &[(u32, &str, &str, Option<&str>)]) {
    let mut client = sidecar.client().await;
    for (times, method, path, token) in requests {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|value| ("authorization", value.as_str())).collect();
        for _ in 0..*times {
            client.check(question(method, path, &headers)).await.unwrap();
        }
    }
}

/// A sidecar with all that can be configured, after requests of every kind.
async fn busy() -> (Sidecar, IntrospectionServer) {
    let asked = IntrospectionServer::start().await.unwrap();
    asked.calls_good(OPAQUE);
    let sidecar = Sidecar::prepared(|directory| with_everything(directory, &asked)).await;
    sidecar.ready().await;
    let revoked = Token::good().claim("jti", "gone").mint();
    let now = token::now();
    let mark = json!({
        "v": 1, "kind": "token", "iss": Token::ISSUER, "jti": "gone", "exp": now + 900, "published": now,
    });
    append(&sidecar.directory().join("revocations.jsonl"), &format!("{mark}\n"));
    let applied = async || {
        let marks = scrape(&sidecar).await["gatepost_revocation_marks"].value(&[("kind", "token")]);
        (marks == Some(1.0)).then_some(())
    };
    wait::until("the revocation", applied).await.unwrap();
    let good = Token::good().mint();
    let expired = Token::good().claim("exp", 1).mint();
    let unconfigured = Token::good().claim("iss", "https://other.example.com").mint();
    let requests = [
        (2, "GET", "/healthz", None),
        (3, "GET", "/orders/7", Some(good.as_str())),
        (1, "POST", "/orders/7", Some(&good)),
        (2, "GET", "/orders/7", Some(&expired)),
        (1, "GET", "/orders/7", Some(&unconfigured)),
        (1, "GET", "/orders/7", Some(&revoked)),
        (2, "GET", "/orders/7", None),
        (1, "GET", "/orders/7", Some("%")),
        (4, "GET", "/orders/7", Some(OPAQUE)),
        (1, "GET", "/orders/7", Some("unknown-opaque-token")),
        (1, "GET", "/reports", Some(&good)),
        (1, "GET", "/nowhere", Some(&good)),
        (1, "GET", "//", None),
    ];
    send(&sidecar, &requests).await;
    (sidecar, asked)
}

#[tokio::test]
async fn every_check_is_counted_by_rule_kind_of_token_and_outcome() {
    let (sidecar, _asked) = busy().await;
    let family = &scrape(&sidecar).await["gatepost_rule_checks"];
    let counted = |rule, rule_kind, token_kind, outcome| {
        let labels =
            [("rule", rule), ("rule_kind", rule_kind), ("token_kind", token_kind), ("outcome", outcome)];
        family.value(&labels).unwrap_or_else(|| panic!("{labels:?}: {family:#?}"))
    };
    let mut sum = 0.0;
    for (rule, kind, token, outcome, times) in [
        ("health", "public", "none", "allow", 2.0),
        ("read orders", "protected", "jwt", "allow", 3.0),
        ("read orders", "protected", "jwt", "deny", 4.0),
        ("read orders", "protected", "none", "deny", 3.0),
        ("read orders", "protected", "opaque", "allow", 4.0),
        ("read orders", "protected", "opaque", "deny", 1.0),
        ("read orders", "protected", "jwt", "unavailable", 0.0),
        ("write orders", "protected", "jwt", "deny", 1.0),
        ("reports", "protected", "jwt", "allow", 1.0),
        ("", "none", "none", "deny", 2.0),
    ] {
        assert_eq!(counted(rule, kind, token, outcome), times, "{rule} {token} {outcome}");
        sum += times;
    }
    assert_eq!(family.samples.iter().map(|sample| sample.value).sum::<f64>(), sum, "{family:#?}");
}

#[tokio::test]
async fn what_is_told_of_sources_is_what_happened() {
    let (sidecar, asked) = busy().await;
    let families = scrape(&sidecar).await;
    let value = |family: &str, labels: &[(&str, &str)]| {
        families[family].value(labels).unwrap_or_else(|| panic!("{family} {labels:?}"))
    };
    let calls = |result| value("gatepost_introspection_calls", &[("issuer", "asked"), ("result", result)]);
    assert_eq!(["active", "inactive", "failure", "rejected"].map(calls), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(asked.calls(), 2);
    let saved = |how| value("gatepost_introspection_saved", &[("issuer", "asked"), ("result", how)]);
    assert_eq!(["cached", "coalesced", "stale"].map(saved), [3.0, 0.0, 0.0]);
    assert_eq!(value("gatepost_introspection_suspended", &[("issuer", "asked")]), 0.0);
    let refreshes = |result| value("gatepost_jwks_refreshes", &[("issuer", "test"), ("result", result)]);
    assert_eq!(["success", "failure"].map(refreshes), [1.0, 0.0]);
    assert_eq!(value("gatepost_revocation_hits", &[("kind", "token")]), 1.0);
    let trial = [("policy", "shadow"), ("rule", "reports as planned"), ("difference", "would_deny")];
    assert_eq!(value("gatepost_trial_checks", &trial), 1.0);
    assert_eq!(value("gatepost_config_generation", &[]), 1.0);
}

#[tokio::test]
async fn readme_lists_what_is_exported_and_nothing_else() {
    let (sidecar, _asked) = busy().await;
    let families = scrape(&sidecar).await;
    let row = |family: &Family| {
        let suffix = match family.kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels = family.labels().into_iter().filter(|name| name != "le").collect::<BTreeSet<_>>();
        (format!("{}{suffix}", family.name), (family.kind.clone(), labels, family.help.clone()))
    };
    let exported: BTreeMap<_, _> = families.values().map(row).collect();
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let table =
        readme.split_once("<!-- metrics: generated -->").unwrap().1.split_once("<!-- end -->").unwrap().0;
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    let rows = table.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cells: Vec<String> = cells(line);
        let labels = cells[2].split(", ").filter(|name| !name.is_empty()).map(str::to_owned);
        (cells[0].trim_matches('`').to_owned(), (cells[1].clone(), labels.collect(), cells[3].clone()))
    });
    let listed: BTreeMap<_, _> = rows.collect();
    let names = |table: &BTreeMap<String, _>| table.keys().cloned().collect::<BTreeSet<_>>();
    let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) = (names(&exported), names(&listed));
    assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), Vec::<&String>::new(), "not in README");
    assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), Vec::<&String>::new(), "not exported");
    for (name, row) in &exported {
        assert_eq!((name, row), (name, &listed[name]));
    }
}

/// What each label may say; none may grow with what clients send.
fn label_values() -> BTreeMap<&'static str, Vec<&'static str>> {
    let reasons = DenyReason::ALL.iter().map(|reason| reason.label());
    let reasons = reasons.chain(OutageReason::ALL.iter().map(|reason| reason.label())).chain([""]);
    let names = |text: &'static str| text.split(' ').collect();
    let marks = Kind::ALL.iter().map(|kind| kind.name());
    let suspicious = suspicion::Kind::ALL.iter().map(|kind| kind.label());
    BTreeMap::from([
        ("outcome", names("allow deny unavailable answer")),
        ("reason", reasons.collect()),
        ("rule", vec!["", "health", "read orders", "write orders", "reports", "reports as planned"]),
        ("rule_kind", names("none public protected")),
        ("token_kind", names("none jwt opaque")),
        ("issuer", names("test asked")),
        ("feed", names("written")),
        ("kind", marks.chain(suspicious).collect()),
        ("stage", names("applied refused")),
        ("policy", names("shadow candidate")),
        ("signal", names("metrics traces audit")),
        ("difference", names("none would_deny would_allow unknown")),
    ])
}

#[tokio::test]
async fn names_units_and_labels_are_as_prometheus_wants_them() {
    let (sidecar, _asked) = busy().await;
    let families = scrape(&sidecar).await;
    let mut wrong: Vec<_> = families.values().flat_map(Family::faults).collect();
    let closed = label_values();
    for family in families.values() {
        for (name, value) in family.samples.iter().flat_map(|sample| &sample.labels) {
            let fits = match (name.as_str(), closed.get(name.as_str())) {
                (_, Some(values)) => values.contains(&value.as_str()),
                // Closed lists of words, too many to name.
                ("result", None) => value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                ("le", None) => family.kind == "histogram",
                ("version", None) => family.name == "gatepost_build",
                ("sha256", None) => family.name == "gatepost_config" && value.len() == 64,
                (_, None) => false,
            };
            if !fits {
                wrong.push(format!("{}: no label {name:?} with {value:?} belongs here", family.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let series: usize = families.values().map(|family| family.samples.len()).sum();
    assert!(series < 600, "{series} series for five rules and two issuers");
}

#[tokio::test]
async fn a_scraper_that_reads_only_the_older_format_reads_the_same() {
    let (sidecar, _asked) = busy().await;
    let ask = async |accept| sidecar.ask_admin(Request::get("/metrics").header("accept", accept)).await;
    let old = ask("text/plain;version=0.0.4").await;
    assert_eq!(old.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let new = ask("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5").await;
    let series = |text: &str| {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(series(&old.text()), series(&new.text()));
    assert!(!old.text().contains("# EOF") && !old.text().contains("# UNIT"));
    for line in ["# TYPE gatepost_checks_total counter\n", "# TYPE gatepost_build_info gauge\n"] {
        assert!(old.text().contains(line), "{line}");
    }
}

#[tokio::test]
async fn a_new_key_is_measured_from_the_token_that_named_it() {
    use gatepost_test_support::Signer;

    let issuer = TestIssuer::start().await.unwrap();
    let entry = format!(
        "  - name: rotating\n    issuer: {}\n    audiences: [\"{}\"]\n",
        issuer.issuer(),
        Token::AUDIENCE
    );
    let sidecar = Sidecar::prepared(|directory| append(&directory.join("gatepost.yaml"), &entry)).await;
    sidecar.ready().await;
    let measured = async || {
        let family = &scrape(&sidecar).await["gatepost_jwks_key_propagation_seconds"];
        let sample = |suffix| family.sample(suffix, &[("issuer", "rotating")]).unwrap();
        (sample("_count"), sample("_sum"))
    };
    assert_eq!(measured().await, (0.0, 0.0), "the first keys are not new ones");
    let next = Signer::shared("ES256");
    let token = issuer.token().signed_by(&next).mint();
    send(&sidecar, &[(1, "GET", "/orders/7", Some(&token))]).await;
    issuer.publish(&[&Signer::shared("RS256"), &next]);
    let requests_before = issuer.jwks_requests();
    send(&sidecar, &[(1, "GET", "/orders/7", Some(&token))]).await;
    assert!(issuer.jwks_requests() > requests_before);
    let (count, sum) = measured().await;
    assert_eq!(count, 1.0);
    assert!(sum > 0.0 && sum < 60.0, "{sum}");
}
