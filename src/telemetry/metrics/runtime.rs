//! The families that tell what the process is busy with, and what the system says of it: the standard `process_*`
//! families, read from /proc/self at each scrape and left out where there is none.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// How many of something there are just now. Whoever counts them shares it.
#[derive(Clone, Debug, Default)]
struct Level(Arc<AtomicUsize>);

impl EncodeMetric for Level {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        encoder.encode_gauge(&i64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(i64::MAX))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// What the process is busy with.
#[derive(Debug)]
pub struct RuntimeMetrics {
    checks_in_flight: Level,
    connections: Level,
}

impl RuntimeMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let (checks_in_flight, connections) = (Level::default(), Level::default());
        registry.register("checks_in_flight", "Checks that wait for their answer", checks_in_flight.clone());
        registry.register("connections", "Open connections from Envoy", connections.clone());
        Self { checks_in_flight, connections }
    }

    /// Where checks under way are counted.
    #[must_use]
    pub fn checks_in_flight(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.checks_in_flight.0)
    }

    /// Where open connections are counted.
    #[must_use]
    pub fn connections(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.connections.0)
    }
}

/// Reads at each scrape what the system says of this process.
#[derive(Debug)]
pub(super) struct Process;

/// What the system says of a process; nothing that it does not say.
#[derive(Debug, Default)]
struct Seen {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    open_files: Option<u64>,
    most_files: Option<u64>,
    started_at: Option<f64>,
    threads: Option<u64>,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let seen = Seen::now();
        if let Some(seconds) = seen.cpu_seconds {
            let help = "Processor time that the process has used, in user and system mode.";
            let unit = Some(Unit::Seconds);
            let family =
                encoder.encode_descriptor("process_cpu", help, unit.as_ref(), MetricType::Counter)?;
            ConstCounter::new(seconds).encode(family)?;
        }
        let help = "Memory of the process that is resident.";
        gauge(&mut encoder, "process_resident_memory", help, Some(Unit::Bytes), seen.resident_bytes)?;
        gauge(&mut encoder, "process_open_fds", "Open file descriptors.", None, seen.open_files)?;
        let help = "Most file descriptors that may be open.";
        gauge(&mut encoder, "process_max_fds", help, None, seen.most_files)?;
        gauge(&mut encoder, "process_threads", "Threads of the process.", None, seen.threads)?;
        let Some(at) = seen.started_at else { return Ok(()) };
        let help = "When the process was started, as a Unix time.";
        let unit = Some(Unit::Seconds);
        let family =
            encoder.encode_descriptor("process_start_time", help, unit.as_ref(), MetricType::Gauge)?;
        ConstGauge::new(at).encode(family)
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    value: Option<u64>,
) -> std::fmt::Result {
    let Some(value) = value else { return Ok(()) };
    let family = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(family)
}

impl Seen {
    fn now() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
        let status = read("self/status");
        let (stat, system) = (read("self/stat"), read("stat"));
        Self {
            cpu_seconds: ticks(&stat, 14).zip(ticks(&stat, 15)).map(|(user, system)| user + system),
            resident_bytes: number(&status, "VmRSS:").map(|kibibytes| kibibytes * 1024),
            open_files: open_files(),
            most_files: number(&read("self/limits"), "Max open files"),
            started_at: number(&system, "btime").zip(ticks(&stat, 22)).map(|(boot, after)| {
                // Both are far below 2^53.
                #[expect(clippy::cast_precision_loss, reason = "exact for any time that a clock shows")]
                let boot = boot as f64;
                boot + after
            }),
            threads: number(&status, "Threads:"),
        }
    }
}

/// Without the one that is open for counting.
fn open_files() -> Option<u64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(open).ok()?.checked_sub(1)
}

/// The number after a word at the beginning of a line. None where it is `unlimited`.
fn number(text: &str, word: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(word))?.split_whitespace().next()?.parse().ok()
}

/// A field of /proc/PID/stat that counts clock ticks, by its number in proc(5), in seconds. The second field is the
/// program's name in parentheses, in which anything may stand.
fn ticks(stat: &str, field: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: f64 = rest.split_whitespace().nth(field.checked_sub(3)?)?.parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Some(ticks / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_system_says_of_this_process() {
        let spent = std::hint::black_box((0..200_000_000_u64).fold(0, |sum, next| sum ^ next));
        let seen = Seen::now();
        assert!(seen.cpu_seconds.unwrap() > 0.0, "{spent}");
        assert!((1 << 20..1 << 36).contains(&seen.resident_bytes.unwrap()), "{seen:?}");
        assert!(seen.threads.unwrap() >= 2, "the test's own and the main one");
        let before = seen.open_files.unwrap();
        assert!(before >= 3 && before < seen.most_files.unwrap_or(u64::MAX), "{seen:?}");
        let now = crate::clock::Clock::System.now().as_millis() as f64 / 1000.0;
        assert!((now - seen.started_at.unwrap()).abs() < 3600.0, "{seen:?} at {now}");
    }

    #[test]
    fn a_program_name_can_say_nothing_about_the_numbers() {
        let stat = "7 (a) 9 9 (b) S 1 7 7 0 -1 4194304 90 0 0 0 250 50 0 0 20 0 4 0 12345 8192 100";
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        let [user, system, started] = [14, 15, 22].map(|field| ticks(stat, field).unwrap() * per_second);
        assert_eq!([user, system, started], [250.0, 50.0, 12345.0]);
        assert_eq!(ticks("", 14), None);
        assert_eq!(number("Max open files            unlimited   unlimited   files", "Max open files"), None);
        assert_eq!(
            number("Max open files            1024        4096        files", "Max open files"),
            Some(1024)
        );
    }
}
