//! Revocations by hand.

use gatepost_test_support::Mint;

use super::incident::{Incident, claim};

#[tokio::test]
async fn an_emergency_revocation_of_each_size_is_in_force_at_once() {
    let mut incident = Incident::quiet().await;
    let one = incident.mint(Mint { client: "batch", ..Mint::default() }).await;
    let of_alice = incident.token_of_session("s-1").await;
    let of_bob =
        Mint { subject: Some("bob"), claims: serde_json::json!({ "sid": "s-2" }), ..Mint::default() };
    let of_bob = incident.mint(of_bob).await;
    let of_web = incident.mint(Mint { subject: Some("carol"), ..Mint::default() }).await;
    let of_key = incident.mint(Mint { client: "batch", ..Mint::default() }).await;
    let kid = incident.stand.issuer.kid("RS256").await.unwrap();
    incident.stand.issuer.rotate("RS256").await.unwrap();
    let last = incident.mint(Mint { client: "batch", ..Mint::default() }).await;

    let mut book = incident.runbook("emergency-revocation.md");
    book.set_file("TOKEN_FILE", &one).set("SUBJECT", "alice").set("SESSION", "s-2");
    book.set("CLIENT", "web").set("KID", kid);
    book.follow_until_shown("Check").await;
    for (section, tokens) in [
        ("One token", &[&one][..]),
        ("A person, or a session", &[&of_alice, &of_bob]),
        ("A client", &[&of_web]),
        ("A signing key", &[&of_key]),
        ("Everything", &[&last]),
    ] {
        for token in tokens {
            assert_eq!(incident.status_of(token).await, 200, "before: {section}");
        }
        book.follow(section).await;
        for token in tokens {
            incident.until_status(token, 401).await;
        }
    }
    incident.redis.kill();
    book.follow("The feed's server is down too").await;
    incident.redis.restart().await.unwrap();
    book.follow_until_shown("Over when").await;
    assert!(incident.stand.gatepost.checks("token_revoked").await >= 6);
}

#[tokio::test]
async fn who_has_a_stolen_refresh_token_loses_its_access_tokens() {
    let incident = Incident::quiet().await;
    let (stolen, other) = (incident.token_of_session("s-1").await, incident.token_of_session("s-2").await);
    assert_eq!(incident.status_of(&stolen).await, 200);
    let mut book = incident.runbook("stolen-refresh-token.md");
    book.set_file("TOKEN_FILE", &stolen).set("SESSION", "s-1");
    book.follow_until_shown("Check").await;
    assert_eq!(incident.status_of(&stolen).await, 200, "nothing is published by looking");

    book.follow("Do").await;
    incident.until_status(&stolen, 401).await;
    book.follow_until_shown("Over when").await;
    assert_eq!(incident.status_of(&other).await, 200, "another session of the same person");
}

#[tokio::test]
async fn a_stolen_token_that_comes_again_is_found_in_metrics_and_audit_log() {
    let incident = Incident::quiet().await;
    let token = incident.token().await;
    incident.break_glass(&claim(&token, "jti"));
    incident.until_status(&token, 401).await;
    let refused = incident.audit_with("token_revoked").await;
    let mut book = incident.runbook("stolen-token.md");
    book.set_file("AUDIT", &refused);
    book.follow_until_shown("Check").await;
    book.follow_until_shown("Over when").await;
}
