//! Why a feed was lost. It is connected to again, for ever.

use std::path::PathBuf;

/// Why a feed was lost, in words that name no secret.
#[derive(Debug, thiserror::Error)]
pub enum FeedFault {
    /// A file can't be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The server can't be reached, or gave up on us.
    #[error("{0}")]
    Server(String),
    /// The server does not know us, or does not let us read.
    #[error("{0}; check the credentials and what they permit")]
    Refused(String),
    /// The server answered what we don't understand.
    #[error("the server's answer is not understood: {0}")]
    Answer(&'static str),
    /// The feed stopped advancing, though there is more.
    #[error("there are messages that do not arrive")]
    Stalled,
    /// The keys that its messages are signed with can't be had.
    #[error("the keys of its messages can't be had: {0}")]
    Keys(String),
}
