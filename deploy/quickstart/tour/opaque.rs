//! The step about an opaque token: the issuer vouches for it, until it is revoked.

use std::time::Duration;

use gatepost::clock::stopwatch;
use gatepost_test_support::{Request, wait};

use super::identity::{Seen, show};
use super::millis;
use super::step::{Steps, challenged_with};
use crate::Fault;
use crate::stack::Stack;

/// `introspection.cache.active` in gatepost.yaml.
const KEPT: Duration = Duration::from_secs(2);

/// For a busy machine.
const MARGIN: Duration = Duration::from_secs(1);

pub(super) async fn revoked(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("An opaque token passes while its issuer vouches for it, and is then revoked");
    let token = &stack.tokens.opaque;
    let request = Request::get("/orders/7").bearer(token);
    let asked = format!("GET /orders/7 with alice's opaque token, {} characters", token.len());
    let answer = step.ask(&stack.envoy, &asked, request.clone()).await?;
    let seen = Seen::read(&answer);
    show(&step, &seen);
    step.expect("200: gatepost asked the issuer (RFC 7662)", answer.status == 200);
    let told = seen.is(&[("x-subject", "alice"), ("x-client", "web"), ("x-scopes", "orders:read")]);
    step.expect("the identity headers say what the issuer says", told);

    stack.issuer.revoke(token, "web").await?;
    let revoked = stopwatch();
    step.row("revoked", "at the issuer (RFC 7009), by the client that has it");
    step.row("asked", "the same, again and again");
    let refused = async || stack.envoy.send(request.clone()).await.ok().filter(|answer| answer.status != 200);
    let answer = wait::until("the refusal of a token that was revoked", refused).await?;
    let after = revoked.elapsed();
    step.came(&answer);
    let as_invalid = answer.status == 401 && challenged_with(&answer, "invalid_token");
    step.expect("401 invalid_token", as_invalid);
    let limit = format!("refused {} after it was revoked (cache.active: 2 s)", millis(after));
    step.expect(&limit, after <= KEPT + MARGIN);
    step.end()
}
