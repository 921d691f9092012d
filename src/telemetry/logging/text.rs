//! The log for people: the time (UTC), the level, what happened, and its fields; a text of several lines below.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The format.
#[derive(Debug)]
pub(super) struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let paint = Paint(writer.has_ansi_escapes());
        let (level, style) = level(*event.metadata().level());
        write!(writer, "{} {} {}", paint.dim(&time()), paint.with(style, level), said.message)?;
        for (name, value) in &said.short {
            write!(writer, " {}{value}", paint.dim(&format!("{name}=")))?;
        }
        for line in said.long.iter().flat_map(|text| text.lines()) {
            write!(writer, "\n{:<16}{}", "", escaped(line))?;
        }
        writeln!(writer)
    }
}

/// `12:01:00Z`: who looks at a terminal knows the day.
fn time() -> String {
    let mut whole = String::new();
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut whole));
    whole.get(11..19).map(|time| format!("{time}Z")).unwrap_or(whole)
}

fn level(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => ("ERROR", "1;31"),
        Level::WARN => ("WARN ", "33"),
        Level::INFO => ("INFO ", "32"),
        Level::DEBUG => ("DEBUG", "34"),
        Level::TRACE => ("TRACE", "2"),
    }
}

/// Select graphic rendition (ECMA-48), where it is wanted.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, style: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    /// Name and value, in one line.
    short: Vec<(&'static str, String)>,
    /// Texts of several lines.
    long: Vec<String>,
}

impl Said {
    fn take(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = escaped(&text),
            // Nothing is said by a list without members.
            _ if text.is_empty() => {}
            _ if text.contains('\n') => self.long.push(text),
            name => self.short.push((name, quoted(&text))),
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }
}

/// In quotes where it would not be seen where it ends.
fn quoted(text: &str) -> String {
    let text = escaped(text);
    if text.contains(' ') { format!("\"{text}\"") } else { text }
}

/// Nothing that comes from outside moves the cursor.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of it, without the time.
    fn written(colours: bool, log: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(colours)
            .with_writer(move || writer.clone())
            .event_format(Text)
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.split_once("Z").unwrap().1.to_owned()
    }

    #[test]
    fn an_event_is_a_line_with_its_fields() {
        let text = written(false, || tracing::info!(rules = 3, issuers = "a b", added = "", "in use"));
        assert_eq!(text, " INFO  in use rules=3 issuers=\"a b\"\n");
    }

    #[test]
    fn a_text_of_several_lines_stands_below() {
        let text =
            written(false, || tracing::error!(problems = "one\n  hint: two", generation = 2, "refused"));
        assert_eq!(text, " ERROR refused generation=2\n                one\n                  hint: two\n");
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        let text = written(false, || tracing::warn!(error = "\u{1b}[2J\r", more = "\u{7}\nb", "\u{1b}[1m"));
        assert!(!text.contains(['\u{1b}', '\r', '\u{7}']), "{text:?}");
    }

    #[test]
    fn colours_are_for_terminals() {
        assert!(written(true, || tracing::info!("in use")).contains("\u{1b}[32mINFO \u{1b}[0m"));
    }
}
