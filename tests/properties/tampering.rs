//! A token of which anything was changed is never allowed.

use std::sync::LazyLock;

use gatepost_test_support::{Signer, Token};
use proptest::prelude::*;

use crate::world::{Fixture, request};

const POLICY: &str = "rules: [{ name: all, match: { path: /** }, require: { scopes: [\"orders:read\"] } }]";
const ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "Ed25519"];

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| Fixture::new(POLICY, &ALGORITHMS));

fn allows(token: &[u8]) -> bool {
    FIXTURE.allows(&request("/orders", &[b"Bearer ", token].concat()))
}

#[test]
fn every_changed_byte_refuses() {
    for algorithm in ALGORITHMS {
        let token = Token::good().signed_by(&Signer::shared(algorithm)).mint().into_bytes();
        assert!(allows(&token), "{algorithm}");
        for position in 0..token.len() {
            let mut changed = token.clone();
            // The lowest bit gives another character of the alphabet, or one outside it.
            changed[position] ^= 1;
            assert!(!allows(&changed), "{algorithm}, byte {position}");
        }
    }
}

#[test]
fn every_shortened_and_lengthened_token_refuses() {
    for algorithm in ALGORITHMS {
        let token = Token::good().signed_by(&Signer::shared(algorithm)).mint();
        for end in 0..token.len() {
            assert!(!allows(&token.as_bytes()[..end]), "{algorithm}, cut at {end}");
        }
        for more in ["A", "=", ".", " ", "\n", ".AA", "AAAA"] {
            assert!(!allows(format!("{token}{more}").as_bytes()), "{algorithm} and {more:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn bytes_replaced_anywhere_refuse(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        algorithm in prop::sample::select(&ALGORITHMS[..]),
    ) {
        let token = Token::good().signed_by(&Signer::shared(algorithm)).mint().into_bytes();
        let mut changed = token.clone();
        for (place, byte) in places {
            let place = place.index(changed.len());
            changed[place] = byte;
        }
        prop_assert_eq!(allows(&changed), changed == token);
    }

    #[test]
    fn parts_of_different_tokens_refuse(which in 0..3usize) {
        let mint = |subject: &str| Token::good().claim("sub", subject).mint();
        let (mine, theirs) = (mint("alice"), mint("admin"));
        let mut parts: Vec<_> = mine.split('.').collect();
        let other: Vec<_> = theirs.split('.').collect();
        parts[which] = other[which];
        let mixed = parts.join(".");
        prop_assert_eq!(allows(mixed.as_bytes()), mixed == mine || mixed == theirs);
    }
}
