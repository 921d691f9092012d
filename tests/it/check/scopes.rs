//! `check --online`: a scope that a rule requires and that no issuer publishes is most likely misspelt.

use std::fs;

use gatepost_test_support::{Endpoint, Reply, TestIssuer, Token};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{check_with, machine_readable};
use crate::snapshot::assert_shows;

const POLICY: &str = "\
rules:
  - name: listed
    match: { path: /a }
    require: { scopes: [orders:read, orders:wirte] }
  - name: all and any
    match: { path: /b }
    require: { scopes: { all: [orders:read, orders:sell], any: [orders:write, orders:bye] } }
  - name: of corp
    match: { path: /c }
    require: { issuers: [corp], scopes: [partner:read] }
  - name: of partner
    match: { path: /d }
    require: { issuers: [partner], scopes: [partner:read, partner:wirte] }
  - name: of silent
    match: { path: /e }
    require: { issuers: [silent], scopes: [anything] }
  - name: health
    match: { path: /healthz }
    public: true
";

/// Publishes these scopes; none for a list that it does not have.
async fn issuer(scopes: Option<Value>) -> TestIssuer {
    let issuer = TestIssuer::start().await.unwrap();
    let mut metadata = json!({ "issuer": issuer.issuer(), "jwks_uri": issuer.jwks_uri() });
    let members = metadata.as_object_mut().unwrap();
    members.extend(scopes.map(|scopes| ("scopes_supported".to_owned(), scopes)));
    issuer.reply(Endpoint::Metadata, Reply::Body(metadata.to_string()));
    issuer
}

fn directory(issuers: &[(&str, &TestIssuer)]) -> TempDir {
    let directory = TempDir::with_prefix("gatepost-scopes-").unwrap();
    let mut gatepost = "listen: { authz: 'unix:@none', admin: 127.0.0.1:0 }\nissuers:\n".to_owned();
    for (name, issuer) in issuers {
        let (url, audience) = (issuer.issuer(), Token::AUDIENCE);
        gatepost
            .push_str(&format!("  - {{ name: {name}, issuer: \"{url}\", audiences: [\"{audience}\"] }}\n"));
    }
    fs::write(directory.path().join("gatepost.yaml"), gatepost).unwrap();
    fs::write(directory.path().join("policy.yaml"), POLICY).unwrap();
    directory
}

/// Off the thread that the issuers answer on.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn warns_of_each_scope_that_no_accepted_issuer_publishes() {
    let corp = issuer(Some(json!(["openid", "orders:read", "orders:write"]))).await;
    let partner = issuer(Some(json!(["partner:read"]))).await;
    let silent = issuer(None).await;
    let directory = directory(&[("corp", &corp), ("partner", &partner), ("silent", &silent)]);
    let (output, directory) = off_thread(move || (check_with(&directory, &["--online"]), directory)).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_shows(&text.replace(&format!("{}/", directory.path().display()), ""), "bad/scopes.txt");

    let (code, report) =
        off_thread(move || machine_readable(&directory, &["--online", "--deny-warnings"])).await;
    assert_eq!((code, &report["warnings"]), (Some(1), &json!(5)));
}

#[tokio::test]
async fn says_nothing_of_scopes_where_no_issuer_publishes_any_or_none_is_asked() {
    let odd = issuer(Some(json!("orders:read"))).await;
    let (silent, other, loud) =
        (issuer(None).await, issuer(None).await, issuer(Some(json!(["openid"]))).await);
    let quiet = directory(&[("corp", &silent), ("partner", &odd), ("silent", &other)]);
    let output = off_thread(move || check_with(&quiet, &["--online"])).await;
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    let offline = directory(&[("corp", &loud), ("partner", &odd), ("silent", &silent)]);
    let output = off_thread(move || check_with(&offline, &[])).await;
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    assert_eq!(loud.metadata_requests(), 0);
}
