//! Messages that are signed, and those that should be.

use std::fs;
use std::path::PathBuf;

use gatepost::config::{FeedOrigin, FeedSettings, SignedSettings, SignerKeys};
use gatepost::sources::Refusal;
use gatepost_test_support::{Signer, Token, token};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stand::{Stand, feed, message, settings};

const WRITER: &str = "https://hub.example.com";

struct Feed {
    directory: TempDir,
}

impl Feed {
    fn new(signer: &Signer) -> Self {
        let directory = TempDir::new().unwrap();
        let feed = Self { directory };
        fs::write(feed.path(), "").unwrap();
        feed.trust(signer);
        feed
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("feed")
    }

    fn trust(&self, signer: &Signer) {
        fs::write(self.directory.path().join("jwks.json"), token::jwks([signer]).to_string()).unwrap();
    }

    fn settings(&self, required: bool) -> FeedSettings {
        let mut feed = feed("signed", FeedOrigin::File(self.path()));
        feed.signed = Some(SignedSettings {
            required,
            issuer: WRITER.to_owned(),
            audiences: vec!["gatepost".to_owned()],
            keys: SignerKeys::File(self.directory.path().join("jwks.json")),
        });
        feed
    }

    fn write(&self, line: &str) {
        let text = fs::read_to_string(self.path()).unwrap();
        fs::write(self.path(), format!("{text}{line}\n")).unwrap();
    }
}

fn enveloped(jti: &str) -> Token {
    let message: Value = serde_json::from_str(&message(jti)).unwrap();
    Token::good().header("typ", "secevent+jwt").only_claims(json!({
        "iss": WRITER, "aud": "gatepost", "iat": token::now(), "jti": format!("event of {jti}"),
        "events": { "urn:gatepost:revocation:1": message },
    }))
}

#[tokio::test]
async fn only_what_the_configured_keys_signed_counts_where_that_is_required() {
    let signer = Signer::shared("ES256");
    let feed = Feed::new(&signer);
    feed.write(&message("unsigned"));
    feed.write(&enveloped("forged").signed_by(&signer).forged_by(&Signer::generate("ES256")).mint());
    feed.write(&enveloped("good").signed_by(&signer).mint());
    let stand = Stand::follow(settings(vec![feed.settings(true)]));
    stand.until_revoked("good").await;
    assert!(!stand.revokes("unsigned") && !stand.revokes("forged"));
    assert_eq!(stand.status().refused.get(&Refusal::Unsigned), Some(&1));
}

#[tokio::test]
async fn a_bad_signature_is_counted_and_stops_nothing() {
    let signer = Signer::shared("ES256");
    let feed = Feed::new(&signer);
    let stranger = Signer::generate("ES256").kid(signer.key_id().unwrap());
    feed.write(&enveloped("forged").signed_by(&stranger).mint());
    feed.write(&enveloped("unknown").signed_by(&Signer::generate("ES256").kid("unknown")).mint());
    feed.write(&enveloped("good").signed_by(&signer).mint());
    let stand = Stand::follow(settings(vec![feed.settings(true)]));
    stand.until_revoked("good").await;
    assert!(!stand.revokes("forged") && !stand.revokes("unknown"));
    assert_eq!(stand.status().refused.get(&Refusal::BadlySigned), Some(&2));
}

#[tokio::test]
async fn plain_messages_count_beside_signed_ones_where_that_is_allowed() {
    let signer = Signer::shared("ES256");
    let feed = Feed::new(&signer);
    feed.write(&message("plain"));
    feed.write(&enveloped("good").signed_by(&signer).mint());
    let stand = Stand::follow(settings(vec![feed.settings(false)]));
    stand.until_revoked("plain").await;
    stand.until_revoked("good").await;
}

#[tokio::test]
async fn a_key_that_was_published_since_is_found() {
    let (old, new) = (Signer::shared("ES256"), Signer::generate("ES256").kid("new"));
    let feed = Feed::new(&old);
    feed.write(&enveloped("by the old key").signed_by(&old).mint());
    let stand = Stand::follow(settings(vec![feed.settings(true)]));
    stand.until_revoked("by the old key").await;
    feed.trust(&new);
    feed.write(&enveloped("by the new key").signed_by(&new).mint());
    stand.until_revoked("by the new key").await;
}

#[tokio::test]
async fn what_an_unknown_key_signed_waits_beside_the_feed_until_the_key_is_there() {
    let (old, new) = (Signer::shared("ES256"), Signer::generate("ES256").kid("new"));
    let feed = Feed::new(&old);
    feed.write(&enveloped("first").signed_by(&old).mint());
    let stand = Stand::follow(settings(vec![feed.settings(true)]));
    stand.until_revoked("first").await;
    // While the keys can't be read the feed goes on.
    let keys = feed.directory.path().join("jwks.json");
    fs::remove_file(&keys).unwrap();
    feed.write(&enveloped("early").signed_by(&new).mint());
    feed.write(&enveloped("junk").signed_by(&Signer::generate("ES256").kid("junk")).mint());
    feed.write(&enveloped("meanwhile").signed_by(&old).mint());
    stand.until_revoked("meanwhile").await;
    assert!(!stand.revokes("early"));
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    feed.trust(&new);
    stand.until_revoked("early").await;
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    assert!(!stand.revokes("junk"));
    assert_eq!(stand.status().refused.get(&Refusal::BadlySigned), Some(&1));
}

#[tokio::test]
async fn nothing_is_passed_over_while_the_keys_cannot_be_had() {
    let signer = Signer::shared("ES256");
    let feed = Feed::new(&signer);
    feed.write(&enveloped("good").signed_by(&signer).mint());
    let keys = feed.directory.path().join("jwks.json");
    let away = feed.directory.path().join("away.json");
    fs::rename(&keys, &away).unwrap();
    let stand = Stand::follow(settings(vec![feed.settings(true)]));
    stand.until("a complaint", |stand| stand.status().last_error.is_some()).await;
    assert!(!stand.revocations.have_caught_up());
    fs::rename(&away, &keys).unwrap();
    stand.until_revoked("good").await;
}
