//! Tables of requests: all are sent before the test fails, and whatever is refused must not reach the service.

use gatepost_test_support::{Answer, Request};

use crate::stand::Stand;

/// No credential, or none that counts.
pub const BARE: Option<&str> = Some("Bearer");
/// Two credentials, or one that is no token.
pub const INVALID_REQUEST: Option<&str> = Some(r#"Bearer error="invalid_request""#);
/// A token that is not good.
pub const INVALID_TOKEN: Option<&str> = Some(r#"Bearer error="invalid_token""#);
/// A token that has expired.
pub const EXPIRED: Option<&str> =
    Some(r#"Bearer error="invalid_token", error_description="The access token expired""#);
/// A token that may not read.
pub const NOT_READ: Option<&str> = Some(r#"Bearer error="insufficient_scope", scope="orders:read""#);

/// Who answers a request that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// gatepost, whose refusals no cache may keep.
    Gatepost,
    /// Envoy itself, before gatepost is asked.
    Envoy,
}

/// One request that must not pass.
pub struct Refusal {
    pub name: String,
    pub request: Request,
    pub status: u16,
    pub challenge: Option<&'static str>,
    pub by: By,
}

/// A request that gatepost must refuse.
pub fn refused(
    name: impl Into<String>,
    request: Request,
    status: u16,
    challenge: Option<&'static str>,
) -> Refusal {
    Refusal { name: name.into(), request, status, challenge, by: By::Gatepost }
}

/// A request that Envoy refuses before it asks.
pub fn refused_by_envoy(name: impl Into<String>, request: Request, status: u16) -> Refusal {
    Refusal { by: By::Envoy, ..refused(name, request, status, None) }
}

/// Sends all of them.
pub async fn assert_refused<I>(stand: &Stand<I>, cases: Vec<Refusal>) {
    let mut wrong = Vec::new();
    let count = cases.len();
    for Refusal { name, request, status, challenge, by } in cases {
        let before = stand.upstream.requests();
        let answer = match stand.envoy.send(request).await {
            Ok(answer) => answer,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let found = describe(&answer);
        if (found.0, found.1.as_deref()) != (status, challenge) {
            wrong.push(format!("{name}: expected {status} {challenge:?}, found {found:?}"));
        }
        let no_store = answer.header("cache-control") == Some("no-store");
        if no_store != (by == By::Gatepost) {
            wrong.push(format!("{name}: expected an answer by {by:?}, cache-control no-store is {no_store}"));
        }
        if stand.upstream.requests() != before {
            wrong.push(format!("{name}: the service was reached"));
        }
    }
    fail(&wrong, count);
}

/// Sends all of them; each must reach the service once and be answered by it.
pub async fn assert_passed<I>(stand: &Stand<I>, cases: Vec<(String, Request)>) {
    let mut wrong = Vec::new();
    let count = cases.len();
    for (name, request) in cases {
        let before = stand.upstream.requests();
        match stand.envoy.send(request).await {
            Ok(answer) if answer.status != 200 => {
                wrong.push(format!("{name}: found {:?}", describe(&answer)))
            }
            Ok(_) if stand.upstream.requests() != before + 1 => {
                wrong.push(format!("{name}: the service was not reached once"));
            }
            Ok(_) => {}
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    fail(&wrong, count);
}

fn describe(answer: &Answer) -> (u16, Option<String>) {
    let challenges: Vec<_> = answer.headers("www-authenticate").collect();
    (answer.status, (!challenges.is_empty()).then(|| challenges.join(" | ")))
}

#[track_caller]
fn fail(wrong: &[String], count: usize) {
    eprintln!("{count} requests");
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}
