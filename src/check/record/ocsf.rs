//! A record as one JSON object in the form of OCSF 1.6.0: an API Activity (6003) with the profiles Date/Time, Security
//! Control and Trace. What OCSF has no attribute for stands under `unmapped`.

use core::net::IpAddr;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Record, RecordedRequest, RecordedToken, RecordedTrial};
use crate::jose::UnixTime;

/// The version of the schema.
pub const OCSF_VERSION: &str = "1.6.0";

/// The class of a record's line.
pub const API_ACTIVITY: u32 = 6003;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    time: i64,
    time_dt: String,
    category_uid: u32,
    class_uid: u32,
    activity_id: u32,
    type_uid: u32,
    severity_id: u32,
    status_id: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    status_code: String,
    action_id: u32,
    disposition_id: u32,
    actor: Actor,
    src_endpoint: Endpoint,
    api: Api,
    http_request: HttpRequest,
    authorizations: [Authorization; 1],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<Uid>,
    metadata: Metadata,
    unmapped: Unmapped,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Actor {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Uid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app_uid: Option<String>,
    session: Session,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Uid {
    uid: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Session {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_uid: Option<String>,
}

/// An endpoint must say something (`at_least_one`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Endpoint {
    Ip(IpAddr),
    Name(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Api {
    operation: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HttpRequest {
    http_method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    url: Url,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Url {
    hostname: String,
    path: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Authorization {
    decision: String,
    policy: Policy,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Policy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    version: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Metadata {
    version: String,
    profiles: Vec<String>,
    product: Product,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Product {
    name: String,
    vendor_name: String,
    version: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Unmapped {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, Vec<Option<String>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<Token>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trail: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trials: Vec<RecordedTrial>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Token {
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    absent: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    confirmed: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    complete: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash_key: Option<String>,
}

/// What an outcome is to OCSF.
struct Outcome {
    severity: u32,
    status: u32,
    action: u32,
    disposition: u32,
}

impl Outcome {
    fn of(decision: &str) -> Self {
        match decision {
            // Informational; Success; Allowed; Allowed.
            "allow" | "answer" => Self { severity: 1, status: 1, action: 1, disposition: 1 },
            // Low; Failure; Denied; Blocked.
            "deny" => Self { severity: 2, status: 2, action: 2, disposition: 2 },
            // Medium; Failure; Denied; Error.
            _ => Self { severity: 3, status: 2, action: 2, disposition: 27 },
        }
    }
}

/// Create, Read, Update, Delete or Other, as far as a method tells (RFC 9110 §9).
fn activity(method: &str) -> u32 {
    match method {
        "POST" => 1,
        "GET" | "HEAD" | "OPTIONS" => 2,
        "PUT" | "PATCH" => 3,
        "DELETE" => 4,
        _ => 99,
    }
}

fn metadata() -> Metadata {
    let text = |text: &str| text.to_owned();
    Metadata {
        version: text(OCSF_VERSION),
        profiles: ["datetime", "security_control", "trace"].map(text).into(),
        product: Product {
            name: text("gatepost"),
            vendor_name: text("gatepost"),
            version: text(env!("CARGO_PKG_VERSION")),
        },
    }
}

impl From<Record> for Line {
    fn from(record: Record) -> Self {
        let Record { time, request, credential, token, outcome, reason, rule, generation, trail, trials } =
            record;
        let RecordedRequest { method, host, path, hidden, headers, id, trace, source } = request;
        let Outcome { severity, status, action, disposition } = Outcome::of(&outcome);
        let activity_id = activity(&method);
        let (actor, token) = actor(credential, token);
        Self {
            time: time.as_millis(),
            time_dt: time.to_string(),
            category_uid: API_ACTIVITY / 1000,
            class_uid: API_ACTIVITY,
            activity_id,
            type_uid: API_ACTIVITY * 100 + activity_id,
            severity_id: severity,
            status_id: status,
            status_code: reason,
            action_id: action,
            disposition_id: disposition,
            actor,
            src_endpoint: source.map_or_else(|| Endpoint::Name("unknown".to_owned()), Endpoint::Ip),
            api: Api { operation: method.clone() },
            http_request: HttpRequest { http_method: method, uid: id, url: Url { hostname: host, path } },
            authorizations: [Authorization {
                decision: outcome,
                policy: Policy { name: rule, version: generation.to_string() },
            }],
            trace: trace.map(|uid| Uid { uid }),
            metadata: metadata(),
            unmapped: Unmapped { hidden, headers, token, trail, trials },
        }
    }
}

fn actor(credential: Option<String>, token: Option<RecordedToken>) -> (Actor, Option<Token>) {
    let Some(token) = token else {
        let session = Session { issuer: None, credential_uid: credential };
        return (Actor { session, ..Actor::default() }, None);
    };
    let RecordedToken { issuer, client, subject, hash_key, scopes, claims, absent, confirmed, complete } =
        token;
    let session = Session { issuer: Some(issuer), credential_uid: credential };
    let actor = Actor { user: subject.map(|uid| Uid { uid }), app_uid: client, session };
    (actor, Some(Token { scopes, claims, absent, confirmed, complete, hash_key }))
}

/// Why a line is no record.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not what gatepost writes")]
pub(super) struct NotARecord(&'static str);

impl TryFrom<Line> for Record {
    type Error = NotARecord;

    fn try_from(line: Line) -> Result<Self, NotARecord> {
        if line.class_uid != API_ACTIVITY {
            return Err(NotARecord("class_uid"));
        }
        let Actor { user, app_uid, session } = line.actor;
        let [Authorization { decision, policy }] = line.authorizations;
        let Unmapped { hidden, headers, token, trail, trials } = line.unmapped;
        let of_session = |token: Token| {
            let Token { scopes, claims, absent, confirmed, complete, hash_key } = token;
            let issuer = session.issuer.ok_or(NotARecord("actor.session.issuer"))?;
            let subject = user.map(|user| user.uid);
            let client = app_uid;
            Ok(RecordedToken {
                issuer,
                client,
                subject,
                hash_key,
                scopes,
                claims,
                absent,
                confirmed,
                complete,
            })
        };
        Ok(Self {
            time: UnixTime::from_millis(line.time),
            request: RecordedRequest {
                method: line.http_request.http_method,
                host: line.http_request.url.hostname,
                path: line.http_request.url.path,
                hidden,
                headers,
                id: line.http_request.uid,
                trace: line.trace.map(|trace| trace.uid),
                source: if let Endpoint::Ip(ip) = line.src_endpoint { Some(ip) } else { None },
            },
            credential: session.credential_uid,
            token: token.map(of_session).transpose()?,
            outcome: decision,
            reason: line.status_code,
            rule: policy.name,
            generation: policy.version.parse().map_err(|_| NotARecord("authorizations.policy.version"))?,
            trail,
            trials,
        })
    }
}
