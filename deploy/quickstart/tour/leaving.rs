//! The steps beside the requests: gatepost explains a refusal, and ends when it is told to.

use std::time::Duration;

use gatepost::clock::stopwatch;
use gatepost_test_support::Request;

use super::millis;
use super::step::Steps;
use crate::Fault;
use crate::stack::Stack;

/// `shutdown.deadline` is 10s, for checks in flight. There are none.
const SOON: Duration = Duration::from_secs(5);

pub(super) async fn explained(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("gatepost explains why a token was refused, to whoever may ask");
    let url = "https://orders.example.com/orders/7";
    let token = "other-service.jwt";
    step.row("ran", &format!("gatepost explain --config config --token-file {token} \\\n  --url {url}"));
    let arguments = ["explain", "--config", "config", "--token-file", token, "--url", url];
    let (status, printed) = stack.command(&arguments).await?;
    step.row("printed", &printed);
    step.expect("the refusal names its reason: audience_mismatch", printed.contains("audience_mismatch"));
    step.expect("exit status 1: deny", status.code() == Some(1));
    step.end()
}

pub(super) async fn stopped(steps: &mut Steps<'_>, stack: &mut Stack) -> Result<(), Fault> {
    let mut step = steps.begin("gatepost is told to stop");
    step.row("sent", "SIGTERM");
    let started = stopwatch();
    let status = stack.gatepost.terminate(SOON).await?;
    let took = millis(started.elapsed());
    step.row("ended", &format!("{status}, after {took}"));
    step.expect("it ended cleanly", status.code() == Some(0));

    let request = Request::get("/orders/7").bearer(&stack.tokens.writer);
    let asked = "GET /orders/7 with a good token, and nobody there to judge it";
    let answer = step.ask(&stack.envoy, asked, request).await?;
    step.expect("503: Envoy lets nothing pass unasked", answer.status == 503);
    step.end()
}
