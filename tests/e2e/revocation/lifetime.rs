//! Promise: a token that could outlive its revocation does not pass at all.

use gatepost_test_support::token;

use super::{Feed, assert_revoked, one, revoking};

#[tokio::test]
async fn a_token_that_lives_longer_than_revocations_are_kept_is_refused() {
    let feed = Feed::file();
    let lines =
        format!("{}max_token_lifetime: 1h\nissuers: {{ test: {{ max_token_lifetime: 10m }} }}", one(&feed));
    let (stand, _secrets) = revoking(&lines).await;
    let living = |seconds: i64| {
        let now = token::now();
        stand.issuer.token().claim("iat", now).claim("exp", now + seconds).mint()
    };
    assert_eq!(stand.token(&living(600)).await.status, 200);
    assert_revoked(&stand.token(&living(601)).await, "one that lives a second longer");
    assert_eq!(stand.gatepost.checks("lifetime_too_long").await, 1);
    assert_eq!(stand.gatepost.checks("token_revoked").await, 0);
}
