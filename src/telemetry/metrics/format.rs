//! The text formats of a scrape: OpenMetrics, and Prometheus' older one for a scraper that asks for no other.

/// How a scraper wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Prometheus,
}

impl Format {
    /// The format for a request's `Accept` (RFC 9110 §12.5.1): OpenMetrics, unless plain text is liked better.
    #[must_use]
    pub fn wanted(accept: Option<&str>) -> Self {
        let Some(accept) = accept else { return Self::OpenMetrics };
        let quality = |ranges: [&str; 3]| {
            let named = |range: &&str| accept.split(',').find_map(|item| quality_of(item, range));
            ranges.iter().find_map(named).unwrap_or_default()
        };
        let open = quality(["application/openmetrics-text", "application/*", "*/*"]);
        let plain = quality(["text/plain", "text/*", "*/*"]);
        if plain > open { Self::Prometheus } else { Self::OpenMetrics }
    }

    /// What to say in `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// In thousandths, if the item is this media range.
fn quality_of(item: &str, range: &str) -> Option<u32> {
    let mut parts = item.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(range) {
        return None;
    }
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight: f32 = weight.map_or(Some(1.0), |text| text.trim().parse().ok()).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
    Some(thousandths)
}

/// An OpenMetrics text in the older format, in which a family is called as its samples are, has no unit, and samples
/// have no exemplars.
pub(super) fn to_prometheus(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = "";
    for line in open.lines() {
        let comment = |word: &str| line.strip_prefix("# ")?.strip_prefix(word)?.split_once(' ');
        if let Some((_, its)) = comment("HELP ") {
            help = its;
        } else if let Some((name, kind)) = comment("TYPE ") {
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            text.push_str(&format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            text.push_str(without_exemplar(line));
            text.push('\n');
        }
    }
    text
}

/// A label's value may hold anything, `#` and braces too.
fn without_exemplar(sample: &str) -> &str {
    let labels = sample.find('{').map_or(0, |start| start + end_of_labels(sample.get(start..).unwrap_or("")));
    let rest = sample.get(labels..).unwrap_or_default();
    let end = rest.find(" # ").map_or(sample.len(), |at| labels + at);
    sample.get(..end).unwrap_or(sample)
}

fn end_of_labels(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_is_for_those_who_like_it_better() {
        let wanted = |accept| Format::wanted(Some(accept));
        for accept in [
            "*/*",
            "application/*",
            "application/openmetrics-text; version=1.0.0, text/plain;q=0.5",
            "text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.2",
            "text/html, */*",
            "text/plain;q=0, application/json",
        ] {
            assert_eq!(wanted(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "text/plain",
            "TEXT/Plain; version=0.0.4",
            "text/plain;version=0.0.4,*/*;q=0.1",
            "text/*",
            "application/openmetrics-text;q=0, */*",
            "application/openmetrics-text;q=0.1,text/plain;q=0.2",
        ] {
            assert_eq!(wanted(accept), Format::Prometheus, "{accept}");
        }
        assert_eq!(Format::wanted(None), Format::OpenMetrics);
    }

    #[test]
    fn the_older_format_says_the_same() {
        let open = "# HELP a_build Version.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                    # HELP a_checks How many.\n# TYPE a_checks counter\na_checks_total{rule=\"}\\\" # \"} 3\n\
                    # HELP a_took_seconds Time.\n# TYPE a_took_seconds histogram\n# UNIT a_took_seconds seconds\n\
                    a_took_seconds_bucket{le=\"0.1\"} 2 # {trace_id=\"0af7\"} 0.05 1.5\na_took_seconds_count 2\n\
                    # EOF\n";
        let expected = "# HELP a_build_info Version.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
                        # HELP a_checks_total How many.\n# TYPE a_checks_total counter\n\
                        a_checks_total{rule=\"}\\\" # \"} 3\n\
                        # HELP a_took_seconds Time.\n# TYPE a_took_seconds histogram\n\
                        a_took_seconds_bucket{le=\"0.1\"} 2\na_took_seconds_count 2\n";
        assert_eq!(to_prometheus(open), expected);
    }
}
