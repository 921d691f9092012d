//! The index of marks decides as a list of them would, whatever the order and however often each comes.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost::check::revocation::{
    Index, Lifetimes, Mark, Reach, SHARDS, Target, TokenFacts, TokenMarks, index,
};
use gatepost::jose::UnixTime;
use proptest::prelude::*;

const ISSUERS: [&str; 2] = ["https://one.example.com", "https://two.example.com"];
const NAMES: [&str; 3] = ["a", "b", "ab"];
const START: i64 = 1_700_000_000;
const LIFETIME: i64 = 600;
/// How long after `exp` a token may still be taken, at most.
const LEEWAY: i64 = 60;

/// A token that lives as long as its issuer's may, or shorter.
#[derive(Clone, Debug)]
struct Token {
    issuer: &'static str,
    names: [Option<&'static str>; 6],
    digest: Option<u8>,
    issued_at: Option<i64>,
    expires_at: i64,
}

/// A mark as a list would keep it.
#[derive(Clone, Debug)]
struct Listed {
    kind: usize,
    issuer: &'static str,
    name: &'static str,
    digest: u8,
    until: Option<i64>,
    at: i64,
}

impl Listed {
    fn mark(&self) -> Mark {
        let Self { issuer, name, .. } = *self;
        let digest = [self.digest; 32];
        let target = match self.kind {
            0 => Target::Token { issuer, jti: name },
            1 => Target::TokenDigest(&digest),
            2 => Target::Session { issuer, sid: name },
            3 => Target::Grant { issuer, grant: name },
            4 => Target::Key { issuer, kid: name },
            5 => Target::Subject { issuer, subject: name },
            6 => Target::Client { issuer, client: name },
            _ => Target::Issuer(issuer),
        };
        let reach = self.until.map_or(Reach::Every, |until| Reach::IssuedUntil(millis(until)));
        let lifetimes = Lifetimes::new(Duration::from_secs(LIFETIME.unsigned_abs()), BTreeMap::new());
        Mark::new(&target, reach, Some(millis(self.at).plus(lifetimes.of(issuer))))
    }

    /// What the words of the kinds say, with nothing hashed, merged or dropped.
    fn revokes(&self, token: &Token) -> bool {
        let named = match self.kind {
            0 => token.names[0] == Some(self.name),
            1 => token.digest == Some(self.digest),
            kind @ 2..=6 => token.names.get(kind - 1) == Some(&Some(self.name)),
            _ => true,
        };
        let of_issuer = self.kind == 1 || token.issuer == self.issuer;
        let reached = match (self.until, token.issued_at) {
            (Some(until), Some(issued)) => issued.div_euclid(1000) <= until.div_euclid(1000),
            _ => true,
        };
        named && of_issuer && reached
    }
}

fn millis(millis: i64) -> UnixTime {
    UnixTime::from_millis(millis)
}

/// Milliseconds, a second or less apart or many, so that both sides of every limit are met.
fn instant() -> impl Strategy<Value = i64> {
    let steps = (0..3 * LIFETIME / 150, -1..=1_i64, prop::sample::select(&[0, 1, 500, 999][..]));
    steps.prop_map(|(step, second, millis)| (START + step * 150 + second) * 1000 + millis)
}

fn listed() -> impl Strategy<Value = Listed> {
    let who = (0..8_usize, prop::sample::select(&ISSUERS[..]), prop::sample::select(&NAMES[..]), 0..3_u8);
    (who, instant(), any::<bool>()).prop_map(|((kind, issuer, name, digest), at, by_time)| Listed {
        kind,
        issuer,
        name,
        digest,
        // Whole targets are never issued to again; the others are, and are marked up to a time.
        until: (kind >= 5 || by_time).then_some(at),
        at,
    })
}

fn token() -> impl Strategy<Value = Token> {
    let name = || prop::option::weighted(0.7, prop::sample::select(&NAMES[..]));
    let names = [name(), name(), name(), name(), name(), name()];
    let issuer = prop::sample::select(&ISSUERS[..]);
    let life = prop_oneof![1..=LIFETIME, Just(LIFETIME)];
    let times = (prop::option::weighted(0.9, instant()), life);
    (issuer, names, prop::option::of(0..3_u8), times).prop_map(|(issuer, names, digest, (issued, life))| {
        let expires_at = issued.unwrap_or(START * 1000) + life * 1000;
        Token { issuer, names, digest, issued_at: issued, expires_at }
    })
}

fn screened(token: &Token, index: &Index) -> bool {
    let digest = token.digest.map(|byte| [byte; 32]);
    let [jti, session, grant, key, subject, client] = token.names;
    let facts = TokenFacts {
        issuer: token.issuer,
        jti,
        digest: digest.as_ref(),
        session,
        grant,
        key,
        subject,
        client,
        issued_at: token.issued_at.map(millis),
    };
    TokenMarks::of(&facts).screen(index).is_some()
}

/// An index that hears all marks at the first of these times, and drops what has expired at both.
fn hearing(marks: &[Mark], [heard, now]: [i64; 2], seed: u64) -> std::sync::Arc<Index> {
    let (mut writer, index) = index(seed, usize::MAX);
    for mark in marks {
        writer.apply(mark, millis(heard));
    }
    for now in [heard, now].map(millis) {
        (0..SHARDS).for_each(|shard| {
            writer.expire(shard, now);
        });
    }
    index
}

/// Two times, the earlier first.
fn times() -> impl Strategy<Value = [i64; 2]> {
    (instant(), instant()).prop_map(|(one, other)| [one.min(other), one.max(other)])
}

proptest! {
    #[test]
    fn revokes_exactly_the_living_tokens_that_a_list_of_marks_would(
        list in prop::collection::vec(listed(), 0..12),
        tokens in prop::collection::vec(token(), 1..12),
        times in times(),
        seed in any::<u64>(),
    ) {
        let [_, now] = times;
        let marks: Vec<_> = list.iter().map(Listed::mark).collect();
        let index = hearing(&marks, times, seed);
        // A token without `iat` lives for the issuer's lifetime at most, counted from the last mark.
        let lives = |token: &Token| match token.issued_at {
            Some(_) => token.expires_at + LEEWAY * 1000 > now,
            None => list.iter().all(|mark| now < mark.at + LIFETIME * 1000),
        };
        for token in tokens.iter().filter(|token| lives(token)) {
            // A whole target is not issued to after its mark.
            let sane = list.iter().all(|mark| {
                mark.until.is_some() || token.issued_at.is_none_or(|issued| issued <= mark.at)
            });
            if sane {
                let expected = list.iter().any(|mark| mark.revokes(token));
                prop_assert_eq!(screened(token, &index), expected, "{:?} at {}", token, now);
            }
        }
    }

    #[test]
    fn order_and_repetition_change_nothing(
        list in prop::collection::vec(listed(), 1..12),
        tokens in prop::collection::vec(token(), 1..12),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        shuffled in any::<u64>(),
        times in times(),
    ) {
        let marks: Vec<_> = list.iter().map(Listed::mark).collect();
        let mut others: Vec<_> = marks.iter().chain(again.iter().map(|index| index.get(&marks))).copied().collect();
        let turn = usize::try_from(shuffled % 64).unwrap() % others.len();
        others.rotate_left(turn);
        if shuffled & 64 == 0 {
            others.reverse();
        }
        let (one, other) = (hearing(&marks, times, 1), hearing(&others, times, 2));
        prop_assert_eq!(one.len(), other.len());
        for token in &tokens {
            prop_assert_eq!(screened(token, &one), screened(token, &other));
        }
    }

    #[test]
    fn one_mark_more_never_gives_a_token_back(
        list in prop::collection::vec(listed(), 0..12), more in listed(), token in token(),
    ) {
        let now = [START * 1000; 2];
        let mut marks: Vec<_> = list.iter().map(Listed::mark).collect();
        let before = screened(&token, &hearing(&marks, now, 1));
        marks.push(more.mark());
        prop_assert!(!before || screened(&token, &hearing(&marks, now, 1)));
    }
}
