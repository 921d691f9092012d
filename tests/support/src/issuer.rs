//! An issuer inside the test: its metadata and its keys are what the test says, and so are its faults.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::Doing as _;
use crate::http::{self, Answered, Asked};
use crate::{Endpoint, ReservedPort, Result, Signer, Token, token};

/// An issuer at `http://127.0.0.1:PORT` without a token endpoint: a test mints its tokens itself.
///
/// It serves OpenID Connect and RFC 8414 metadata and, at first, the key [`Signer::shared`] of RS256.
pub struct TestIssuer {
    port: ReservedPort,
    shared: Arc<Shared>,
    serving: JoinSet<()>,
}

/// What an endpoint answers.
#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// What it should.
    #[default]
    Truth,
    /// Nothing, until another reply takes the place of this, which is then given.
    Hang,
    /// What it should, but this much later.
    Late(Duration),
    /// This status and an HTML page that says so.
    Status(u16),
    /// Status 200 and this body.
    Body(String),
    /// Status 302 and this location.
    Redirect(String),
}

struct Shared {
    issuer: String,
    state: watch::Sender<State>,
    metadata_requests: AtomicU64,
    jwks_requests: AtomicU64,
    not_modified: AtomicU64,
}

#[derive(Clone)]
struct State {
    jwks: String,
    named_issuer: String,
    etag: bool,
    metadata: Reply,
    keys: Reply,
}

impl TestIssuer {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let mut issuer = Self::down()?;
        issuer.go_up().await?;
        Ok(issuer)
    }

    /// One that has an address, where connections are refused until [`TestIssuer::go_up`].
    pub fn down() -> Result<Self> {
        let port = ReservedPort::choose()?;
        let issuer = format!("http://{}", port.address());
        let state = State {
            jwks: token::jwks([&Signer::shared("RS256")]).to_string(),
            named_issuer: issuer.clone(),
            etag: false,
            metadata: Reply::Truth,
            keys: Reply::Truth,
        };
        let shared = Shared {
            issuer,
            state: watch::Sender::new(state),
            metadata_requests: AtomicU64::new(0),
            jwks_requests: AtomicU64::new(0),
            not_modified: AtomicU64::new(0),
        };
        Ok(Self { port, shared: Arc::new(shared), serving: JoinSet::new() })
    }

    /// Begins to listen, at the address it always had.
    pub async fn go_up(&mut self) -> Result<()> {
        let listener =
            TcpListener::bind(self.address()).await.doing(|| "cannot start the test issuer".into())?;
        let shared = Arc::clone(&self.shared);
        self.serving.spawn(http::serve(listener, None, move |asked| answer(Arc::clone(&shared), asked)));
        Ok(())
    }

    /// Cuts its connections and refuses new ones.
    pub async fn go_down(&mut self) {
        self.serving.shutdown().await;
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    pub fn jwks_uri(&self) -> String {
        format!("{}/jwks", self.issuer())
    }

    /// A good token of this issuer.
    pub fn token(&self) -> Token {
        Token::good().claim("iss", self.issuer())
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, signers: &[&Signer]) {
        self.publish_jwks(&token::jwks(signers.iter().copied()));
    }

    /// Publishes this for a key set, whatever it is.
    pub fn publish_jwks(&self, jwks: &Value) {
        self.shared.state.send_modify(|state| state.jwks = jwks.to_string());
    }

    /// The `issuer` that its metadata names; its own at first.
    pub fn name_itself(&self, issuer: &str) {
        self.shared.state.send_modify(|state| state.named_issuer = issuer.into());
    }

    /// Whether the key set has an ETag and answers 304 to a client that knows it; at first it has none.
    pub fn etag(&self, on: bool) {
        self.shared.state.send_modify(|state| state.etag = on);
    }

    /// What [`Endpoint::Metadata`] or [`Endpoint::Jwks`] answers from here on.
    ///
    /// # Panics
    /// For an endpoint that it does not have.
    pub fn reply(&self, endpoint: Endpoint, reply: Reply) {
        self.shared.state.send_modify(|state| match endpoint {
            Endpoint::Metadata => state.metadata = reply,
            Endpoint::Jwks => state.keys = reply,
            other => panic!("a test issuer has no {other:?} endpoint"),
        });
    }

    /// How many requests for its metadata have come.
    pub fn metadata_requests(&self) -> u64 {
        self.shared.metadata_requests.load(Relaxed)
    }

    /// How many requests for its keys have come.
    pub fn jwks_requests(&self) -> u64 {
        self.shared.jwks_requests.load(Relaxed)
    }

    /// How many of them were answered with 304.
    pub fn not_modified(&self) -> u64 {
        self.shared.not_modified.load(Relaxed)
    }
}

async fn answer(shared: Arc<Shared>, asked: Asked) -> Answered {
    let (counter, which): (_, fn(&State) -> &Reply) = match &*asked.path {
        "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" => {
            (&shared.metadata_requests, |state| &state.metadata)
        }
        "/jwks" => (&shared.jwks_requests, |state| &state.keys),
        _ => return page(404),
    };
    counter.fetch_add(1, Relaxed);
    let mut states = shared.state.subscribe();
    // The sender is in `shared`, so there is always a state to wait for.
    let held = states.wait_for(|state| !matches!(which(state), Reply::Hang)).await;
    let state = held.expect("the sender lives").clone();
    match which(&state) {
        Reply::Truth | Reply::Hang => truth(&shared, &asked),
        Reply::Late(delay) => {
            tokio::time::sleep(*delay).await;
            truth(&shared, &asked)
        }
        Reply::Status(status) => page(*status),
        Reply::Body(body) => json_text(body.clone()),
        Reply::Redirect(to) => {
            Answered { status: 302, headers: vec![("location".into(), to.clone())], body: vec![] }
        }
    }
}

fn truth(shared: &Shared, asked: &Asked) -> Answered {
    let state = shared.state.borrow();
    if asked.path != "/jwks" {
        let jwks_uri = format!("{}/jwks", shared.issuer);
        return json_text(json!({ "issuer": state.named_issuer, "jwks_uri": jwks_uri }).to_string());
    }
    let mut answered = json_text(state.jwks.clone());
    if state.etag {
        let etag = format!("\"{}\"", digest(&state.jwks));
        if asked.header("if-none-match") == Some(&etag) {
            shared.not_modified.fetch_add(1, Relaxed);
            answered = Answered { status: 304, headers: vec![], body: vec![] };
        }
        answered.headers.push(("etag".into(), etag));
    }
    answered
}

fn digest(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn json_text(text: String) -> Answered {
    Answered::of("application/json", text)
}

fn page(status: u16) -> Answered {
    Answered { status, ..Answered::of("text/html", format!("<!doctype html><title>{status}</title>")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, wait};

    async fn get(issuer: &TestIssuer, target: &str) -> crate::Answer {
        Request::get(target).send(issuer.address()).await.unwrap()
    }

    #[tokio::test]
    async fn serves_both_metadata_documents_and_its_keys() {
        let issuer = TestIssuer::start().await.unwrap();
        for target in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
            let metadata = get(&issuer, target).await.json().unwrap();
            assert_eq!(metadata, json!({ "issuer": issuer.issuer(), "jwks_uri": issuer.jwks_uri() }));
        }
        issuer.publish(&[&Signer::shared("ES256")]);
        assert_eq!(get(&issuer, "/jwks").await.json().unwrap()["keys"][0]["kid"], "ES256");
        assert_eq!((issuer.metadata_requests(), issuer.jwks_requests()), (2, 1));
    }

    #[tokio::test]
    async fn is_down_until_it_goes_up_and_down_again() {
        let mut issuer = TestIssuer::down().unwrap();
        for _ in 0..2 {
            assert!(Request::get("/jwks").send(issuer.address()).await.is_err());
            issuer.go_up().await.unwrap();
            assert_eq!(get(&issuer, "/jwks").await.status, 200);
            issuer.go_down().await;
        }
    }

    #[tokio::test]
    async fn a_hanging_endpoint_answers_once_it_is_told_what() {
        let issuer = TestIssuer::start().await.unwrap();
        issuer.reply(Endpoint::Jwks, Reply::Hang);
        let heal = async {
            wait::until("the request", async || (issuer.jwks_requests() == 1).then_some(())).await.unwrap();
            issuer.reply(Endpoint::Jwks, Reply::Status(500));
        };
        let (answer, ()) = tokio::join!(get(&issuer, "/jwks"), heal);
        assert_eq!(answer.status, 500);
    }

    #[tokio::test]
    async fn an_etag_saves_the_body_until_the_keys_change() {
        let issuer = TestIssuer::start().await.unwrap();
        issuer.etag(true);
        let etag = get(&issuer, "/jwks").await.header("etag").unwrap().to_owned();
        let again = Request::get("/jwks").header("If-None-Match", &etag);
        assert_eq!(again.send(issuer.address()).await.unwrap().status, 304);
        issuer.publish(&[]);
        assert_eq!(again.send(issuer.address()).await.unwrap().status, 200);
        assert_eq!(issuer.not_modified(), 1);
    }
}
