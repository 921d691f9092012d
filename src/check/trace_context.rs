//! The trace context in which a check is asked (W3C Trace Context): read strictly, and of one that is not sampled
//! no more than the flag.

use std::fmt;

use super::input::Headers;

/// A caller's span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its identifier.
    pub span_id: [u8; 8],
}

/// The identifier of a trace (§3.2.2.3), shown in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

impl TraceContext {
    /// That of the call which asks, where it has one; else that of the request it asks about. `called` is the
    /// `traceparent` of the call.
    #[must_use]
    pub fn of(called: Option<&[u8]>, headers: &Headers) -> Option<Self> {
        called.map_or_else(|| Self::of_request(headers), Self::read)
    }

    /// The same, if it is sampled. Where it is not, nothing is read but its flag.
    #[must_use]
    pub fn sampled(called: Option<&[u8]>, headers: &Headers) -> Option<Self> {
        let text = called.or_else(|| fields(headers).next())?;
        if is_sampled(text) { Self::of(called, headers) } else { None }
    }

    /// That of the one field of a request; of several, none can be trusted.
    fn of_request(headers: &Headers) -> Option<Self> {
        let mut fields = fields(headers);
        let text = fields.next()?;
        if fields.next().is_some() { None } else { Self::read(text) }
    }

    /// Reads a `traceparent` (§3.2). Of a version that is not known yet, what version 00 has is read.
    fn read(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_at_checked(FLAGS + 1)?;
        let [v1, v2, b'-', ids @ .., b'-', f1, f2] = known else { return None };
        let version = hex([*v1, *v2])?;
        let ends = if version == 0 { rest.is_empty() } else { matches!(rest.first(), None | Some(b'-')) };
        let (trace_id, span_id) = ids.split_at_checked(32)?;
        let context = Self { trace_id: TraceId::read(trace_id)?, span_id: id(span_id.strip_prefix(b"-")?)? };
        (hex([*f1, *f2]).is_some() && version != 0xff && ends).then_some(context)
    }
}

impl TraceId {
    /// Reads 32 lower-case hexadecimal digits that are not all zero.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        id(text).map(Self)
    }

    /// As the wire has it.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn fields(headers: &Headers) -> impl Iterator<Item = &[u8]> {
    headers.all("traceparent")
}

/// The place of the last digit of the flags.
const FLAGS: usize = 54;

/// Whether a `traceparent` says that its caller is sampled (§3.2.2.5.1), by one character of it. It is constant so
/// that it can't allocate.
const fn is_sampled(text: &[u8]) -> bool {
    match text.split_at_checked(FLAGS) {
        Some((_, [digit, ..])) => {
            matches!(*digit, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f')
        }
        _ => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// A compiler that can tell this has found no allocation.
    const _: () = {
        assert!(is_sampled(GOOD.as_bytes()));
        assert!(!is_sampled(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
        assert!(!is_sampled(b""));
    };

    fn request(values: &[&str]) -> Headers {
        values.iter().map(|value| ("traceparent", *value)).collect()
    }

    #[test]
    fn reads_the_identifiers() {
        let context = TraceContext::read(GOOD.as_bytes()).unwrap();
        assert_eq!(context.trace_id.to_string(), TRACE);
        assert_eq!(context.span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
        assert_eq!(TraceId::read(TRACE.as_bytes()), Some(context.trace_id));
    }

    #[test]
    fn the_lowest_bit_of_the_flags_says_whether_it_is_sampled() {
        for flags in 0..=255_u8 {
            let text = GOOD.replace("-01", &format!("-{flags:02x}"));
            let sampled = TraceContext::sampled(Some(text.as_bytes()), &Headers::default());
            assert_eq!(sampled.is_some(), flags & 1 == 1, "{text}");
            assert!(TraceContext::of(Some(text.as_bytes()), &Headers::default()).is_some(), "{text}");
        }
    }

    #[test]
    fn a_later_version_may_have_more_and_the_first_may_not() {
        let read = |text: String| TraceContext::read(text.as_bytes()).is_some();
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
            GOOD.replace("-01", "-g1"),
            GOOD.replace("-01", ""),
            zeroes(TRACE),
            zeroes("b7ad6b7169203331"),
            GOOD.replacen("0a", "é", 1),
            format!(" {GOOD}"),
            format!("{GOOD},{GOOD}"),
        ];
        for text in hostile {
            assert_eq!(TraceContext::read(text.as_bytes()), None, "{text}");
            assert_eq!(TraceContext::sampled(None, &request(&[&text])), None, "{text}");
        }
        assert_eq!(TraceContext::sampled(None, &request(&[GOOD, GOOD])), None);
        assert_eq!(TraceContext::sampled(None, &Headers::default()), None);
    }

    #[test]
    fn the_context_of_the_call_counts_before_that_of_the_request() {
        let request = request(&[GOOD]);
        let other = GOOD.replace("b7ad", "ffff");
        let unsampled = other.replace("-01", "-00");
        let span =
            |called: &str| TraceContext::of(Some(called.as_bytes()), &request).map(|its| its.span_id[0]);
        assert_eq!((span(&other), span(&unsampled), span("rubbish")), (Some(0xff), Some(0xff), None));
        let sampled = |called: Option<&str>| TraceContext::sampled(called.map(str::as_bytes), &request);
        assert_eq!(sampled(Some(&other)).unwrap().span_id[0], 0xff);
        assert_eq!(sampled(Some(&unsampled)), None);
        assert_eq!(sampled(None).unwrap().span_id[0], 0xb7);
    }
}
