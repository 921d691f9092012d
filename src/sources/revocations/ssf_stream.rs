//! A stream at a transmitter of security events (SSF 1.0 §7, §8.1): found or made, with an access token of our own.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use url::Url;

use super::fault::FeedFault;
use crate::check::revocation::{REVOKING_EVENTS, StreamStatus};
use crate::config::{SsfPollSettings, is_loopback};
use crate::jose::{Limits, UnixTime, object};
use crate::secret::Secret;
use crate::sources::http::{Exchange, Fetched, Form, HttpClient, HttpFault};
use crate::sources::introspection::client_auth::prove;
use crate::sources::metadata;

/// How long an answer may take, but for a poll.
const ANSWER: Duration = Duration::from_secs(5);

/// How long a poll may: transmitters that hold it until there are events do so for half a minute.
const POLL: Duration = Duration::from_secs(45);

/// Delivery by polling (RFC 8936), in both spellings that are in use.
const POLLED: [&str; 2] =
    ["urn:ietf:rfc:8936", "https://schemas.openid.net/secevent/risc/delivery-method/poll"];

/// What the transmitter says of itself.
pub(super) struct Transmitter {
    pub(super) jwks_uri: Url,
    configuration_endpoint: Url,
    status_endpoint: Option<Url>,
}

/// Our stream there.
pub(super) struct Stream {
    id: String,
    pub(super) audiences: Vec<String>,
    pub(super) endpoint: Url,
    /// The events that it delivers, where the transmitter tells (SSF 1.0 §8.1.1).
    delivers: Option<Vec<String>>,
}

impl Stream {
    /// Whether it delivers any event that revokes.
    pub(super) fn is_of_use(&self) -> bool {
        let revokes = |event: &String| REVOKING_EVENTS.contains(&event.as_str());
        self.delivers.as_ref().is_none_or(|delivers| delivers.iter().any(revokes))
    }
}

/// Talks to one transmitter.
pub(super) struct Talk {
    settings: SsfPollSettings,
    loopback: bool,
    pub(super) http: HttpClient,
    patient: HttpClient,
    token: Option<(Secret, Instant)>,
}

impl Talk {
    pub(super) fn new(settings: &SsfPollSettings) -> Result<Self, FeedFault> {
        let loopback = Url::parse(&settings.transmitter).is_ok_and(|url| is_loopback(&url));
        let ca_file = settings.ca_file.as_deref();
        let client =
            |timeout| HttpClient::new(timeout, ca_file, loopback, None).map_err(|fault| server(&fault));
        Ok(Self {
            http: client(ANSWER)?,
            patient: client(POLL)?,
            loopback,
            settings: settings.clone(),
            token: None,
        })
    }

    /// SSF 1.0 §7.2: the well-known location is inserted before the issuer's path; some append it.
    pub(super) async fn discover(&self) -> Result<Transmitter, FeedFault> {
        let base = Url::parse(&self.settings.transmitter)
            .map_err(|_| FeedFault::Answer("the transmitter is no URL"))?;
        let path = base.path().trim_end_matches('/').to_owned();
        let at = |path: String| {
            let mut url = base.clone();
            url.set_path(&path);
            url
        };
        let first = self.read(&at(format!("/.well-known/ssf-configuration{path}"))).await;
        match first {
            Ok(found) => Ok(found),
            Err(first) => {
                let second = self.read(&at(format!("{path}/.well-known/ssf-configuration"))).await;
                second.map_err(|_| first)
            }
        }
    }

    async fn read(&self, url: &Url) -> Result<Transmitter, FeedFault> {
        let bytes = match self.http.get(url, None).await.map_err(|fault| server(&fault))? {
            Fetched::Body { bytes, .. } => bytes,
            Fetched::NotModified => Vec::new(),
        };
        let members = object(&bytes, Limits::DOCUMENT).map_err(|_| FeedFault::Answer("its configuration"))?;
        if text(&members, "issuer") != Some(self.settings.transmitter.as_str()) {
            return Err(FeedFault::Answer("its configuration is that of another issuer"));
        }
        let endpoint = |name| self.endpoint(&members, name);
        Ok(Transmitter {
            jwks_uri: endpoint("jwks_uri").ok_or(FeedFault::Answer("its configuration has no jwks_uri"))?,
            configuration_endpoint: endpoint("configuration_endpoint")
                .ok_or(FeedFault::Answer("its configuration has no configuration_endpoint"))?,
            status_endpoint: endpoint("status_endpoint"),
        })
    }

    fn endpoint(&self, members: &Map<String, Value>, name: &str) -> Option<Url> {
        let url = Url::parse(text(members, name)?).ok()?;
        let here = self.loopback && is_loopback(&url);
        (url.scheme() == "https" || (url.scheme() == "http" && here)).then_some(url)
    }

    /// The stream that delivers to pollers, made where there is none (SSF 1.0 §8.1.1).
    pub(super) async fn stream(
        &mut self,
        transmitter: &Transmitter,
        now: UnixTime,
    ) -> Result<Stream, FeedFault> {
        let url = &transmitter.configuration_endpoint;
        let found = self.ask(Method::GET, url, None, now).await?;
        let streams = match (found.0, found.1) {
            (200, Value::Array(streams)) => streams,
            (200, Value::Object(members)) => match members.get("streams") {
                Some(Value::Array(streams)) => streams.clone(),
                _ => vec![Value::Object(members)],
            },
            (404, _) => Vec::new(),
            (status, _) => return Err(answered(url, status)),
        };
        if let Some(stream) = streams.iter().find_map(|stream| self.polled(stream)) {
            return Ok(stream);
        }
        let wanted =
            json!({ "delivery": { "method": "urn:ietf:rfc:8936" }, "events_requested": REVOKING_EVENTS });
        let (status, made) = self.ask(Method::POST, url, Some(&wanted), now).await?;
        match status {
            200 | 201 => self.polled(&made).ok_or(FeedFault::Answer("a stream that can't be polled")),
            status => Err(answered(url, status)),
        }
    }

    fn polled(&self, stream: &Value) -> Option<Stream> {
        let members = stream.as_object()?;
        let delivery = members.get("delivery")?.as_object()?;
        if !POLLED.contains(&text(delivery, "method")?) {
            return None;
        }
        let audiences = match members.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let endpoint = self.endpoint(delivery, "endpoint_url")?;
        let id = text(members, "stream_id")?.to_owned();
        let delivers = members.get("events_delivered").and_then(Value::as_array).map(|events| {
            let names = events.iter().filter_map(Value::as_str).map(str::to_owned);
            names.collect::<Vec<_>>()
        });
        // Without one any event of this transmitter would be taken, also those for others.
        (!audiences.is_empty()).then_some(Stream { id, audiences, endpoint, delivers })
    }

    /// Whether the stream is on (SSF 1.0 §8.1.2); none where the transmitter does not tell.
    pub(super) async fn status(
        &mut self,
        transmitter: &Transmitter,
        stream: &Stream,
        now: UnixTime,
    ) -> Result<Option<StreamStatus>, FeedFault> {
        let Some(mut url) = transmitter.status_endpoint.clone() else { return Ok(None) };
        url.query_pairs_mut().append_pair("stream_id", &stream.id);
        let (status, answer) = self.ask(Method::GET, &url, None, now).await?;
        let name = answer.get("status").and_then(Value::as_str).filter(|_| status == 200);
        Ok(name.map(StreamStatus::from_name))
    }

    /// One poll (RFC 8936 §2.4).
    pub(super) async fn poll(
        &mut self,
        stream: &Stream,
        body: &Value,
        now: UnixTime,
    ) -> Result<Map<String, Value>, FeedFault> {
        let authorization = self.authorization(now).await?;
        let asked = Exchange { method: Method::POST, authorization: &authorization, json: Some(body) };
        let posted = self.patient.exchange(&stream.endpoint, asked).await.map_err(|fault| server(&fault))?;
        match posted.status {
            200 => object(&posted.body, Limits::DOCUMENT).map_err(|_| FeedFault::Answer("a poll's answer")),
            202 | 204 => Ok(Map::new()),
            status => Err(self.refused(&stream.endpoint, status)),
        }
    }

    async fn ask(
        &mut self,
        method: Method,
        url: &Url,
        json: Option<&Value>,
        now: UnixTime,
    ) -> Result<(u16, Value), FeedFault> {
        let authorization = self.authorization(now).await?;
        let asked = Exchange { method, authorization: &authorization, json };
        let posted = self.http.exchange(url, asked).await.map_err(|fault| server(&fault))?;
        match posted.status {
            401 | 403 => Err(self.refused(url, posted.status)),
            status => Ok((status, serde_json::from_slice(&posted.body).unwrap_or(Value::Null))),
        }
    }

    /// A token that is refused is not tried again.
    fn refused(&mut self, url: &Url, status: u16) -> FeedFault {
        if matches!(status, 401 | 403) {
            self.token = None;
            return FeedFault::Refused(format!("{url} answered {status}"));
        }
        answered(url, status)
    }

    /// Our access token, by client credentials (RFC 6749 §4.4); renewed when three quarters of its life are over.
    async fn authorization(&mut self, now: UnixTime) -> Result<Secret, FeedFault> {
        if let Some((token, until)) = &self.token
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let endpoint = self.token_endpoint().await?;
        let proof = prove(&self.settings.client, &self.settings.transmitter, now).await;
        let proof = proof.map_err(|fault| FeedFault::Refused(fault.to_string()))?;
        let ca_file = self.settings.ca_file.as_deref();
        let http = match &proof.identity {
            Some(identity) => HttpClient::new(ANSWER, ca_file, self.loopback, Some(identity)),
            None => Ok(self.http.clone()),
        };
        let scope = self.settings.scopes.join(" ");
        let mut fields = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        fields.extend(proof.fields.iter().map(|(name, value)| (*name, value.expose())));
        let form =
            Form { accept: "application/json", authorization: proof.authorization.as_ref(), fields: &fields };
        let posted = http.map_err(|fault| server(&fault))?.post(&endpoint, form).await;
        let posted = posted.map_err(|fault| server(&fault))?;
        if posted.status != 200 {
            return Err(FeedFault::Refused(format!("{endpoint} answered {}", posted.status)));
        }
        let answer = object(&posted.body, Limits::DOCUMENT).map_err(|_| FeedFault::Answer("a token"))?;
        let token = text(&answer, "access_token").ok_or(FeedFault::Answer("a token"))?;
        let lifetime = answer.get("expires_in").and_then(Value::as_u64).unwrap_or(60);
        let token = Secret::new(format!("Bearer {token}"));
        let until = Instant::now() + Duration::from_secs(lifetime.min(86_400)) * 3 / 4;
        self.token = Some((token.clone(), until));
        Ok(token)
    }

    async fn token_endpoint(&self) -> Result<Url, FeedFault> {
        if let Some(endpoint) = &self.settings.token_endpoint {
            return Ok(endpoint.clone());
        }
        let read = metadata::read(&self.http, &self.settings.transmitter, self.loopback).await;
        let read = read.map_err(|fault| FeedFault::Server(fault.to_string()))?;
        read.token_endpoint.ok_or(FeedFault::Answer("its metadata has no token_endpoint"))
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn server(fault: &HttpFault) -> FeedFault {
    FeedFault::Server(fault.to_string())
}

fn answered(url: &Url, status: u16) -> FeedFault {
    FeedFault::Server(format!("{url} answered {status}"))
}
