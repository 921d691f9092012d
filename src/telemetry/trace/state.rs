//! What of a caller's `tracestate` (W3C Trace Context) is passed on.

use crate::check::Headers;

/// OpenTelemetry's own member of the `tracestate` (§3.3), as the caller or else the request has it: with it a
/// collector knows how likely a trace is sampled. Other members are for other vendors, and may hold anything.
pub(super) fn passed_on(called: Option<&[u8]>, headers: &Headers) -> String {
    let of_headers = headers.all("tracestate").filter(|_| called.is_none());
    let fields = called.into_iter().chain(of_headers);
    let mut members = fields.flat_map(|field| field.split(|byte| *byte == b','));
    let values = members.find_map(|member| member.trim_ascii().strip_prefix(b"ot="));
    let known =
        values.into_iter().flat_map(|values| values.split(|byte| *byte == b';')).filter_map(randomness);
    let known: Vec<_> = known.collect();
    if known.is_empty() { String::new() } else { format!("ot={}", known.join(";")) }
}

/// The threshold or the random value of consistent probability sampling: up to 14 hexadecimal digits.
fn randomness(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = text.strip_prefix("th:").or_else(|| text.strip_prefix("rv:"))?;
    let fits = (1..=14).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str, values: &[&str]) -> Headers {
        values.iter().map(|value| (name, *value)).collect()
    }

    #[test]
    fn of_the_state_only_what_sampling_needs_is_passed_on() {
        let of = |values: &[&str]| passed_on(None, &headers("tracestate", values));
        assert_eq!(of(&["a=1, ot=th:c;rv:6e6d1a75832a2f", "b=2"]), "ot=th:c;rv:6e6d1a75832a2f");
        assert_eq!(of(&["a=1", "ot=th:0;p:8;x:secret"]), "ot=th:0");
        for nothing in ["", "a=1", "ot=", "ot=th:secret", "ot=th:0123456789abcde", "ot=rv:\u{1b}[0m"] {
            assert_eq!(of(&[nothing]), "", "{nothing}");
        }
        assert_eq!(passed_on(Some(b"ot=th:8"), &headers("tracestate", &["ot=th:c"])), "ot=th:8");
        assert_eq!(passed_on(Some(b"a=1"), &headers("tracestate", &["ot=th:c"])), "");
    }
}
