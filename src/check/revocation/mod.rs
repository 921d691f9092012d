//! Revocation of tokens that would pass every other stage: what a mark is, and the index of those in force.
//!
//! A [`Mark`] revokes one token, or every token of a session, grant, signing key, or of a subject, client or
//! issuer up to a time. Marks only ever add up: two for one [`Target`] merge by maximum, so order and repetition
//! change nothing, and none takes another back. Each is dropped when no token it could match is alive.
//!
//! Time is the authorization server's: the time a mark carries is compared with the token's `iat`, never with
//! when the mark arrived. Both count in whole seconds, as most servers write them, so a token issued within the
//! second of its subject's revocation is revoked too. A token without `iat` is revoked by any mark that fits it.

mod event;
mod fingerprint;
mod index;
mod lifetime;
mod mark;
mod message;
mod notice;
mod screen;
mod screened;
mod security_event;
mod subject;
mod table;
mod terms;

pub use event::{MESSAGE_EVENT, Meaning, REVOKING_EVENTS, StreamStatus};
pub use fingerprint::{Fingerprint, Kind, Target};
pub use index::{Applied, Index, IndexWriter, SHARDS, index};
pub use lifetime::Lifetimes;
pub use mark::{Mark, Reach};
pub use message::{Content, MAX_MESSAGE_BYTES, Message, MessageFault};
pub use notice::{Notice, NoticeFault};
pub use screen::{TokenFacts, TokenMarks};
pub use screened::Screened;
pub(super) use screened::screen;
pub use security_event::{SecurityEvent, SecurityEventFault, Signer};
pub use terms::{RevocationClaims, Screen, Terms, WhenStale};
