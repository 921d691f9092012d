//! `policy.yaml`: what each route needs.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::ScopesDocument;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// The rules; the first that matches decides, and a request that none matches is refused.
    pub rules: Vec<RuleDocument>,
}

/// One of `rules`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// A unique name for logs and metrics.
    pub name: String,
    /// Which requests it covers.
    #[serde(rename = "match")]
    pub matches: MatchDocument,
    /// Let everything it covers pass without a token.
    pub public: Option<bool>,
    /// What a token must have.
    pub require: Option<RequireDocument>,
    /// Headers to set for the service: `header: token.CLAIM`.
    pub forward: Option<BTreeMap<String, String>>,
}

/// `match`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchDocument {
    /// Host names, or `*.` before one. Default: every host.
    pub hosts: Option<Vec<String>>,
    /// Methods, as they are sent. Default: every method.
    pub methods: Option<Vec<String>>,
    /// One path pattern: `*` is one segment, `/**` at the end is everything below, the path itself included.
    pub path: Option<String>,
    /// Several path patterns.
    pub paths: Option<Vec<String>>,
}

/// `introspect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum IntrospectDocument {
    /// A recent answer is enough.
    Cached,
    /// Each time.
    Always,
}

/// `when_unreachable` of a rule, which can only be stricter than the issuer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RuleUnreachableDocument {
    /// No older answer serves.
    Deny,
}

/// `require`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequireDocument {
    /// Scopes: a list of which all are needed, or `{ all: […], any: […] }`.
    pub scopes: Option<ScopesDocument>,
    /// Audiences of which the token must have at least one, besides those of its issuer.
    pub audiences: Option<Vec<String>>,
    /// Names of the issuers whose tokens are accepted. Default: all.
    pub issuers: Option<Vec<String>>,
    /// Ask the issuer about JWTs too: `cached` takes a recent answer; `always` asks each time, and only checks
    /// that wait at the same moment share a call.
    pub introspect: Option<IntrospectDocument>,
    /// `deny`: no older answer serves while the issuer can't be asked, whatever its configuration says.
    pub when_unreachable: Option<RuleUnreachableDocument>,
}
