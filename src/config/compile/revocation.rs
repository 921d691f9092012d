//! `revocation`: how long marks are kept, and what holds while feeds are stale. The feeds are in `feed`.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use super::super::document::{
    CatchUpDocument, RevocationDocument, RevocationIssuerDocument, WhenLateDocument, WhenStaleDocument,
};
use super::super::{LONGEST_TOKEN_LIFETIME, Path, RevocationSettings, TrustedIssuer, WhenLate};
use super::findings::{Findings, quoted};
use super::{bounded, bounded_count, feed, introspection, unique};
use crate::check::revocation::{Lifetimes, RevocationClaims, Terms, WhenStale};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;

/// What `revocation` says, among these issuers. A feed that has a problem is missing.
pub(super) fn compile(
    document: &RevocationDocument,
    trusted: &[TrustedIssuer],
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> RevocationSettings {
    let when_stale = when_stale(document.when_stale);
    if when_stale == WhenStale::Introspect {
        warn_of_silent_issuers(trusted, &at.key("when_stale"), findings);
    }
    let (lifetimes, claims) = issuers(document, trusted, at, findings);
    let catch_up = document.catch_up.clone().unwrap_or_default();
    let stale_after =
        bounded(document.stale_after, 10 * SECOND, SECOND, HOUR, &at.key("stale_after"), findings);
    let feeds = &at.key("feeds");
    if document.feeds.is_empty() {
        findings.error(feeds, "is an empty list", "name at least one feed, or delete `revocation`");
    }
    unique(document.feeds.iter().map(|feed| feed.name.as_str()), feeds, "name", findings);
    let each = document.feeds.iter().enumerate();
    let compiled = each.filter_map(|(index, document)| {
        let around = feed::Around { trusted, directory, stale_after };
        feed::compile(document, &around, &feeds.index(index), findings)
    });
    RevocationSettings {
        feeds: compiled.collect(),
        stale_after,
        catch_up_deadline: deadline(&catch_up, &at.key("catch_up"), findings),
        when_late: match catch_up.when_late {
            Some(WhenLateDocument::Serve) => WhenLate::Serve,
            Some(WhenLateDocument::Wait) | None => WhenLate::Wait,
        },
        terms: Terms { when_stale, lifetimes, claims },
        max_marks: max_marks(document.max_marks, &at.key("max_marks"), findings),
    }
}

/// As a rule or the whole configuration has it.
pub(super) fn when_stale(written: Option<WhenStaleDocument>) -> WhenStale {
    match written {
        Some(WhenStaleDocument::Continue) | None => WhenStale::Continue,
        Some(WhenStaleDocument::Introspect) => WhenStale::Introspect,
        Some(WhenStaleDocument::Deny) => WhenStale::Deny,
    }
}

fn deadline(document: &CatchUpDocument, at: &Path, findings: &mut Findings<'_>) -> std::time::Duration {
    bounded(document.deadline, 30 * SECOND, SECOND, HOUR, &at.key("deadline"), findings)
}

fn max_marks(written: Option<u32>, at: &Path, findings: &mut Findings<'_>) -> usize {
    let most = bounded_count(written, 10_000_000, 1000, 1_000_000_000, at, findings);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Tokens of an issuer that can't be asked are an outage while a feed is stale.
fn warn_of_silent_issuers(trusted: &[TrustedIssuer], at: &Path, findings: &mut Findings<'_>) {
    let what = |silent: &str| format!("can't ask {silent}: their tokens get an outage then");
    let hint = "give each of them `introspection`, or write `deny` or `continue`";
    introspection::look_for_silent(trusted.iter(), what, hint, at, findings);
}

type PerIssuer = (Lifetimes, BTreeMap<String, RevocationClaims>);

fn issuers(
    document: &RevocationDocument,
    trusted: &[TrustedIssuer],
    at: &Path,
    findings: &mut Findings<'_>,
) -> PerIssuer {
    const LIFETIME: &str = "max_token_lifetime";
    let lifetime = |written, default, at: &Path, findings: &mut Findings<'_>| {
        let longest = u64::try_from(LONGEST_TOKEN_LIFETIME.as_millis()).unwrap_or(u64::MAX);
        bounded(written, default, 60 * SECOND, longest, &at.key(LIFETIME), findings)
    };
    let default = lifetime(document.max_token_lifetime, DAY, at, findings);
    let (mut lifetimes, mut claims) = (BTreeMap::new(), BTreeMap::new());
    for (name, of_issuer) in document.issuers.iter().flatten() {
        let at = at.key("issuers").key(name);
        let Some(identifier) = identifier(name, trusted, &at, findings) else { continue };
        if of_issuer.max_token_lifetime.is_some() {
            lifetimes.insert(identifier.clone(), lifetime(of_issuer.max_token_lifetime, DAY, &at, findings));
        }
        claims.insert(identifier, claims_of(of_issuer, &at, findings));
    }
    (Lifetimes::new(default, lifetimes), claims)
}

fn claims_of(
    document: &RevocationIssuerDocument,
    at: &Path,
    findings: &mut Findings<'_>,
) -> RevocationClaims {
    for (key, written) in [("session_claim", &document.session_claim), ("grant_claim", &document.grant_claim)]
    {
        if written.as_ref().is_some_and(String::is_empty) {
            findings.error(&at.key(key), "is empty", "write the name of a claim, or delete it");
        }
    }
    let session = document.session_claim.clone();
    RevocationClaims {
        session: session.unwrap_or_else(|| RevocationClaims::default().session),
        grant: document.grant_claim.clone(),
    }
}

/// The identifier of the issuer with this name.
pub(super) fn identifier(
    name: &str,
    trusted: &[TrustedIssuer],
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<String> {
    let found = trusted.iter().find(|trusted| &*trusted.issuer.name == name);
    if found.is_none() {
        let known: Vec<_> = trusted.iter().map(|trusted| trusted.issuer.name.as_ref()).collect();
        let what = format!("{} is the name of no issuer", quoted(name));
        findings.error(at, what, format!("one of: {}", known.join(", ")));
    }
    found.map(|trusted| trusted.issuer.identifier.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::read::read;
    use super::super::super::{FeedOrigin, RedisServers, SignerKeys, load};
    use super::*;

    const ISSUERS: &str = r#"
listen: { authz: "unix:@none", admin: "127.0.0.1:0" }
issuers:
  - name: corp
    issuer: https://idp.example.com
    audiences: [orders]
    introspection: { client: { id: gatepost, auth: client_secret_basic, secret_file: secret } }
  - { name: partner, issuer: "https://partner.example.com", audiences: [orders] }
"#;

    fn trusted() -> Vec<TrustedIssuer> {
        let directory = tempfile::TempDir::new().unwrap();
        std::fs::write(directory.path().join("gatepost.yaml"), ISSUERS).unwrap();
        let policy = "rules: [{ name: all, match: { path: /** }, public: true }]";
        std::fs::write(directory.path().join("policy.yaml"), policy).unwrap();
        load(directory.path()).config.unwrap().issuers
    }

    /// What a text comes to, and the problems in it.
    fn compiled(text: &str) -> (Option<RevocationSettings>, String) {
        let read = read::<RevocationDocument>("gatepost.yaml", text);
        let mut problems = read.problems;
        let mut findings = Findings::new(&read.source, &mut problems);
        let settings = read.draft.as_ref().map(|document| {
            compile(document, &trusted(), FilePath::new("/etc/gatepost"), &Path::root(), &mut findings)
        });
        (settings, problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    fn good(text: &str) -> RevocationSettings {
        let (settings, problems) = compiled(text);
        assert_eq!(problems, "");
        settings.unwrap()
    }

    #[test]
    fn one_feed_is_enough_and_the_defaults_are_careful() {
        let settings = good("feeds: [{ name: hub, redis: { url: \"rediss://redis:6379/0\" } }]");
        assert_eq!(settings.stale_after, Duration::from_secs(10));
        assert_eq!((settings.terms.when_stale, settings.when_late), (WhenStale::Continue, WhenLate::Wait));
        assert_eq!(settings.terms.lifetimes.of("https://idp.example.com"), Duration::from_secs(86_400));
        assert!(settings.feeds[0].issuers.is_none() && !settings.feeds[0].heartbeats);
        let FeedOrigin::Redis(redis) = &settings.feeds[0].origin else { panic!() };
        assert_eq!(redis.stream, "revocations");
    }

    #[test]
    fn every_key_means_what_it_says() {
        let settings = good(
            r#"
stale_after: 5s
when_stale: deny
catch_up: { deadline: 2m, when_late: serve }
max_token_lifetime: 8h
max_marks: 5000
issuers:
  corp: { max_token_lifetime: 1h, session_claim: session, grant_claim: grant_id }
feeds:
  - name: sentinels
    redis:
      sentinel: { urls: ["rediss://s1:26379", "rediss://s2:26379"], service: main }
      stream: r
      username: reader
      password_file: secrets/redis
      ca_file: ca.pem
    heartbeats: true
    signed: { issuer: "https://hub.example.com", audiences: [gatepost], jwks_file: hub.json }
    issuers: [corp]
  - { name: cluster, redis: { cluster: ["rediss://c1:6379", "rediss://c2:6379"] } }
  - { name: nats, nats: { urls: ["tls://n:4222"], stream: R, credentials_file: c.creds }, signed: { issuer: "https://idp.example.com", keys_of: corp, required: false } }
  - name: signals
    ssf_poll:
      transmitter: https://partner.example.com
      client: { id: gatepost, auth: client_secret_post, secret_file: secret }
      scopes: [ssf.read]
      interval: 2s
  - { name: break-glass, file: revocations.jsonl }
"#,
        );
        assert_eq!((settings.terms.when_stale, settings.when_late), (WhenStale::Deny, WhenLate::Serve));
        assert_eq!((settings.catch_up_deadline, settings.max_marks), (Duration::from_secs(120), 5000));
        assert_eq!(settings.terms.lifetimes.of("https://idp.example.com"), Duration::from_secs(3600));
        assert_eq!(settings.terms.lifetimes.of("https://partner.example.com"), Duration::from_secs(8 * 3600));
        let claims = &settings.terms.claims["https://idp.example.com"];
        assert_eq!((claims.session.as_str(), claims.grant.as_deref()), ("session", Some("grant_id")));

        let [sentinels, cluster, nats, signals, file] = &settings.feeds[..] else { panic!() };
        let FeedOrigin::Redis(redis) = &sentinels.origin else { panic!() };
        assert!(matches!(&redis.servers, RedisServers::Sentinel { service, .. } if service == "main"));
        assert_eq!(redis.password_file.as_deref(), Some(FilePath::new("/etc/gatepost/secrets/redis")));
        let signed = sentinels.signed.as_ref().unwrap();
        assert!(signed.required && matches!(signed.keys, SignerKeys::File(_)) && sentinels.heartbeats);
        assert_eq!(sentinels.issuers.as_deref(), Some(&["https://idp.example.com".to_owned()][..]));
        let FeedOrigin::Redis(redis) = &cluster.origin else { panic!() };
        assert!(matches!(&redis.servers, RedisServers::Cluster(nodes) if nodes.len() == 2));
        let signed = nats.signed.as_ref().unwrap();
        assert!(!signed.required && matches!(signed.keys, SignerKeys::Issuer(_)));
        // Who sends signals may revoke its own tokens and nobody else's.
        assert_eq!(signals.issuers.as_deref(), Some(&["https://partner.example.com".to_owned()][..]));
        assert!(matches!(&file.origin, FeedOrigin::File(path) if path.starts_with("/etc/gatepost")));
    }

    #[test]
    fn names_what_is_wrong_where_it_is() {
        for (text, expected) in [
            ("feeds: []", "feeds: is an empty list"),
            ("feeds: [{ name: a }]", "feeds[0]: must say what it is read from, once"),
            ("feeds: [{ name: a, file: f, redis: { url: \"rediss://r\" } }]", "feeds[0]: must say what"),
            ("feeds: [{ name: a, file: f }, { name: a, file: g }]", "feeds[1].name: `a` is also that of"),
            ("feeds: [{ name: a, redis: { } }]", "feeds[0].redis: must say where the server is, once"),
            ("feeds: [{ name: a, redis: { url: \"http://r\" } }]", "feeds[0].redis.url: is no `rediss://`"),
            ("feeds: [{ name: a, redis: { url: \"rediss://u:p@r\" } }]", "url: has a user name or password"),
            ("feeds: [{ name: a, redis: { url: \"redis://r\" } }]", "url: is not over TLS"),
            (
                "feeds: [{ name: a, redis: { url: \"rediss://r\", username: u } }]",
                "username: needs `password_file`",
            ),
            ("feeds: [{ name: a, nats: { urls: [] } }]", "feeds[0].nats.urls: is an empty list"),
            (
                "feeds: [{ name: a, file: f, issuers: [none] }]",
                "feeds[0].issuers[0]: `none` is the name of no issuer",
            ),
            (
                "feeds: [{ name: a, file: f, signed: { issuer: x } }]",
                "signed: must say where the keys are, once",
            ),
            ("feeds: [{ name: a, file: f }]\nstale_after: 10ms", "stale_after: is outside"),
            ("feeds: [{ name: a, file: f }]\nmax_token_lifetime: 1s", "max_token_lifetime: is outside"),
            (
                "feeds: [{ name: a, file: f }]\nissuers: { none: {} }",
                "issuers.none: `none` is the name of no issuer",
            ),
            ("feeds: [{ name: a, file: f }]\nwhen_stale: introspect", "when_stale: can't ask partner"),
            ("feeds: [{ name: a, file: f }]\nwhen_stale: maybe", "when_stale"),
            ("feeds: [{ name: a, file: f, topic: x }]", "topic"),
        ] {
            let (_, problems) = compiled(text);
            assert!(problems.contains(expected), "{text}\n{problems}");
        }
    }

    #[test]
    fn this_machine_needs_no_tls() {
        for url in ["redis://127.0.0.1:6379", "redis://[::1]:6379/0", "redis://localhost"] {
            good(&format!("feeds: [{{ name: a, redis: {{ url: \"{url}\" }} }}]"));
        }
        good("feeds: [{ name: a, nats: { urls: [\"nats://127.0.0.1\"] } }]");
    }
}
