//! Promise: a token is read in exactly one way or not at all, and only the issuer's key can have signed it
//! (standards.md A.1: RFC 7515, 7518, 7519, 7797, 8725).

mod claims;
mod form;
mod header;
mod signature;
