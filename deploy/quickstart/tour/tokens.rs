//! Steps about the access token: good, absent, for another service, too weak, expired.

use std::time::Duration;

use gatepost::clock::stopwatch;
use gatepost_test_support::{Mint, Request, wait};

use super::identity::{Seen, show};
use super::millis;
use super::step::{Steps, challenged_with};
use crate::Fault;
use crate::stack::Stack;

/// Long enough to be seen while it is good.
const SHORT_LIFE: Duration = Duration::from_secs(3);

pub(super) async fn accepted(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("A good token passes, and the service is told who it is");
    let request = Request::get("/orders/7").bearer(&stack.tokens.reader);
    let answer =
        step.ask(&stack.envoy, "GET /orders/7 with alice's token, scope orders:read", request).await?;
    let seen = Seen::read(&answer);
    show(&step, &seen);
    step.expect("200, from the service", answer.status == 200);
    let told = seen.is(&[("x-subject", "alice"), ("x-client", "web"), ("x-scopes", "orders:read")]);
    step.expect("the identity headers say what the token says", told);
    step.end()
}

pub(super) async fn none(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("Without a token: a challenge");
    let answer = step.ask(&stack.envoy, "GET /orders/7 without a token", Request::get("/orders/7")).await?;
    step.expect("401", answer.status == 401);
    // RFC 6750 §3.1: no error code for a request that carries no credential.
    step.expect("a bare Bearer challenge", answer.header("www-authenticate") == Some("Bearer"));
    step.end()
}

pub(super) async fn for_another_service(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("A good token, but meant for another service");
    let request = Request::get("/orders/7").bearer(&stack.tokens.other_service);
    let asked = "GET /orders/7 with alice's token for https://billing.example.com";
    let answer = step.ask(&stack.envoy, asked, request).await?;
    step.expect("401 invalid_token", answer.status == 401 && challenged_with(&answer, "invalid_token"));
    step.end()
}

pub(super) async fn without_the_scope(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("A good token without the scope that the rule requires");
    let refund = || Request::post("/orders/7/refund");
    let asked = "POST /orders/7/refund with scope orders:read";
    let answer = step.ask(&stack.envoy, asked, refund().bearer(&stack.tokens.reader)).await?;
    let refused = answer.status == 403 && challenged_with(&answer, "insufficient_scope");
    let named = answer.header("www-authenticate").is_some_and(|text| text.contains("scope=\"orders:write\""));
    step.expect("403 insufficient_scope", refused);
    step.expect("the challenge names the scope that is missing", named);
    let asked = "the same with scopes orders:read orders:write";
    let answer = step.ask(&stack.envoy, asked, refund().bearer(&stack.tokens.writer)).await?;
    step.expect("200", answer.status == 200);
    step.end()
}

pub(super) async fn expired(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("A token expires");
    let mint = Mint { ttl: SHORT_LIFE, subject: Some("alice"), ..Mint::default() };
    let token = stack.issuer.mint(mint).await?;
    let minted = stopwatch();
    let request = Request::get("/orders/7").bearer(&token);
    let asked = format!("GET /orders/7 with a token that lives for {} s", SHORT_LIFE.as_secs());
    let answer = step.ask(&stack.envoy, &asked, request.clone()).await?;
    step.expect("200 while it lives", answer.status == 200);

    step.row("asked", "the same, again and again");
    let refused = async || stack.envoy.send(request.clone()).await.ok().filter(|answer| answer.status != 200);
    let answer = wait::until("the refusal of a token that has expired", refused).await?;
    let after = minted.elapsed();
    step.came(&answer);
    let as_expired = answer.status == 401 && challenged_with(&answer, "invalid_token");
    step.expect(
        &format!("401 invalid_token, {} after it came (times in a JWT are whole seconds)", millis(after)),
        as_expired,
    );
    step.end()
}
