//! `policy.yaml`, `policy.next.yaml` and the files of `policy.d`: what each route needs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::forward::ForwardDocument;
use super::revocation::WhenStaleDocument;
use super::values::{DurationDocument, ScopesDocument};

/// The whole file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// `shadow`: every rule of this file is only tried out, as if it said `shadow: true`. Default `enforce`.
    pub mode: Option<ModeDocument>,
    /// What the rules of this file say where they don't say it themselves.
    pub defaults: Option<DefaultsDocument>,
    /// The files of `policy.d`, and what each may govern. Only in policy.yaml and policy.next.yaml.
    pub teams: Option<Vec<TeamDocument>>,
    /// The rules; the first that matches decides, and a request that none matches is refused.
    pub rules: Vec<RuleDocument>,
}

/// `mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ModeDocument {
    /// The rules decide.
    Enforce,
    /// The rules are tried out.
    Shadow,
}

/// `defaults`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultsDocument {
    /// Hosts for rules without `match.hosts`.
    pub hosts: Option<Vec<String>>,
    /// Requirements for rules that are not public; each holds where the rule does not have the same key.
    pub require: Option<RequireDocument>,
    /// Headers for rules that are not public; a rule's own replace those of the same name.
    pub forward: Option<BTreeMap<String, ForwardDocument>>,
    /// `audit` for rules that do not have it.
    pub audit: Option<RuleAuditDocument>,
}

/// One of `teams`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamDocument {
    /// The file's name in `policy.d`. Its rules are tried after those of this file, file by file in the order
    /// of their names, and are called `FILE/RULE` without `.yaml`.
    pub file: String,
    /// The hosts that its rules may cover; a rule that names none covers these. Default: every host.
    pub hosts: Option<Vec<String>>,
    /// The path patterns within which those of its rules must lie.
    pub paths: Vec<String>,
    /// Headers that its rules may forward, besides those that this file forwards. Every header that any rule
    /// forwards is taken off all other requests, those of other teams included.
    pub headers: Option<Vec<String>>,
    /// The file may be missing. Default false: an edit without it is refused.
    pub optional: Option<bool>,
}

/// One of `rules`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// A unique name for logs and metrics.
    pub name: String,
    /// Which requests it covers.
    #[serde(rename = "match")]
    pub matches: MatchDocument,
    /// Only try the rule out: what it would decide is counted, and the next rule that matches decides.
    pub shadow: Option<bool>,
    /// Let everything it covers pass without a token.
    pub public: Option<bool>,
    /// What a token must have.
    pub require: Option<RequireDocument>,
    /// Headers to set for the service: `header: token.CLAIM`.
    pub forward: Option<BTreeMap<String, ForwardDocument>>,
    /// Values for Envoy's access log and its other filters (dynamic metadata, under `claims`): `name: token.CLAIM`.
    pub metadata: Option<BTreeMap<String, ForwardDocument>>,
    /// Headers to set on the service's answer to the client: `header: token.CLAIM` or `header: { value: TEXT }`.
    pub response_headers: Option<BTreeMap<String, ForwardDocument>>,
    /// Which of the checks that it decides are recorded: `all`, `denials` or `none`. Default: as gatepost.yaml says.
    pub audit: Option<RuleAuditDocument>,
}

/// `audit` of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RuleAuditDocument {
    /// All.
    All,
    /// Those that were not allowed, and those that a policy on trial would have decided otherwise.
    Denials,
    /// None.
    None,
}

/// `match`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
    /// Cover only CORS preflights: OPTIONS with `Origin` and `Access-Control-Request-Method`.
    pub preflight: Option<bool>,
}

/// `introspect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum IntrospectDocument {
    /// A recent answer is enough.
    Cached,
    /// Each time.
    Always,
}

/// `when_unreachable` of a rule, which can only be stricter than the issuer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RuleUnreachableDocument {
    /// No older answer serves.
    Deny,
}

/// `require`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequireDocument {
    /// Scopes: a list of which all are needed, or `{ all: […], any: […] }`.
    pub scopes: Option<ScopesDocument>,
    /// Audiences of which the token must have at least one, besides those of its issuer.
    pub audiences: Option<Vec<String>>,
    /// Names of the issuers whose tokens are accepted. Default: all.
    pub issuers: Option<Vec<String>>,
    /// The clients (`client_id`) that the token may have been issued to. Default: all.
    pub clients: Option<Vec<String>>,
    /// The subjects (`sub`) that the token may be about. Default: all.
    pub subjects: Option<Vec<String>>,
    /// Other claims, by their path: `tenant.id`, or `["https://example.com/roles"]` for a name with dots. A list on
    /// the way stands for each of its members.
    pub claims: Option<BTreeMap<String, ClaimDocument>>,
    /// How, and how recently, the person behind the token must have authenticated (RFC 9470).
    pub authentication: Option<AuthenticationDocument>,
    /// An expression in CEL over `token`, `request` (`method`, `host`, `path`, `headers`) and `now` (seconds since
    /// 1970) that must be true. What goes wrong in it refuses the request.
    pub condition: Option<String>,
    /// Ask the issuer about JWTs too: `cached` takes a recent answer; `always` asks each time, and only checks
    /// that wait at the same moment share a call.
    pub introspect: Option<IntrospectDocument>,
    /// While revocations may be missing, because a feed is stale: `introspect` has the token's issuer confirm it,
    /// `deny` is an outage answer. It can only be stricter than `revocation.when_stale`.
    pub when_stale: Option<WhenStaleDocument>,
    /// `deny`: no older answer serves while the issuer can't be asked, whatever its configuration says.
    pub when_unreachable: Option<RuleUnreachableDocument>,
}

/// One of `claims`: all that is written must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimDocument {
    /// It is this value.
    pub equals: Option<Value>,
    /// It is one of these values.
    pub one_of: Option<Vec<Value>>,
    /// It is a list with this value in it, or with each of these.
    pub contains: Option<Value>,
    /// It is text that begins so.
    pub prefix: Option<String>,
    /// `true`: it is there, and not null. `false`: it is not.
    pub exists: Option<bool>,
}

/// `authentication`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthenticationDocument {
    /// `acr` is one of these.
    pub acr: Option<Vec<String>>,
    /// `auth_time` is at most this long ago.
    pub max_age: Option<DurationDocument>,
}
