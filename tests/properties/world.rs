//! A world to decide in: one issuer, one key, one configuration read from text.

use std::fs;
use std::sync::Arc;

use gatepost::check::issuer::{IssuerKeys, Issuers, KnownKeys};
use gatepost::check::policy::Policy;
use gatepost::check::{
    CheckInput, Decided, Decision, Facts, Headers, Need, OutageReason, Step, World, decide, plan,
};
use gatepost::config::{Config, Severity, load};
use gatepost::jose::{Algorithm, KeySet, UnixTime};
use gatepost_test_support::{Signer, Token, token};
use tempfile::TempDir;

pub struct Fixture {
    pub config: Config,
    issuers: Issuers,
    keys: KnownKeys,
    set: Arc<KeySet>,
}

impl Fixture {
    /// With this policy and the factory's keys for all of these algorithms.
    pub fn new(policy: &str, algorithms: &[&str]) -> Self {
        Self::of(config(&[("policy.yaml", policy)]), algorithms)
    }

    /// With this policy, a candidate for the next one where there is one, and a key for EdDSA.
    pub fn with_candidate(policy: &str, candidate: Option<&str>) -> Self {
        let files: Vec<_> = [("policy.yaml", policy)]
            .into_iter()
            .chain(candidate.map(|candidate| ("policy.next.yaml", candidate)))
            .collect();
        Self::of(config(&files), &["Ed25519"])
    }

    fn of(config: Config, algorithms: &[&str]) -> Self {
        let issuers = Issuers::new(config.issuers.iter().map(|trusted| trusted.issuer.clone()).collect());
        let signers: Vec<_> = algorithms.iter().map(|name| Signer::shared(name)).collect();
        let text = token::jwks(&signers).to_string();
        let set = Arc::new(KeySet::read(text.as_bytes(), &Algorithm::ALL).unwrap());
        let (id, _) = issuers.iter().next().unwrap();
        let keys = IssuerKeys { set: Arc::clone(&set), read_at: UnixTime::from_seconds(0), stale_at: None };
        let keys = KnownKeys::default().with(id, keys);
        Self { config, issuers, keys, set }
    }

    /// What the policy in use is decided in.
    pub fn world(&self) -> World<'_> {
        World {
            policy: &self.config.policy,
            resource: self.config.resource.as_ref(),
            issuers: &self.issuers,
            keys: &self.keys,
            screen: None,
            known: None,
            max_token_bytes: 16_384,
        }
    }

    pub fn decide(&self, input: &CheckInput) -> Decision {
        self.decided(input, self.world(), UnixTime::from_seconds(token::now())).decision
    }

    /// Decides as of `now` in a world that knows what this one knows, but may have another policy.
    pub fn decided(&self, input: &CheckInput, world: World<'_>, now: UnixTime) -> Decided {
        match plan(input, world, now, &mut ()) {
            Err(decided) => decided,
            Ok(plan) => {
                let facts = match plan.need() {
                    Need::Nothing => Facts::Nothing,
                    Need::Keys(_) | Need::FreshKeys(_) => Facts::Keys(Arc::clone(&self.set)),
                    Need::Introspection(_) => Facts::Missing(OutageReason::IntrospectionMissing),
                };
                match decide(plan, &facts, world, now, &mut ()) {
                    Step::Decided(decided) => decided,
                    Step::More(_) => panic!("nothing here asks for introspection"),
                }
            }
        }
    }

    pub fn allows(&self, input: &CheckInput) -> bool {
        matches!(self.decide(input), Decision::Allow(_))
    }
}

/// A configuration with these policy files; a problem of any of them is a mistake of the test.
fn config(policies: &[(&str, &str)]) -> Config {
    let directory = TempDir::with_prefix("gatepost-properties-").unwrap();
    let gatepost = format!(
        "listen: {{ authz: \"unix:@none\", admin: \"127.0.0.1:0\" }}\n\
         issuers:\n  - name: test\n    issuer: {}\n    audiences: [\"{}\"]\n    jwks_file: none\n",
        Token::ISSUER,
        Token::AUDIENCE
    );
    fs::write(directory.path().join("gatepost.yaml"), gatepost).unwrap();
    for (name, text) in policies {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let loaded = load(directory.path());
    let errors: Vec<_> =
        loaded.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}\n{policies:?}");
    loaded.config.unwrap()
}

/// A policy read from text.
pub fn policy(text: &str) -> Policy {
    config(&[("policy.yaml", text)]).policy
}

/// A request with this credential.
pub fn request(target: &str, authorization: &[u8]) -> CheckInput {
    let mut headers = Headers::default();
    headers.push("authorization", authorization);
    CheckInput {
        method: "GET".to_owned(),
        host: "orders.example.com".to_owned(),
        target: target.to_owned(),
        headers,
        source: None,
        certificate: None,
    }
}
