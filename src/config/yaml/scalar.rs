//! What a single value stands for: YAML's core schema for plain values, text for quoted ones
//! (YAML 1.2.2, section 10.3.2).

/// A single value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// Without quotes, escapes resolved.
    pub(crate) text: String,
    /// Whether it was written without quotes and not as a block.
    pub(crate) plain: bool,
}

/// What a [`Scalar`] stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning<'a> {
    Null,
    Bool(bool),
    /// Beyond 128 bits, the nearest number that fits them.
    Integer(i128),
    Float(f64),
    Text(&'a str),
}

impl Scalar {
    /// A value that was left out.
    pub(crate) fn null() -> Self {
        Self { text: String::new(), plain: true }
    }

    pub(crate) fn meaning(&self) -> Meaning<'_> {
        match self.text.as_str() {
            text if !self.plain => Meaning::Text(text),
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" => Meaning::Bool(true),
            "false" | "False" | "FALSE" => Meaning::Bool(false),
            text => integer(text)
                .map(Meaning::Integer)
                .or_else(|| float(text).map(Meaning::Float))
                .unwrap_or(Meaning::Text(text)),
        }
    }

    /// Whether this is a decimal number that readers of YAML 1.1 take for an octal one.
    pub(crate) fn has_leading_zero(&self) -> bool {
        let digits = unsigned(&self.text);
        digits.len() > 1 && digits.starts_with('0') && is_decimal(digits)
    }
}

fn integer(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return whole(digits, 16, i128::MAX);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return whole(digits, 8, i128::MAX);
    }
    let nearest = if text.starts_with('-') { i128::MIN } else { i128::MAX };
    is_decimal(unsigned(text)).then(|| text.parse().unwrap_or(nearest))
}

/// The number that `digits` without a sign make, or `nearest` when that is beyond 128 bits.
fn whole(digits: &str, radix: u32, nearest: i128) -> Option<i128> {
    let are_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    are_digits.then(|| i128::from_str_radix(digits, radix).unwrap_or(nearest))
}

fn float(text: &str) -> Option<f64> {
    match unsigned(text) {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => Some(f64::NEG_INFINITY),
        ".inf" | ".Inf" | ".INF" => Some(f64::INFINITY),
        _ if matches!(text, ".nan" | ".NaN" | ".NAN") => Some(f64::NAN),
        // What Rust reads is the core schema's form and, besides, `inf` and `nan` as words.
        digits if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => text.parse().ok(),
        _ => None,
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn is_decimal(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar {
        Scalar { text: text.to_owned(), plain: true }
    }

    #[test]
    fn resolves_plain_values_by_the_core_schema() {
        let cases = [
            ("", Meaning::Null),
            ("~", Meaning::Null),
            ("null", Meaning::Null),
            ("True", Meaning::Bool(true)),
            ("false", Meaning::Bool(false)),
            ("0", Meaning::Integer(0)),
            ("-12", Meaning::Integer(-12)),
            ("+12", Meaning::Integer(12)),
            ("0o17", Meaning::Integer(15)),
            ("0xfF", Meaning::Integer(255)),
            ("017", Meaning::Integer(17)),
            ("1.5", Meaning::Float(1.5)),
            ("-.5", Meaning::Float(-0.5)),
            ("1.", Meaning::Float(1.0)),
            ("1e3", Meaning::Float(1000.0)),
            ("-.inf", Meaning::Float(f64::NEG_INFINITY)),
        ];
        for (text, meaning) in cases {
            assert_eq!(plain(text).meaning(), meaning, "{text}");
        }
        assert!(matches!(plain(".nan").meaning(), Meaning::Float(nan) if nan.is_nan()));
    }

    #[test]
    fn leaves_everything_else_as_text() {
        let texts = [
            "yes", "no", "on", "off", "nULL", "inf", "nan", "infinity", "-", "+", ".", "0x", "0o8", "0x-1",
            "+-5", "1_000", "1:30", "5s", "1.2.3", "e5", "-inf", "+.nan", "..", "１２",
        ];
        for text in texts {
            assert_eq!(plain(text).meaning(), Meaning::Text(text));
        }
    }

    #[test]
    fn never_resolves_quoted_values() {
        for text in ["", "null", "true", "5", "1.5"] {
            let quoted = Scalar { text: text.to_owned(), plain: false };
            assert_eq!(quoted.meaning(), Meaning::Text(text));
        }
    }

    #[test]
    fn takes_the_nearest_of_what_is_beyond_128_bits() {
        let nines = "9".repeat(60);
        assert_eq!(plain(&nines).meaning(), Meaning::Integer(i128::MAX));
        assert_eq!(plain(&format!("-{nines}")).meaning(), Meaning::Integer(i128::MIN));
        assert_eq!(plain(&format!("0x{nines}")).meaning(), Meaning::Integer(i128::MAX));
    }

    #[test]
    fn knows_what_others_take_for_octal() {
        for text in ["0644", "-07", "00"] {
            assert!(plain(text).has_leading_zero(), "{text}");
        }
        for text in ["0", "644", "0o644", "0.5", "0x1f", ""] {
            assert!(!plain(text).has_leading_zero(), "{text}");
        }
    }
}
