//! The step about identity headers, and what the service saw of them.

use gatepost_test_support::{Answer, Request};

use super::step::{Step, Steps};
use crate::Fault;
use crate::service;
use crate::stack::Stack;

/// The names that gatepost sets for the service.
const OWNED: [&str; 3] = ["x-subject", "x-client", "x-scopes"];

/// The headers the service saw that it could take for one of ours, in any spelling.
pub(super) struct Seen(Vec<(String, String)>);

impl Seen {
    /// From the service's answer, which tells what it saw.
    pub(super) fn read(answer: &Answer) -> Self {
        let text = answer.text();
        let owned = |(name, _): &(&str, &str)| OWNED.contains(&folded(name).as_str());
        let seen = service::headers(&text).filter(owned);
        Self(seen.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Whether these, and no others, were seen.
    pub(super) fn is(&self, expected: &[(&str, &str)]) -> bool {
        let seen =
            |wanted: &(&str, &str)| self.0.iter().any(|(name, value)| (&name[..], &value[..]) == *wanted);
        self.0.len() == expected.len() && expected.iter().all(seen)
    }
}

/// As a service reads it that does not tell `_` or `.` from `-` (WSGI, CGI and others).
fn folded(name: &str) -> String {
    name.replace(['_', '.'], "-")
}

pub(super) fn show(step: &Step<'_>, Seen(headers): &Seen) {
    let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let nothing = || format!("none of {}, in any spelling", OWNED.join(", "));
    step.row("service saw", &if lines.is_empty() { nothing() } else { lines.join("\n") });
}

pub(super) async fn spoofed(steps: &mut Steps<'_>, stack: &Stack) -> Result<(), Fault> {
    let mut step = steps.begin("A client cannot say who it is: spoofed identity headers are removed");
    let request = spoof(Request::get("/orders/7").bearer(&stack.tokens.reader));
    let asked = "GET /orders/7 with alice's token, and with";
    let answer = ask(&step, stack, asked, request).await?;
    let seen = Seen::read(&answer);
    show(&step, &seen);
    let ours = seen.is(&[("x-subject", "alice"), ("x-client", "web"), ("x-scopes", "orders:read")]);
    step.expect("each header is there once, and says what the token says", ours);

    let answer =
        ask(&step, stack, "GET /healthz, which is public, with", spoof(Request::get("/healthz"))).await?;
    let seen = Seen::read(&answer);
    show(&step, &seen);
    step.expect(
        "200, and no made-up identity where no token was looked at",
        answer.status == 200 && seen.is(&[]),
    );
    step.end()
}

const SPOOFS: [(&str, &str); 5] = [
    ("x-subject", "admin"),
    ("X_Subject", "admin"),
    ("x.subject", "admin"),
    ("X-Scopes", "orders:write"),
    ("x_scopes", "orders:write"),
];

fn spoof(request: Request) -> Request {
    SPOOFS.iter().fold(request, |request, (name, value)| request.header(name, value))
}

async fn ask(step: &Step<'_>, stack: &Stack, asked: &str, request: Request) -> Result<Answer, Fault> {
    let spoofs: String = SPOOFS.iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
    step.ask(&stack.envoy, &format!("{asked}{spoofs}"), request).await
}
