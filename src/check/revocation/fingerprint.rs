//! What can be revoked, and the 128 bits that stand for it in the index.

use std::num::NonZeroU128;

use aws_lc_rs::digest::{Context, SHA256};

/// The kinds of mark, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// One token, by its `jti`.
    Token,
    /// One token, by its SHA-256.
    TokenDigest,
    /// The tokens of one session, by `sid`.
    Session,
    /// The tokens of one grant.
    Grant,
    /// The tokens that one key signed, by `kid`.
    Key,
    /// The tokens of one subject.
    Subject,
    /// The tokens of one client.
    Client,
    /// All tokens of one issuer.
    Issuer,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Token,
        Self::TokenDigest,
        Self::Session,
        Self::Grant,
        Self::Key,
        Self::Subject,
        Self::Client,
        Self::Issuer,
    ];

    /// The word for it in messages, metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::TokenDigest => "token_digest",
            Self::Session => "session",
            Self::Grant => "grant",
            Self::Key => "key",
            Self::Subject => "subject",
            Self::Client => "client",
            Self::Issuer => "issuer",
        }
    }

    /// Its place in [`Kind::ALL`].
    pub(super) const fn number(self) -> usize {
        self as usize
    }
}

/// What a mark names. The same value is made from a message and from a token, so the two can't drift apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the kinds of the same names say it")]
pub enum Target<'a> {
    Token { issuer: &'a str, jti: &'a str },
    TokenDigest(&'a [u8; 32]),
    Session { issuer: &'a str, sid: &'a str },
    Grant { issuer: &'a str, grant: &'a str },
    Key { issuer: &'a str, kid: &'a str },
    Subject { issuer: &'a str, subject: &'a str },
    Client { issuer: &'a str, client: &'a str },
    Issuer(&'a str),
}

impl Target<'_> {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Token { .. } => Kind::Token,
            Self::TokenDigest(_) => Kind::TokenDigest,
            Self::Session { .. } => Kind::Session,
            Self::Grant { .. } => Kind::Grant,
            Self::Key { .. } => Kind::Key,
            Self::Subject { .. } => Kind::Subject,
            Self::Client { .. } => Kind::Client,
            Self::Issuer(_) => Kind::Issuer,
        }
    }

    /// The bits that stand for it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let (issuer, name): (&str, &[u8]) = match self {
            Self::TokenDigest(digest) => ("", digest.as_slice()),
            Self::Issuer(issuer) => (issuer, &[]),
            Self::Token { issuer, jti: name }
            | Self::Session { issuer, sid: name }
            | Self::Grant { issuer, grant: name }
            | Self::Key { issuer, kid: name }
            | Self::Subject { issuer, subject: name }
            | Self::Client { issuer, client: name } => (issuer, name.as_bytes()),
        };
        Fingerprint::new(self.kind(), issuer.as_bytes(), name)
    }
}

/// 3 bits for the kind, 124 bits of SHA-256, and a last bit that is always set, so that no fingerprint is zero
/// in its lower half.
///
/// Who can choose what is hashed would need some 2^62 tries for two names with one fingerprint, and would win
/// the revocation of their own token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(NonZeroU128);

const KIND_SHIFT: u32 = 125;

impl Fingerprint {
    /// Each part is hashed with its length before it, so that no two lists of parts are one text.
    fn new(kind: Kind, issuer: &[u8], name: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&[kind as u8]);
        for part in [issuer, name] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let digest = context.finish();
        let taken = digest.as_ref().first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        let tagged = (taken & (u128::MAX >> 3)) | ((kind as u128) << KIND_SHIFT);
        Self(NonZeroU128::MIN | tagged)
    }

    /// The kind of what it stands for.
    #[must_use]
    pub fn kind(self) -> Kind {
        let number = usize::try_from(self.0.get() >> KIND_SHIFT).unwrap_or_default();
        Kind::ALL.get(number).copied().unwrap_or(Kind::Token)
    }

    /// The upper and the lower half; the lower is never zero.
    pub(super) fn halves(self) -> (u64, u64) {
        let lower = u64::try_from(self.0.get() & u128::from(u64::MAX)).unwrap_or(1);
        (u64::try_from(self.0.get() >> 64).unwrap_or_default(), lower)
    }

    /// From the halves that [`Fingerprint::halves`] gave.
    pub(super) fn from_halves(upper: u64, lower: u64) -> Self {
        Self(NonZeroU128::MIN | (u128::from(upper) << 64) | u128::from(lower))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_cannot_be_shifted_into_each_other() {
        let a = Target::Subject { issuer: "https://idp", subject: "alice" };
        let b = Target::Subject { issuer: "https://idpa", subject: "lice" };
        assert_ne!(a.fingerprint(), b.fingerprint());
    }

    #[test]
    fn one_name_in_two_kinds_is_two_fingerprints() {
        let (issuer, name) = ("https://idp", "x");
        let targets = [
            Target::Token { issuer, jti: name },
            Target::TokenDigest(&[7; 32]),
            Target::Session { issuer, sid: name },
            Target::Grant { issuer, grant: name },
            Target::Key { issuer, kid: name },
            Target::Subject { issuer, subject: name },
            Target::Client { issuer, client: name },
            Target::Issuer(issuer),
        ];
        let mut prints: Vec<_> = targets.iter().map(Target::fingerprint).collect();
        assert_eq!(prints.iter().map(|print| print.kind()).collect::<Vec<_>>(), Kind::ALL);
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), targets.len());
    }

    #[test]
    fn the_halves_make_the_whole_again() {
        let print = Target::Issuer("https://idp").fingerprint();
        let (upper, lower) = print.halves();
        assert_ne!(lower, 0);
        assert_eq!(Fingerprint::from_halves(upper, lower), print);
    }

    #[test]
    fn is_the_documented_digest() {
        // Computed with Python's hashlib, so that a change of the layout can't go unseen.
        let print = Target::Token { issuer: "https://idp.example.com", jti: "4711" }.fingerprint();
        assert_eq!(format!("{:032x}", print.0), "1ac094f15789533000ddaa7b525a052d");
    }
}
