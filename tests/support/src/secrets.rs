//! Every token, proof and secret that this process has made or used, to be looked for in what others have written.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// A shorter text is found by chance.
const SHORTEST: usize = 8;

/// Secrets by their first bytes.
#[derive(Default)]
struct Secrets {
    all: HashSet<String>,
    beginnings: HashMap<[u8; SHORTEST], Vec<String>>,
}

static SECRETS: LazyLock<Mutex<Secrets>> = LazyLock::new(Mutex::default);

fn secrets() -> MutexGuard<'static, Secrets> {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers a secret. One that can't be told from other text, because it is short or a word, is left out.
pub fn remember(secret: &str) {
    secrets().remember(secret);
}

/// The secrets that stand in a text, each with what stands before it.
pub fn found_in(text: &str) -> Vec<String> {
    secrets().found_in(text)
}

impl Secrets {
    fn remember(&mut self, secret: &str) {
        let Some(beginning) = secret.as_bytes().first_chunk() else { return };
        // A test may call its token `inactive`, which is a word that others write too.
        if secret.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-') {
            return;
        }
        if self.all.insert(secret.to_owned()) {
            self.beginnings.entry(*beginning).or_default().push(secret.to_owned());
        }
    }

    fn found_in(&self, text: &str) -> Vec<String> {
        // Most places are told apart by two bytes, which is much faster.
        let mut begins = vec![false; 1 << 16];
        self.beginnings
            .keys()
            .for_each(|its| begins[usize::from(u16::from_be_bytes([its[0], its[1]]))] = true);
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        for (at, window) in bytes.windows(SHORTEST).enumerate() {
            if !begins[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
                continue;
            }
            let candidates = self.beginnings.get(window).into_iter().flatten();
            for secret in candidates.filter(|secret| bytes[at..].starts_with(secret.as_bytes())) {
                let before = String::from_utf8_lossy(&bytes[at.saturating_sub(100)..at]).into_owned();
                found.push(format!("…{before}[{secret}]"));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Were nothing ever found, no test that looks for secrets could fail.
    #[test]
    fn finds_what_was_planted_and_nothing_else() {
        let mut secrets = Secrets::default();
        for secret in ["eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl", "s3cret+%:/ü", "short", "inactive"] {
            secrets.remember(secret);
        }
        for (text, count) in [
            ("", 0),
            ("eyJhbGci short inactive", 0),
            ("eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJ", 0),
            ("x eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl", 1),
            ("s3cret+%:/ü", 1),
            ("ü s3cret+%:/ü\n{\"a\":\"eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJlAAA\"}", 2),
        ] {
            assert_eq!(secrets.found_in(text).len(), count, "{text}");
        }
        assert_eq!(secrets.found_in("é: s3cret+%:/ü"), ["…é: [s3cret+%:/ü]"]);
    }
}
