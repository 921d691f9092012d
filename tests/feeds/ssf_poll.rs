//! A transmitter of security events that is polled: nothing it says is lost, and it hears what became of it.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use gatepost::check::revocation::{TokenFacts, TokenMarks};
use gatepost::clock::Clock;
use gatepost::config::{
    Client, ClientAuth, FeedOrigin, FeedSettings, MissedBeforeStart, RevocationSettings, SsfPollSettings,
};
use gatepost::sources::{Refusal, RevocationSources};
use gatepost::telemetry::metrics::RevocationMetrics;
use gatepost_test_support::{Signer, Token, Transmitter, token};
use serde_json::json;

use crate::stand::{Stand, feed, settings};

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// A transmitter, and the feed that polls it.
struct Signals(Transmitter);

impl Deref for Signals {
    type Target = Transmitter;

    fn deref(&self) -> &Transmitter {
        &self.0
    }
}

impl Signals {
    async fn start() -> Self {
        Self(Transmitter::start().await.unwrap())
    }

    fn feed(&self) -> FeedSettings {
        let secret_file = self.secret_file();
        let client = Client { id: "gatepost".to_owned(), auth: ClientAuth::SecretBasic { secret_file } };
        let poll = SsfPollSettings {
            transmitter: self.issuer(),
            client,
            token_endpoint: None,
            scopes: vec!["ssf.read".to_owned()],
            interval: Duration::from_millis(100),
            missed_before_start: MissedBeforeStart::Accept,
            ca_file: None,
        };
        let mut feed = feed("signals", FeedOrigin::SsfPoll(Box::new(poll)));
        feed.issuers = Some(vec![self.issuer()]);
        feed
    }

    /// As Keycloak sends it: the session of a user.
    fn revoking(&self, sid: &str) -> Token {
        let issuer = self.issuer();
        let claims = json!({
            "sub_id": {
                "format": "complex",
                "user": { "format": "iss_sub", "iss": issuer, "sub": "alice" },
                "session": { "format": "opaque", "id": sid },
            },
            "events": { REVOKED: { "event_timestamp": token::now() } },
        });
        self.event(&format!("event of {sid}"), &claims)
    }

    fn revokes(&self, stand: &Stand, sid: Option<&str>, subject: Option<&str>) -> bool {
        let issuer = self.issuer();
        let facts = TokenFacts { issuer: &issuer, session: sid, subject, ..TokenFacts::default() };
        TokenMarks::of(&facts).screen(stand.revocations.index()).is_some()
    }

    async fn until_revoked(&self, stand: &Stand, sid: &str) {
        stand.until(sid, |stand| self.revokes(stand, Some(sid), None)).await;
    }
}

#[tokio::test]
async fn makes_a_stream_and_takes_and_acknowledges_its_events() {
    let transmitter = Signals::start().await;
    for number in 0..5 {
        let sid = format!("s{number}");
        transmitter.send(&sid, &transmitter.revoking(&sid));
    }
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    for number in 0..5 {
        assert!(transmitter.revokes(&stand, Some(&format!("s{number}")), None));
    }
    transmitter.send("late", &transmitter.revoking("late"));
    transmitter.until_revoked(&stand, "late").await;
    stand.until("acknowledgement", |_| transmitter.with(|book| book.waiting.is_empty())).await;
    assert!(!transmitter.revokes(&stand, Some("other"), Some("alice")), "a session is not its user");
    assert_eq!(transmitter.with(|book| book.tokens), 1);
}

#[tokio::test]
async fn an_event_whose_answer_got_lost_comes_again() {
    let transmitter = Signals::start().await;
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    transmitter.with(|book| book.lost = 2);
    transmitter.send("s1", &transmitter.revoking("s1"));
    transmitter.until_revoked(&stand, "s1").await;
    stand.until("acknowledgement", |_| transmitter.with(|book| book.waiting.is_empty())).await;
    assert!(stand.status().connections > 1);
    // The stream was found, not made a second time.
    assert!(transmitter.with(|book| book.stream.is_some()));
}

#[tokio::test]
async fn gets_another_token_when_its_own_is_refused() {
    let transmitter = Signals::start().await;
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    transmitter.with(|book| book.tokens += 1);
    transmitter.send("s1", &transmitter.revoking("s1"));
    transmitter.until_revoked(&stand, "s1").await;
}

#[tokio::test]
async fn tells_the_transmitter_what_is_wrong_with_its_events_and_goes_on() {
    let transmitter = Signals::start().await;
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    let forged = transmitter.revoking("forged").forged_by(&Signer::generate("RS256"));
    transmitter.send("a", &forged);
    transmitter.send("b", &transmitter.revoking("b").claim("aud", "somebody else"));
    transmitter.send("c", &transmitter.revoking("c").header("typ", "JWT"));
    transmitter.send("d", &transmitter.revoking("good"));
    transmitter.until_revoked(&stand, "good").await;
    stand.until("what was refused", |_| transmitter.with(|book| book.refused.len() == 3)).await;
    let refused = transmitter.with(|book| book.refused.clone());
    for code in ["invalid_key", "invalid_audience", "invalid_request"] {
        assert!(refused.contains(&json!(code)), "{refused:?}");
    }
    assert_eq!(stand.status().refused.get(&Refusal::BadlySigned), Some(&2));
    for sid in ["forged", "b", "c"] {
        assert!(!transmitter.revokes(&stand, Some(sid), None), "{sid}");
    }
}

#[tokio::test]
async fn a_stream_that_is_held_back_is_stale_and_one_that_dropped_events_stays_so() {
    let updated = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";
    let transmitter = Signals::start().await;
    transmitter.with(|book| book.status = "paused");
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    assert!(stand.revocations.are_stale());
    let say = |status: &str| {
        let event = transmitter.revoking(status).claim("events", json!({ updated: { "status": status } }));
        transmitter.send(status, &event);
    };
    say("enabled");
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    assert_eq!(stand.status().gaps, 0);
    say("disabled");
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    say("enabled");
    stand.until("the gap", |stand| stand.status().gaps == 1).await;
    assert!(stand.revocations.are_stale());
}

#[tokio::test]
async fn a_transmitter_that_holds_polls_longer_than_a_feed_may_be_silent_is_not_taken_for_dead() {
    let transmitter = Signals::start().await;
    transmitter.with(|book| book.holds = true);
    let mut settings = settings(vec![transmitter.feed()]);
    settings.stale_after = Duration::from_millis(600);
    let stand = Stand::follow(settings);
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    let before = transmitter.with(|book| book.polls);
    stand
        .until("held polls that were given up", |stand| {
            assert!(!stand.revocations.are_stale());
            transmitter.with(|book| book.polls > before + 12)
        })
        .await;
    assert_eq!(stand.status().connections, 1);
    transmitter.send("s1", &transmitter.revoking("s1"));
    transmitter.until_revoked(&stand, "s1").await;
}

#[tokio::test]
async fn what_was_said_before_the_start_counts_as_missed_unless_that_is_accepted() {
    let transmitter = Signals::start().await;
    let mut feed = transmitter.feed();
    let FeedOrigin::SsfPoll(poll) = &mut feed.origin else { unreachable!() };
    poll.missed_before_start = MissedBeforeStart::Stale;
    let settings = |stale_after| RevocationSettings {
        stale_after: Duration::from_secs(stale_after),
        ..settings(vec![feed.clone()])
    };
    let metrics = RevocationMetrics::default();
    let sources = |former, settings| {
        RevocationSources::succeed(former, Some(settings), Clock::System, &metrics).unwrap()
    };
    let first = sources(None, settings(2));
    let stand = Stand::of(Arc::clone(first.revocations()));
    stand.until_caught_up().await;
    let until = stand.status().incomplete_until.expect("incomplete");
    assert!(stand.revocations.are_stale());
    // An edit neither forgets that nor begins anew: the stream was followed all the while.
    let second = sources(Some(&first), settings(3));
    let stand = Stand::of(Arc::clone(second.revocations()));
    stand.until_caught_up().await;
    assert_eq!(stand.status().incomplete_until, None);
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    assert!(until > gatepost::jose::UnixTime::from_seconds(token::now() + 3000));
}

#[tokio::test]
async fn a_stream_that_delivers_nothing_that_revokes_is_no_feed() {
    let transmitter = Signals::start().await;
    let event = "https://schemas.openid.net/secevent/caep/event-type/session-established";
    transmitter.with(|book| book.delivers = Some(json!([event])));
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until("a complaint", |stand| stand.status().last_error.is_some()).await;
    let told = stand.status().last_error.unwrap();
    assert!(told.contains("delivers no event that revokes"), "{told}");
    assert!(!stand.revocations.have_caught_up());
}

#[tokio::test]
async fn polls_no_more_often_than_it_should_when_it_is_answered_at_once() {
    let transmitter = Signals::start().await;
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    let before = transmitter.with(|book| book.polls);
    let waited = gatepost_test_support::wait::within(Duration::from_secs(1), "many polls", async || {
        // Ten fit into a second; twice as many would be a loop without a pause.
        transmitter.with(|book| book.polls > before + 20).then_some(())
    });
    assert!(waited.await.is_err());
}
