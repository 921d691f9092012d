//! The caller's trace context (W3C Trace Context), read strictly and without allocating.

use crate::check::Headers;

/// The caller's span, which ours becomes a child of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) sampled: bool,
}

impl Parent {
    /// The context of the call itself, where the caller is tracing; else that of the request it asks about.
    pub(super) fn of(called: Option<&[u8]>, headers: &Headers) -> Option<Self> {
        if let Some(parent) = called.and_then(Self::read) {
            return Some(parent);
        }
        let mut fields = headers.all("traceparent");
        let parent = Self::read(fields.next()?)?;
        fields.next().is_none().then_some(parent)
    }

    /// Reads a `traceparent` (§3.2). Of a version that is not known yet, what version 00 has is read.
    fn read(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_at_checked(55)?;
        let [v1, v2, b'-', ids @ .., b'-', f1, f2] = known else { return None };
        let version = hex([*v1, *v2])?;
        let ends = if version == 0 { rest.is_empty() } else { matches!(rest.first(), None | Some(b'-')) };
        let (trace_id, span_id) = ids.split_at_checked(32)?;
        let parent = Self {
            trace_id: id(trace_id)?,
            span_id: id(span_id.strip_prefix(b"-")?)?,
            sampled: hex([*f1, *f2])? & 1 == 1,
        };
        (version != 0xff && ends).then_some(parent)
    }
}

/// An identifier in lower-case hexadecimal; all zeroes are none.
fn id<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = hex(*pair)?;
    }
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

fn hex([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    Some(digit(high)? << 4 | digit(low)?)
}

/// OpenTelemetry's own member of the `tracestate` (§3.3), as the caller or else the request has it: with it a
/// collector knows how likely a trace is sampled. Other members are for other vendors, and may hold anything.
pub(super) fn state(called: Option<&[u8]>, headers: &Headers) -> String {
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

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(name: &str, values: &[&str]) -> Headers {
        values.iter().map(|value| (name, *value)).collect()
    }

    #[test]
    fn reads_the_identifiers_and_whether_it_is_sampled() {
        let parent = Parent::read(GOOD.as_bytes()).unwrap();
        assert_eq!(parent.trace_id[..3], [0x0a, 0xf7, 0x65]);
        assert_eq!(parent.span_id[..3], [0xb7, 0xad, 0x6b]);
        let sampled = |flags: &str| Parent::read(GOOD.replace("-01", flags).as_bytes()).unwrap().sampled;
        assert_eq!(["-01", "-00", "-03", "-02"].map(sampled), [true, false, true, false]);
    }

    #[test]
    fn a_later_version_may_have_more_and_the_first_may_not() {
        let read = |text: String| Parent::read(text.as_bytes()).is_some();
        assert!(read(GOOD.replacen("00", "cc", 1)));
        assert!(read(GOOD.replacen("00", "cc", 1) + "-what-follows"));
        assert!(!read(GOOD.replacen("00", "cc", 1) + "x"));
        assert!(!read(GOOD.to_owned() + "-00"));
        assert!(!read(GOOD.replacen("00", "ff", 1)));
    }

    #[test]
    fn what_is_not_a_context_is_none() {
        let zeroes = |from: &str| GOOD.replace(from, &"0".repeat(from.len()));
        let hostile = [
            String::new(),
            "00".to_owned(),
            GOOD.to_uppercase(),
            GOOD.replace('-', "_"),
            GOOD.replacen('0', "g", 1),
            GOOD.replace("-01", "-0g"),
            zeroes("0af7651916cd43dd8448eb211c80319c"),
            zeroes("b7ad6b7169203331"),
            GOOD.replacen("0a", "é", 1),
            format!(" {GOOD}"),
            format!("{GOOD},{GOOD}"),
        ];
        for text in hostile {
            assert_eq!(Parent::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_context_of_the_call_counts_before_that_of_the_request() {
        let request = headers("traceparent", &[GOOD]);
        let other = GOOD.replace("b7ad", "ffff").replace("-01", "-00");
        let parent = Parent::of(Some(other.as_bytes()), &request).unwrap();
        assert_eq!((parent.span_id[0], parent.sampled), (0xff, false));
        assert_eq!(Parent::of(Some(b"rubbish"), &request).unwrap().span_id[0], 0xb7);
        assert_eq!(Parent::of(None, &headers("traceparent", &[GOOD, GOOD])), None);
        assert_eq!(Parent::of(None, &Headers::default()), None);
    }

    #[test]
    fn of_the_state_only_what_sampling_needs_is_passed_on() {
        let of = |values: &[&str]| state(None, &headers("tracestate", values));
        assert_eq!(of(&["a=1, ot=th:c;rv:6e6d1a75832a2f", "b=2"]), "ot=th:c;rv:6e6d1a75832a2f");
        assert_eq!(of(&["a=1", "ot=th:0;p:8;x:secret"]), "ot=th:0");
        for nothing in ["", "a=1", "ot=", "ot=th:secret", "ot=th:0123456789abcde", "ot=rv:\u{1b}[0m"] {
            assert_eq!(of(&[nothing]), "", "{nothing}");
        }
        assert_eq!(state(Some(b"ot=th:8"), &headers("tracestate", &["ot=th:c"])), "ot=th:8");
        assert_eq!(state(Some(b"a=1"), &headers("tracestate", &["ot=th:c"])), "");
    }
}
