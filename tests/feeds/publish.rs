//! What is published to a feed is applied by who follows it, and what would not count is not published.

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, Context};
use gatepost::check::revocation::{Content, Message, Notice, Target};
use gatepost::clock::Clock;
use gatepost::config::{FeedOrigin, NatsSettings, RedisServers, RedisSettings};
use gatepost::jose::UnixTime;
use gatepost::sources::{Position, PublishFault, Receipt, publish};
use gatepost_test_support::{NatsServer, RedisServer, ReservedPort};
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::stand::{ISSUER, Stand, feed};

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> UnixTime {
    Clock::System.now()
}

async fn revoke(origin: &FeedOrigin, jti: &str) -> Result<Receipt, PublishFault> {
    let notice = Notice::new(&Target::Token { issuer: ISSUER, jti }, None, Some(now().plus(HOUR)));
    let message = Message { content: Content::Revoked(notice), published_at: Some(now()) };
    publish(&feed("the feed", origin.clone()), &message, now()).await
}

/// Publishes one message before and one while the feed is followed, and returns their receipts.
async fn proves(origin: FeedOrigin) -> [Receipt; 2] {
    let before = revoke(&origin, "before").await.unwrap();
    let stand = Stand::caught_up_with(origin.clone()).await;
    assert!(stand.revokes("before") && !stand.revokes("after"));
    let after = revoke(&origin, "after").await.unwrap();
    stand.until_revoked("after").await;
    assert!(!stand.revokes("other"));
    assert_eq!((stand.status().refused.len(), stand.status().gaps), (0, 0));
    [before, after]
}

fn by_server_clock(receipt: &Receipt) {
    let server = receipt.server_time.unwrap();
    let apart = now().since(server).max(server.since(now()));
    assert!(apart < Duration::from_secs(60), "{apart:?}");
}

#[tokio::test]
async fn a_line_of_a_file() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("revocations.jsonl");
    File::create(&path).unwrap();
    let receipts = proves(FeedOrigin::File(path)).await;
    assert_eq!(receipts.map(|receipt| receipt.place), [Position::Line(1), Position::Line(2)]);
}

async fn connect(server: &RedisServer) -> MultiplexedConnection {
    Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

fn redis_at(url: &str) -> RedisSettings {
    RedisSettings {
        servers: RedisServers::One(url.parse().unwrap()),
        stream: "revocations".to_owned(),
        username: None,
        password_file: None,
        ca_file: None,
    }
}

#[tokio::test]
async fn an_entry_of_a_redis_stream() {
    let server = RedisServer::start().await.unwrap();
    let receipts = proves(FeedOrigin::Redis(redis_at(&server.url()))).await;
    receipts.iter().for_each(by_server_clock);
    let mut connection = connect(&server).await;
    let mut length = cmd("XLEN");
    assert_eq!(length.arg("revocations").query_async::<usize>(&mut connection).await.unwrap(), 2);
}

#[tokio::test]
async fn old_entries_of_a_redis_stream_are_dropped_and_none_that_may_matter() {
    let server = RedisServer::start().await.unwrap();
    let mut connection = connect(&server).await;
    let days_ago = |days: i64| now().as_millis() - days * 86_400_000;
    // Trimming is approximate: whole nodes of a hundred entries go.
    for (days, entries) in [(400, 1000), (365, 1000)] {
        for number in 0..entries {
            let mut old = cmd("XADD");
            old.arg("revocations").arg(format!("{}-{number}", days_ago(days))).arg("m").arg("{}");
            old.query_async::<()>(&mut connection).await.unwrap();
        }
    }
    revoke(&FeedOrigin::Redis(redis_at(&server.url())), "new").await.unwrap();
    let mut length = cmd("XLEN");
    let left: usize = length.arg("revocations").query_async(&mut connection).await.unwrap();
    assert!((1001..1200).contains(&left), "{left}");
}

fn nats_at(url: &str) -> FeedOrigin {
    FeedOrigin::Nats(NatsSettings {
        urls: vec![url.parse().unwrap()],
        stream: "REVOCATIONS".to_owned(),
        credentials_file: None,
        ca_file: None,
    })
}

async fn allow(connection: &mut MultiplexedConnection, user: &str, commands: &[&str]) {
    let mut acl = cmd("ACL");
    let rules = ["on", ">the-password", "~revocations"];
    acl.arg("SETUSER").arg(user).arg(&rules).arg(commands).query_async::<()>(connection).await.unwrap();
}

/// As an operator does it, where sidecars can only read.
#[tokio::test]
async fn the_command_publishes_as_another_user_than_who_reads() {
    let server = RedisServer::start().await.unwrap();
    let mut connection = connect(&server).await;
    allow(&mut connection, "reader", &["+xread", "+xrange"]).await;
    allow(&mut connection, "writer", &["+xadd"]).await;
    let directory = TempDir::new().unwrap();
    let config = format!(
        "listen: {{ authz: 'unix:@none', admin: 127.0.0.1:0 }}\n\
         issuers: [{{ name: idp, issuer: '{ISSUER}', audiences: [orders] }}]\n\
         revocation: {{ feeds: [{{ name: hub, redis: {{ url: '{}', username: reader, password_file: password }} }}] }}\n",
        server.url()
    );
    let policy = "rules: [{ name: all, match: { path: /** }, require: { scopes: [a] } }]";
    for (name, text) in [("gatepost.yaml", &*config), ("policy.yaml", policy), ("password", "the-password\n")]
    {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let run = async |more: &'static [&'static str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command
            .current_dir(directory.path())
            .args(["revoke", "--config", ".", "--jti", "a", "--yes"])
            .args(more);
        let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let reader = redis_at(&server.url());
    let password_file = Some(directory.path().join("password"));
    let reader = RedisSettings { username: Some("reader".to_owned()), password_file, ..reader };
    let stand = Stand::caught_up_with(FeedOrigin::Redis(reader)).await;

    let (code, text) = run(&[]).await;
    assert!(
        code == Some(1) && text.contains("NOT KNOWN TO BE PUBLISHED to feed \"hub\" (Redis stream"),
        "{text}"
    );
    assert!(text.contains("xadd") && text.contains("check the credentials"), "{text}");
    let (code, text) = run(&["--username", "writer", "--password-file", "password"]).await;
    assert!(code == Some(0) && text.contains("PUBLISHED to \"hub\" as entry "), "{text}");
    assert!(!text.contains("the-password"), "{text}");
    stand.until_revoked("a").await;
}

async fn nats(subject: &str, per_subject: i64) -> (NatsServer, Context) {
    let server = NatsServer::start().await.unwrap();
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let config = Config {
        name: "REVOCATIONS".to_owned(),
        subjects: vec![subject.to_owned()],
        max_messages_per_subject: per_subject,
        max_age: HOUR,
        ..Config::default()
    };
    context.create_stream(config).await.unwrap();
    (server, context)
}

#[tokio::test]
async fn a_message_of_a_nats_stream() {
    let (server, _) = nats("revocations", -1).await;
    let receipts = proves(nats_at(&server.url())).await;
    receipts.iter().for_each(by_server_clock);
    assert_eq!(receipts.map(|receipt| receipt.place), [Position::Sequence(1), Position::Sequence(2)]);
}

#[tokio::test]
async fn a_message_drops_no_other_of_a_nats_stream_that_keeps_the_last_of_each_subject() {
    let (server, context) = nats("revocations.*.>", 1).await;
    proves(nats_at(&server.url())).await;
    let stream = context.get_stream("REVOCATIONS").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 2);

    let (server, context) = nats("revocations", 1).await;
    let fault = revoke(&nats_at(&server.url()), "a").await.unwrap_err();
    assert!(matches!(fault, PublishFault::NoSubject), "{fault}");
    assert_eq!(context.get_stream("REVOCATIONS").await.unwrap().cached_info().state.messages, 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure() {
    let port = ReservedPort::choose().unwrap();
    let redis = FeedOrigin::Redis(redis_at(&format!("redis://{}/", port.address())));
    let nats = nats_at(&format!("nats://{}", port.address()));
    for origin in [redis, nats, FeedOrigin::File("/nowhere/revocations.jsonl".into())] {
        let fault = revoke(&origin, "a").await.unwrap_err();
        assert!(matches!(fault, PublishFault::Feed(_)), "{fault}");
    }
}
