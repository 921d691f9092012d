//! Lines of the audit log, read back for `explain --from-audit` and `diff`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use serde::Deserialize;

use crate::check::record::{API_ACTIVITY, Record};
use crate::jose::UnixTime;

/// A longer line is none that gatepost wrote.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// One line, and what it holds or what is wrong with it.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    /// The record and its time.
    pub(super) record: Result<(Record, UnixTime), String>,
}

/// Reads line after line; empty ones are left out.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    number: usize,
}

impl Lines {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(file: &Path) -> Result<Self, String> {
        let input: Box<dyn BufRead> = match file == Path::new("-") {
            true => Box::new(BufReader::new(io::stdin())),
            false => Box::new(BufReader::new(
                File::open(file).map_err(|error| format!("{}: {error}", file.display()))?,
            )),
        };
        Ok(Self { input, number: 0 })
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
        Ok((!bytes.is_empty()).then_some(bytes))
    }
}

impl Iterator for Lines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let bytes = match self.read() {
                Ok(bytes) => bytes?,
                Err(error) => {
                    // Nothing more can be read after it.
                    self.input = Box::new(io::empty());
                    return Some(Line { number: self.number + 1, record: Err(error.to_string()) });
                }
            };
            self.number += 1;
            if !bytes.trim_ascii().is_empty() && !is_of_another_class(&bytes) {
                return Some(Line { number: self.number, record: read(&bytes) });
            }
        }
    }
}

/// The class of an event in OCSF.
#[derive(Deserialize)]
struct Class {
    class_uid: u32,
}

/// Suspicious use is told in the same log, and is no request to judge again.
fn is_of_another_class(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Class>(bytes).is_ok_and(|its| its.class_uid != API_ACTIVITY)
}

fn read(bytes: &[u8]) -> Result<(Record, UnixTime), String> {
    let record: Record =
        serde_json::from_slice(bytes).map_err(|error| format!("is no line of the audit log: {error}"))?;
    let time = record.time;
    Ok((record, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &'static str) -> Vec<(usize, bool)> {
        let lines = Lines { input: Box::new(text.as_bytes()), number: 0 };
        lines.map(|line| (line.number, line.record.is_ok())).collect()
    }

    #[test]
    fn counts_lines_and_reads_on_after_a_bad_one() {
        const GOOD: &str = concat!(
            r#"{"time":1795435200000,"time_dt":"","category_uid":6,"class_uid":6003,"activity_id":2,"type_uid":600302,"#,
            r#""severity_id":2,"status_id":2,"action_id":2,"disposition_id":2,"actor":{"session":{}},"#,
            r#""src_endpoint":{"name":"unknown"},"api":{"operation":"GET"},"#,
            r#""http_request":{"http_method":"GET","url":{"hostname":"a","path":"/"}},"#,
            r#""authorizations":[{"decision":"deny","policy":{"version":"1"}}],"#,
            r#""metadata":{"version":"1.6.0","profiles":[],"product":{"name":"","vendor_name":"","version":""}},"#,
            r#""unmapped":{}}"#
        );
        let text: &'static str = format!("{GOOD}\n\n{{}}\nno json\n{{\"class_uid\":2004}}\n{GOOD}").leak();
        assert_eq!(lines(text), [(1, true), (3, false), (4, false), (6, true)]);
        let bad_time: &'static str = GOOD.replace("1795435200000", "\"yesterday\"").leak();
        assert_eq!(lines(bad_time), [(1, false)]);
        assert_eq!(lines(""), []);
    }
}
