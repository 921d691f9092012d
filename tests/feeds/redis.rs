//! A real Redis: killed, paused, cut off, trimmed and filled under us.

use std::fs;
use std::time::Duration;

use gatepost::config::{FeedOrigin, RedisServers, RedisSettings};
use gatepost_test_support::{Link, RedisServer, wait};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, cmd, pipe};
use tempfile::TempDir;

use crate::stand::{Stand, feed, malformed, message, settings};

const STREAM: &str = "revocations";

fn at(url: &str) -> RedisSettings {
    RedisSettings {
        servers: RedisServers::One(url.parse().unwrap()),
        stream: STREAM.to_owned(),
        username: None,
        password_file: None,
        ca_file: None,
    }
}

fn origin(url: &str) -> FeedOrigin {
    FeedOrigin::Redis(at(url))
}

async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
    Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await
}

async fn try_publish(connection: &mut MultiplexedConnection, text: impl AsRef<[u8]>) -> RedisResult<String> {
    let mut command = cmd("XADD");
    command.arg(STREAM).arg("*").arg("m").arg(text.as_ref());
    command.query_async(connection).await
}

async fn revoke(connection: &mut MultiplexedConnection, jti: &str) {
    try_publish(connection, message(jti)).await.unwrap();
}

#[tokio::test]
async fn reads_what_is_there_and_then_what_comes() {
    let server = RedisServer::start().await.unwrap();
    let mut writer = connect(&server.url()).await.unwrap();
    revoke(&mut writer, "before").await;
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    assert!(stand.revokes("before"));
    revoke(&mut writer, "after").await;
    stand.until_revoked("after").await;
    assert!(!stand.revokes("other"));
}

#[tokio::test]
async fn a_stream_that_is_not_there_yet_holds_nothing() {
    let server = RedisServer::start().await.unwrap();
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    revoke(&mut connect(&server.url()).await.unwrap(), "first").await;
    stand.until_revoked("first").await;
}

#[tokio::test]
async fn catches_up_with_a_million() {
    const COUNT: usize = 1_000_000;
    let server = RedisServer::start().await.unwrap();
    let mut writer = connect(&server.url()).await.unwrap();
    let (head, tail) = message("#").split_once('#').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for start in (0..COUNT).step_by(100_000) {
        // Within the server: from here it would take longer to write them than to read them.
        let fill = "for i = ARGV[1], ARGV[1] + 99999 do redis.call('XADD', KEYS[1], '*', 'm', ARGV[2] .. i .. ARGV[3]) end";
        let fill = cmd("EVAL").arg(fill).arg(1).arg(STREAM).arg(start).arg(&head).arg(&tail).take();
        fill.query_async::<()>(&mut writer).await.unwrap();
    }
    let stand = Stand::follow(settings(vec![feed("the feed", origin(&server.url()))]));
    let all = wait::within(Duration::from_secs(300), "a complete reading", async || {
        stand.revocations.have_caught_up().then_some(())
    });
    all.await.unwrap();
    assert_eq!(stand.count(), COUNT);
}

#[tokio::test]
async fn loses_nothing_when_the_server_is_killed_and_started_again_mid_stream() {
    let mut server = RedisServer::start().await.unwrap();
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    for round in 0..3 {
        let mut writer = connect(&server.url()).await.unwrap();
        for number in 0..100 {
            revoke(&mut writer, &format!("{round} {number}")).await;
        }
        server.kill();
        server.restart().await.unwrap();
    }
    stand.until_all_revoked((0..300).map(|number| format!("{} {}", number / 100, number % 100))).await;
    stand.until("a new connection", |stand| stand.status().connections >= 2).await;
    assert_eq!(stand.status().gaps, 0);
}

#[tokio::test]
async fn reads_what_was_written_while_it_was_cut_off() {
    let server = RedisServer::start().await.unwrap();
    let link = Link::to(server.address()).await.unwrap();
    let stand = Stand::caught_up_with(origin(&format!("redis://{}/", link.address()))).await;
    let mut writer = connect(&server.url()).await.unwrap();
    revoke(&mut writer, "before").await;
    stand.until_revoked("before").await;
    link.cut();
    for number in 0..1000 {
        revoke(&mut writer, &number.to_string()).await;
    }
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    link.mend();
    stand.until_all_revoked((0..1000).map(|number| number.to_string())).await;
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    assert_eq!(stand.status().gaps, 0);
}

#[tokio::test]
async fn knows_that_entries_were_trimmed_before_it_read_them() {
    let server = RedisServer::start().await.unwrap();
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    let mut writer = connect(&server.url()).await.unwrap();
    revoke(&mut writer, "a").await;
    stand.until_revoked("a").await;
    let mut at_once = pipe();
    at_once.atomic();
    for jti in ["lost", "also lost", "left"] {
        at_once.cmd("XADD").arg(STREAM).arg("*").arg("m").arg(message(jti)).ignore();
    }
    at_once.cmd("XTRIM").arg(STREAM).arg("MAXLEN").arg(1).ignore();
    at_once.query_async::<()>(&mut writer).await.unwrap();
    stand.until_revoked("left").await;
    stand.until("the gap", |stand| stand.status().gaps == 1).await;
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    assert!(stand.status().incomplete_until.is_some());
    assert!(!stand.revokes("lost"), "this test is about what is lost");
}

#[tokio::test]
async fn reads_a_stream_again_that_was_trimmed_while_it_was_cut_off() {
    let server = RedisServer::start().await.unwrap();
    let link = Link::to(server.address()).await.unwrap();
    let stand = Stand::caught_up_with(origin(&format!("redis://{}/", link.address()))).await;
    let mut writer = connect(&server.url()).await.unwrap();
    revoke(&mut writer, "a").await;
    stand.until_revoked("a").await;
    link.cut();
    for jti in ["lost", "left"] {
        revoke(&mut writer, jti).await;
    }
    cmd("XTRIM").arg(STREAM).arg("MAXLEN").arg(1).query_async::<()>(&mut writer).await.unwrap();
    link.mend();
    stand.until_revoked("left").await;
    stand.until("the gap", |stand| stand.status().gaps == 1).await;
    assert!(stand.revokes("a"), "what was revoked stays so");
}

#[tokio::test]
async fn malformed_entries_are_counted_and_stop_nothing() {
    let server = RedisServer::start().await.unwrap();
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    let mut writer = connect(&server.url()).await.unwrap();
    let texts = malformed();
    for text in &texts {
        try_publish(&mut writer, text).await.unwrap();
    }
    let mut other_field = cmd("XADD");
    other_field.arg(STREAM).arg("*").arg("message").arg(message("in another field"));
    other_field.query_async::<String>(&mut writer).await.unwrap();
    revoke(&mut writer, "good").await;
    stand.until_revoked("good").await;
    assert_eq!(stand.status().refused.values().sum::<u64>(), texts.len() as u64 + 1);
    assert_eq!(stand.status().connections, 1);
}

#[tokio::test]
async fn a_server_that_stops_answering_is_noticed() {
    let server = RedisServer::start().await.unwrap();
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    server.pause().unwrap();
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    server.resume().unwrap();
    revoke(&mut connect(&server.url()).await.unwrap(), "after").await;
    stand.until_revoked("after").await;
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
}

#[tokio::test]
async fn logs_in_as_an_acl_user_with_a_password_that_may_change() {
    let server = RedisServer::start().await.unwrap();
    let mut administrator = connect(&server.url()).await.unwrap();
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg("reader").arg(&["on", ">right-password", "~revocations", "+xread", "+xrange"]);
    user.query_async::<()>(&mut administrator).await.unwrap();
    let directory = TempDir::new().unwrap();
    let password_file = directory.path().join("password");
    fs::write(&password_file, "wrong-password\n").unwrap();
    let login = RedisSettings {
        username: Some("reader".to_owned()),
        password_file: Some(password_file.clone()),
        ..at(&server.url())
    };
    let stand = Stand::follow(settings(vec![feed("login", FeedOrigin::Redis(login))]));
    stand.until("a complaint", |stand| stand.status().last_error.is_some()).await;
    let complaint = stand.status().last_error.unwrap();
    assert!(complaint.contains("check the credentials"), "{complaint}");
    assert!(!complaint.contains("password\n") && !complaint.contains("wrong-password"), "{complaint}");
    fs::write(&password_file, "right-password\n").unwrap();
    stand.until_caught_up().await;
}

#[tokio::test]
async fn speaks_tls_with_a_server_that_its_authority_vouches_for_and_with_no_other() {
    let server = RedisServer::start().await.unwrap();
    let (link, authority) = Link::over_tls(server.address()).await.unwrap();
    let (_, another) = Link::over_tls(server.address()).await.unwrap();
    let directory = TempDir::new().unwrap();
    let ca_file = directory.path().join("authority.pem");
    fs::write(&ca_file, another).unwrap();
    let url = format!("rediss://localhost:{}/", link.address().port());
    let tls = RedisSettings { ca_file: Some(ca_file.clone()), ..at(&url) };
    let stand = Stand::follow(settings(vec![feed("tls", FeedOrigin::Redis(tls))]));
    stand.until("a complaint", |stand| stand.status().last_error.is_some()).await;
    assert_eq!(stand.status().connections, 0);
    fs::write(&ca_file, authority).unwrap();
    revoke(&mut connect(&server.url()).await.unwrap(), "a").await;
    stand.until_revoked("a").await;
}

#[tokio::test]
async fn asks_sentinels_for_the_primary() {
    let server = RedisServer::start().await.unwrap();
    let primary = format!("sentinel monitor main 127.0.0.1 {} 1\n", server.address().port());
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("sentinel.conf");
    fs::write(&file, primary).unwrap();
    let sentinel = RedisServer::start_sentinel(&file).await.unwrap();
    let servers = RedisServers::Sentinel {
        sentinels: vec![sentinel.url().parse().unwrap()],
        service: "main".to_owned(),
    };
    let stand =
        Stand::caught_up_with(FeedOrigin::Redis(RedisSettings { servers, ..at(&server.url()) })).await;
    revoke(&mut connect(&server.url()).await.unwrap(), "a").await;
    stand.until_revoked("a").await;
}

#[tokio::test]
async fn finds_the_stream_in_a_cluster() {
    let server = RedisServer::start_with(&["--cluster-enabled", "yes"]).await.unwrap();
    let mut writer = connect(&server.url()).await.unwrap();
    let mut slots = cmd("CLUSTER");
    slots.arg("ADDSLOTS").arg((0..16_384).collect::<Vec<u16>>());
    slots.query_async::<()>(&mut writer).await.unwrap();
    let state = async || {
        let mut info = cmd("CLUSTER");
        let text: String = info.arg("INFO").query_async(&mut writer.clone()).await.ok()?;
        text.contains("cluster_state:ok").then_some(())
    };
    wait::until("the cluster", state).await.unwrap();
    let servers = RedisServers::Cluster(vec![server.url().parse().unwrap()]);
    let stand =
        Stand::caught_up_with(FeedOrigin::Redis(RedisSettings { servers, ..at(&server.url()) })).await;
    revoke(&mut writer, "a").await;
    stand.until_revoked("a").await;
}
