//! The step about a JWT that is revoked while it is still good: no key changes, and its issuer is not asked.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gatepost::clock::stopwatch;
use gatepost_test_support::{Answer, Connection, Mint, Request, wait};
use serde_json::{Value, json};

use super::step::{Steps, challenged_with};
use crate::Fault;
use crate::files::REVOCATIONS;
use crate::stack::Stack;

/// A second is a hundred times what it takes on a quiet machine.
const SOON: Duration = Duration::from_secs(1);

pub(super) async fn revoked(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step =
        steps.begin("A token that is good for an hour is revoked: it is refused at the next request");
    let mint = Mint { subject: Some("alice"), ttl: Duration::from_secs(3600), ..Mint::default() };
    let (token, other) = (stack.issuer.mint(mint.clone()).await?, stack.issuer.mint(mint).await?);
    let request = Request::get("/orders/7").bearer(&token);
    let answer = step.ask(&stack.envoy, "GET /orders/7 with a new token of alice's", request.clone()).await?;
    step.expect("200: gatepost has verified it", answer.status == 200);

    let message = message(&claims(&token)?);
    step.row("revoked", &format!("{message}\n  >> {REVOCATIONS}"));
    let mut connection = Connection::open(stack.envoy.address()).await?;
    let started = stopwatch();
    stack.files.append(REVOCATIONS, &message)?;
    let answer = first_refusal(&mut connection, &request).await?;
    let took = started.elapsed();
    step.came(&answer);
    let as_invalid = answer.status == 401 && challenged_with(&answer, "invalid_token");
    step.expect("401 invalid_token", as_invalid);
    let millis = took.as_secs_f64() * 1e3;
    step.expect(&format!("first refused {millis:.1} ms after the line was written"), took <= SOON);

    let request = Request::get("/orders/7").bearer(&other);
    let answer = step.ask(&stack.envoy, "the same with another token of alice's", request).await?;
    step.expect("200: only what was revoked is refused", answer.status == 200);
    step.end()
}

/// deploy/revocation/messages.md.
fn message(claims: &Value) -> String {
    let of = |name: &str| claims.get(name).cloned().unwrap_or_default();
    json!({ "v": 1, "kind": "token", "iss": of("iss"), "jti": of("jti"), "exp": of("exp") }).to_string()
}

fn claims(token: &str) -> Result<Value, Fault> {
    let payload = token.split('.').nth(1).ok_or("the issuer's token is no JWT")?;
    Ok(serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// Asks again and again, without a pause.
async fn first_refusal(connection: &mut Connection, request: &Request) -> Result<Answer, Fault> {
    let started = stopwatch();
    loop {
        let answer = connection.send(request).await?;
        if answer.status != 200 {
            return Ok(answer);
        }
        if started.elapsed() > wait::DEADLINE {
            return Err("waited in vain for the refusal of a token that was revoked".into());
        }
    }
}
