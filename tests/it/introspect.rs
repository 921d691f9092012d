//! What an operator asks about opaque tokens: `gatepost explain`, and `gatepost check --online --token-file`.

use std::fs;
use std::process::{Command, Output};

use gatepost_test_support::{IntrospectionServer, Say, Token};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "s3cret+%:/";
const OPAQUE: &str = "opaque-token-for-these-tests";
const ORDERS: &str = "https://orders.example.com/orders/7";

const POLICY: &str = "
rules:
  - name: pay
    match: { path: /payments }
    require: { introspect: always }
  - name: read orders
    match: { path: /orders/** }
    require: { scopes: [orders:read] }
    forward: { x-subject: token.sub }
";

/// A scripted issuer, and a directory with the configuration, the secret and a token.
struct Desk {
    server: IntrospectionServer,
    directory: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let server = IntrospectionServer::start().await.unwrap();
        let directory = TempDir::with_prefix("gatepost-introspect-").unwrap();
        let desk = Self { server, directory };
        let gatepost = format!(
            "listen: {{ authz: 'unix:@none', admin: 127.0.0.1:0 }}\n\
             issuers:\n  - name: test\n    issuer: {}\n    audiences: [\"{}\"]\n    introspection:\n      \
             timeout: 10s\n      \
             client: {{ id: gatepost, auth: client_secret_basic, secret_file: secret }}\n",
            desk.server.issuer(),
            Token::AUDIENCE
        );
        for (name, text) in
            [("gatepost.yaml", &*gatepost), ("policy.yaml", POLICY), ("secret", SECRET), ("token", OPAQUE)]
        {
            desk.write(name, text);
        }
        desk
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Runs gatepost with the token, off the thread that the issuer answers on.
    async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.args(arguments).arg("--config").arg(self.directory.path());
        command.arg("--token-file").arg(self.directory.path().join("token"));
        let output: Output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    async fn explain(&self) -> (Option<i32>, String) {
        self.run(&["explain", "--url", ORDERS]).await
    }
}

#[track_caller]
fn assert_shows(text: &str, shown: &[&str]) {
    for shown in shown {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
    for hidden in [OPAQUE, "s3cret"] {
        assert!(!text.contains(hidden), "{hidden} is shown:\n{text}");
    }
}

#[tokio::test]
async fn explain_shows_that_the_issuer_was_asked_and_what_it_said() {
    let desk = Desk::new().await;
    desk.server.calls_good(OPAQUE);
    let (code, text) = desk.explain().await;
    assert_eq!(code, Some(0), "{text}");
    let shown = [
        "opaque; \"test\" is asked about it",
        "introspection  ok    \"test\" says that the token is active",
        "ALLOW by rule \"read orders\"",
        "x-subject: alice",
    ];
    assert_shows(&text, &shown);
    assert_eq!(desk.server.calls(), 1);
}

#[tokio::test]
async fn explain_says_why_an_opaque_token_is_refused() {
    let desk = Desk::new().await;
    let with = |name: &str, value: &str| Say::Json(desk.server.active_with(&[(name, json!(value))]));
    for (say, reason, seen) in [
        (Say::inactive(), "token_inactive", "says that the token is not active"),
        (with("aud", "https://other.example.com"), "audience_mismatch", "https://other.example.com"),
        (with("scope", "orders:list"), "scope_insufficient", "orders:list"),
        (with("iss", "https://idp.example.org"), "issuer_unknown", "another issuer"),
        (with("token_type", "refresh_token"), "not_an_access_token", "refresh_token"),
    ] {
        desk.server.says(OPAQUE, say);
        let (code, text) = desk.explain().await;
        assert_eq!(code, Some(1), "{text}");
        assert_shows(&text, &[reason, seen, "DENY", "www-authenticate: Bearer error="]);
    }
}

#[tokio::test]
async fn explain_cannot_tell_without_an_answer_and_says_why() {
    let desk = Desk::new().await;
    for (say, reason, seen) in [
        (Say::status(500), "introspection_unreachable", "500"),
        (Say::status(401), "introspection_rejected", "refused our own client credentials (401)"),
        (Say::body("<html>"), "introspection_malformed", "boolean `active`"),
    ] {
        desk.server.says(OPAQUE, say);
        let (code, text) = desk.explain().await;
        assert_eq!(code, Some(2), "{text}");
        assert_shows(&text, &["CANNOT TELL 503", reason, seen]);
    }
    fs::remove_file(desk.directory.path().join("secret")).unwrap();
    let (code, text) = desk.explain().await;
    assert_eq!(code, Some(2), "{text}");
    assert_shows(&text, &["credentials_unreadable", "secret: No such file"]);
}

#[tokio::test]
async fn explain_shows_both_steps_for_a_jwt_that_is_asked_about() {
    let desk = Desk::new().await;
    let token = desk.server.token().mint();
    desk.write("token", &token);
    desk.server.calls_good(&token);
    let (code, text) = desk.run(&["explain", "--url", "https://orders.example.com/payments"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_shows(&text, &["made by key", "\"test\" says that the token is active", "ALLOW by rule \"pay\""]);
    assert!(!text.contains(&token));
}

#[tokio::test]
async fn check_shows_what_the_issuer_says_of_a_token() {
    let desk = Desk::new().await;
    desk.server.calls_good(OPAQUE);
    let (code, text) = desk.run(&["check", "--online"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_shows(&text, &["good: 2 rules", "introspection by \"test\": active, scope orders:read"]);

    desk.server.says(OPAQUE, Say::inactive());
    let (code, text) = desk.run(&["check", "--online"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert_shows(&text, &["inactive: it expired, was revoked, or was not issued there"]);

    for (say, seen) in
        [(Say::status(401), "refused our own client credentials (401)"), (Say::body("x"), "boolean `active`")]
    {
        desk.server.says(OPAQUE, say);
        let (code, text) = desk.run(&["check", "--online"]).await;
        assert_eq!(code, Some(1), "{text}");
        assert_shows(&text, &[seen]);
    }
}

#[tokio::test]
async fn check_tells_machines_what_the_issuer_says_of_a_token() {
    let desk = Desk::new().await;
    desk.server.calls_good(OPAQUE);
    for (good, code) in [(true, Some(0)), (false, Some(1))] {
        let (exit, text) = desk.run(&["check", "--online", "--output", "json"]).await;
        assert_eq!(exit, code, "{text}");
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&report["good"], &report["errors"]), (&json!(good), &json!(0)));
        assert_eq!(report["introspection"][0]["good"], good);
        assert_shows(&text, &["introspection by \\\"test\\\""]);
        desk.server.says(OPAQUE, Say::inactive());
    }
}

#[tokio::test]
async fn check_names_the_cause_when_a_token_that_verifies_is_called_inactive() {
    let desk = Desk::new().await;
    let token = desk.server.token().mint();
    desk.write("token", &token);
    let (code, text) = desk.run(&["check", "--online"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert_shows(&text, &["although its signature verifies", "revoked", "client \"gatepost\"", "audience"]);
    assert!(!text.contains(&token));

    desk.write("token", &desk.server.token().signature([1]).mint());
    let (code, text) = desk.run(&["check", "--online"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert_shows(&text, &["inactive: it expired, was revoked, or was not issued there"]);
}

#[tokio::test]
async fn a_token_is_shown_to_the_issuer_only_on_request() {
    let desk = Desk::new().await;
    let (code, text) = desk.run(&["check"]).await;
    assert_eq!(code, Some(2), "--token-file needs --online: {text}");
    assert_eq!(desk.server.calls(), 0);
}
