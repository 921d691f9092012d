//! `policy.d`: a team's file governs what policy.yaml grants it, is edited like any other, and never more.

use gatepost_test_support::{Request, TestIssuer, wait};
use serde_json::json;

use super::{MISSING, NO_RULE, access_log, assert_answers, passes, refused, until_generation};
use crate::stand::{Config, Stand, get};

const POLICY: &str = "
teams:
  - { file: payments.yaml, hosts: [orders.example.com], paths: [/payments/**] }
  - { file: search.yaml, paths: [/search/**] }
rules:
  - { name: central, match: { path: /payments/internal }, require: { scopes: [internal] } }
  - { name: health, match: { path: /healthz }, public: true }
";
const PAYMENTS: &str = "
rules:
  - { name: open, match: { path: /payments/open }, public: true }
  - { name: pay, match: { path: /payments/** }, require: { scopes: [orders:read] } }
";
const SEARCH: &str = "
defaults: { require: { clients: [web] } }
rules:
  - { name: search, match: { path: /search/** } }
";

fn config(stand: &Stand, policy: &str, payments: &str) -> Config {
    let config = Config::trusting(stand.issuer.issuer()).policy(policy);
    config.file("policy.d/payments.yaml", payments).file("policy.d/search.yaml", SEARCH)
}

async fn with_teams() -> Stand {
    let issuer = TestIssuer::start().await.unwrap();
    let config = Config::trusting(issuer.issuer()).policy(POLICY);
    let config = config.file("policy.d/payments.yaml", PAYMENTS).file("policy.d/search.yaml", SEARCH);
    Stand::ready(issuer, config).await
}

#[tokio::test]
async fn a_teams_file_governs_its_own_area() {
    let mut stand = with_teams().await;
    let token = stand.issuer.token().mint();
    let other = stand.issuer.token().claim("client_id", "batch").mint();
    let lacks = |scope| (403, "scope_insufficient", Some(scope));
    assert_answers(
        &stand,
        vec![
            passes("its rule", get("/payments/7").bearer(&token)),
            refused("its rule, without a token", get("/payments/8"), MISSING),
            passes("its public rule", get("/payments/open")),
            refused(
                "before it the central rules",
                get("/payments/internal").bearer(&token),
                lacks(r#"Bearer error="insufficient_scope", scope="internal""#),
            ),
            refused("only on its hosts", Request::get("/payments/open").host("x.example.com"), NO_RULE),
            passes(
                "another team's, on any host",
                Request::get("/search/a").host("x.example.com").bearer(&token),
            ),
            refused(
                "with that team's defaults",
                get("/search/a").bearer(&other),
                (403, "client_not_accepted", Some("Bearer")),
            ),
            passes("defaults of one file are not another's", get("/payments/9").bearer(&other)),
        ],
    )
    .await;
    let found = access_log(&mut stand, "/payments/7").await;
    assert_eq!(found, json!({ "outcome": "allow", "rule": "payments/pay" }));
}

#[tokio::test]
async fn an_edit_of_a_teams_file_is_live_and_one_outside_its_grant_is_refused_whole() {
    let mut stand = with_teams().await;
    let tighter = PAYMENTS.replace("public: true", "require: { scopes: [payments] }");
    stand.gatepost.edit(config(&stand, POLICY, &tighter));
    until_generation(&stand, 2).await;
    assert_eq!(stand.send(get("/payments/open")).await.status, 401);
    let opened = POLICY.replace("require: { scopes: [internal] }", "public: true");
    let rule =
        |covers: &str| format!("{PAYMENTS}  - {{ name: more, match: {{ {covers} }}, public: true }}\n");
    let bad = [
        (rule("path: /search/x"), "`/search/x`, which policy.yaml does not grant"),
        (rule("path: /**"), "`/**`, which policy.yaml does not grant"),
        (rule("path: /*/x"), "`/*/x`, which policy.yaml does not grant"),
        (rule("path: /payments-old"), "which policy.yaml does not grant"),
        (
            rule("path: /payments/x, hosts: [x.example.com]"),
            "`x.example.com`, which policy.yaml does not grant",
        ),
        (
            rule("path: /payments/x, hosts: ['*.example.com']"),
            "`*.example.com`, which policy.yaml does not grant",
        ),
        (format!("teams: [{{ file: payments.yaml, paths: [/**] }}]\n{}", rule("path: /payments/x")), "teams"),
        (
            format!("defaults: {{ hosts: [x.example.com] }}\n{}", rule("path: /payments/x")),
            "which policy.yaml does not grant",
        ),
    ];
    for (count, (payments, expected)) in (1..).zip(bad) {
        stand.gatepost.edit(config(&stand, &opened, &payments));
        assert_rejected(&stand, count, expected).await;
    }
    let granted = config(&stand, &opened, PAYMENTS).file("policy.d/unlisted.yaml", SEARCH);
    stand.gatepost.edit(granted);
    assert_rejected(&stand, 9, "is granted nothing").await;
    stand.gatepost.edit(config(&stand, &opened, PAYMENTS));
    until_generation(&stand, 3).await;
    assert_eq!(stand.send(get("/payments/internal")).await.status, 200);
}

/// That so many edits were refused, the last of them for this, and that generation 2 decides.
async fn assert_rejected(stand: &Stand, count: u64, expected: &str) {
    let rejected = async || {
        let metric = stand.gatepost.metric("gatepost_config_rejections_total").await;
        (metric == count).then_some(())
    };
    wait::until(&format!("refusal {count}"), rejected).await.unwrap();
    let problems = stand.gatepost.status().await["config"]["problems"].to_string();
    assert!(problems.contains(expected), "{expected}: {problems}");
    assert_eq!(stand.gatepost.metric("gatepost_config_generation").await, 2, "{expected}");
    for path in ["/payments/open", "/payments/internal", "/search/x"] {
        assert_eq!(stand.send(get(path)).await.status, 401, "{expected}: {path}");
    }
}
