//! `audit`: which checks are recorded, what of them, and how many a second.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{audit, family, until_generation};
use crate::stand::{Config, HOST, Stand, get};

const POLICY: &str = r#"
rules:
  - name: read
    match: { path: /orders/** }
    require:
      scopes: [orders:read]
      claims: { org.tenant: { exists: true } }
      condition: '!("x-debug" in request.headers) && token.level > 1'
"#;

fn config(identifier: &str, audit: &str) -> Config {
    Config::trusting(identifier).policy(POLICY).and(&format!("audit: {audit}"))
}

fn outcomes(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["authorizations"][0]["decision"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_recorded_is_what_was_asked_for_and_what_the_rules_read() {
    let mut stand: Stand = super::super::stand(POLICY).await;
    let token = stand.issuer.token().claim("org", json!({ "tenant": "acme" })).claim("level", 2);
    let token = token.claim("email", "alice@example.com").mint();
    let good = get("/orders/7?token=hidden").bearer(&token).header("X-Other", "hidden");
    let bad = get("/orders/8").bearer(&token).header("X-Debug", "1").header("x-debug", "2");
    let mut expected: Vec<&str> = Vec::new();
    for (generation, requests, recorded) in [
        (2, "none", &[][..]),
        (3, "differences", &[]),
        (4, "denials", &["deny"]),
        (5, "all", &["allow", "deny"]),
    ] {
        let audit_lines = format!("{{ requests: {requests}, per_second: 10000, identities: plain }}");
        stand.gatepost.edit(config(stand.issuer.issuer(), &audit_lines));
        until_generation(&stand, generation).await;
        assert_eq!(stand.send(good.clone()).await.status, 200);
        assert_eq!(stand.send(bad.clone()).await.status, 403);
        expected.extend(recorded);
        assert_eq!(outcomes(&audit(&stand).await), expected, "{requests}");
    }
    let mut records = audit(&stand).await;
    let (mut denied, mut allowed) = (records.pop().unwrap(), records.pop().unwrap());
    let told = json!({
        "scopes": ["orders:read"],
        "claims": { "aud": "https://orders.example.com", "org": { "tenant": "acme" }, "level": 2 },
    });
    for record in [&mut denied, &mut allowed] {
        let (time, millis) = (record["time_dt"].take(), record["time"].take());
        let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
        assert_eq!(Some(time.as_millisecond()), millis.as_i64());
        assert_eq!(record["unmapped"]["token"].take(), told);
        let digest = gatepost::check::record::token_digest(&token);
        let session = json!({ "issuer": "test", "credential_uid": digest });
        assert_eq!(
            record["actor"].take(),
            json!({ "user": { "uid": "alice" }, "app_uid": "web", "session": session })
        );
        assert_eq!(record["src_endpoint"], json!({ "ip": "127.0.0.1" }));
        let id = record["http_request"]["uid"].take();
        assert_eq!(id.as_str().unwrap().len(), 36, "Envoy's request id");
    }
    let url = |path: &str| json!({ "hostname": HOST, "path": path });
    assert_eq!(
        allowed["http_request"],
        json!({ "http_method": "GET", "uid": null, "url": url("/orders/7") })
    );
    assert_eq!(allowed["unmapped"], json!({ "token": null, "headers": { "x-debug": [] } }));
    let policy = json!({ "name": "read", "version": "5" });
    assert_eq!(allowed["authorizations"], json!([{ "decision": "allow", "policy": policy }]));
    assert_eq!(
        (&allowed["type_uid"], &allowed["action_id"], &allowed["status_id"]),
        (&json!(600302), &json!(1), &json!(1))
    );
    assert_eq!(denied["http_request"]["url"], url("/orders/8"));
    assert_eq!(denied["unmapped"]["headers"], json!({ "x-debug": ["1", "2"] }));
    assert_eq!((&denied["status_code"], &denied["action_id"]), (&json!("condition_failed"), &json!(2)));
    let trail = [
        "route:passed",
        "credential:passed",
        "token:passed",
        "issuer:passed",
        "signature:passed",
        "claims:passed",
        "proof:passed",
        "policy:refused",
    ];
    assert_eq!(denied["unmapped"]["trail"], json!(trail));
    let log = stand.gatepost.process.log();
    for hidden in ["hidden", "alice@example.com", "eyJ", "Bearer"] {
        assert!(!log.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn a_second_has_as_many_lines_as_it_may_and_the_rest_is_counted() {
    const ASKED: u64 = 60;
    let mut stand: Stand = super::super::stand(POLICY).await;
    stand.gatepost.edit(config(stand.issuer.issuer(), "{ requests: all, per_second: 2 }"));
    until_generation(&stand, 2).await;
    for _ in 0..ASKED {
        assert_eq!(stand.send(get("/orders/7")).await.status, 401);
    }
    let records = audit(&stand).await;
    let mut seconds = BTreeMap::<String, u64>::new();
    for record in &records {
        let time: String =
            record["time_dt"].as_str().unwrap().chars().take("2026-11-23T12:00:00".len()).collect();
        *seconds.entry(time).or_default() += 1;
    }
    assert!(seconds.values().all(|lines| *lines <= 2), "{seconds:?}");
    let lines = family(&stand, "gatepost_audit_lines_total").await;
    let (written, left_out) = (lines["result=\"written\""], lines["result=\"left_out\""]);
    assert_eq!((written, written + left_out), (records.len() as u64, ASKED), "{lines:?}");
    assert!(left_out > 0, "it took half a minute to ask");
}
