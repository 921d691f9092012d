//! Feeds that are silent.

use super::incident::{Incident, claim};

#[tokio::test]
async fn while_a_feed_is_silent_another_one_revokes_and_its_return_is_seen() {
    let mut incident = Incident::quiet().await;
    let token = incident.token().await;
    incident.redis.kill();
    let mut book = incident.runbook("revocation-feed-silent.md");
    book.follow_until_shown("Check").await;
    assert_eq!(incident.status_of(&token).await, 200, "what is not known to be revoked passes");
    book.set("JTI", claim(&token, "jti")).follow("Do").await;
    incident.until_status(&token, 401).await;

    incident.redis.restart().await.unwrap();
    book.follow_until_shown("Over when").await;
    assert_eq!(incident.status_of(&token).await, 401);
}
