//! A real NATS with JetStream: killed, paused, cut off, purged and filled under us.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use gatepost::config::{FeedOrigin, NatsSettings};
use gatepost_test_support::{Link, NatsServer};

use crate::stand::{Stand, feed, malformed, message, settings};

const STREAM: &str = "REVOCATIONS";
const SUBJECT: &str = "revocations";

fn origin(url: &str) -> FeedOrigin {
    FeedOrigin::Nats(NatsSettings {
        urls: vec![url.parse().unwrap()],
        stream: STREAM.to_owned(),
        credentials_file: None,
        ca_file: None,
    })
}

struct Writer {
    context: Context,
    stream: Stream,
}

impl Writer {
    async fn new(server: &NatsServer) -> Self {
        Self::on(jetstream::new(async_nats::connect(server.url()).await.unwrap())).await
    }

    async fn on(context: Context) -> Self {
        let config = Config {
            name: STREAM.to_owned(),
            subjects: vec![SUBJECT.to_owned()],
            storage: StorageType::File,
            max_age: Duration::from_secs(3600),
            ..Config::default()
        };
        let stream = context.get_or_create_stream(config).await.unwrap();
        Self { context, stream }
    }

    async fn publish(&self, text: impl Into<Vec<u8>>) {
        self.context.publish(SUBJECT, text.into().into()).await.unwrap().await.unwrap();
    }

    async fn revoke(&self, jti: &str) {
        self.publish(message(jti)).await;
    }
}

#[tokio::test]
async fn reads_what_is_there_and_then_what_comes() {
    let server = NatsServer::start().await.unwrap();
    let writer = Writer::new(&server).await;
    writer.revoke("before").await;
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    assert!(stand.revokes("before"));
    writer.revoke("after").await;
    stand.until_revoked("after").await;
    assert!(!stand.revokes("other"));
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_a_lost_feed_and_comes_back() {
    let server = NatsServer::start().await.unwrap();
    let stand = Stand::follow(settings(vec![feed("n", origin(&server.url()))]));
    stand.until("a complaint", |stand| stand.status().last_error.is_some()).await;
    assert!(!stand.revocations.have_caught_up());
    Writer::new(&server).await.revoke("first").await;
    stand.until_revoked("first").await;
}

#[tokio::test]
async fn catches_up_with_a_great_many() {
    let server = NatsServer::start().await.unwrap();
    let writer = Writer::new(&server).await;
    let mut answers = Vec::new();
    for number in 0..50_000 {
        let text = message(&number.to_string());
        answers.push(writer.context.publish(SUBJECT, text.into()).await.unwrap());
        if answers.len() == 1000 {
            for answer in answers.drain(..) {
                answer.await.unwrap();
            }
        }
    }
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    assert_eq!(stand.count(), 50_000);
}

#[tokio::test]
async fn loses_nothing_when_the_server_is_killed_and_started_again_mid_stream() {
    let mut server = NatsServer::start().await.unwrap();
    Writer::new(&server).await;
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    for round in 0..3 {
        let writer = Writer::new(&server).await;
        for number in 0..100 {
            writer.revoke(&format!("{round} {number}")).await;
        }
        server.kill();
        server.restart().await.unwrap();
    }
    stand.until_all_revoked((0..300).map(|number| format!("{} {}", number / 100, number % 100))).await;
    assert_eq!(stand.status().gaps, 0);
    Writer::new(&server).await.revoke("and then").await;
    stand.until_revoked("and then").await;
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
}

#[tokio::test]
async fn reads_what_was_written_while_it_was_cut_off() {
    let server = NatsServer::start().await.unwrap();
    let writer = Writer::new(&server).await;
    let link = Link::to(server.address()).await.unwrap();
    let stand = Stand::caught_up_with(origin(&format!("nats://{}", link.address()))).await;
    writer.revoke("before").await;
    stand.until_revoked("before").await;
    link.cut();
    for number in 0..200 {
        writer.revoke(&number.to_string()).await;
    }
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    link.mend();
    stand.until_all_revoked((0..200).map(|number| number.to_string())).await;
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    assert_eq!(stand.status().gaps, 0);
}

/// A feed that has read "a" and then lost its server.
async fn cut_off_after_a() -> (NatsServer, Writer, Link, Stand) {
    let server = NatsServer::start().await.unwrap();
    let writer = Writer::new(&server).await;
    let link = Link::to(server.address()).await.unwrap();
    let stand = Stand::caught_up_with(origin(&format!("nats://{}", link.address()))).await;
    writer.revoke("a").await;
    stand.until_revoked("a").await;
    link.cut();
    stand.until("the loss", |stand| stand.status().last_error.is_some()).await;
    (server, writer, link, stand)
}

#[tokio::test]
async fn knows_that_messages_were_purged_before_it_read_them() {
    let (_server, writer, link, stand) = cut_off_after_a().await;
    writer.revoke("lost").await;
    writer.stream.purge().await.unwrap();
    writer.revoke("left").await;
    link.mend();
    stand.until_revoked("left").await;
    stand.until("the gap", |stand| stand.status().gaps == 1).await;
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    assert!(stand.revokes("a"), "what was revoked stays so");
    assert!(!stand.revokes("lost"), "this test is about what is lost");
}

#[tokio::test]
async fn reads_a_stream_from_its_beginning_that_was_made_anew() {
    let (server, writer, link, stand) = cut_off_after_a().await;
    writer.context.delete_stream(STREAM).await.unwrap();
    let writer = Writer::new(&server).await;
    for jti in ["b", "c", "d"] {
        writer.revoke(jti).await;
    }
    link.mend();
    stand.until_all_revoked(["b", "c", "d"].into_iter().map(str::to_owned)).await;
}

#[tokio::test]
async fn malformed_messages_are_counted_and_stop_nothing() {
    let server = NatsServer::start().await.unwrap();
    let writer = Writer::new(&server).await;
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    let texts = malformed();
    for text in &texts {
        writer.publish(text.clone()).await;
    }
    writer.publish(Vec::new()).await;
    writer.revoke("good").await;
    stand.until_revoked("good").await;
    assert_eq!(stand.status().refused.values().sum::<u64>(), texts.len() as u64 + 1);
    assert_eq!(stand.status().connections, 1);
}

#[tokio::test]
async fn a_server_that_stops_answering_is_noticed() {
    let server = NatsServer::start().await.unwrap();
    Writer::new(&server).await;
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    server.pause().unwrap();
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    server.resume().unwrap();
    Writer::new(&server).await.revoke("after").await;
    stand.until_revoked("after").await;
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
}

#[tokio::test]
async fn speaks_tls_with_a_server_that_its_authority_vouches_for_and_with_no_other() {
    let server = NatsServer::start_over_tls().await.unwrap();
    let url = format!("tls://localhost:{}", server.address().port());
    let trusting = |file: PathBuf| {
        FeedOrigin::Nats(NatsSettings {
            urls: vec![url.parse().unwrap()],
            stream: STREAM.to_owned(),
            credentials_file: None,
            ca_file: Some(file),
        })
    };
    let (_, another) = Link::over_tls(server.address()).await.unwrap();
    let (wrong, right) = (server.directory().join("another.pem"), server.directory().join("authority.pem"));
    fs::write(&wrong, another).unwrap();
    let stranger = Stand::follow(settings(vec![feed("tls", trusting(wrong))]));
    let options = async_nats::ConnectOptions::new().add_root_certificates(right.clone());
    let context = jetstream::new(options.connect(&url).await.unwrap());
    Writer::on(context).await.revoke("a").await;
    let stand = Stand::caught_up_with(trusting(right)).await;
    assert!(stand.revokes("a"));
    stranger.until("a complaint", |stand| stand.status().last_error.is_some()).await;
    assert_eq!(stranger.status().connections, 0);
}

/// The stream's last message is gone, so its number will never come; that is no stall.
#[tokio::test]
async fn a_last_message_that_was_deleted_is_not_waited_for() {
    let server = NatsServer::start().await.unwrap();
    let writer = Writer::new(&server).await;
    writer.revoke("a").await;
    writer.revoke("b").await;
    writer.stream.delete_message(2).await.unwrap();
    let stand = Stand::caught_up_with(origin(&server.url())).await;
    // Longer than it takes to call it a stall.
    let looks = gatepost_test_support::wait::within(Duration::from_secs(5), "a loss", async || {
        (stand.status().connections > 1).then_some(())
    });
    assert!(looks.await.is_err(), "{:?}", stand.status());
}
