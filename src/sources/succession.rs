//! From the sources of one generation to those of the next: what did not change goes on.

use std::sync::Arc;

use super::{IssuerSources, Sources, Surroundings};
use crate::check::issuer::IssuerId;
use crate::config::TrustedIssuer;

/// The sources of the next generation, and how its issuers differ.
#[derive(Debug)]
pub struct Succession {
    /// The sources.
    pub sources: Arc<Sources>,
    /// Issuers that were not there before, by name.
    pub added: Vec<Arc<str>>,
    /// Issuers that are there with another configuration.
    pub changed: Vec<Arc<str>>,
    /// Issuers that are not there any more.
    pub removed: Vec<Arc<str>>,
}

impl Sources {
    /// The sources for these issuers. One whose configuration is the same goes on with all that it knows; one
    /// that is only judged in another way goes on with its keys; any other begins anew.
    #[must_use]
    pub fn succeed(&self, issuers: Vec<TrustedIssuer>, around: &Surroundings) -> Succession {
        for gone in self.iter().filter(|its| !issuers.contains(its.trusted())) {
            around.metrics.issuers().forget_state_of(&gone.trusted().issuer.name);
        }
        let mut next = Self { issuers: Vec::with_capacity(issuers.len()), numbered: self.numbered };
        for trusted in issuers {
            let its = match self.iter().find(|its| *its.trusted() == trusted) {
                Some(same) => Arc::clone(same),
                None => Arc::new(self.replace(next.number(), trusted, around)),
            };
            next.issuers.push(its);
        }
        let (added, changed) = next
            .names_but_for(self.iter().map(|its| its.id()).collect())
            .partition(|name| self.iter().all(|its| its.trusted().issuer.name != *name));
        let removed = self
            .names_but_for(next.iter().map(|its| its.id()).collect())
            .filter(|name| next.iter().all(|its| its.trusted().issuer.name != *name))
            .collect();
        Succession { sources: Arc::new(next), added, changed, removed }
    }

    fn replace(&self, id: IssuerId, trusted: TrustedIssuer, around: &Surroundings) -> IssuerSources {
        let new = IssuerSources::new(id, trusted, around);
        if let Some(old) = self.iter().find(|its| its.keys().reads_as(new.keys())) {
            new.keys().inherit(old.keys());
        }
        new
    }

    fn number(&mut self) -> IssuerId {
        self.numbered += 1;
        IssuerId::numbered(self.numbered)
    }

    fn names_but_for(&self, ids: Vec<IssuerId>) -> impl Iterator<Item = Arc<str>> {
        let rest = self.iter().filter(move |its| !ids.contains(&its.id()));
        rest.map(|its| Arc::clone(&its.trusted().issuer.name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::{Mutex, Weak};

    use tempfile::TempDir;

    use super::*;
    use crate::check::issuer::IssuerKeys;
    use crate::clock::Clock;
    use crate::config::load;
    use crate::sources::KeySink;
    use crate::telemetry::metrics::Metrics;

    #[derive(Debug, Default)]
    struct Put(Mutex<Vec<IssuerId>>);

    impl KeySink for Put {
        fn put_keys(&self, id: IssuerId, _: &IssuerKeys) {
            self.0.lock().unwrap().push(id);
        }
    }

    /// The issuers of a configuration, each written as its name and more lines.
    fn issuers(written: &[(&str, &str)]) -> Vec<TrustedIssuer> {
        let directory = TempDir::new().unwrap();
        let mut text = "listen: { authz: 'unix:@none', admin: '127.0.0.1:0' }\nissuers:\n".to_owned();
        for (name, lines) in written {
            text.push_str(&format!("  - {{ name: {name}, issuer: 'https://{name}.example', {lines} }}\n"));
        }
        fs::write(directory.path().join("gatepost.yaml"), text).unwrap();
        fs::write(
            directory.path().join("policy.yaml"),
            "rules: [{ name: a, match: { path: /a }, public: true }]",
        )
        .unwrap();
        let loaded = load(directory.path());
        loaded.config.unwrap_or_else(|| panic!("{:#?}", loaded.problems)).issuers
    }

    fn around(sink: &Arc<Put>) -> Surroundings {
        let sink: Weak<Put> = Arc::downgrade(sink);
        Surroundings { clock: Clock::System, metrics: Arc::new(Metrics::new()), sink }
    }

    fn ids(sources: &Sources) -> Vec<IssuerId> {
        sources.iter().map(|its| its.id()).collect()
    }

    const KEYS: &str = r#"{ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }"#;

    const PLAIN: &str = "audiences: [a]";

    #[test]
    fn an_issuer_that_did_not_change_keeps_its_sources_wherever_it_stands() {
        let around = around(&Arc::default());
        let first = Sources::default().succeed(issuers(&[("a", PLAIN), ("b", PLAIN)]), &around).sources;
        let second = first.succeed(issuers(&[("c", PLAIN), ("b", PLAIN), ("a", PLAIN)]), &around);
        let shown = |names: &[Arc<str>]| names.join(" ");
        assert_eq!(
            (shown(&second.added), shown(&second.changed), shown(&second.removed)),
            ("c".into(), String::new(), String::new())
        );
        let all: Vec<_> = second.sources.iter().collect();
        assert!(Arc::ptr_eq(all[1], first.iter().nth(1).unwrap()));
        assert!(Arc::ptr_eq(all[2], first.iter().next().unwrap()));
    }

    #[test]
    fn an_issuer_that_changed_or_came_back_has_an_id_that_none_had() {
        let around = around(&Arc::default());
        let first = Sources::default().succeed(issuers(&[("a", PLAIN), ("b", PLAIN)]), &around).sources;
        let second = first.succeed(issuers(&[("a", "audiences: [a, b]")]), &around);
        assert_eq!((second.changed.join(" "), second.removed.join(" ")), ("a".to_owned(), "b".to_owned()));
        let third = second.sources.succeed(issuers(&[("a", PLAIN), ("b", PLAIN)]), &around).sources;
        let mut all = [ids(&first), ids(&second.sources), ids(&third)].concat();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 5);
    }

    /// What is known of keys after an edit, when there were some before.
    async fn after_edit(lines: &str) -> bool {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("jwks.json");
        fs::write(&file, KEYS).unwrap();
        let at = format!("jwks_file: {}", file.display());
        let sink = Arc::default();
        let around = around(&sink);
        let written = [("a", &*format!("audiences: [a], {at}"))];
        let first = Sources::default().succeed(issuers(&written), &around).sources;
        let source = first.iter().next().unwrap();
        let read = async {
            while source.keys().latest().is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { () = read => {}, () = source.keys().run() => unreachable!() }
        assert_eq!(*sink.0.lock().unwrap(), [source.id()]);
        let next = first.succeed(issuers(&[("a", &lines.replace("SAME", &at))]), &around);
        assert_eq!(next.changed.join(" "), "a", "{lines}");
        next.sources.known_keys().of(ids(&next.sources)[0]).is_some()
    }

    #[tokio::test]
    async fn keys_are_inherited_where_they_would_be_read_in_the_same_way_and_only_there() {
        assert!(after_edit("audiences: [b], SAME").await);
        assert!(after_edit("audiences: [a], leeway: 7s, SAME").await);
        assert!(!after_edit("audiences: [a], algorithms: [ES256], SAME").await);
        assert!(!after_edit("audiences: [a], jwks_file: /elsewhere").await);
        assert!(!after_edit("audiences: [a]").await);
    }

    #[tokio::test]
    async fn sources_are_used_until_the_last_generation_with_them_is_gone() {
        let around = around(&Arc::default());
        let first = Sources::default().succeed(issuers(&[("a", PLAIN)]), &around).sources;
        let unused = first.iter().next().unwrap().unused();
        let second = first.succeed(issuers(&[("a", PLAIN), ("b", PLAIN)]), &around).sources;
        let third = second.succeed(issuers(&[("b", PLAIN)]), &around).sources;
        drop(first);
        let mut unused = Box::pin(unused);
        tokio::select! {
            biased;
            () = &mut unused => panic!("a check may still use the second generation"),
            () = tokio::task::yield_now() => {}
        }
        drop(second);
        unused.await;
        drop(third);
    }
}
