//! What deciding costs: a good token of each algorithm through plan and decide, beside the bare signature
//! verification of aws-lc-rs and jsonwebtoken's `decode` of the same token, and beside the same token when it is known
//! from before, all in one run. And what it costs to look
//! for suspicious use afterwards.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that fails has nothing to measure")]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::check::issuer::{IssuerKeys, Issuers, KnownKeys};
use gatepost::check::known_tokens::KnownTokens;
use gatepost::check::{CheckInput, Decided, Decision, Facts, Headers, Step, World, decide, plan};
use gatepost::config::{Config, load};
use gatepost::jose::{Algorithm, Jws, KeySet, Lookup, UnixTime};
use gatepost::suspicion::{Detectors, Seen};
use gatepost_test_support::{Signer, Token, token};
use tempfile::TempDir;

const ALGORITHMS: [&str; 6] = ["RS256", "PS256", "ES256", "ES384", "ES512", "Ed25519"];

const POLICY: &str = r#"
rules:
  - { name: health, match: { path: /healthz }, public: true }
  - name: read orders
    match: { methods: [GET], path: /orders/** }
    require: { scopes: ["orders:read"] }
    forward: { x-subject: token.sub }
"#;

struct Fixture {
    config: Config,
    issuers: Issuers,
    keys: KnownKeys,
    set: Arc<KeySet>,
    known: KnownTokens,
    now: UnixTime,
}

impl Fixture {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let gatepost = format!(
            "listen: {{ authz: \"unix:@bench\", admin: \"127.0.0.1:0\" }}\n\
             issuers: [{{ name: bench, issuer: \"{}\", audiences: [\"{}\"], jwks_file: none }}]\n",
            Token::ISSUER,
            Token::AUDIENCE
        );
        fs::write(directory.path().join("gatepost.yaml"), gatepost).unwrap();
        fs::write(directory.path().join("policy.yaml"), POLICY).unwrap();
        let config = load(directory.path()).config.unwrap();
        let issuers = Issuers::new(config.issuers.iter().map(|trusted| trusted.issuer.clone()).collect());
        let signers: Vec<_> = ALGORITHMS.iter().map(|name| Signer::shared(name)).collect();
        let set = KeySet::read(token::jwks(&signers).to_string().as_bytes(), &Algorithm::ALL).unwrap();
        let set = Arc::new(set);
        let (id, _) = issuers.iter().next().unwrap();
        let now = UnixTime::from_seconds(token::now());
        let keys =
            KnownKeys::default().with(id, IssuerKeys { set: Arc::clone(&set), read_at: now, stale_at: None });
        Self { config, issuers, keys, set, known: KnownTokens::within(16 << 20), now }
    }

    fn check(&self, input: &CheckInput) -> Decision {
        self.decided(input).decision
    }

    fn check_again(&self, input: &CheckInput) -> Decision {
        self.decided_with(input, Some(&self.known)).decision
    }

    fn decided(&self, input: &CheckInput) -> Decided {
        self.decided_with(input, None)
    }

    fn decided_with(&self, input: &CheckInput, known: Option<&KnownTokens>) -> Decided {
        let world = World {
            policy: &self.config.policy,
            resource: None,
            issuers: &self.issuers,
            keys: &self.keys,
            screen: None,
            known,
            max_token_bytes: 16_384,
        };
        match plan(input, world, self.now, &mut ()) {
            Ok(plan) => match decide(plan, &Facts::Keys(Arc::clone(&self.set)), world, self.now, &mut ()) {
                Step::Decided(decided) => decided,
                Step::More(_) => panic!("nothing here asks for introspection"),
            },
            Err(decided) => decided,
        }
    }
}

fn request(target: &str, headers: Headers) -> CheckInput {
    CheckInput {
        method: "GET".to_owned(),
        host: "orders.example.com".to_owned(),
        target: target.to_owned(),
        headers,
        source: None,
        certificate: None,
    }
}

fn bearer(token: &str) -> Headers {
    [("authorization", format!("Bearer {token}")), ("user-agent", "bench".to_owned())].into_iter().collect()
}

/// Good at the fixture's time and, for jsonwebtoken, which reads the clock, until tomorrow.
fn lasting(fixture: &Fixture) -> Token {
    let now = fixture.now.as_millis() / 1000;
    Token::good().at(now).claim("exp", now + 86_400)
}

fn verify_only(fixture: &Fixture, token: &str) {
    let jws = Jws::parse(token).unwrap();
    let algorithm = Algorithm::from_name(&jws.header.alg).unwrap();
    let Lookup::Found(keys) = fixture.set.lookup(jws.header.kid.as_deref(), algorithm) else {
        panic!("no key")
    };
    assert!(black_box(keys.iter().any(|key| key.verifies(&jws, algorithm))));
}

fn first_seen(criterion: &mut Criterion) {
    let fixture = Fixture::new();
    let mut group = criterion.benchmark_group("first-seen token");
    for name in ALGORITHMS {
        let signer = Signer::shared(name);
        let token = lasting(&fixture).signed_by(&signer).mint();
        let input = request("/orders/7", bearer(&token));
        assert!(matches!(fixture.check(&input), Decision::Allow(_)), "{name}");
        group
            .bench_function(BenchmarkId::new("check", name), |b| b.iter(|| fixture.check(black_box(&input))));
        group.bench_function(BenchmarkId::new("check again", name), |b| {
            b.iter(|| fixture.check_again(black_box(&input)));
        });
        group.bench_function(BenchmarkId::new("parse and verify the signature", name), |b| {
            b.iter(|| verify_only(&fixture, black_box(&token)));
        });
        let Ok(algorithm) = name.replace("Ed25519", "EdDSA").parse::<jsonwebtoken::Algorithm>() else {
            continue;
        };
        let key: jsonwebtoken::jwk::Jwk = serde_json::from_value(signer.jwk()).unwrap();
        let Ok(key) = jsonwebtoken::DecodingKey::from_jwk(&key) else { continue };
        let token =
            lasting(&fixture).signed_by(&signer).alg(if name == "Ed25519" { "EdDSA" } else { name }).mint();
        let mut validation = jsonwebtoken::Validation::new(algorithm);
        validation.set_audience(&[Token::AUDIENCE]);
        group.bench_function(BenchmarkId::new("jsonwebtoken decode", name), |b| {
            b.iter(|| {
                jsonwebtoken::decode::<serde_json::Value>(black_box(&token), &key, &validation).unwrap()
            });
        });
    }
}

fn without_cryptography(criterion: &mut Criterion) {
    let fixture = Fixture::new();
    let mut group = criterion.benchmark_group("no signature to verify");
    let expired = Token::good().claim("exp", 1).mint();
    for (name, input) in [
        ("public", request("/healthz", Headers::default())),
        ("no rule", request("/nowhere", Headers::default())),
        ("no credential", request("/orders/7", Headers::default())),
        ("ambiguous path", request("/orders//7", Headers::default())),
        ("expired token", request("/orders/7", bearer(&expired))),
    ] {
        group.bench_function(name, |b| b.iter(|| fixture.check(black_box(&input))));
    }
}

/// One token again and again, and as many in turn as a table has room for, so that none is in the processor's cache.
fn suspicious_use(criterion: &mut Criterion) {
    let fixture = Fixture::new();
    let (detectors, settings) = (Detectors::new(), fixture.config.suspicion);
    let mut group = criterion.benchmark_group("looking for suspicious use");
    let from = |input: CheckInput, number: u8, certificate: Option<&str>| CheckInput {
        source: Some([192, 0, 2, number].into()),
        certificate: certificate.map(str::to_owned),
        ..input
    };
    let checked = |input: CheckInput| {
        let decided = fixture.decided(&input);
        (input, decided)
    };
    let observe = |(input, decided): &(CheckInput, Decided)| {
        let found = detectors.observe(&Seen::of(input, decided, &fixture.issuers), &settings, fixture.now);
        assert!(found.is_empty());
    };
    let certificate = "-----BEGIN%20CERTIFICATE-----%0A".repeat(40);
    for name in ["RS256", "ES256"] {
        let token = lasting(&fixture).signed_by(&Signer::shared(name)).mint();
        let one = checked(from(request("/orders/7", bearer(&token)), 1, None));
        group.bench_function(BenchmarkId::new("allowed", name), |b| b.iter(|| observe(black_box(&one))));
        let one = checked(from(request("/orders/7", bearer(&token)), 1, Some(&certificate)));
        let name = BenchmarkId::new("allowed, with a certificate", name);
        group.bench_function(name, |b| b.iter(|| observe(black_box(&one))));
    }
    let many = (0..10_000).map(|number| {
        let token = lasting(&fixture).signed_by(&Signer::shared("ES256")).claim("jti", number.to_string());
        checked(from(request("/orders/7", bearer(&token.mint())), 1, None))
    });
    let many: Vec<_> = many.collect();
    let mut next = many.iter().cycle();
    group.bench_function("allowed, 10000 ES256 tokens in turn", |b| {
        b.iter_batched(|| next.next().unwrap(), observe, BatchSize::SmallInput);
    });
    let public = checked(from(request("/healthz", Headers::default()), 1, None));
    group.bench_function("public", |b| b.iter(|| observe(black_box(&public))));
    let source = public.0.source;
    group.bench_function("whether an address is limited, while none is", |b| {
        b.iter(|| assert!(detectors.wait(black_box(source), &settings, fixture.now).is_none()));
    });
}

criterion_group!(benches, first_seen, without_cryptography, suspicious_use);
criterion_main!(benches);
