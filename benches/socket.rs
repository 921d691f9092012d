//! A check over the Unix socket, as Envoy asks it, with the server in this process: a good JWT, an opaque
//! token whose answer is kept, a denial and a public route. The public route is nearly all transport, so the others are to be read against it.

#![expect(clippy::unwrap_used, reason = "a bench that fails has nothing to measure")]

use std::fs;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use gatepost::config::{Files, compile};
use gatepost::envoy::proto::envoy::service::auth::v3::attribute_context::{
    HttpRequest, Request as AttributeRequest,
};
use gatepost::envoy::proto::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use gatepost::envoy::proto::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use gatepost::serve::serve;
use gatepost_test_support::{IntrospectionServer, ReservedPort, Signer, Token, token, wait};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};

const POLICY: &str = r#"
rules:
  - { name: health, match: { path: /healthz }, public: true }
  - name: read orders
    match: { methods: [GET], path: /orders/** }
    require: { scopes: ["orders:read"] }
    forward: { x-subject: token.sub }
"#;

/// The size of a browser's request: what Envoy sends besides the credential.
fn question(path: &str, token: Option<&str>) -> CheckRequest {
    let mut headers: std::collections::HashMap<_, _> =
        (0..20).map(|n| (format!("x-header-{n}"), "some value of ordinary length".to_owned())).collect();
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    let http = HttpRequest {
        method: "GET".to_owned(),
        path: path.to_owned(),
        host: "orders.example.com".to_owned(),
        headers,
        header_map: None,
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: None,
            request: Some(AttributeRequest { http: Some(http) }),
        }),
    }
}

fn configuration(issuer: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    let admin = ReservedPort::choose().unwrap().address();
    let gatepost = format!(
        "listen: {{ authz: \"unix:{}/authz.sock\", admin: \"{admin}\" }}\n\
         issuers:\n  - name: bench\n    issuer: {issuer}\n    audiences: [\"{}\"]\n    jwks_file: jwks.json\n    \
         introspection:\n      client: {{ id: bench, auth: client_secret_basic, secret_file: secret }}\n",
        directory.path().display(),
        Token::AUDIENCE
    );
    fs::write(directory.path().join("secret"), "secret").unwrap();
    fs::write(directory.path().join("gatepost.yaml"), gatepost).unwrap();
    fs::write(directory.path().join("policy.yaml"), POLICY).unwrap();
    fs::write(directory.path().join("jwks.json"), token::jwks([&Signer::shared("RS256")]).to_string())
        .unwrap();
    directory
}

async fn connect(directory: &TempDir) -> AuthorizationClient<Channel> {
    let socket = directory.path().join("authz.sock");
    wait::until("the socket", async || socket.exists().then_some(())).await.unwrap();
    let channel =
        Endpoint::try_from(format!("unix://{}", socket.display())).unwrap().connect().await.unwrap();
    AuthorizationClient::new(channel)
}

fn new_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn over_the_socket(criterion: &mut Criterion) {
    let runtime = new_runtime();
    let issuer = runtime.block_on(IntrospectionServer::start()).unwrap();
    issuer.calls_good("opaque");
    let directory = configuration(issuer.issuer());
    let files = Files::read(directory.path());
    let config = compile(&files).config.unwrap();
    let server = std::thread::spawn(move || {
        // Ends with the process.
        let _ = new_runtime().block_on(serve(config, files));
    });
    let client = runtime.block_on(connect(&directory));
    let token = issuer.token().claim("exp", token::now() + 86_400).mint();

    let mut group = criterion.benchmark_group("check over a Unix socket");
    group.measurement_time(Duration::from_secs(4));
    for (name, question, code) in [
        ("public", question("/healthz", None), 0),
        ("denied: no credential", question("/orders/7", None), 16),
        ("allowed: RS256 token", question("/orders/7", Some(&token)), 0),
        ("allowed: opaque token, answer kept", question("/orders/7", Some("opaque")), 0),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let answer = runtime.block_on(client.clone().check(question.clone())).unwrap().into_inner();
                assert_eq!(answer.status.unwrap().code, code);
            });
        });
    }
    drop(server);
}

criterion_group!(benches, over_the_socket);
criterion_main!(benches);
