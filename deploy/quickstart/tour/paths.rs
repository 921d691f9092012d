//! Steps about the path: one that can be read in two ways, and one that no rule matches.

use gatepost_test_support::Request;

use super::step::Steps;
use crate::Fault;
use crate::stack::Stack;

pub(super) async fn ambiguous(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("A path that Envoy, gatepost and the service might read differently");
    let request = Request::get("//orders/7").bearer(&stack.tokens.reader);
    let answer = step.ask(&stack.envoy, "GET //orders/7 with alice's token", request).await?;
    step.expect("400: refused instead of guessed at", answer.status == 400);
    step.end()
}

pub(super) async fn without_a_rule(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("A path that no rule matches");
    let request = Request::get("/admin/users").bearer(&stack.tokens.writer);
    let answer = step.ask(&stack.envoy, "GET /admin/users with alice's best token", request).await?;
    step.expect("403: nothing is allowed by default", answer.status == 403);
    let challenged = answer.header("www-authenticate").is_some();
    step.expect("no challenge: no token would help", !challenged);
    step.end()
}
