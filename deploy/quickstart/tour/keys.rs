//! The steps about keys: a new one is taken at once, a removed one is refused soon.

use std::time::Duration;

use gatepost::clock::stopwatch;
use gatepost_test_support::{Mint, Request, wait};

use super::millis;
use super::step::{Steps, challenged_with};
use crate::Fault;
use crate::stack::Stack;

/// `keys.refresh` in gatepost.yaml, with its tenth of jitter.
const REFRESH: Duration = Duration::from_millis(2200);

/// For a busy machine.
const MARGIN: Duration = Duration::from_secs(1);

pub(super) async fn rotated(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let old_kid = stack.issuer.kid("RS256").await?;
    let old = Request::get("/orders/7").bearer(&stack.tokens.reader);
    let new = added(steps, stack, &old).await?;
    removed(steps, stack, &old_kid, &old, &new).await
}

async fn added(steps: &mut Steps<'_>, stack: &Stack, old: &Request) -> Result<Request, Fault> {
    let mut step = steps.begin("The issuer rotates its key: the first token signed with it passes");
    let kid = stack.issuer.rotate("RS256").await?;
    let token = stack.issuer.mint(Mint { subject: Some("alice"), ..Mint::default() }).await?;
    let new = Request::get("/orders/7").bearer(&token);

    let started = stopwatch();
    let asked = format!("GET /orders/7 with a token signed with the new key {kid}");
    let answer = step.ask(&stack.envoy, &asked, new.clone()).await?;
    let took = millis(started.elapsed());
    step.expect(&format!("200 at the first attempt, in {took}"), answer.status == 200);

    let answer = step.ask(&stack.envoy, "the same with a token signed with the old key", old.clone()).await?;
    step.expect("200: the old key is still published", answer.status == 200);
    step.end()?;
    Ok(new)
}

async fn removed(
    steps: &mut Steps<'_>,
    stack: &Stack,
    old_kid: &str,
    old: &Request,
    new: &Request,
) -> Result<(), Fault> {
    let mut step = steps.begin("The issuer removes the old key: its tokens are refused soon");
    stack.issuer.unpublish(old_kid).await?;
    let removed = stopwatch();
    step.row("asked", &format!("GET /orders/7, again and again, with a token signed with {old_kid}"));
    let refused = async || stack.envoy.send(old.clone()).await.ok().filter(|answer| answer.status != 200);
    let answer = wait::until("the refusal of a token whose key is gone", refused).await?;
    let after = removed.elapsed();
    step.came(&answer);
    let as_invalid = answer.status == 401 && challenged_with(&answer, "invalid_token");
    step.expect("401 invalid_token", as_invalid);
    let limit = format!("refused {} after the key was removed (refresh: 2 s ± a tenth)", millis(after));
    step.expect(&limit, after <= REFRESH + MARGIN);

    let answer = step.ask(&stack.envoy, "the same with a token signed with the new key", new.clone()).await?;
    step.expect("200", answer.status == 200);
    step.end()
}
