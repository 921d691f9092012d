//! What a configuration says of the audit log, ready for use: which rules say what, and how names are written.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::check::policy::{Policy, RuleAudit};
use crate::check::record::{Identities, MIN_KEY_BYTES};
use crate::config::AuditSettings;

/// How the audit log is kept.
#[derive(Clone, Debug)]
pub struct Auditing {
    /// As configured.
    pub settings: AuditSettings,
    /// How subjects and clients are written.
    pub identities: Identities,
    /// Where the key of their hashes is from.
    pub key: KeyOrigin,
    /// The rules that say which of their checks are recorded.
    of_rules: HashMap<Arc<str>, RuleAudit>,
}

/// Where the key of hashes is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// There is none: names are plain.
    None,
    /// The configured file.
    File,
    /// Made at the start, since none is configured.
    Process,
    /// Made at the start, since the configured file can't be used for this reason.
    ProcessInstead(String),
}

impl KeyOrigin {
    /// The word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::File => "hash_key_file",
            Self::Process | Self::ProcessInstead(_) => "random",
        }
    }

    /// Why the configured file is not used.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        if let Self::ProcessInstead(why) = self { Some(why) } else { None }
    }
}

/// Names hashed with a key that nobody knows and that lasts as long as the process.
#[must_use]
pub fn of_this_process() -> Identities {
    let mut key = Zeroizing::new([0; 32]);
    // Where the system has no randomness TLS could not be spoken either; a key that is easier to guess is still one.
    if rand::fill(key.as_mut_slice()).is_err() {
        fastrand::fill(key.as_mut_slice());
    }
    Identities::hashed(key.as_slice())
}

impl Auditing {
    /// What these settings and rules say. `of_process` is used where no key can be read.
    #[must_use]
    pub fn new(settings: AuditSettings, policy: &Policy, of_process: &Identities) -> Self {
        let of_rules = policy.rules().iter().filter_map(|rule| Some((Arc::clone(&rule.name), rule.audit?)));
        let of_rules = of_rules.collect();
        let (identities, key) = match (settings.plain_identities, &settings.hash_key_file) {
            (true, _) => (Identities::Plain, KeyOrigin::None),
            (false, None) => (of_process.clone(), KeyOrigin::Process),
            (false, Some(file)) => match read(file) {
                Ok(key) => (Identities::hashed(key.trim_ascii_end()), KeyOrigin::File),
                Err(why) => (of_process.clone(), KeyOrigin::ProcessInstead(why)),
            },
        };
        Self { settings, identities, key, of_rules }
    }

    /// What the rule of this name says of its checks.
    #[must_use]
    pub fn of_rule(&self, name: Option<&Arc<str>>) -> Option<RuleAudit> {
        // Most policies say nothing, and then there is nothing to look up.
        if self.of_rules.is_empty() { None } else { self.of_rules.get(name?).copied() }
    }

    /// Tells the log how names are written.
    pub fn announce(&self) {
        let identities = self.identities.key_id().map_or("plain", |_| "hashed");
        let (key, key_id) = (self.key.name(), self.identities.key_id().unwrap_or_default());
        match self.key.fault() {
            Some(why) => tracing::error!(
                key_id,
                why,
                "`hash_key_file` can't be used: the audit log hashes identities with a random key instead"
            ),
            None => tracing::info!(identities, key, key_id, "the audit log is kept"),
        }
    }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let key = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let key = Zeroizing::new(key);
    if key.trim_ascii_end().len() < MIN_KEY_BYTES {
        return Err(format!("{}: it has fewer than {MIN_KEY_BYTES} bytes", file.display()));
    }
    Ok(key)
}
