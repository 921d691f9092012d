//! One of `revocation.feeds`: what it is read from, and whom to believe.

use std::net::IpAddr;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use url::Url;

use super::super::document::{
    FeedDocument, MissedBeforeStartDocument, NatsDocument, RedisDocument, SignedDocument, SsfPollDocument,
};
use super::super::{
    FeedOrigin, FeedSettings, MissedBeforeStart, NatsSettings, Path, RedisServers, RedisSettings,
    SignedSettings, SignerKeys, SsfPollSettings, TrustedIssuer,
};
use super::bounded;
use super::findings::Findings;
use super::introspection::client;
use super::issuer::endpoint;
use super::revocation::identifier;

/// What a feed is compiled among.
pub(super) struct Around<'a> {
    pub(super) trusted: &'a [TrustedIssuer],
    pub(super) directory: &'a FilePath,
    pub(super) stale_after: Duration,
}

pub(super) fn compile(
    document: &FeedDocument,
    around: &Around<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<FeedSettings> {
    if document.name.is_empty() {
        findings.error(&at.key("name"), "is empty", "write a name for logs and metrics");
    }
    let written = [
        document.file.is_some(),
        document.redis.is_some(),
        document.nats.is_some(),
        document.ssf_poll.is_some(),
    ];
    if written.into_iter().filter(|written| *written).count() != 1 {
        let what = "must say what it is read from, once";
        findings.error(at, what, "write one of `file`, `redis`, `nats` and `ssf_poll`");
        return None;
    }
    let mut issuers = issuers(document, around.trusted, at, findings);
    let signed = document.signed.as_ref();
    let signed = signed.map(|signed| signed_by(signed, around, &at.key("signed"), findings));
    let origin = match document {
        FeedDocument { file: Some(file), .. } => Some(FeedOrigin::File(around.directory.join(file))),
        FeedDocument { redis: Some(redis), .. } => {
            self::redis(redis, around, &at.key("redis"), findings).map(FeedOrigin::Redis)
        }
        FeedDocument { nats: Some(nats), .. } => {
            self::nats(nats, around, &at.key("nats"), findings).map(FeedOrigin::Nats)
        }
        FeedDocument { ssf_poll: Some(poll), .. } => {
            if signed.is_some() {
                let what = "has no meaning with `ssf_poll`, whose events are always verified";
                findings.error(&at.key("signed"), what, "delete it");
            }
            issuers.get_or_insert_with(|| vec![poll.transmitter.clone()]);
            ssf_poll(poll, around, &at.key("ssf_poll"), findings).map(Box::new).map(FeedOrigin::SsfPoll)
        }
        FeedDocument { .. } => None,
    };
    Some(FeedSettings {
        name: document.name.clone(),
        origin: origin?,
        heartbeats: document.heartbeats.unwrap_or(false),
        signed: signed.flatten(),
        issuers,
    })
}

fn issuers(
    document: &FeedDocument,
    trusted: &[TrustedIssuer],
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Vec<String>> {
    let names = document.issuers.as_ref()?;
    let at = at.key("issuers");
    if names.is_empty() {
        findings.error(
            &at,
            "is an empty list: the feed could revoke nothing",
            "name an issuer, or delete it",
        );
    }
    let each = names.iter().enumerate();
    Some(each.filter_map(|(index, name)| identifier(name, trusted, &at.index(index), findings)).collect())
}

fn signed_by(
    document: &SignedDocument,
    around: &Around<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<SignedSettings> {
    if document.issuer.is_empty() {
        findings.error(&at.key("issuer"), "is empty", "write `iss` as the messages carry it");
    }
    let keys = match (&document.jwks_file, &document.keys_of) {
        (Some(file), None) => Some(SignerKeys::File(around.directory.join(file))),
        (None, Some(name)) => {
            let found = around.trusted.iter().find(|trusted| *trusted.issuer.name == **name);
            identifier(name, around.trusted, &at.key("keys_of"), findings)
                .and(found)
                .map(|trusted| SignerKeys::Issuer(Box::new(trusted.clone())))
        }
        _ => {
            findings.error(at, "must say where the keys are, once", "write `jwks_file` or `keys_of`");
            None
        }
    };
    Some(SignedSettings {
        required: document.required.unwrap_or(true),
        issuer: document.issuer.clone(),
        audiences: document.audiences.clone().unwrap_or_default(),
        keys: keys?,
    })
}

fn file(around: &Around<'_>, written: Option<&String>) -> Option<PathBuf> {
    written.map(|file| around.directory.join(file))
}

/// A server's URL, over TLS unless it is on this machine; else whoever is on the way can hide revocations, also
/// signed ones.
struct Servers<'a> {
    secure: &'a str,
    plain: &'a str,
}

impl Servers<'_> {
    fn url(&self, text: &str, at: &Path, findings: &mut Findings<'_>) -> Option<Url> {
        let (secure, plain) = (self.secure, self.plain);
        let hint = format!("write `{secure}://host:port`, or `{plain}://` without TLS");
        let url = Url::parse(text).ok().filter(Url::has_host);
        let url = url.filter(|url| [secure, plain].contains(&url.scheme()));
        let Some(url) = url else {
            findings.error(at, format!("is no `{secure}://` or `{plain}://` URL"), hint);
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            findings.error(at, "has a user name or password in it", "name a file that holds them");
            return None;
        }
        if url.scheme() == plain && !is_here(&url) {
            let what = "is not over TLS: whoever is on the way can hide revocations";
            findings.warning(at, what, format!("write `{secure}://`"));
        }
        Some(url)
    }

    fn urls(&self, texts: &[String], at: &Path, findings: &mut Findings<'_>) -> Vec<Url> {
        if texts.is_empty() {
            findings.error(at, "is an empty list", "name at least one server");
        }
        let each = texts.iter().enumerate();
        each.filter_map(|(index, text)| self.url(text, &at.index(index), findings)).collect()
    }
}

/// The standard for URLs reads addresses only in the schemes that it knows.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn redis(
    document: &RedisDocument,
    around: &Around<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<RedisSettings> {
    let parse = Servers { secure: "rediss", plain: "redis" };
    let servers = match (&document.url, &document.sentinel, &document.cluster) {
        (Some(url), None, None) => RedisServers::One(parse.url(url, &at.key("url"), findings)?),
        (None, Some(sentinel), None) => RedisServers::Sentinel {
            sentinels: parse.urls(&sentinel.urls, &at.key("sentinel").key("urls"), findings),
            service: sentinel.service.clone(),
        },
        (None, None, Some(nodes)) => RedisServers::Cluster(parse.urls(nodes, &at.key("cluster"), findings)),
        _ => {
            findings.error(at, "must say where the server is, once", "write `url`, `sentinel` or `cluster`");
            return None;
        }
    };
    if document.username.is_some() && document.password_file.is_none() {
        findings.error(&at.key("username"), "needs `password_file`", "name the file with the password");
    }
    Some(RedisSettings {
        servers,
        stream: document.stream.clone().unwrap_or_else(|| "revocations".to_owned()),
        username: document.username.clone(),
        password_file: file(around, document.password_file.as_ref()),
        ca_file: file(around, document.ca_file.as_ref()),
    })
}

fn nats(
    document: &NatsDocument,
    around: &Around<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<NatsSettings> {
    let parse = Servers { secure: "tls", plain: "nats" };
    let urls = parse.urls(&document.urls, &at.key("urls"), findings);
    (!urls.is_empty()).then(|| NatsSettings {
        urls,
        stream: document.stream.clone().unwrap_or_else(|| "REVOCATIONS".to_owned()),
        credentials_file: file(around, document.credentials_file.as_ref()),
        ca_file: file(around, document.ca_file.as_ref()),
    })
}

fn ssf_poll(
    document: &SsfPollDocument,
    around: &Around<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<SsfPollSettings> {
    let transmitter = endpoint(&document.transmitter, &at.key("transmitter"), findings);
    let token_endpoint = document.token_endpoint.as_ref();
    let token_endpoint = token_endpoint.map(|text| endpoint(text, &at.key("token_endpoint"), findings));
    let interval = bounded(document.interval, 1000, 100, 60_000, &at.key("interval"), findings);
    if interval * 2 > around.stale_after {
        let what = "is more than half of `stale_after`: the feed would often be stale";
        findings.error(&at.key("interval"), what, "poll more often, or raise `stale_after`");
    }
    let client = client(&document.client, around.directory, &at.key("client"), findings);
    transmitter?;
    Some(SsfPollSettings {
        transmitter: document.transmitter.clone(),
        client: client?,
        token_endpoint: match token_endpoint {
            Some(endpoint) => Some(endpoint?),
            None => None,
        },
        scopes: document.scopes.clone().unwrap_or_default(),
        interval,
        missed_before_start: match document.missed_before_start {
            Some(MissedBeforeStartDocument::Accept) => MissedBeforeStart::Accept,
            Some(MissedBeforeStartDocument::Stale) | None => MissedBeforeStart::Stale,
        },
        ca_file: file(around, document.ca_file.as_ref()),
    })
}
