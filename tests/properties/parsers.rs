//! Parsers of foreign input never panic, whatever they are given, and read nothing in two ways.

use std::sync::LazyLock;

use gatepost::check::target::{Target, TargetRules, host};
use gatepost::jose::{Algorithm, Jws, KeySet, Limits, object, shape};
use proptest::prelude::*;

use crate::world::{Fixture, request};

const POLICY: &str = "rules: [{ name: all, match: { path: /** }, require: {} }]";

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| Fixture::new(POLICY, &["RS256"]));

/// Text that often looks like what the parser wants.
fn tokenish() -> impl Strategy<Value = String> {
    let json = prop::sample::select(vec![
        r#"{"alg":"RS256","typ":"at+jwt"}"#,
        r#"{"alg":"none"}"#,
        r#"{"iss":"https://idp.example.com"}"#,
        "{}",
        "[]",
        "",
    ]);
    let part = prop_oneof![json.prop_map(encode), "[A-Za-z0-9_-]{0,40}", ".{0,20}"];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.join("."))
}

fn encode(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

proptest! {
    #[test]
    fn tokens(text in tokenish()) {
        let _ = shape(&text);
        let _ = Jws::parse(&text).map(|jws| format!("{jws:?}"));
    }

    #[test]
    fn json(bytes in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\[\]{}",:0-9a-z\\u ]{0,60}"#) {
        for input in [&bytes[..], text.as_bytes()] {
            if let Ok(read) = object(input, Limits::TOKEN) {
                // What we accept, the usual reader accepts too, and sees the same.
                let usual: serde_json::Map<_, _> = serde_json::from_slice(input).unwrap();
                prop_assert_eq!(read, usual);
            }
        }
    }

    #[test]
    fn key_sets(text in r#"\{"keys":\[(\{"kty":"(RSA|EC|OKP|oct|AKP)","(n|x|k|crv|alg|use)":"[A-Za-z0-9_-]{0,12}"\},?){0,4}\]\}"#) {
        let _ = KeySet::read(text.as_bytes(), &Algorithm::ALL);
    }

    #[test]
    fn targets(raw in "[/.%a-fA-F0-9;?#\\\\ é\u{0}-]{0,40}") {
        if let Ok(target) = Target::read(&raw, TargetRules::default()) {
            for segment in target.segments() {
                prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
                prop_assert!(!segment.contains(['/', '\\', ';', '\0']));
            }
            // The path that policy matched is the only one that a second reading gives.
            let again = Target::read(&raw.replace("%2D", "-").replace("%2d", "-"), TargetRules::default());
            prop_assert_eq!(again.map(|again| again.segments().to_vec()), Ok(target.segments().to_vec()));
        }
    }

    #[test]
    fn hosts(raw in ".{0,40}") {
        if let Some(host) = host(&raw) {
            prop_assert!(!host.is_empty() && host == host.to_ascii_lowercase() && !host.contains(['/', '@', ' ']));
        }
    }

    #[test]
    fn whole_requests(target in "/?[ -~]{0,30}", credential in prop::collection::vec(any::<u8>(), 0..80), token in tokenish()) {
        for authorization in [credential, format!("Bearer {token}").into_bytes()] {
            prop_assert!(!FIXTURE.allows(&request(&target, &authorization)));
        }
    }
}
