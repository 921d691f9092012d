//! An introspection endpoint (RFC 7662) inside the test: what it says of each token is what the test says, and
//! so are its faults. Each request is recorded.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::client::percent_decode;
use crate::error::Doing as _;
use crate::http::{self, Answered, Asked};
use crate::tls::Certificates;
use crate::{Result, Signer, Token, token};

/// An issuer with metadata, keys (RS256 and ES256, [`Signer::shared`]) and `POST /introspect`.
pub struct IntrospectionServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    certificates: Option<Certificates>,
    _serving: JoinSet<()>,
}

/// What the endpoint says of a token.
#[derive(Clone, Debug)]
pub enum Say {
    /// 200 with this JSON.
    Json(Value),
    /// 200 with this body of type `application/token-introspection+jwt` (RFC 9701).
    Signed(String),
    /// Anything.
    Raw { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Nothing, until it says something else of this token, which is then said.
    Hang,
}

impl Say {
    /// That it is not active.
    pub fn inactive() -> Self {
        Self::Json(json!({ "active": false }))
    }

    /// 200, JSON by its content type, and this body.
    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self::Raw { status: 200, headers, body: body.into() }
    }

    /// This status and a good answer for a body, which does not count.
    pub fn status(status: u16) -> Self {
        Self::status_with(status, &[])
    }

    /// As [`Say::status`], with these headers.
    pub fn status_with(status: u16, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Self::Raw { status, headers, body: br#"{"active":true}"#.into() }
    }
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Introspected {
    pub authorization: Option<String>,
    pub accept: Option<String>,
    /// The fields of the form, decoded.
    pub form: HashMap<String, String>,
    /// Whether it came with a client certificate.
    pub certified: bool,
}

impl Introspected {
    /// A field of the form; empty when it is not there.
    pub fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", |value| value)
    }
}

struct Shared {
    issuer: String,
    script: watch::Sender<Script>,
    requests: Mutex<Vec<Introspected>>,
}

#[derive(Clone)]
struct Script {
    said: HashMap<String, Say>,
    otherwise: Say,
}

impl Script {
    fn of(&self, token: &str) -> &Say {
        self.said.get(token).unwrap_or(&self.otherwise)
    }
}

impl IntrospectionServer {
    /// At `http://127.0.0.1:PORT`; every token is inactive until it says otherwise.
    pub async fn start() -> Result<Self> {
        Self::run(None).await
    }

    /// At `https://localhost:PORT`, where only clients with [`IntrospectionServer::client_certificate`] get in.
    pub async fn start_with_mutual_tls() -> Result<Self> {
        Self::run(Some(Certificates::new()?)).await
    }

    async fn run(certificates: Option<Certificates>) -> Result<Self> {
        let doing = || "cannot start the introspection server".to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.doing(doing)?;
        let address = listener.local_addr().doing(doing)?;
        let issuer = match certificates {
            None => format!("http://{address}"),
            Some(_) => format!("https://localhost:{}", address.port()),
        };
        let script = Script { said: HashMap::new(), otherwise: Say::inactive() };
        let shared =
            Arc::new(Shared { issuer, script: watch::Sender::new(script), requests: Mutex::default() });
        let tls: Option<TlsAcceptor> = certificates.as_ref().map(Certificates::acceptor).transpose()?;
        let mut serving = JoinSet::new();
        let answering = Arc::clone(&shared);
        serving.spawn(http::serve(listener, tls, move |asked| answer(Arc::clone(&answering), asked)));
        Ok(Self { address, shared, certificates, _serving: serving })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// A good JWT of this issuer.
    pub fn token(&self) -> Token {
        Token::good().claim("iss", self.issuer())
    }

    /// What it says of a good token: alice's, through the client `web`, for reading orders.
    pub fn active(&self) -> Value {
        json!({
            "active": true,
            "iss": self.issuer(),
            "aud": Token::AUDIENCE,
            "sub": "alice",
            "client_id": "web",
            "scope": "orders:read",
            "token_type": "Bearer",
            "exp": token::now() + 300,
        })
    }

    /// As [`IntrospectionServer::active`], with these members too.
    pub fn active_with(&self, members: &[(&str, Value)]) -> Value {
        let mut answer = self.active();
        members.iter().for_each(|(name, value)| answer[*name] = value.clone());
        answer
    }

    /// What it says of this token from here on.
    pub fn says(&self, token: &str, say: Say) {
        crate::secrets::remember(token);
        self.shared.script.send_modify(|script| {
            script.said.insert(token.into(), say);
        });
    }

    /// That this token is good, from here on.
    pub fn calls_good(&self, token: &str) {
        self.says(token, Say::Json(self.active()));
    }

    /// What it says of tokens that it was told nothing about.
    pub fn says_of_others(&self, say: Say) {
        self.shared.script.send_modify(|script| script.otherwise = say);
    }

    /// The introspection requests that have come, in their order.
    pub fn requests(&self) -> Vec<Introspected> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many introspection requests have come.
    pub fn calls(&self) -> usize {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many of them were about this token.
    pub fn calls_about(&self, token: &str) -> usize {
        let requests = self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|request| request.field("token") == token).count()
    }

    /// The certificate of the authority that its own is from, in PEM.
    ///
    /// # Panics
    /// Without mutual TLS; so do the others about certificates.
    pub fn authority(&self) -> &str {
        &self.tls().authority
    }

    /// A client certificate that it takes, and its key, in PEM.
    pub fn client_certificate(&self) -> (&str, &str) {
        (&self.tls().client, &self.tls().client_key)
    }

    fn tls(&self) -> &Certificates {
        self.certificates.as_ref().expect("it was started with mutual TLS")
    }
}

async fn answer(shared: Arc<Shared>, asked: Asked) -> Answered {
    let issuer = &shared.issuer;
    match &*asked.path {
        "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" => {
            let metadata = json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/jwks"),
                "introspection_endpoint": format!("{issuer}/introspect"),
            });
            Answered::of("application/json", metadata.to_string())
        }
        "/jwks" => {
            let keys = token::jwks(&[Signer::shared("RS256"), Signer::shared("ES256")]);
            Answered::of("application/json", keys.to_string())
        }
        "/introspect" => introspect(&shared, &asked).await,
        _ => Answered { status: 404, headers: vec![], body: vec![] },
    }
}

async fn introspect(shared: &Shared, asked: &Asked) -> Answered {
    let pairs = asked.body.split('&').filter_map(|pair| pair.split_once('='));
    let form: HashMap<_, _> =
        pairs.map(|(name, value)| (percent_decode(name), percent_decode(value))).collect();
    let token = form.get("token").cloned().unwrap_or_default();
    let mut scripts = shared.script.subscribe();
    let header = |name| asked.header(name).map(str::to_owned);
    let (authorization, accept) = (header("authorization"), header("accept"));
    let credentials = authorization.as_deref().and_then(|value| value.split_once(' ')).map(|(_, its)| its);
    let sent = ["client_assertion", "client_secret", "token"].into_iter().filter_map(|name| form.get(name));
    credentials.into_iter().chain(sent.map(String::as_str)).for_each(crate::secrets::remember);
    let request = Introspected { authorization, accept, form, certified: asked.certified };
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    // The sender is in `shared`, so there is always a script to wait for.
    let script = scripts.wait_for(|script| !matches!(script.of(&token), Say::Hang)).await;
    let say = script.expect("the sender lives").of(&token).clone();
    match say {
        Say::Json(value) => Answered::of("application/json", value.to_string()),
        Say::Signed(text) => Answered::of("application/token-introspection+jwt", text),
        Say::Raw { status, headers, body } => Answered { status, headers, body },
        Say::Hang => unreachable!("it was waited for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, wait};

    #[tokio::test]
    async fn says_what_it_is_told_to_and_records_the_question() {
        let server = IntrospectionServer::start().await.unwrap();
        server.calls_good("a+b%");
        let ask = Request::post("/introspect").form(&[("token", "a+b%")]).header("Authorization", "Basic x");
        let answer = ask.send(server.address()).await.unwrap().json().unwrap();
        assert_eq!((&answer["active"], &answer["sub"]), (&json!(true), &json!("alice")));
        assert_eq!((server.calls(), server.calls_about("a+b%")), (1, 1));
        assert_eq!(server.requests()[0].authorization.as_deref(), Some("Basic x"));
    }

    #[tokio::test]
    async fn hangs_about_one_token_until_it_says_something_else() {
        let server = IntrospectionServer::start().await.unwrap();
        server.says("a", Say::Hang);
        let ask = Request::post("/introspect").form(&[("token", "a")]);
        let heal = async {
            wait::until("the request", async || (server.calls() == 1).then_some(())).await.unwrap();
            server.says("b", Say::status(500));
            server.says("a", Say::status(418));
        };
        let (answer, ()) = tokio::join!(ask.send(server.address()), heal);
        assert_eq!(answer.unwrap().status, 418);
    }
}
