//! A transmitter of security events that is polled, as a real one behaves (issuers.md, Keycloak): it wants an
//! access token, makes a stream on request, answers polls at once, and hands an event out until it is acknowledged.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use gatepost::check::revocation::{TokenFacts, TokenMarks};
use gatepost::clock::Clock;
use gatepost::config::{
    Client, ClientAuth, FeedOrigin, FeedSettings, MissedBeforeStart, RevocationSettings, SsfPollSettings,
};
use gatepost::sources::{Refusal, RevocationSources};
use gatepost::telemetry::metrics::RevocationMetrics;
use gatepost_test_support::{Signer, Token, token};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::stand::{Stand, feed, settings};

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

#[derive(Default)]
struct Book {
    issuer: String,
    /// The access tokens given out; only the last is good.
    tokens: u32,
    stream: Option<Value>,
    status: &'static str,
    /// What is yet to be acknowledged.
    waiting: BTreeMap<String, String>,
    refused: Vec<Value>,
    /// How many answers to polls get lost on the way.
    lost: u32,
    polls: u32,
    /// Whether a poll that may wait is held, as long as there is nothing.
    holds: bool,
    news: Arc<Notify>,
    delivers: Option<Value>,
}

type Shared = Arc<Mutex<Book>>;

struct Transmitter {
    book: Shared,
    signer: Signer,
    directory: TempDir,
    _task: JoinSet<()>,
}

impl Transmitter {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realms/corp", listener.local_addr().unwrap());
        let book = Shared::new(Mutex::new(Book { issuer, status: "enabled", ..Book::default() }));
        let pages = Router::new()
            .route("/.well-known/ssf-configuration/realms/corp", get(configuration))
            .route("/realms/corp/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(|| async { token::jwks([&Signer::shared("RS256")]).to_string() }))
            .route("/token", post(access_token))
            .route("/streams", get(streams).post(make_stream))
            .route("/status", get(status))
            .route("/poll", post(poll))
            .with_state(Arc::clone(&book));
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, pages).await.unwrap() });
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("secret"), "s3cret").unwrap();
        Self { book, signer: Signer::shared("RS256"), directory, _task: task }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        change(&mut self.book.lock().unwrap())
    }

    fn issuer(&self) -> String {
        self.with(|book| book.issuer.clone())
    }

    fn feed(&self) -> FeedSettings {
        let secret_file = self.directory.path().join("secret");
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
    fn event(&self, sid: &str) -> Token {
        let issuer = self.issuer();
        Token::good().header("typ", "secevent+jwt").signed_by(&self.signer).only_claims(json!({
            "iss": issuer, "jti": format!("event of {sid}"), "iat": token::now(), "aud": "gatepost/stream-1",
            "sub_id": {
                "format": "complex",
                "user": { "format": "iss_sub", "iss": issuer, "sub": "alice" },
                "session": { "format": "opaque", "id": sid },
            },
            "events": { REVOKED: { "event_timestamp": token::now() } },
        }))
    }

    fn send(&self, jti: &str, event: &Token) {
        let event = event.mint();
        self.with(|book| book.waiting.insert(jti.to_owned(), event));
        self.with(|book| book.news.notify_waiters());
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

fn base(book: &Book) -> String {
    book.issuer.trim_end_matches("/realms/corp").to_owned()
}

async fn configuration(State(book): State<Shared>) -> String {
    let book = book.lock().unwrap();
    let at = |path| format!("{}/{path}", base(&book));
    json!({
        "issuer": book.issuer, "jwks_uri": at("keys"), "configuration_endpoint": at("streams"),
        "status_endpoint": at("status"), "delivery_methods_supported": ["urn:ietf:rfc:8936"],
    })
    .to_string()
}

async fn metadata(State(book): State<Shared>) -> String {
    let book = book.lock().unwrap();
    json!({ "issuer": book.issuer, "token_endpoint": format!("{}/token", base(&book)) }).to_string()
}

async fn access_token(State(book): State<Shared>, headers: HeaderMap, form: String) -> impl IntoResponse {
    let known = headers["authorization"] == "Basic Z2F0ZXBvc3Q6czNjcmV0";
    if !known || form != "grant_type=client_credentials&scope=ssf.read" {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let mut book = book.lock().unwrap();
    book.tokens += 1;
    let token =
        json!({ "access_token": format!("t{}", book.tokens), "token_type": "Bearer", "expires_in": 300 });
    (StatusCode::OK, token.to_string())
}

/// Whether the request has the last token that was given out.
fn is_let_in(book: &Book, headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| *value == *format!("Bearer t{}", book.tokens))
}

async fn streams(State(book): State<Shared>, headers: HeaderMap) -> impl IntoResponse {
    let book = book.lock().unwrap();
    if !is_let_in(&book, &headers) {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let push = json!({ "stream_id": "other", "aud": "x", "delivery": { "method": "urn:ietf:rfc:8935" } });
    let all = [push].into_iter().chain(book.stream.clone());
    (StatusCode::OK, Value::from(all.collect::<Vec<_>>()).to_string())
}

async fn make_stream(State(book): State<Shared>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let mut book = book.lock().unwrap();
    let asked: Value = serde_json::from_str(&body).unwrap();
    let fits = asked["delivery"]["method"] == "urn:ietf:rfc:8936"
        && asked["events_requested"].as_array().unwrap().contains(&json!(REVOKED));
    if !is_let_in(&book, &headers) || !fits || book.stream.is_some() {
        return (StatusCode::BAD_REQUEST, String::new());
    }
    let endpoint = format!("{}/poll", base(&book));
    let stream = json!({
        "stream_id": "stream-1", "aud": "gatepost/stream-1", "iss": book.issuer,
        "delivery": { "method": "urn:ietf:rfc:8936", "endpoint_url": endpoint },
        "events_delivered": book.delivers.clone().unwrap_or_else(|| asked["events_requested"].clone()),
    });
    book.stream = Some(stream.clone());
    (StatusCode::CREATED, stream.to_string())
}

async fn status(State(book): State<Shared>) -> String {
    json!({ "stream_id": "stream-1", "status": book.lock().unwrap().status }).to_string()
}

async fn poll(State(shared): State<Shared>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let asked: Value = serde_json::from_str(&body).unwrap();
    let held =
        |book: &Book| book.holds && book.waiting.is_empty() && asked["returnImmediately"] == json!(false);
    while held(&shared.lock().unwrap()) {
        let news = Arc::clone(&shared.lock().unwrap().news);
        shared.lock().unwrap().polls += 1;
        news.notified().await;
    }
    let mut book = shared.lock().unwrap();
    if !is_let_in(&book, &headers) {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    book.polls += 1;
    for jti in asked["ack"].as_array().into_iter().flatten() {
        book.waiting.remove(jti.as_str().unwrap());
    }
    for (jti, error) in asked["setErrs"].as_object().into_iter().flatten() {
        book.waiting.remove(jti);
        book.refused.push(error["err"].clone());
    }
    if book.lost > 0 && !book.waiting.is_empty() {
        book.lost -= 1;
        return (StatusCode::BAD_GATEWAY, String::new());
    }
    let sets: BTreeMap<_, _> = book.waiting.iter().take(2).collect();
    let more = book.waiting.len() > sets.len();
    (StatusCode::OK, json!({ "sets": sets, "moreAvailable": more }).to_string())
}

#[tokio::test]
async fn makes_a_stream_and_takes_and_acknowledges_its_events() {
    let transmitter = Transmitter::start().await;
    for number in 0..5 {
        let sid = format!("s{number}");
        transmitter.send(&sid, &transmitter.event(&sid));
    }
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    for number in 0..5 {
        assert!(transmitter.revokes(&stand, Some(&format!("s{number}")), None));
    }
    transmitter.send("late", &transmitter.event("late"));
    transmitter.until_revoked(&stand, "late").await;
    stand.until("acknowledgement", |_| transmitter.with(|book| book.waiting.is_empty())).await;
    assert!(!transmitter.revokes(&stand, Some("other"), Some("alice")), "a session is not its user");
    assert_eq!(transmitter.with(|book| book.tokens), 1);
}

#[tokio::test]
async fn an_event_whose_answer_got_lost_comes_again() {
    let transmitter = Transmitter::start().await;
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    transmitter.with(|book| book.lost = 2);
    transmitter.send("s1", &transmitter.event("s1"));
    transmitter.until_revoked(&stand, "s1").await;
    stand.until("acknowledgement", |_| transmitter.with(|book| book.waiting.is_empty())).await;
    assert!(stand.status().connections > 1);
    // The stream was found, not made a second time.
    assert!(transmitter.with(|book| book.stream.is_some()));
}

#[tokio::test]
async fn gets_another_token_when_its_own_is_refused() {
    let transmitter = Transmitter::start().await;
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    transmitter.with(|book| book.tokens += 1);
    transmitter.send("s1", &transmitter.event("s1"));
    transmitter.until_revoked(&stand, "s1").await;
}

#[tokio::test]
async fn tells_the_transmitter_what_is_wrong_with_its_events_and_goes_on() {
    let transmitter = Transmitter::start().await;
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    let forged = transmitter.event("forged").forged_by(&Signer::generate("RS256"));
    transmitter.send("a", &forged);
    transmitter.send("b", &transmitter.event("b").claim("aud", "somebody else"));
    transmitter.send("c", &transmitter.event("c").header("typ", "JWT"));
    transmitter.send("d", &transmitter.event("good"));
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
    let transmitter = Transmitter::start().await;
    transmitter.with(|book| book.status = "paused");
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    assert!(stand.revocations.are_stale());
    let say = |status: &str| {
        let event = transmitter.event(status).claim("events", json!({ updated: { "status": status } }));
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
    let transmitter = Transmitter::start().await;
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
    transmitter.send("s1", &transmitter.event("s1"));
    transmitter.until_revoked(&stand, "s1").await;
}

#[tokio::test]
async fn what_was_said_before_the_start_counts_as_missed_unless_that_is_accepted() {
    let transmitter = Transmitter::start().await;
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
    let transmitter = Transmitter::start().await;
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
    let transmitter = Transmitter::start().await;
    let stand = Stand::follow(settings(vec![transmitter.feed()]));
    stand.until_caught_up().await;
    let before = transmitter.with(|book| book.polls);
    let waited = gatepost_test_support::wait::within(Duration::from_secs(1), "many polls", async || {
        // Ten fit into a second; twice as many would be a loop without a pause.
        transmitter.with(|book| book.polls > before + 20).then_some(())
    });
    assert!(waited.await.is_err());
}
