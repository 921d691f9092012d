//! Bare readers, each in a thread of its own, that end with the process.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures_util::StreamExt as _;
use gatepost::clock::stopwatch;
use redis::streams::StreamReadReply;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use super::{NATS_STREAM, STREAM};

/// When which message came.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<HashMap<String, Instant>>>);

impl Received {
    /// When the message about this token came.
    pub(crate) fn at(&self, jti: &str) -> Option<Instant> {
        self.0.lock().unwrap().get(jti).copied()
    }

    /// Notes the time first, and reads afterwards.
    fn note(&self, message: &[u8]) {
        let now = stopwatch();
        let message: serde_json::Value = serde_json::from_slice(message).unwrap();
        let jti = message.get("jti").and_then(serde_json::Value::as_str).unwrap().to_owned();
        self.0.lock().unwrap().insert(jti, now);
    }

    fn run(reader: impl FnOnce(&Self) + Send + 'static) -> Self {
        let received = Self::default();
        let own = received.clone();
        thread::spawn(move || reader(&own));
        received
    }
}

pub(crate) fn file(path: &Path) -> Received {
    let watch = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&watch, path, WatchFlags::MODIFY).unwrap();
    let (mut events, mut file) = (File::from(watch), File::open(path).unwrap());
    Received::run(move |received| {
        let mut text = String::new();
        loop {
            file.read_to_string(&mut text).unwrap();
            text.lines().for_each(|line| received.note(line.as_bytes()));
            text.clear();
            let _ = events.read(&mut [0; 4096]).unwrap();
        }
    })
}

pub(crate) fn redis(url: &str) -> Received {
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    Received::run(move |received| {
        let mut last = "0".to_owned();
        loop {
            let mut read = redis::cmd("XREAD");
            read.arg("BLOCK").arg(1000).arg("STREAMS").arg(STREAM).arg(&last);
            // Killed at the end, before we are.
            let Ok(reply) = read.query::<Option<StreamReadReply>>(&mut connection) else { return };
            for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids) {
                received.note(&entry.get::<Vec<u8>>("m").unwrap());
                last = entry.id;
            }
        }
    })
}

pub(crate) fn nats(url: &str) -> Received {
    let url = url.to_owned();
    Received::run(move |received| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let context = jetstream::new(async_nats::connect(url).await.unwrap());
            let stream = context.get_stream(NATS_STREAM).await.unwrap();
            let consumer = stream.create_consumer(OrderedConfig::default()).await.unwrap();
            let mut messages = consumer.messages().await.unwrap();
            while let Some(Ok(message)) = messages.next().await {
                received.note(&message.payload);
            }
        });
    })
}
