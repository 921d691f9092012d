//! From the OpenMetrics text of /metrics to OTLP, as "Prometheus and OpenMetrics Compatibility" of OpenTelemetry
//! maps them: one set of instruments, so what is pushed is what is scraped.
//!
//! It reads the text that our own registry writes, not any text that OpenMetrics allows.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    exemplar, metric::Data, number_data_point,
};

use super::collector::attribute;
use crate::check::trace_context::TraceId;

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// When it was counted, in nanoseconds since the epoch.
#[derive(Clone, Copy)]
struct Span {
    started: u64,
    now: u64,
}

#[derive(Default)]
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    unit: &'a str,
    kind: &'a str,
    samples: Vec<Sample<'a>>,
}

struct Sample<'a> {
    /// What its name has after the family's.
    suffix: &'a str,
    labels: Vec<(&'a str, String)>,
    value: &'a str,
    exemplar: Option<Exemplar>,
}

/// Reads a whole text. Counters have counted since `started`.
pub(super) fn read(text: &str, started: u64, now: u64) -> Vec<Metric> {
    let span = Span { started, now };
    families(text).into_iter().filter_map(|family| metric(family, span)).collect()
}

fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(described) => describe(described, &mut families),
            None => {
                if let Some(family) = families.last_mut() {
                    family.samples.extend(sample(line, family.name));
                }
            }
        }
    }
    families
}

/// A line of metadata; the first one about a family begins it.
fn describe<'a>(line: &'a str, families: &mut Vec<Family<'a>>) {
    let mut words = line.splitn(3, ' ');
    let (Some(about), Some(name), Some(value)) = (words.next(), words.next(), words.next()) else { return };
    if families.last().is_none_or(|family| family.name != name) {
        families.push(Family { name, ..Family::default() });
    }
    let Some(family) = families.last_mut() else { return };
    match about {
        "HELP" => family.help = value,
        "TYPE" => family.kind = value,
        "UNIT" => family.unit = value,
        _ => {}
    }
}

fn sample<'a>(line: &'a str, family: &str) -> Option<Sample<'a>> {
    let rest = line.strip_prefix(family)?;
    let (suffix, rest) = rest.split_at_checked(rest.find(['{', ' '])?)?;
    let (labels, rest) = labels(rest)?;
    let (value, exemplar) = match rest.split_once(" # ") {
        Some((value, exemplar)) => (value, read_exemplar(exemplar)),
        None => (rest, None),
    };
    Some(Sample { suffix, labels, value: value.split_whitespace().next()?, exemplar })
}

/// The labels, if any, and what follows.
fn labels(text: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let Some(mut rest) = text.strip_prefix('{') else { return Some((Vec::new(), text)) };
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, tail) = rest.split_once("=\"")?;
        let (value, tail) = quoted(tail)?;
        labels.push((name, value));
        rest = tail.strip_prefix(',').unwrap_or(tail);
    }
}

/// The text up to the closing quote with its escapes undone, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (end, '"') => return Some((value, text.get(end + 1..)?)),
            (_, '\\') => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            (_, other) => value.push(other),
        }
    }
}

fn read_exemplar(text: &str) -> Option<Exemplar> {
    let (labels, rest) = labels(text)?;
    let mut numbers = rest.split_whitespace();
    let value = numbers.next()?.parse().ok()?;
    let seconds: f64 = numbers.next()?.parse().ok()?;
    let (_, trace_id) = labels.iter().find(|(name, _)| *name == "trace_id")?;
    let trace_id = TraceId::read(trace_id.as_bytes())?.bytes().to_vec();
    Some(Exemplar {
        time_unix_nano: nanoseconds(seconds),
        trace_id,
        value: Some(exemplar::Value::AsDouble(value)),
        ..Exemplar::default()
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

fn metric(family: Family<'_>, span: Span) -> Option<Metric> {
    let mut name = family.name.to_owned();
    let data = match family.kind {
        "counter" => sum(&family, span, true),
        // It is worth 1 as long as its labels hold.
        "info" => {
            name.push_str("_info");
            sum(&family, span, false)
        }
        "gauge" | "unknown" => Data::Gauge(Gauge { data_points: points(&family, span) }),
        "histogram" => Data::Histogram(Histogram {
            data_points: histogram(family.samples, span),
            aggregation_temporality: CUMULATIVE,
        }),
        _ => return None,
    };
    let unit = unit(family.unit).to_owned();
    Some(Metric { name, description: family.help.to_owned(), unit, data: Some(data), ..Metric::default() })
}

fn sum(family: &Family<'_>, span: Span, is_monotonic: bool) -> Data {
    let data_points = points(family, span);
    Data::Sum(Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic })
}

/// UCUM, where it has a code for the unit.
fn unit(unit: &str) -> &str {
    match unit {
        "seconds" => "s",
        "bytes" => "By",
        "ratio" => "1",
        other => other,
    }
}

fn points(family: &Family<'_>, Span { started, now }: Span) -> Vec<NumberDataPoint> {
    let start = if matches!(family.kind, "gauge" | "unknown") { 0 } else { started };
    let of = |sample: &Sample<'_>| {
        Some(NumberDataPoint {
            attributes: attributes(&sample.labels),
            start_time_unix_nano: start,
            time_unix_nano: now,
            value: Some(number(sample.value)?),
            ..NumberDataPoint::default()
        })
    };
    family.samples.iter().filter_map(of).collect()
}

fn number(text: &str) -> Option<number_data_point::Value> {
    match text.parse() {
        Ok(integer) => Some(number_data_point::Value::AsInt(integer)),
        Err(_) => text.parse().ok().map(number_data_point::Value::AsDouble),
    }
}

fn attributes(labels: &[(&str, String)]) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| attribute(name, value)).collect()
}

/// The series of a histogram, each from the lines that have its labels.
fn histogram(samples: Vec<Sample<'_>>, Span { started, now }: Span) -> Vec<HistogramDataPoint> {
    let mut points: Vec<HistogramDataPoint> = Vec::new();
    for mut sample in samples {
        let bound = sample.labels.iter().position(|(name, _)| *name == "le");
        let bound = bound.map(|place| sample.labels.remove(place).1);
        let attributes = attributes(&sample.labels);
        let place = points.iter().position(|point| point.attributes == attributes);
        let place = place.unwrap_or_else(|| {
            points.push(HistogramDataPoint {
                attributes,
                start_time_unix_nano: started,
                time_unix_nano: now,
                ..HistogramDataPoint::default()
            });
            points.len() - 1
        });
        if let Some(point) = points.get_mut(place) {
            add(point, &sample, bound.as_deref());
        }
    }
    points
}

fn add(point: &mut HistogramDataPoint, sample: &Sample<'_>, bound: Option<&str>) {
    match (sample.suffix, bound) {
        ("_sum", _) => point.sum = sample.value.parse().ok(),
        ("_count", _) => point.count = sample.value.parse().unwrap_or_default(),
        ("_bucket", Some(bound)) => {
            // Buckets of OpenMetrics count what is in those below, too; those of OTLP do not.
            let below: u64 = point.bucket_counts.iter().sum();
            let count: u64 = sample.value.parse().unwrap_or_default();
            point.bucket_counts.push(count.saturating_sub(below));
            point.explicit_bounds.extend(bound.parse::<f64>().ok().filter(|bound| bound.is_finite()));
            point.exemplars.extend(sample.exemplar.clone());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use opentelemetry_proto::tonic::common::v1::any_value::Value;

    use super::*;
    use crate::check::{Decision, DenyReason};
    use crate::jose::UnixTime;
    use crate::telemetry::metrics::{Metrics, Saved};

    fn series(name: &str, attributes: &[KeyValue], more: Option<(&str, String)>) -> String {
        let of = |its: &KeyValue| match its.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(value)) => format!("{}={value:?}", its.key),
            other => panic!("{other:?}"),
        };
        let more = more.map(|(name, value)| format!("{name}={value:?}"));
        let all: Vec<_> = more.into_iter().chain(attributes.iter().map(of)).collect();
        if all.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", all.join(",")) }
    }

    fn value(point: &NumberDataPoint) -> f64 {
        match point.value.unwrap() {
            number_data_point::Value::AsInt(integer) => integer as f64,
            number_data_point::Value::AsDouble(double) => double,
        }
    }

    /// What Prometheus would make of it.
    fn flattened(metrics: &[Metric]) -> BTreeMap<String, f64> {
        let mut flat = BTreeMap::new();
        for metric in metrics {
            let name = metric.name.as_str();
            match metric.data.as_ref().unwrap() {
                Data::Gauge(gauge) => {
                    let points = gauge.data_points.iter();
                    flat.extend(points.map(|point| (series(name, &point.attributes, None), value(point))));
                }
                Data::Sum(sum) => {
                    assert_eq!(sum.aggregation_temporality, CUMULATIVE);
                    let name = if sum.is_monotonic { format!("{name}_total") } else { name.to_owned() };
                    let points = sum.data_points.iter();
                    flat.extend(points.map(|point| (series(&name, &point.attributes, None), value(point))));
                }
                Data::Histogram(histogram) => {
                    assert_eq!(histogram.aggregation_temporality, CUMULATIVE);
                    for point in &histogram.data_points {
                        let its = &point.attributes;
                        flat.insert(series(&format!("{name}_sum"), its, None), point.sum.unwrap());
                        flat.insert(series(&format!("{name}_count"), its, None), point.count as f64);
                        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                        let mut below = 0;
                        for (place, count) in point.bucket_counts.iter().enumerate() {
                            below += count;
                            let bound = point.explicit_bounds.get(place);
                            let bound = bound.map_or("+Inf".to_owned(), |bound| format!("{bound:?}"));
                            let name = series(&format!("{name}_bucket"), its, Some(("le", bound)));
                            flat.insert(name, below as f64);
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        flat
    }

    /// A bound, written as Rust does.
    fn with_one_notation(series: &str) -> String {
        let Some((before, rest)) = series.split_once("{le=\"") else { return series.to_owned() };
        let (bound, after) = rest.split_once('"').unwrap();
        let bound = bound.parse::<f64>().ok().filter(|bound| bound.is_finite());
        let bound = bound.map_or("+Inf".to_owned(), |bound| format!("{bound:?}"));
        format!("{before}{{le=\"{bound}\"{after}")
    }

    /// The samples of the text, by the simplest reading there is.
    fn samples(text: &str) -> BTreeMap<String, f64> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let sample = line.split(" # ").next().unwrap();
                let (series, value) = sample.rsplit_once(' ').unwrap();
                (with_one_notation(series), value.parse().unwrap())
            })
            .collect()
    }

    fn busy() -> Metrics {
        let metrics = Metrics::new();
        let denial = |reason| Decision::Deny(crate::check::Denial { reason, rule: None, hints: None });
        for (place, reason) in DenyReason::ALL.iter().enumerate() {
            metrics.checked(&denial(*reason), Duration::from_micros(7 << place));
        }
        let trace_id = TraceId::read(b"0af7651916cd43dd8448eb211c80319c").unwrap();
        let now = UnixTime::from_millis(1_795_000_000_250);
        metrics.checked(&denial(DenyReason::NoRule), Duration::from_millis(3));
        metrics.traced(Duration::from_millis(3), now, trace_id);
        metrics.issuers().saves("corp").count(Saved::Cached);
        metrics.config().applied(3, now);
        metrics
    }

    #[test]
    fn what_is_pushed_is_what_is_scraped() {
        let text = busy().render();
        let pushed = flattened(&read(&text, 1, 2));
        assert!(pushed.len() > 100, "{}", pushed.len());
        assert_eq!(pushed, samples(&text));
    }

    #[test]
    fn families_have_their_kind_unit_and_times() {
        let metrics = read(&busy().render(), 1, 2);
        let of = |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap();
        let Some(Data::Histogram(durations)) = &of("gatepost_check_duration_seconds").data else { panic!() };
        let point = &durations.data_points[0];
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 2));
        assert_eq!(of("gatepost_check_duration_seconds").unit, "s");
        assert_eq!(of("gatepost_checks").description, "Checks by outcome and reason.");
        assert!(matches!(&of("gatepost_checks").data, Some(Data::Sum(sum)) if sum.is_monotonic));
        assert!(matches!(&of("gatepost_build_info").data, Some(Data::Sum(sum)) if !sum.is_monotonic));
        assert!(matches!(&of("gatepost_config_generation").data, Some(Data::Gauge(_))));
    }

    #[test]
    fn an_exemplar_keeps_its_trace_value_and_time() {
        let metrics = read(&busy().render(), 1, 2);
        let durations = metrics.iter().find(|metric| metric.name == "gatepost_check_duration_seconds");
        let Some(Data::Histogram(durations)) = &durations.unwrap().data else { panic!() };
        let [exemplar] = &durations.data_points[0].exemplars[..] else { panic!() };
        assert_eq!(exemplar.trace_id[..2], [0x0a, 0xf7]);
        assert_eq!(exemplar.value, Some(exemplar::Value::AsDouble(0.003)));
        assert!(exemplar.time_unix_nano.abs_diff(1_795_000_000_250_000_000) < 1000);
    }

    #[test]
    fn labels_are_read_as_they_were_meant() {
        let text = "# TYPE a counter\na_total{x=\"q\\\"\\\\ \\n}\",y=\",=\"} 2\n# EOF\n";
        let metrics = read(text, 1, 2);
        let Some(Data::Sum(sum)) = &metrics[0].data else { panic!() };
        let point = &sum.data_points[0];
        assert_eq!(point.attributes, [attribute("x", "q\"\\ \n}"), attribute("y", ",=")]);
        assert_eq!(value(point), 2.0);
    }
}
