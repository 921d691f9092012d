//! Logs on standard error: one JSON object a line.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Starts logging. `filter` is a level (`info`) or a list of targets with levels (`gatepost=debug,h2=warn`).
///
/// # Errors
/// When the filter can't be read.
pub fn start(filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .finish();
    // A second start, in a test, leaves the first in place.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}
