//! What a trace is told while a check runs, by those who wait for something; nothing where nobody listens.

use url::Url;

use crate::check::trail::{Recorded, Stages};

/// The parts of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Which rule, which credential, which issuer.
    Plan,
    /// Waiting for keys that are not known.
    Keys,
    /// Waiting for what the issuer says of the token.
    Introspection,
    /// From what is known to a decision.
    Decide,
}

impl Part {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Keys => "gather keys",
            Self::Introspection => "gather introspection",
            Self::Decide => "decide",
        }
    }
}

/// Where an issuer's answer about a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was known.
    Cache,
    /// It was known, and too old, but the issuer could not be asked.
    Stale,
    /// The issuer was asked for this check.
    OwnCall,
    /// Another check had asked, and this one waited with it.
    AnothersCall,
}

impl Origin {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Stale => "stale",
            Self::OwnCall => "call",
            Self::AnothersCall => "coalesced call",
        }
    }
}

/// A call that a check made and waited for.
#[derive(Clone, Debug)]
pub struct RemoteCall {
    /// Where to, where that is known.
    pub url: Option<Url>,
    /// What was answered, where anything was.
    pub status: Option<u16>,
    /// Why there is nothing to use: a word of a closed list.
    pub error: Option<&'static str>,
}

/// Is told what a check does.
pub trait Observer {
    /// The check comes to this part; the one before has ended.
    fn enters(&mut self, _part: Part) {}

    /// This is how the answer about a token is had. For a call: it begins now.
    fn asks(&mut self, _origin: Origin) {}

    /// The call of its own that it waited for has ended.
    fn called(&mut self, _call: impl FnOnce() -> RemoteCall) {}
}

impl Observer for () {}

/// What every check keeps has no times.
impl Observer for Stages {}

/// `explain` shows stages, not times.
impl Observer for Recorded {}
