//! The tour: what the page says to try, tried, with a tick for each thing that came out as it should.

mod identity;
mod keys;
mod leaving;
mod opaque;
mod paths;
mod revocation;
mod step;
mod tokens;

use std::time::Duration;

use gatepost::clock::stopwatch;

use crate::Fault;
use crate::screen::{Look, Screen};
use crate::stack::Stack;
use step::Steps;

/// Walks through it.
///
/// # Errors
/// At the first step that does not do what it says.
pub(crate) async fn run(stack: &mut Stack, screen: &Screen) -> Result<(), Fault> {
    screen.title("The tour");
    let started = stopwatch();
    let mut steps = Steps::new(screen);
    tokens::accepted(&mut steps, stack).await?;
    tokens::none(&mut steps, stack).await?;
    tokens::for_another_service(&mut steps, stack).await?;
    tokens::without_the_scope(&mut steps, stack).await?;
    tokens::expired(&mut steps, stack).await?;
    opaque::revoked(&mut steps, stack).await?;
    identity::spoofed(&mut steps, stack).await?;
    paths::ambiguous(&mut steps, stack).await?;
    paths::without_a_rule(&mut steps, stack).await?;
    leaving::explained(&mut steps, stack).await?;
    keys::rotated(&mut steps, stack).await?;
    revocation::revoked(&mut steps, stack).await?;
    leaving::stopped(&mut steps, stack).await?;
    let took = started.elapsed().as_secs_f64();
    let summary = format!("All {} steps did what they say, in {took:.1} s.", steps.count());
    screen.line(format_args!("{} {summary}", screen.paint(Look::Good, "✓")));
    Ok(())
}

/// A duration as it is compared with others.
fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
