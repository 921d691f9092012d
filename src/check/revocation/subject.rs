//! Whom a security event is about: subject identifiers (RFC 9493 §3.2, SSF 1.0 §3) as targets of marks.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::fingerprint::Target;
use super::notice::Notice;
use crate::jose::{Jws, UnixTime};

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
    match format(members).as_deref() {
        Some("aliases") => aliases(members, context),
        Some("complex") => complex(members, context),
        Some(_) => simple(members, context),
        // Complex subjects of legacy CAEP and RISC have none.
        None if members.contains_key("user") || members.contains_key("session") => complex(members, context),
        None => Vec::new(),
    }
}

/// Legacy CAEP and RISC call it `subject_type`, and have hyphens in it.
fn format(members: &Map<String, Value>) -> Option<String> {
    let written = string(members, "format").or_else(|| string(members, "subject_type"));
    written.map(|format| format.replace('-', "_"))
}

fn string<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn simple(members: &Map<String, Value>, context: Context<'_>) -> Vec<Notice> {
    let text = |name| string(members, name);
    if format(members).as_deref() == Some("oauth_token") {
        // OAuth Event Types 1.0 §3.2; only the plain form can be compared with what requests carry.
        let plain = text("token").filter(|_| text("token_identifier_alg") == Some("plain"));
        return plain.map(|token| token_itself(token, context.at)).unwrap_or_default();
    }
    let target = || match format(members)?.as_str() {
        "iss_sub" => Some(Target::Subject { issuer: text("iss")?, subject: text("sub")? }),
        "jwt_id" => Some(Target::Token { issuer: text("iss")?, jti: text("jti")? }),
        "opaque" if context.opaque_is_session => {
            Some(Target::Session { issuer: context.issuer, sid: text("id")? })
        }
        "oauth_client" => Some(Target::Client { issuer: context.issuer, client: text("client_id")? }),
        _ => None,
    };
    target().map(|target| Notice::new(&target, Some(context.at), None)).into_iter().collect()
}

/// One token, as it is presented. Of a JWT the digest is not enough: who holds one that is signed with ECDSA can
/// write its signature in another way that verifies too. So it is named by its `jti` as well.
fn token_itself(token: &str, at: UnixTime) -> Vec<Notice> {
    let notice = |target: Target<'_>| Notice::new(&target, Some(at), None);
    let digest = digest(&SHA256, token.as_bytes());
    let digest = digest.as_ref().first_chunk::<32>().map(|digest| notice(Target::TokenDigest(digest)));
    let named = Jws::parse(token).ok().and_then(|jws| {
        let text = |name| jws.claims.string(name).ok().flatten();
        Some(notice(Target::Token { issuer: text("iss")?, jti: text("jti")? }))
    });
    digest.into_iter().chain(named).collect()
}

/// Each alias names the same subject (RFC 9493 §3.2.8): whichever a token carries revokes it.
fn aliases(members: &Map<String, Value>, context: Context<'_>) -> Vec<Notice> {
    let list = members.get("identifiers").and_then(Value::as_array);
    let all = list.into_iter().flatten().take(MAX_ALIASES).filter_map(Value::as_object);
    all.flat_map(|alias| simple(alias, context)).collect()
}

/// A complex subject is what all its members say together (SSF 1.0 §3.3). A session of a user is that session and
/// no other. Beyond that no mark stands for two members at once, so the narrowest one is taken alone: that
/// revokes too much rather than too little.
fn complex(members: &Map<String, Value>, context: Context<'_>) -> Vec<Notice> {
    let member = |name: &str| members.get(name).and_then(Value::as_object);
    let user_issuer = member("user").and_then(|user| string(user, "iss"));
    let issuer = user_issuer.unwrap_or(context.issuer);
    let of_session = Context { issuer, opaque_is_session: true, ..context };
    let session = member("session").map(|session| simple(session, of_session));
    let user = || member("user").map(|user| simple(user, context));
    let application = || member("application").and_then(|its| client(its, context)).into_iter().collect();
    let named = |notices: &Vec<Notice>| !notices.is_empty();
    session.filter(named).or_else(|| user().filter(named)).unwrap_or_else(application)
}

fn client(application: &Map<String, Value>, context: Context<'_>) -> Option<Notice> {
    let (issuer, client) = match format(application)?.as_str() {
        "iss_sub" => (string(application, "iss")?, string(application, "sub")?),
        "opaque" => (context.issuer, string(application, "id")?),
        _ => return None,
    };
    Some(Notice::new(&Target::Client { issuer, client }, Some(context.at), None))
}
