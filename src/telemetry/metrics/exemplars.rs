//! Exemplars of a histogram: for each bucket, the trace of the last sampled check that fell into it.
//!
//! They are kept beside the histogram and joined to it in the text, so that a check without a trace does not pay
//! for them: prometheus-client's own histogram with exemplars takes a second lock for each observation.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::check::trace_context::TraceId;
use crate::jose::UnixTime;

/// One for each bucket at most.
#[derive(Debug)]
pub(super) struct Exemplars {
    bounds: Vec<f64>,
    kept: Mutex<BTreeMap<usize, Exemplar>>,
}

#[derive(Debug)]
struct Exemplar {
    trace_id: TraceId,
    seconds: f64,
    at: UnixTime,
}

impl Exemplars {
    /// For a histogram with these bounds, in seconds.
    pub(super) fn of(bounds: impl Iterator<Item = f64>) -> Self {
        Self { bounds: bounds.collect(), kept: Mutex::default() }
    }

    /// Keeps one, in place of the last one of its bucket.
    pub(super) fn keep(&self, took: Duration, at: UnixTime, trace_id: TraceId) {
        let seconds = took.as_secs_f64();
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        let exemplar = Exemplar { trace_id, seconds, at };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket, exemplar);
    }

    /// The text with an exemplar after each bucket that has one. Buckets stand in order in lines that begin with
    /// `prefix`.
    pub(super) fn join(&self, text: String, prefix: &str) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            return text;
        }
        let (mut joined, mut bucket) = (String::with_capacity(text.len() + 128 * kept.len()), 0);
        for line in text.lines() {
            joined.push_str(line);
            if line.starts_with(prefix) {
                joined.extend(kept.get(&bucket).map(Exemplar::text));
                bucket += 1;
            }
            joined.push('\n');
        }
        joined
    }
}

impl Exemplar {
    /// As OpenMetrics has it, with the time in seconds.
    fn text(&self) -> String {
        let Self { trace_id, seconds, at } = self;
        let at = at.as_millis();
        format!(" # {{trace_id=\"{trace_id}\"}} {seconds} {}.{:03}", at / 1000, at % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_shows_the_last_of_its_own() {
        let exemplars = Exemplars::of([0.001, 0.002].into_iter());
        let text = "a_sum 1\na_bucket{le=\"0.001\"} 1\na_bucket{le=\"0.002\"} 3\na_bucket{le=\"+Inf\"} 4\n";
        assert_eq!(exemplars.join(text.to_owned(), "a_bucket{"), text);
        let at = UnixTime::from_millis(1_795_000_000_007);
        for (micros, trace) in [(2000, "aa"), (1500, "bb"), (9_000_000, "cc")] {
            let trace_id = TraceId::read(trace.repeat(16).as_bytes()).unwrap();
            exemplars.keep(Duration::from_micros(micros), at, trace_id);
        }
        let (second, third) = ("bb".repeat(16), "cc".repeat(16));
        let expected = format!(
            "a_sum 1\na_bucket{{le=\"0.001\"}} 1\n\
             a_bucket{{le=\"0.002\"}} 3 # {{trace_id=\"{second}\"}} 0.0015 1795000000.007\n\
             a_bucket{{le=\"+Inf\"}} 4 # {{trace_id=\"{third}\"}} 9 1795000000.007\n"
        );
        assert_eq!(exemplars.join(text.to_owned(), "a_bucket{"), expected);
    }
}
