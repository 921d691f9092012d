//! A transmitter of security events that is polled (OpenID SSF 1.0, RFC 8936), as a real one behaves (Keycloak): it
//! wants an access token, makes a stream on request, answers polls at once, and hands an event out until it is
//! acknowledged.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::error::{Doing as _, Result};
use crate::token::{self, Signer, Token};

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// What the transmitter knows; a test looks into it and changes it.
#[derive(Default)]
pub struct Book {
    /// Its issuer identifier.
    pub issuer: String,
    /// The access tokens given out; only the last is good.
    pub tokens: u32,
    /// The stream that was made.
    pub stream: Option<Value>,
    /// What it says of the stream.
    pub status: &'static str,
    /// What is yet to be acknowledged.
    pub waiting: BTreeMap<String, String>,
    /// The error codes that came for events.
    pub refused: Vec<Value>,
    /// How many answers to polls get lost on the way.
    pub lost: u32,
    /// How many polls came.
    pub polls: u32,
    /// Whether a poll that may wait is held, as long as there is nothing.
    pub holds: bool,
    news: Arc<Notify>,
    /// `events_delivered` of the stream, where that is not all that was asked for.
    pub delivers: Option<Value>,
}

type Shared = Arc<Mutex<Book>>;

/// A transmitter on a port of its own.
pub struct Transmitter {
    book: Shared,
    signer: Signer,
    directory: TempDir,
    _task: JoinSet<std::io::Result<()>>,
}

impl Transmitter {
    /// Starts one that has no stream yet.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.doing(|| "cannot listen".into())?;
        let issuer =
            format!("http://{}/realms/corp", listener.local_addr().doing(|| "cannot listen".into())?);
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
        task.spawn(async move { axum::serve(listener, pages).await });
        let directory = tempfile::tempdir().doing(|| "cannot make a temporary directory".into())?;
        let secret = fs::write(directory.path().join("secret"), "s3cret");
        secret.doing(|| "cannot write the secret".into())?;
        Ok(Self { book, signer: Signer::shared("RS256"), directory, _task: task })
    }

    /// Looks into its book.
    pub fn with<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        change(&mut self.book.lock().expect("no test panicked with it"))
    }

    /// Its issuer identifier.
    pub fn issuer(&self) -> String {
        self.with(|book| book.issuer.clone())
    }

    /// The file with our secret there; the client is called `gatepost`.
    pub fn secret_file(&self) -> PathBuf {
        self.directory.path().join("secret")
    }

    /// A security event of this transmitter's for us, with these claims besides.
    pub fn event(&self, jti: &str, claims: &Value) -> Token {
        let mut all = json!({
            "iss": self.issuer(), "jti": jti, "iat": token::now(), "aud": "gatepost/stream-1",
        });
        let members = all.as_object_mut().expect("an object");
        members.extend(claims.as_object().expect("an object").clone());
        Token::good().header("typ", "secevent+jwt").signed_by(&self.signer).only_claims(all)
    }

    /// Lets an event wait to be polled.
    pub fn send(&self, jti: &str, event: &Token) {
        let event = event.mint();
        self.with(|book| book.waiting.insert(jti.to_owned(), event));
        self.with(|book| book.news.notify_waiters());
    }
}

fn base(book: &Book) -> String {
    book.issuer.trim_end_matches("/realms/corp").to_owned()
}

async fn configuration(State(book): State<Shared>) -> String {
    let book = book.lock().expect("no test panicked with it");
    let at = |path| format!("{}/{path}", base(&book));
    json!({
        "issuer": book.issuer, "jwks_uri": at("keys"), "configuration_endpoint": at("streams"),
        "status_endpoint": at("status"), "delivery_methods_supported": ["urn:ietf:rfc:8936"],
    })
    .to_string()
}

async fn metadata(State(book): State<Shared>) -> String {
    let book = book.lock().expect("no test panicked with it");
    json!({ "issuer": book.issuer, "token_endpoint": format!("{}/token", base(&book)) }).to_string()
}

async fn access_token(State(book): State<Shared>, headers: HeaderMap, form: String) -> impl IntoResponse {
    let known = headers["authorization"] == "Basic Z2F0ZXBvc3Q6czNjcmV0";
    if !known || form != "grant_type=client_credentials&scope=ssf.read" {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let mut book = book.lock().expect("no test panicked with it");
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
    let book = book.lock().expect("no test panicked with it");
    if !is_let_in(&book, &headers) {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let push = json!({ "stream_id": "other", "aud": "x", "delivery": { "method": "urn:ietf:rfc:8935" } });
    let all = [push].into_iter().chain(book.stream.clone());
    (StatusCode::OK, Value::from(all.collect::<Vec<_>>()).to_string())
}

async fn make_stream(State(book): State<Shared>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let mut book = book.lock().expect("no test panicked with it");
    let asked: Value = serde_json::from_str(&body).unwrap();
    let fits = asked["delivery"]["method"] == "urn:ietf:rfc:8936"
        && asked["events_requested"].as_array().is_some_and(|all| all.contains(&json!(REVOKED)));
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
    json!({ "stream_id": "stream-1", "status": book.lock().expect("no test panicked with it").status })
        .to_string()
}

async fn poll(State(shared): State<Shared>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let asked: Value = serde_json::from_str(&body).unwrap();
    let held =
        |book: &Book| book.holds && book.waiting.is_empty() && asked["returnImmediately"] == json!(false);
    while held(&shared.lock().expect("no test panicked with it")) {
        let news = Arc::clone(&shared.lock().expect("no test panicked with it").news);
        shared.lock().expect("no test panicked with it").polls += 1;
        news.notified().await;
    }
    let mut book = shared.lock().expect("no test panicked with it");
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
