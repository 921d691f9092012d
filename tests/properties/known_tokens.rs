//! Deciding with the tokens that verified before comes to what deciding without them comes to.

use std::time::Duration;

use gatepost::check::World;
use gatepost::check::known_tokens::KnownTokens;
use gatepost::jose::UnixTime;
use gatepost_test_support::{Signer, Token};
use proptest::prelude::*;
use proptest::sample::select;

use crate::invented::{self, NOW, now, policy};
use crate::world::{Fixture, request};

/// Tokens that differ in one thing each: good ones, and those that are refused at every stage.
fn tokens() -> Vec<String> {
    let signer = Signer::shared("Ed25519");
    let good = || Token::good().at(NOW).signed_by(&signer);
    let tokens = [
        good(),
        good().claim("exp", NOW + 30),
        good().claim("nbf", NOW + 30),
        good().claim("aud", "https://elsewhere.example"),
        good().claim("iss", "https://elsewhere.example"),
        good().claim("cnf", serde_json::json!({ "jkt": "x" })),
        good().claim("scope", "a"),
        good().header("typ", "JWT"),
        good().header("kid", "invented"),
        good().forged_by(&Signer::generate("Ed25519")),
        good().signature([7; 64]),
    ];
    tokens.map(|token| token.mint()).into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn decisions_are_the_same_with_and_without_them(
        rules in invented::rules(),
        asked in prop::collection::vec((0..11_usize, select(&["/a", "/a/b", "/b", "/c"][..]), 0..90_u64), 1..24),
    ) {
        let fixture = Fixture::with_candidate(&policy(&rules), None);
        let (known, tokens) = (KnownTokens::within(1 << 16), tokens());
        for (token, path, later) in asked {
            let input = request(path, format!("Bearer {}", tokens[token]).as_bytes());
            // Clocks are set back, too.
            let at: UnixTime = now().plus(Duration::from_secs(later));
            let [with, without] = [Some(&known), None].map(|known| {
                format!("{:?}", fixture.decided(&input, World { known, ..fixture.world() }, at))
            });
            prop_assert_eq!(with, without);
        }
    }
}

#[test]
fn a_token_is_found_the_second_time() {
    let fixture = Fixture::new(&invented::requiring(&invented::Members::new()), &["Ed25519"]);
    let known = KnownTokens::within(1 << 16);
    let token = Token::good().at(NOW).signed_by(&Signer::shared("Ed25519")).mint();
    let input = request("/a", format!("Bearer {token}").as_bytes());
    let world = World { known: Some(&known), ..fixture.world() };
    for lookups in [(0, 1), (1, 1), (2, 1)] {
        assert_eq!(fixture.decided(&input, world, now()).decision.outcome(), "allow");
        assert_eq!(known.lookups(), lookups);
    }
}
