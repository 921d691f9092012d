//! Promise: what looks like misuse of tokens is counted and logged once, with nothing in the line that could be used;
//! an address that invents tokens can be held off, and no other; and ordinary use, good or refused, says nothing.

use std::net::Ipv4Addr;

use gatepost_test_support::{Answer, EnvoyConfig, MutualTls, Request, Signer, TestIssuer, Token, wait};
use serde_json::{Value, json};

use crate::stand::{Config, HOST, Stand, get, orders, seen};

const KINDS: [&str; 5] =
    ["revoked_token", "shared_token", "invalid_token_burst", "scope_probing", "certificate_changed"];

/// A stand with these lines in gatepost.yaml too.
async fn suspecting(lines: &str) -> Stand {
    suspecting_behind(EnvoyConfig::shipped().unwrap(), lines).await
}

/// The same, behind an Envoy with this configuration.
async fn suspecting_behind(envoy: EnvoyConfig, lines: &str) -> Stand {
    let issuer = issuer().await;
    let config = Config::trusting(issuer.issuer()).and(lines);
    let mut stand = Stand::behind(envoy, issuer, config).await;
    stand.gatepost.ready().await;
    stand
}

async fn issuer() -> TestIssuer {
    let issuer = TestIssuer::start().await.unwrap();
    issuer.publish(&Signer::ALGORITHMS.map(Signer::shared).each_ref());
    issuer
}

impl Stand {
    async fn events(&self, kind: &str) -> u64 {
        self.gatepost.metric(&format!("gatepost_suspicious_events_total{{kind=\"{kind}\"}}")).await
    }

    async fn all_events(&self) -> Vec<u64> {
        let mut all = Vec::new();
        for kind in KINDS {
            all.push(self.events(kind).await);
        }
        all
    }

    /// The lines of the log about suspicious use, when there are as many as were counted.
    async fn lines(&self) -> Vec<Value> {
        let counted: u64 = self.all_events().await.into_iter().sum();
        let written = async || {
            let log = self.gatepost.process.log();
            let lines = log.lines().filter(|line| line.contains("\"suspicious use\""));
            let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
            (lines.len() as u64 >= counted).then_some(lines)
        };
        wait::until("lines about suspicious use", written).await.unwrap()
    }

    /// The only line, which must not have a token in it.
    async fn line(&self, tokens: &[&str]) -> Value {
        let lines = self.lines().await;
        let [line] = &lines[..] else { unreachable!("{lines:?}") };
        assert_eq!(line["level"], "WARN");
        let log = self.gatepost.process.log();
        assert!(tokens.iter().all(|token| !log.contains(token)));
        line.clone()
    }
}

/// One of the addresses of this machine's loopback interface.
fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, number)
}

fn forged(stand: &Stand) -> String {
    stand.issuer.token().forged_by(&Signer::generate("ES256")).mint()
}

/// A line has a digest in place of a token.
#[track_caller]
fn assert_digest(line: &Value) {
    let digest = line["token"].as_str().unwrap();
    assert!(digest.len() == 39 && digest.starts_with("sha256:"), "{line}");
}

#[tokio::test]
async fn a_revoked_token_that_is_presented_again_is_told_once() {
    let feed = tempfile::tempdir().unwrap();
    let path = feed.path().join("revocations.jsonl");
    std::fs::write(&path, "").unwrap();
    let stand =
        suspecting(&format!("revocation: {{ feeds: [{{ name: hub, file: {} }}] }}", path.display())).await;
    let token = stand.issuer.token().claim("jti", "j-1").mint();
    assert_eq!(stand.token(&token).await.status, 200);
    let message = json!({
        "v": 1, "kind": "token", "iss": stand.issuer.issuer(), "jti": "j-1",
        "exp": gatepost_test_support::token::now() + 3600,
    });
    std::fs::write(&path, format!("{message}\n")).unwrap();
    // Asked once, when it is in force, so that what follows is the second time.
    let applied = async || {
        let status = stand.gatepost.status().await;
        (status["revocations"]["feeds"][0]["applied"]["token"] == json!(1)).then_some(())
    };
    wait::until("the revocation", applied).await.unwrap();
    assert_eq!((stand.token(&token).await.status, stand.events("revoked_token").await), (401, 0));
    for _ in 0..5 {
        assert_eq!((stand.token(&token).await.status, stand.events("revoked_token").await), (401, 1));
    }
    let line = stand.line(&[&token]).await;
    assert_digest(&line);
    assert_eq!(
        [&line["kind"], &line["source"], &line["rule"], &line["count"], &line["window_seconds"]],
        [&json!("revoked_token"), &json!("127.0.0.1"), &json!("read orders"), &json!(2), &json!(600)]
    );
    assert_eq!(stand.all_events().await, [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_token_from_many_addresses_is_told_once() {
    let stand = suspecting("suspicion: { shared_token: { addresses: 4 } }").await;
    let token = stand.issuer.token().mint();
    let from = async |number| {
        let answer = stand.send(orders().bearer(&token).from(address(number))).await;
        (answer.status, stand.events("shared_token").await)
    };
    for number in [1, 2, 3, 1, 2, 3] {
        assert_eq!(from(number).await, (200, 0), "{number}");
    }
    for number in [4, 5, 6] {
        assert_eq!(from(number).await, (200, 1), "{number}");
    }
    let line = stand.line(&[&token]).await;
    assert_digest(&line);
    assert_eq!(
        [&line["kind"], &line["source"], &line["issuer"], &line["count"]],
        [&json!("shared_token"), &json!("127.0.1.4"), &json!("test"), &json!(4)]
    );
    assert_eq!(stand.all_events().await, [0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_burst_of_invalid_tokens_is_told_once_and_limits_nobody_by_itself() {
    let stand = suspecting("suspicion: { invalid_token_burst: { tokens: 5 } }").await;
    for count in 1..=20 {
        assert_eq!(stand.token(&forged(&stand)).await.status, 401);
        assert_eq!(stand.events("invalid_token_burst").await, u64::from(count >= 5), "{count}");
    }
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
    let line = stand.line(&[]).await;
    assert_eq!(
        [&line["kind"], &line["source"], &line["count"], &line["token"]],
        [&json!("invalid_token_burst"), &json!("127.0.0.1"), &json!(5), &Value::Null]
    );
    assert_eq!(stand.all_events().await, [0, 0, 1, 0, 0]);
}

#[tokio::test]
async fn no_header_tells_an_address_even_where_envoy_believes_it() {
    let own = "          use_remote_address: true\n";
    let trusting = format!("{own}          xff_num_trusted_hops: 1\n");
    let envoy = EnvoyConfig::shipped().unwrap().replace(own, &trusting).unwrap();
    let stand = suspecting_behind(envoy, "suspicion: { invalid_token_burst: { tokens: 5 } }").await;
    for number in 0..10 {
        let request =
            orders().bearer(&forged(&stand)).header("X-Forwarded-For", format!("203.0.113.{number}"));
        assert_eq!(stand.send(request).await.status, 401);
    }
    let good = orders().bearer(&stand.issuer.token().mint()).header("X-Forwarded-For", "203.0.113.1");
    assert_eq!(seen(&stand.send(good).await, "x-envoy-external-address"), ["203.0.113.1"]);
    assert_eq!(stand.line(&[]).await["source"], json!("127.0.0.1"));
}

#[tokio::test]
async fn a_proxy_tells_addresses_by_the_proxy_protocol() {
    let chains = "    filter_chains:\n";
    let filter = "    listener_filters:\n    - name: envoy.filters.listener.proxy_protocol\n      typed_config:\n        \
                  \"@type\": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol\n";
    let envoy = EnvoyConfig::shipped().unwrap().replace(chains, &format!("{filter}{chains}")).unwrap();
    let stand = suspecting_behind(envoy, "suspicion: { invalid_token_burst: { tokens: 5 } }").await;
    let send = async |source: &str| {
        let token = forged(&stand);
        let request = format!(
            "PROXY TCP4 {source} 127.0.0.1 4711 80\r\n\
             GET /orders/7 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        assert_eq!(stand.send(Request::raw(request)).await.status, 401);
        stand.events("invalid_token_burst").await
    };
    for number in 0..10 {
        assert_eq!(send(&format!("203.0.113.{number}")).await, 0);
    }
    for count in 1..=5 {
        assert_eq!(send("203.0.113.77").await, u64::from(count == 5));
    }
    assert_eq!(stand.line(&[]).await["source"], json!("203.0.113.77"));
}

#[tokio::test]
async fn an_address_over_the_limit_is_held_off_and_no_other_and_an_edit_forgets_nothing() {
    const LIMITED: &str = "suspicion: { invalid_token_burst: { tokens: 3, window: 1h, limit: 6 } }";
    let mut stand = suspecting(LIMITED).await;
    let good = stand.issuer.token().mint();
    let send = async |stand: &Stand, token: &str, number| -> Answer {
        stand.send(orders().bearer(token).from(address(number))).await
    };
    for _ in 0..6 {
        assert_eq!(send(&stand, &good, 1).await.status, 200);
        assert_eq!(send(&stand, &forged(&stand), 1).await.status, 401);
    }
    let reached = stand.upstream.requests();
    let held_off = send(&stand, &good, 1).await;
    assert_eq!((held_off.status, held_off.header("cache-control")), (429, Some("no-store")));
    let wait: u64 = held_off.header("retry-after").unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&wait), "{wait}");
    assert_eq!(held_off.header("www-authenticate"), None);
    assert_eq!(stand.send(get("/healthz").from(address(1))).await.status, 429);
    assert_eq!(stand.upstream.requests(), reached, "the service was reached");
    assert_eq!(send(&stand, &good, 2).await.status, 200);
    assert_eq!(stand.gatepost.checks("source_limited").await, 2);

    let config = Config::trusting(stand.issuer.issuer()).and(LIMITED).and("check: { debug: true }");
    stand.gatepost.edit(config);
    let edited = async || (stand.gatepost.metric("gatepost_config_generation").await == 2).then_some(());
    wait::until("the edit", edited).await.unwrap();
    let held_off = send(&stand, &good, 1).await;
    assert_eq!((held_off.status, held_off.header("x-gatepost-reason")), (429, Some("source_limited")));
    assert_eq!(stand.all_events().await, [0, 0, 1, 0, 0]);

    stand.gatepost.edit(Config::trusting(stand.issuer.issuer()));
    let passes = async || (send(&stand, &good, 1).await.status == 200).then_some(());
    wait::until("the end of the limit", passes).await.unwrap();
}

#[tokio::test]
async fn a_client_that_tries_its_scopes_out_is_told_once_whichever_token_it_takes() {
    let rules: String = (0..8)
        .map(|number| {
            format!(
                "  - {{ name: rule {number}, match: {{ path: /{number} }}, require: {{ scopes: [s{number}] }} }}\n"
            )
        })
        .collect();
    let issuer = issuer().await;
    let config = Config::trusting(issuer.issuer()).policy(&format!("rules:\n{rules}"));
    let stand = Stand::ready(issuer, config).await;
    for number in [0, 0, 0, 1, 2, 3, 1, 4, 5, 6, 7] {
        let token = stand.issuer.token().claim("jti", format!("j-{number}")).mint();
        assert_eq!(stand.send(get(&format!("/{number}")).bearer(&token)).await.status, 403);
        assert_eq!(stand.events("scope_probing").await, u64::from(number >= 4), "{number}");
    }
    let line = stand.line(&[]).await;
    assert_digest(&line);
    assert_eq!(
        [&line["kind"], &line["rule"], &line["issuer"], &line["count"]],
        [&json!("scope_probing"), &json!("rule 4"), &json!("test"), &json!(5)]
    );
    assert_eq!(stand.all_events().await, [0, 0, 0, 1, 0]);
}

#[tokio::test]
async fn a_token_with_another_client_certificate_than_before_is_told_once() {
    let tls = MutualTls::new().unwrap();
    let chain =
        format!("    filter_chains:\n    - transport_socket: {}\n      filters:\n", tls.transport_socket());
    let raw = "              encode_raw_headers: true\n";
    let envoy = EnvoyConfig::shipped()
        .unwrap()
        .replace("    filter_chains:\n    - filters:\n", &chain)
        .unwrap()
        .replace(raw, &format!("{raw}              include_peer_certificate: true\n"))
        .unwrap();
    let stand = suspecting_behind(envoy, "").await;
    let (owner, thief) = (tls.client("owner.example").unwrap(), tls.client("thief.example").unwrap());
    let (token, thiefs) = (stand.issuer.token().mint(), stand.issuer.token().claim("jti", "x").mint());
    for (client, token, events) in [
        (&owner, &token, 0),
        (&owner, &token, 0),
        (&thief, &thiefs, 0),
        (&thief, &token, 1),
        (&owner, &token, 1),
        (&thief, &token, 1),
    ] {
        let answer = client.send(&orders().bearer(token), stand.envoy.address()).await.unwrap();
        assert_eq!((answer.status, stand.events("certificate_changed").await), (200, events));
    }
    let line = stand.line(&[&token, "CERTIFICATE"]).await;
    assert_digest(&line);
    assert_eq!([&line["kind"], &line["count"]], [&json!("certificate_changed"), &json!(2)]);
    assert_eq!(stand.all_events().await, [0, 0, 0, 0, 1]);
}

/// What ordinary clients do in a while, with one mistake after the other.
fn mistakes(stand: &Stand) -> Vec<(Request, u16)> {
    let good = || stand.issuer.token();
    vec![
        (orders(), 401),
        (orders().bearer(&good().claim("exp", 1).mint()), 401),
        (orders().bearer(&good().claim("scope", "profile").mint()), 403),
        (orders().bearer(&good().claim("aud", "https://billing.example.com").mint()), 401),
        (orders().bearer(&good().claim("cnf", json!({ "jkt": "x" })).mint()), 401),
        (orders().bearer("not-a-token"), 401),
        (get("/nowhere").bearer(&good().mint()), 403),
        (get("//orders").bearer(&good().mint()), 400),
        (Request::post("/orders/7").host(HOST).bearer(&good().mint()), 403),
    ]
}

#[tokio::test]
async fn ordinary_use_says_nothing() {
    let stand = Stand::start().await;
    let expired = stand.issuer.token().claim("exp", 1).mint();
    for user in 0..60_u8 {
        let of_user =
            |token: Token| token.claim("sub", format!("user-{user}")).claim("jti", format!("j-{user}"));
        let token = of_user(stand.issuer.token()).mint();
        for request in [orders(), get("/orders/8"), get("/healthz"), orders().from(address(user))] {
            assert_eq!(stand.send(request.bearer(&token)).await.status, 200, "{user}");
        }
        // A client learns only from the refusal that its token has expired, and some try again.
        for _ in 0..2 {
            assert_eq!(stand.token(&expired).await.status, 401);
        }
    }
    // One token on a laptop that goes from network to network.
    let token = stand.issuer.token().mint();
    for number in [1, 2, 3, 2, 1] {
        assert_eq!(stand.send(orders().bearer(&token).from(address(number))).await.status, 200);
    }
    for _ in 0..5 {
        for (request, status) in mistakes(&stand) {
            assert_eq!(stand.send(request).await.status, status);
        }
    }
    assert_eq!(stand.all_events().await, [0; 5]);
    assert!(stand.lines().await.is_empty());
}
