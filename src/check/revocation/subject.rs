//! Whom a security event is about: subject identifiers (RFC 9493 §3.2, SSF 1.0 §3) as targets of marks.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::fingerprint::Target;
use super::notice::Notice;
use crate::jose::UnixTime;

/// What the members of an event make of a subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The event's issuer: an opaque identifier is one of its.
    pub(super) issuer: &'a str,
    /// When it happened.
    pub(super) at: UnixTime,
    /// Whether an opaque identifier by itself names a session.
    pub(super) opaque_is_session: bool,
}

/// Aliases of one subject are few.
const MAX_ALIASES: usize = 16;

/// The notices that a subject identifier comes to; none where it names nothing that tokens carry.
pub(super) fn notices(subject: &Value, context: Context<'_>) -> Vec<Notice> {
    let Some(members) = subject.as_object() else { return Vec::new() };
    // Legacy CAEP and RISC call the format `subject_type`, and their complex subjects have none.
    let format = string(members, "format").or_else(|| string(members, "subject_type"));
    match format {
        Some("aliases") => aliases(members, context),
        Some("complex") => complex(members, context),
        Some(format) => simple(&format.replace('-', "_"), members, context).into_iter().collect(),
        None if members.contains_key("user") || members.contains_key("session") => complex(members, context),
        None => Vec::new(),
    }
}

fn string<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn simple(format: &str, members: &Map<String, Value>, context: Context<'_>) -> Option<Notice> {
    let text = |name| string(members, name);
    let notice = |target: Target<'_>| Some(Notice::new(&target, Some(context.at), None));
    match format {
        "iss_sub" => notice(Target::Subject { issuer: text("iss")?, subject: text("sub")? }),
        "jwt_id" => notice(Target::Token { issuer: text("iss")?, jti: text("jti")? }),
        "opaque" if context.opaque_is_session => {
            notice(Target::Session { issuer: context.issuer, sid: text("id")? })
        }
        "oauth_client" => notice(Target::Client { issuer: context.issuer, client: text("client_id")? }),
        // OAuth Event Types 1.0 §3.2; only the plain form can be compared with what requests carry.
        "oauth_token" if text("token_identifier_alg") == Some("plain") => {
            let digest = digest(&SHA256, text("token")?.as_bytes());
            notice(Target::TokenDigest(digest.as_ref().first_chunk::<32>()?))
        }
        _ => None,
    }
}

/// Each alias names the same subject (RFC 9493 §3.2.8): whichever a token carries revokes it.
fn aliases(members: &Map<String, Value>, context: Context<'_>) -> Vec<Notice> {
    let list = members.get("identifiers").and_then(Value::as_array);
    let all = list.into_iter().flatten().take(MAX_ALIASES).filter_map(Value::as_object);
    all.filter_map(|alias| simple(string(alias, "format")?, alias, context)).collect()
}

/// A complex subject is what all its members say together (SSF 1.0 §3.3). A session of a user is that session and
/// no other. Beyond that no mark stands for two members at once, so the narrowest one is taken alone: that
/// revokes too much rather than too little.
fn complex(members: &Map<String, Value>, context: Context<'_>) -> Vec<Notice> {
    let member = |name: &str| members.get(name).and_then(Value::as_object);
    let user_issuer = member("user").and_then(|user| string(user, "iss"));
    let issuer = user_issuer.unwrap_or(context.issuer);
    let session = member("session").and_then(|session| {
        let of_session = Context { issuer, opaque_is_session: true, ..context };
        simple(string(session, "format")?, session, of_session)
    });
    let all = session
        .or_else(|| member("user").and_then(|user| simple(string(user, "format")?, user, context)))
        .or_else(|| member("application").and_then(|application| client(application, context)));
    all.into_iter().collect()
}

fn client(application: &Map<String, Value>, context: Context<'_>) -> Option<Notice> {
    let (issuer, client) = match string(application, "format")? {
        "iss_sub" => (string(application, "iss")?, string(application, "sub")?),
        "opaque" => (context.issuer, string(application, "id")?),
        _ => return None,
    };
    Some(Notice::new(&Target::Client { issuer, client }, Some(context.at), None))
}
