//! Promise: an operator and Prometheus see what happens: liveness, readiness with its reason, the state of
//! each issuer, and every check under its outcome and reason.

use std::collections::BTreeMap;

use gatepost_test_support::{Request, TestIssuer};
use serde_json::{Value, json};

use crate::stand::{Config, Stand, get, orders};

/// The samples of an OpenMetrics text, by name and labels.
///
/// Panics where the text is not OpenMetrics.
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "an OpenMetrics text says where it ends");
    let mut types = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<_> = comment.splitn(3, ' ').collect();
            if let ["TYPE", family, kind] = words[..] {
                assert!(types.insert(family.to_owned(), kind.to_owned()).is_none(), "{family} twice");
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let known = types.keys().any(|family| name.strip_prefix(family).is_some_and(is_suffix));
        assert!(known, "{name} belongs to no family");
        assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{series} twice");
    }
    samples
}

fn is_suffix(text: &str) -> bool {
    ["", "_total", "_info", "_bucket", "_sum", "_count"].contains(&text)
}

async fn metrics(stand: &Stand) -> BTreeMap<String, f64> {
    let page = stand.gatepost.page("/metrics").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    samples(&page.text())
}

#[tokio::test]
async fn every_check_is_counted_once_under_its_outcome_and_reason() {
    let stand = Stand::start().await;
    let good = || stand.issuer.token();
    let before = metrics(&stand).await;
    let sent = [
        (get("/healthz"), "allow", "", 1.0),
        (orders().bearer(&good().mint()), "allow", "", 2.0),
        (orders(), "deny", "credential_missing", 3.0),
        (orders().bearer("a,b"), "deny", "credential_repeated", 2.0),
        (orders().bearer("%"), "deny", "credential_malformed", 1.0),
        (orders().bearer("x"), "deny", "token_opaque", 2.0),
        (orders().bearer(&good().claim("exp", 1).mint()), "deny", "token_expired", 1.0),
        (orders().bearer(&good().claim("aud", "x").mint()), "deny", "audience_mismatch", 4.0),
        (orders().bearer(&good().claim("scope", "x").mint()), "deny", "scope_insufficient", 1.0),
        (orders().bearer(&good().signature([1]).mint()), "deny", "signature_invalid", 1.0),
        (get("//"), "deny", "path_ambiguous", 1.0),
        (get("/other"), "deny", "no_rule", 1.0),
    ];
    let mut expected = BTreeMap::new();
    for (request, outcome, reason, times) in sent {
        for _ in 0..times as u32 {
            stand.send(request.clone()).await;
        }
        let series = format!("gatepost_checks_total{{outcome=\"{outcome}\",reason=\"{reason}\"}}");
        *expected.entry(series).or_insert(0.0) += times;
    }
    let after = metrics(&stand).await;
    let counted = |series: &str| after[series] - before[series];
    for (series, times) in &expected {
        assert_eq!(counted(series), *times, "{series}");
    }
    let all: Vec<_> = after.keys().filter(|series| series.starts_with("gatepost_checks_total")).collect();
    let total: f64 = all.iter().map(|series| counted(series)).sum();
    assert_eq!(total, expected.values().sum::<f64>(), "nothing is counted twice or under another name");
    assert_eq!(counted("gatepost_check_duration_seconds_count"), total);
}

#[tokio::test]
async fn the_state_of_the_keys_is_a_metric() {
    let stand = Stand::start().await;
    let metrics = metrics(&stand).await;
    assert_eq!(metrics["gatepost_jwks_keys{issuer=\"test\"}"], 11.0);
    assert_eq!(metrics["gatepost_jwks_refreshes_total{issuer=\"test\",result=\"success\"}"], 1.0);
    let read_at = metrics["gatepost_jwks_read_timestamp_seconds{issuer=\"test\"}"];
    assert!((read_at - gatepost_test_support::token::now() as f64).abs() < 60.0);
    assert_eq!(metrics["gatepost_config_generation"], 1.0);
}

#[tokio::test]
async fn a_name_with_quotes_and_backslashes_does_not_break_the_metrics() {
    let issuer = TestIssuer::start().await.unwrap();
    let entry = crate::stand::issuer(r#"'a "b" \ c'"#, issuer.issuer(), "");
    let stand = Stand::ready(issuer, Config::of(&format!("issuers:\n{entry}"))).await;
    let metrics = metrics(&stand).await;
    let series = r#"gatepost_jwks_keys{issuer="a \"b\" \\ c"}"#;
    assert_eq!(metrics.get(series), Some(&1.0), "{:?}", metrics.keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn liveness_and_readiness_are_two_questions() {
    let issuer = TestIssuer::down().unwrap();
    let config = Config::trusting(issuer.issuer());
    let mut stand = Stand::with(issuer, config).await;
    assert_eq!(stand.gatepost.page("/livez").await.status, 200);
    let ready = stand.gatepost.page("/readyz").await;
    assert_eq!((ready.status, ready.text().trim()), (503, "waiting for the keys of test"));
    stand.issuer.go_up().await.unwrap();
    stand.token(&stand.issuer.token().mint()).await;
    stand.gatepost.ready().await;
    assert_eq!(stand.gatepost.page("/readyz").await.text().trim(), "ok");
}

#[tokio::test]
async fn the_status_page_says_what_is_in_use_and_how_old_it_is() {
    let stand = Stand::start().await;
    let status = stand.gatepost.status().await;
    for name in ["version", "now", "ready", "not_ready_because", "config", "issuers"] {
        assert!(status.get(name).is_some(), "{name}: {status:#}");
    }
    assert_eq!(status["ready"], json!(true));
    assert_eq!((&status["config"]["generation"], &status["config"]["rules"]), (&json!(1), &json!(4)));
    let issuer = &status["issuers"][0];
    assert_eq!((&issuer["name"], &issuer["issuer"]), (&json!("test"), &json!(stand.issuer.issuer())));
    assert_eq!(issuer["key_ids"].as_array().map(Vec::len), Some(11));
    assert_eq!((&issuer["last_error"], &issuer["skipped_keys"]), (&Value::Null, &json!([])));
    assert!(issuer["keys_age_seconds"].as_u64().unwrap() < 60);
    for name in ["keys_read_at", "keys_stale_at", "last_tried_at"] {
        assert!(issuer[name].as_str().is_some_and(|time| time.ends_with('Z')), "{name}: {issuer:#}");
    }
}

#[tokio::test]
async fn the_admin_listener_only_tells() {
    let stand = Stand::start().await;
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for page in ["/livez", "/readyz", "/statusz", "/metrics"] {
            let answer = stand.gatepost.ask_admin(Request::new(method, page)).await;
            assert_eq!(answer.status, 405, "{method} {page}");
        }
    }
    for page in ["/", "/quitquitquit", "/config_dump", "/debug/pprof", "/metrics/../statusz"] {
        assert_eq!(stand.gatepost.page(page).await.status, 404, "{page}");
    }
    assert_eq!(stand.gatepost.ask_admin(Request::new("HEAD", "/readyz")).await.status, 200);
}
