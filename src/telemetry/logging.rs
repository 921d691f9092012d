//! Logs on standard error: one JSON object a line, or text for people.

mod text;

use tracing::subscriber::set_global_default;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// For whom they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// People, in colours where it is a terminal and `NO_COLOR` is not set.
    Text {
        /// Whether they look at a terminal.
        is_terminal: bool,
    },
    /// Machines.
    Json,
}

/// Starts logging. `filter` is a level (`info`) or a list of targets with levels (`gatepost=debug,h2=warn`).
///
/// # Errors
/// When the filter can't be read.
pub fn start(filter: &str, format: Format) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, in a test, leaves the first in place.
    let _ = match format {
        Format::Json => {
            let json = subscriber.json().flatten_event(true).with_current_span(false);
            set_global_default(json.with_span_list(false).finish())
        }
        Format::Text { is_terminal: true } => {
            set_global_default(subscriber.event_format(text::Text).finish())
        }
        Format::Text { is_terminal: false } => {
            set_global_default(subscriber.with_ansi(false).event_format(text::Text).finish())
        }
    };
    Ok(())
}
