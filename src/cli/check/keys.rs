//! Whether each issuer gives keys that can be used.

use crate::config::{Config, KeyOrigin, Path, Problem, Source};
use crate::jose::{KeyFault, SkippedKey};
use crate::sources::KeyFetcher;

/// Key files are always read: what they say is part of the configuration. Issuers are asked only when `online`.
pub(super) async fn check(config: &Config, source: &Source, online: bool) -> Vec<Problem> {
    let mut found = Vec::new();
    for (index, trusted) in config.issuers.iter().enumerate() {
        let key = match trusted.keys {
            KeyOrigin::File(_) => "jwks_file",
            KeyOrigin::Uri(_) if online => "jwks_uri",
            KeyOrigin::Metadata if online => "issuer",
            KeyOrigin::Uri(_) | KeyOrigin::Metadata => continue,
        };
        let at = Path::root().key("issuers").index(index).key(key);
        match KeyFetcher::new(trusted.clone()).fetch().await {
            Ok(keys) => found.extend(keys.skipped().iter().filter(|key| is_a_fault(key)).map(|skipped| {
                let what = format!("key {} of the set is not used: {}", skipped.position, skipped.fault);
                source.warning(&at, what)
            })),
            Err(fault) => found.push(source.error(&at, format!("gives no keys: {fault}"))),
        }
    }
    found
}

/// Sets carry keys for encryption and for algorithms that the configuration leaves out; that is as it should be.
fn is_a_fault(skipped: &SkippedKey) -> bool {
    !matches!(skipped.fault, KeyFault::NotConfigured | KeyFault::NotForSignatures)
}
