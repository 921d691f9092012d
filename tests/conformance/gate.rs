//! The harness: two files and a key set become a gate, and a request becomes a decision.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

use gatepost::check::introspection::Answer;
use gatepost::check::issuer::{Issuer, IssuerKeys, Issuers, KnownKeys};
use gatepost::check::policy::Policy;
use gatepost::check::{
    CheckInput, Decision, DenyReason, Facts, Need, OutageReason, Step, World, decide, plan,
};
use gatepost::config::{GATEPOST_FILE, POLICY_FILE, Problem, load};
use gatepost::jose::{KeySet, UnixTime};
use gatepost_test_support::{Signer, Token, token};
use serde_json::Value;

/// When all of this happens.
pub const NOW: i64 = 1_800_000_000;

/// A good token of that time.
pub fn good() -> Token {
    Token::good().at(NOW)
}

/// The strict gate that most tests ask: RFC 9068, a key for every algorithm.
pub static STRICT: LazyLock<Gate> = LazyLock::new(|| Gate::with_issuer(""));

const POLICY: &str = "
rules:
  - name: health
    match: { path: /healthz }
    public: true
  - name: read orders
    match: { methods: [GET], path: /orders/** }
    require: { scopes: [orders:read] }
    forward: { x-subject: token.sub, x-client: token.client_id, x-scopes: token.scope }
  - name: write orders
    match: { methods: [POST], path: /orders/** }
    require: { scopes: { all: [orders:write], any: [tier:gold, tier:silver] } }
  - name: anyone
    match: { path: /any }
    require: {}
";

/// Decides as a sidecar with this configuration would.
pub struct Gate {
    policy: Policy,
    issuers: Issuers,
    keys: KnownKeys,
    max_token_bytes: usize,
    /// What was found when the files were loaded; warnings only.
    pub warnings: Vec<Problem>,
}

impl Gate {
    /// One issuer, [`Token::ISSUER`], with these lines below its `issuer:`, and a key for every algorithm.
    /// `audiences` is that of good tokens unless the lines name it.
    pub fn with_issuer(lines: &str) -> Self {
        Self::with_keys(lines, &token::jwks(&Signer::ALGORITHMS.map(Signer::shared)))
    }

    /// As [`Gate::with_issuer`], with this key set.
    pub fn with_keys(lines: &str, jwks: &Value) -> Self {
        Self::with_issuers(&issuer(Token::ISSUER, lines), &[jwks])
    }

    /// With these issuers, in YAML, and a key set for each.
    pub fn with_issuers(issuers: &str, jwks: &[&Value]) -> Self {
        Self::load(&format!("issuers:\n{issuers}"), POLICY, jwks)
    }

    /// With this text below `listen` and this policy.
    ///
    /// Panics when the configuration or a key set is refused.
    pub fn load(rest: &str, policy: &str, jwks: &[&Value]) -> Self {
        Self::try_load(rest, policy, jwks).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// As [`Gate::load`], with the problems for an error.
    pub fn try_load(rest: &str, policy: &str, jwks: &[&Value]) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let listen = "listen: { authz: 'unix:/run/gatepost/authz.sock', admin: 127.0.0.1:9192 }";
        let write = |name, text: &str| fs::write(directory.path().join(name), text).expect("a file");
        write(GATEPOST_FILE, &format!("{listen}\n{rest}"));
        write(POLICY_FILE, policy);
        let loaded = load(directory.path());
        let texts: Vec<_> = loaded.problems.iter().map(ToString::to_string).collect();
        let config = loaded.config.ok_or_else(|| texts.join("\n"))?;
        let issuers = Issuers::new(config.issuers.into_iter().map(|trusted| trusted.issuer).collect());
        let mut keys = KnownKeys::default();
        for ((id, issuer), jwks) in issuers.iter().zip(jwks) {
            let set = KeySet::read(jwks.to_string().as_bytes(), &issuer.profile.algorithms)
                .map_err(|fault| fault.to_string())?;
            let read_at = UnixTime::from_seconds(NOW);
            keys = keys.with(id, IssuerKeys { set: Arc::new(set), read_at, stale_at: None });
        }
        let max_token_bytes = config.check.max_token_bytes;
        Ok(Self { policy: config.policy, issuers, keys, max_token_bytes, warnings: loaded.problems })
    }

    /// The decision for a request at [`NOW`].
    pub fn check(&self, input: &CheckInput) -> Decision {
        self.check_at(input, NOW)
    }

    /// The decision for a request at another time. Asked for fresh keys, the issuer has those it had; asked
    /// about a token, it does not answer.
    pub fn check_at(&self, input: &CheckInput, now: i64) -> Decision {
        self.run(input, now, &Facts::Missing(OutageReason::IntrospectionUnreachable))
    }

    /// The decision at [`NOW`] when whoever is asked about the token gives this answer.
    pub fn told(&self, input: &CheckInput, answer: &Answer) -> Decision {
        self.run(input, NOW, &Facts::Answer(Arc::new(answer.clone())))
    }

    /// Who is asked about an opaque token, by name; none when nobody is.
    pub fn asked(&self, input: &CheckInput) -> Result<Option<&str>, DenyReason> {
        let plan = plan(input, self.world(), UnixTime::from_seconds(NOW), &mut ());
        let plan = plan.map_err(|decided| match decided.decision {
            Decision::Deny(denial) => denial.reason,
            other => panic!("{other:?}"),
        })?;
        match plan.need() {
            Need::Introspection(id) => Ok(self.issuers.at(id).map(|issuer| issuer.name.as_ref())),
            Need::Nothing | Need::Keys(_) | Need::FreshKeys(_) => Ok(None),
        }
    }

    /// The first of its issuers.
    pub fn issuer(&self) -> &Issuer {
        self.issuers.iter().next().expect("an issuer").1
    }

    fn world(&self) -> World<'_> {
        World {
            policy: &self.policy,
            resource: None,
            issuers: &self.issuers,
            keys: &self.keys,
            screen: None,
            known: None,
            max_token_bytes: self.max_token_bytes,
        }
    }

    fn run(&self, input: &CheckInput, now: i64, introspected: &Facts) -> Decision {
        let (world, now) = (self.world(), UnixTime::from_seconds(now));
        let mut plan = match plan(input, world, now, &mut ()) {
            Ok(plan) => plan,
            Err(decided) => return decided.decision,
        };
        loop {
            let facts = match plan.need() {
                Need::Nothing => Facts::Nothing,
                Need::Keys(id) | Need::FreshKeys(id) => match self.keys.of(id) {
                    Some(known) => Facts::Keys(Arc::clone(&known.set)),
                    None => Facts::Missing(OutageReason::KeysMissing),
                },
                Need::Introspection(_) => introspected.clone(),
            };
            match decide(plan, &facts, world, now, &mut ()) {
                Step::Decided(decided) => return decided.decision,
                Step::More(next) => plan = next,
            }
        }
    }

    /// The decision for `GET /orders/7` with this token.
    pub fn token(&self, token: &str) -> Decision {
        self.check(&bearer(token))
    }
}

/// One entry of `issuers`, with these lines below its `issuer:`.
pub fn issuer(identifier: &str, lines: &str) -> String {
    // Names are at most 64 characters, which identifiers need not be.
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    let name = COUNT.fetch_add(1, Relaxed);
    let mut text = format!("  - name: issuer {name}\n    issuer: {identifier}\n");
    if !lines.contains("audiences:") {
        text.push_str(&format!("    audiences: [{}]\n", Token::AUDIENCE));
    }
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// `GET /orders/7` with this token.
pub fn bearer(token: &str) -> CheckInput {
    get("/orders/7", [("authorization", format!("Bearer {token}"))])
}

/// A GET request with these headers.
pub fn get<'a>(target: &str, headers: impl IntoIterator<Item = (&'a str, String)>) -> CheckInput {
    CheckInput {
        method: "GET".into(),
        host: "orders.example.com".into(),
        target: target.into(),
        headers: headers.into_iter().collect(),
        source: None,
        certificate: None,
    }
}

/// What a decision comes to, to compare and to print.
pub fn outcome(decision: &Decision) -> Result<(), DenyReason> {
    match decision {
        Decision::Allow(_) => Ok(()),
        Decision::Deny(denial) => Err(denial.reason),
        Decision::Unavailable(outage) => panic!("undecided: {:?}", outage.reason),
        Decision::Answer(document) => panic!("answered: {document}"),
    }
}

/// Cases with what must come of each. All are tried before the test fails.
pub struct Table<'g> {
    gate: &'g Gate,
    wrong: Vec<String>,
    count: usize,
}

impl<'g> Table<'g> {
    /// Cases for this gate.
    pub fn of(gate: &'g Gate) -> Self {
        Self { gate, wrong: Vec::new(), count: 0 }
    }

    /// This token must pass.
    pub fn allows(self, name: &str, token: &Token) -> Self {
        self.expect(name, &token.mint(), Ok(()))
    }

    /// This token must be refused for this reason.
    pub fn refuses(self, name: &str, token: &Token, reason: DenyReason) -> Self {
        self.expect(name, &token.mint(), Err(reason))
    }

    /// This text in place of a token must be refused for this reason.
    pub fn refuses_text(self, name: &str, text: &str, reason: DenyReason) -> Self {
        self.expect(name, text, Err(reason))
    }

    /// This text in place of a token must come to this.
    pub fn expect(mut self, name: &str, text: &str, expected: Result<(), DenyReason>) -> Self {
        let found = outcome(&self.gate.token(text));
        self.count += 1;
        if found != expected {
            self.wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
        self
    }

    /// Fails when any case came to something else.
    #[track_caller]
    pub fn holds(self) {
        let Self { wrong, count, .. } = self;
        eprintln!("{count} tokens");
        assert!(wrong.is_empty(), "{} of {count} cases are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
    }
}
