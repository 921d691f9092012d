//! The span of one check and those below it, from its beginning until it ends or is given up.

use std::time::Instant;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::Tracer;
use super::observer::{Observer, Origin, Part, RemoteCall};
use crate::check::Decision;
use crate::check::trace_context::{TraceContext, TraceId};
use crate::check::trail::{Stage, Stages, Trail, Verdict};
use crate::clock::stopwatch;

/// Flags of a span: sampled, and it is known whether the parent is of another process.
const SAMPLED: u32 = 0x101;
const PARENT_IS_REMOTE: u32 = 0x200;

/// Where an answer about a token came from.
const ANSWER: &str = "gatepost.answer";

/// As many events of one span as are kept.
const MAX_EVENTS: usize = 32;

/// A sampled check under way. When it is dropped, its spans are passed on, whether it was decided or given up.
#[derive(Debug)]
pub struct CheckSpan<'a> {
    tracer: &'a Tracer,
    /// In a box, so that a check without one is no larger for it.
    trace: Box<Trace>,
}

#[derive(Debug)]
struct Trace {
    trace_id: TraceId,
    began: Instant,
    began_at: u64,
    check: Span,
    part: Option<Span>,
    call: Option<Span>,
    ended: Vec<Span>,
    stages: Stages,
}

/// What a check came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// The decision.
    pub decision: &'a Decision,
    /// The method of the request.
    pub method: &'a str,
    /// The configured name of the token's issuer, where a token was proven.
    pub issuer: Option<&'a str>,
    /// The generation of the configuration.
    pub generation: u64,
}

impl<'a> CheckSpan<'a> {
    pub(super) fn begin(tracer: &'a Tracer, parent: TraceContext, state: String) -> Self {
        let began_at = tracer.clock.now_nanos();
        let check = Span {
            trace_id: parent.trace_id.bytes().to_vec(),
            span_id: new_id(),
            parent_span_id: parent.span_id.to_vec(),
            trace_state: state,
            flags: SAMPLED | PARENT_IS_REMOTE,
            name: "envoy.service.auth.v3.Authorization/Check".to_owned(),
            kind: SpanKind::Server as i32,
            start_time_unix_nano: began_at,
            attributes: vec![
                text("rpc.system.name", "grpc"),
                text("rpc.method", "envoy.service.auth.v3.Authorization/Check"),
            ],
            ..Span::default()
        };
        let (part, call, ended) = (None, None, Vec::with_capacity(4));
        let stages = Stages::default();
        let trace = Trace {
            trace_id: parent.trace_id,
            began: stopwatch(),
            began_at,
            check,
            part,
            call,
            ended,
            stages,
        };
        Self { tracer, trace: Box::new(trace) }
    }

    /// The trace that it belongs to.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace.trace_id
    }

    /// What each stage came to, for whoever records the check.
    #[must_use]
    pub fn stages(&self) -> Stages {
        self.trace.stages
    }

    /// Ends it with what the check came to. Only an outage is an error: a refusal is what a check is for.
    pub fn decided(mut self, outcome: Outcome<'_>) {
        let Outcome { decision, method, issuer, generation } = outcome;
        let check = &mut self.trace.check;
        let issuer = match decision {
            Decision::Unavailable(outage) => outage.issuer.as_deref(),
            _ => issuer,
        };
        check.attributes.extend([
            text("http.request.method", known_method(method)),
            text("gatepost.outcome", decision.outcome()),
            number("gatepost.generation", generation),
        ]);
        let named = [("gatepost.rule", decision.rule().map(AsRef::as_ref)), ("gatepost.issuer", issuer)];
        let named = named.into_iter().filter_map(|(name, value)| Some(text(name, value?)));
        check.attributes.extend(named);
        if !decision.reason().is_empty() {
            check.attributes.push(text("gatepost.reason", decision.reason()));
        }
        if let Decision::Unavailable(outage) = decision {
            check.attributes.push(text("error.type", outage.reason.label()));
            check.status = Some(error(outage.reason.label()));
        }
    }
}

impl Drop for CheckSpan<'_> {
    fn drop(&mut self) {
        self.trace.end_part();
        let end = self.trace.now();
        let mut check = std::mem::take(&mut self.trace.check);
        check.end_time_unix_nano = end;
        let mut spans = std::mem::take(&mut self.trace.ended);
        spans.push(check);
        self.tracer.ended(spans);
    }
}

impl Trace {
    fn now(&self) -> u64 {
        let since = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.began_at.saturating_add(since)
    }

    fn child(&self, parent: &Span, name: &str, kind: SpanKind) -> Span {
        Span {
            trace_id: parent.trace_id.clone(),
            span_id: new_id(),
            parent_span_id: parent.span_id.clone(),
            trace_state: parent.trace_state.clone(),
            flags: SAMPLED,
            name: name.to_owned(),
            kind: kind as i32,
            start_time_unix_nano: self.now(),
            ..Span::default()
        }
    }

    /// Ends the part under way, and the call in it, which the check did not wait for to the end.
    fn end_part(&mut self) {
        self.end_call(|span| span.status = Some(error("abandoned")));
        let now = self.now();
        if let Some(mut part) = self.part.take() {
            part.end_time_unix_nano = now;
            self.ended.push(part);
        }
    }

    fn end_call(&mut self, describe: impl FnOnce(&mut Span)) {
        let now = self.now();
        if let Some(mut call) = self.call.take() {
            describe(&mut call);
            call.end_time_unix_nano = now;
            self.ended.push(call);
        }
    }
}

/// The text of a note is never made: it is for the person who asks `explain`, and may show what a token says.
impl Trail for CheckSpan<'_> {
    const IS_KEPT: bool = false;

    fn note(&mut self, stage: Stage, verdict: Verdict, text: impl FnOnce() -> String) {
        self.trace.stages.note(stage, verdict, text);
        let now = self.trace.now();
        let Trace { check, part, .. } = &mut *self.trace;
        let span = part.as_mut().unwrap_or(check);
        if verdict == Verdict::Noted || span.events.len() >= MAX_EVENTS {
            return;
        }
        span.events.push(Event {
            time_unix_nano: now,
            name: stage.name().to_owned(),
            attributes: vec![self::text("gatepost.verdict", verdict.name())],
            dropped_attributes_count: 0,
        });
    }
}

impl Observer for CheckSpan<'_> {
    fn enters(&mut self, part: Part) {
        self.trace.end_part();
        self.trace.part = Some(self.trace.child(&self.trace.check, part.name(), SpanKind::Internal));
    }

    fn asks(&mut self, origin: Origin) {
        let trace = &mut *self.trace;
        let Some(mut part) = trace.part.take() else { return };
        // The last word counts: a call that failed may end in an older answer.
        part.attributes.retain(|its| its.key != ANSWER);
        part.attributes.push(text(ANSWER, origin.name()));
        if origin == Origin::OwnCall {
            let mut call = trace.child(&part, "POST", SpanKind::Client);
            call.attributes.push(text("http.request.method", "POST"));
            trace.call = Some(call);
        }
        trace.part = Some(part);
    }

    fn called(&mut self, call: impl FnOnce() -> RemoteCall) {
        self.trace.end_call(|span| describe(span, &call()));
    }
}

fn describe(span: &mut Span, call: &RemoteCall) {
    if let Some(mut url) = call.url.clone() {
        url.set_query(None);
        url.set_fragment(None);
        // A URL that has no place for them has none to remove.
        let _ = (url.set_username(""), url.set_password(None));
        span.attributes.extend(url.host_str().map(|host| text("server.address", host)));
        span.attributes.extend(url.port_or_known_default().map(|port| number("server.port", port)));
        span.attributes.push(text("url.full", url.as_str()));
    }
    span.attributes.extend(call.status.map(|status| number("http.response.status_code", status)));
    let error_status = call.status.filter(|status| *status >= 400).map(|status| status.to_string());
    if let Some(kind) = error_status.as_deref().or(call.error) {
        span.attributes.push(text("error.type", kind));
        span.status = Some(error(call.error.unwrap_or_default()));
    }
}

fn error(why: &str) -> Status {
    Status { message: why.to_owned(), code: StatusCode::Error as i32 }
}

/// A client can invent methods without end; the conventions call those it invents `_OTHER`.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("_OTHER")
}

/// Eight random bytes that are not all zero. They need not be hard to guess.
fn new_id() -> Vec<u8> {
    fastrand::u64(1..).to_be_bytes().to_vec()
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: impl TryInto<i64>) -> KeyValue {
    attribute(key, Value::IntValue(value.try_into().unwrap_or(i64::MAX)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
