//! Writers to each feed, and bare readers that do nothing but note when a message came.

pub(crate) mod receive;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use async_nats::jetstream::{self, Context, stream};

/// Where revocations are published.
pub(crate) enum Writer {
    File(File),
    Redis(redis::Connection),
    Nats(Context),
}

pub(crate) const STREAM: &str = "revocations";
pub(crate) const NATS_STREAM: &str = "REVOCATIONS";

impl Writer {
    pub(crate) fn file(path: &Path) -> Self {
        Self::File(OpenOptions::new().create(true).append(true).open(path).unwrap())
    }

    pub(crate) fn redis(url: &str) -> Self {
        Self::Redis(redis::Client::open(url).unwrap().get_connection().unwrap())
    }

    pub(crate) async fn nats(url: &str) -> Self {
        let context = jetstream::new(async_nats::connect(url).await.unwrap());
        let config = stream::Config {
            name: NATS_STREAM.to_owned(),
            subjects: vec![STREAM.to_owned()],
            ..stream::Config::default()
        };
        context.create_stream(config).await.unwrap();
        Self::Nats(context)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Redis(_) => "redis",
            Self::Nats(_) => "nats",
        }
    }

    /// Returns when the server has it.
    pub(crate) async fn publish(&mut self, message: &str) {
        match self {
            Self::File(file) => file.write_all(format!("{message}\n").as_bytes()).unwrap(),
            Self::Redis(connection) => {
                let mut add = redis::cmd("XADD");
                add.arg(STREAM).arg("*").arg("m").arg(message).query::<String>(connection).unwrap();
            }
            Self::Nats(context) => {
                context.publish(STREAM, message.to_owned().into()).await.unwrap().await.unwrap();
            }
        }
    }
}
