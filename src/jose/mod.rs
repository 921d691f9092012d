//! Pure JOSE: strict parsing of signed tokens, key sets, and signature verification.
//!
//! Nothing here waits, reads a clock or knows a policy. jsonwebtoken supplies the JWK thumbprint and
//! is the oracle of our tests; the parsing and the checks around a signature are ours, because
//! its `decode` lets through what RFC 7515, RFC 7519 and RFC 8725 refuse (`crit`, `typ`, repeated
//! members, a wrongly typed `iss` or `aud`). Signatures are verified by aws-lc-rs with keys parsed once.

mod algorithm;
mod claims;
mod compact;
mod header;
mod json;
mod jwk;
mod jwks;
mod roca;
mod time;

pub use algorithm::{Algorithm, KeyType};
pub use claims::{ClaimFault, Claims, OneOrMany};
pub use compact::{Jws, ParseFault, Shape, shape};
pub use header::Header;
pub use json::{JsonFault, Limits, object};
pub use jwk::{KeyFault, VerificationKey};
pub use jwks::{KeySet, KeySetFault, Lookup, SkippedKey};
pub use time::UnixTime;
