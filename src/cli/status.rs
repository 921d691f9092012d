//! `gatepost status`: what a running sidecar says of itself, for people.

mod metrics;
mod rows;

use std::process::ExitCode;

use serde_json::Value;

use super::admin::{AdminArguments, Page};
use super::terminal::{Output, complain, json, line, plural, visible};
use super::{BAD, CANNOT_TELL, GOOD};
use rows::{Row, rows, word};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    sidecar: AdminArguments,
    /// Print the metrics whose names begin so, instead; without counters that have not counted.
    #[arg(long, value_name = "NAME", conflicts_with = "output")]
    metrics: Option<String>,
    /// For people, or the sidecar's own JSON for machines.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let shown = match &arguments.metrics {
        Some(name) => show_metrics(arguments, name),
        None => show_status(arguments),
    };
    shown.map_or_else(
        |why| {
            complain(why);
            CANNOT_TELL.into()
        },
        ExitCode::from,
    )
}

fn show_metrics(arguments: &Arguments, name: &str) -> Result<u8, String> {
    let page = answered(arguments, "/metrics")?;
    let found =
        metrics::named(&page.text, name).ok_or_else(|| format!("no metric's name begins with {name:?}"))?;
    found.iter().for_each(line);
    Ok(GOOD)
}

fn show_status(arguments: &Arguments) -> Result<u8, String> {
    let page = answered(arguments, "/statusz")?;
    let status: Value = serde_json::from_str(&page.text)
        .map_err(|error| format!("what answers at {} is not gatepost: {error}", page.address))?;
    if !status.get("version").is_some_and(Value::is_string) {
        return Err(format!("what answers at {} is not gatepost: its status names no version", page.address));
    }
    let rows = rows(&status);
    match arguments.output {
        Output::Json => json(&status),
        Output::Text => {
            let (version, now) = (word(&status, "/version"), word(&status, "/now"));
            line(visible(&format!("gatepost {version} at {}, {now}", page.address)));
            line("");
            rows.iter().for_each(line);
            line("");
            line(verdict(&rows));
        }
    }
    Ok(if troubles(&rows) == 0 { GOOD } else { BAD })
}

fn answered(arguments: &Arguments, target: &str) -> Result<Page, String> {
    let page = arguments.sidecar.page(target)?;
    if page.status.is_success() {
        Ok(page)
    } else {
        Err(format!("what answers at {} is not gatepost: {target} is {}", page.address, page.status))
    }
}

fn verdict(rows: &[Row]) -> String {
    match troubles(rows) {
        0 => "HEALTHY".to_owned(),
        count => format!("DEGRADED: {}, marked with !", plural(count, "trouble")),
    }
}

fn troubles(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.is_trouble).count()
}
