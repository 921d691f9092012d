//! One step of the tour: what is asked, what comes back, and what that shows.

use axum::http::StatusCode;
use gatepost_test_support::{Answer, Envoy, Request};

use crate::Fault;
use crate::screen::{Look, Screen};

/// Of the names of the rows.
const WIDTH: usize = 11;

/// Numbers the steps.
pub(super) struct Steps<'a> {
    screen: &'a Screen,
    count: usize,
}

/// A step under way.
pub(super) struct Step<'a> {
    screen: &'a Screen,
    number: usize,
    failed: bool,
}

impl<'a> Steps<'a> {
    pub(super) fn new(screen: &'a Screen) -> Self {
        Self { screen, count: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Begins the next step; `claim` is what it is to show.
    pub(super) fn begin(&mut self, claim: &str) -> Step<'a> {
        self.count += 1;
        let title = format!("{:>2}  {claim}", self.count);
        self.screen.line(self.screen.paint(Look::Title, title));
        Step { screen: self.screen, number: self.count, failed: false }
    }
}

impl Step<'_> {
    /// Asks Envoy, and shows what is asked and what comes back.
    pub(super) async fn ask(&self, envoy: &Envoy, asked: &str, request: Request) -> Result<Answer, Fault> {
        self.row("asked", asked);
        let answer = envoy.send(request).await?;
        self.came(&answer);
        Ok(answer)
    }

    /// Shows an answer and its challenge.
    pub(super) fn came(&self, answer: &Answer) {
        let reason = StatusCode::from_u16(answer.status).ok().and_then(|status| status.canonical_reason());
        let mut text = format!("{} {}", answer.status, reason.unwrap_or_default());
        for challenge in answer.headers("www-authenticate") {
            text.push_str(&format!("\nwww-authenticate: {challenge}"));
        }
        self.row("answer", &text);
    }

    /// A named fact, of one line or more.
    pub(super) fn row(&self, name: &str, text: &str) {
        let mut name = self.screen.paint(Look::Quiet, format!("{name:<WIDTH$}"));
        for line in text.lines() {
            self.screen.line(format_args!("      {name} {line}").to_string().trim_end());
            name = " ".repeat(WIDTH);
        }
    }

    /// Notes whether it came out as it should; `what` is true when it did.
    pub(super) fn expect(&mut self, what: &str, holds: bool) {
        let mark = match holds {
            true => self.screen.paint(Look::Good, "✓"),
            false => self.screen.paint(Look::Bad, "✗ NOT"),
        };
        self.screen.line(format_args!("    {mark} {what}"));
        self.failed |= !holds;
    }

    /// # Errors
    /// When something did not come out as it should.
    pub(super) fn end(self) -> Result<(), Fault> {
        self.screen.line("");
        match self.failed {
            true => Err(format!("step {} of the tour did not do what it says", self.number).into()),
            false => Ok(()),
        }
    }
}

/// The error code of a challenge (RFC 6750 §3.1).
pub(super) fn challenged_with(answer: &Answer, error: &str) -> bool {
    let wanted = format!("error=\"{error}\"");
    answer.headers("www-authenticate").any(|challenge| challenge.contains(&wanted))
}
