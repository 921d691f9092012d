//! One call to an introspection endpoint (RFC 7662 §2.1): find it, prove who we are, read the answer.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Url;

use super::client_auth::{CredentialFault, prove};
use crate::check::OutageReason;
use crate::check::introspection::{Answer, AnswerFault, read, read_signed};
use crate::clock::Clock;
use crate::config::{IntrospectionSettings, TrustedIssuer};
use crate::secret::Secret;
use crate::sources::http::{Form, HttpClient, HttpFault, Posted};
use crate::sources::jwks::KeySource;
use crate::sources::key_fetcher::KeyFetcher;
use crate::sources::metadata::{self, MetadataFault};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallFault {
    /// The endpoint could not be found.
    #[error("metadata: {0}")]
    Metadata(#[from] MetadataFault),
    /// The metadata has no endpoint.
    #[error("the issuer's metadata has no introspection_endpoint: write `introspection.endpoint`")]
    NoEndpoint,
    /// It did not answer, or not with 200.
    #[error("introspection: {0}")]
    Http(#[from] HttpFault),
    /// It refused who we are.
    #[error(
        "the issuer refused our own client credentials ({status}): check `client.id`, `client.auth` and its file"
    )]
    Rejected {
        /// 401 or 403.
        status: u16,
    },
    /// It asked for a pause.
    #[error("the issuer answered {status}{}", hint(*.status, *.retry_after))]
    Busy {
        /// 429 or a 5xx.
        status: u16,
        /// The pause it asked for.
        retry_after: Option<Duration>,
    },
    /// The answer is none.
    #[error("introspection: {0}")]
    Answer(#[from] AnswerFault),
    /// It took longer than all its parts may.
    #[error("introspection took too long")]
    TooLong,
    /// The call ended in a bug of ours.
    #[error("the call failed in a way that is a bug in gatepost")]
    Panicked,
    /// We can't prove who we are.
    #[error("client credentials: {0}")]
    Credentials(#[from] CredentialFault),
}

fn hint(status: u16, retry_after: Option<Duration>) -> String {
    match (status, retry_after) {
        (300..400, _) => ": redirects are not followed, configure the final URL".to_owned(),
        (_, Some(pause)) => format!(" and asks for a pause of {} s", pause.as_secs()),
        (_, None) => String::new(),
    }
}

impl CallFault {
    /// What it means for a check.
    #[must_use]
    pub fn reason(&self) -> OutageReason {
        match self {
            Self::Rejected { .. } => OutageReason::IntrospectionRejected,
            Self::Answer(_) => OutageReason::IntrospectionMalformed,
            Self::Credentials(_) => OutageReason::CredentialsUnreadable,
            Self::Metadata(_)
            | Self::NoEndpoint
            | Self::Http(_)
            | Self::Busy { .. }
            | Self::TooLong
            | Self::Panicked => OutageReason::IntrospectionUnreachable,
        }
    }

    /// Whether it says something of this one token and nothing of the issuer, which did answer.
    #[must_use]
    pub fn is_about_the_token(&self) -> bool {
        matches!(
            self,
            Self::Answer(AnswerFault::NoActive) | Self::Busy { status: 400 | 413 | 414 | 422 | 431, .. }
        )
    }

    /// The HTTP status, where one came.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected { status } | Self::Busy { status, .. } => Some(*status),
            Self::Answer(_) => Some(200),
            Self::Metadata(_)
            | Self::NoEndpoint
            | Self::Http(_)
            | Self::TooLong
            | Self::Panicked
            | Self::Credentials(_) => None,
        }
    }

    fn may_have_moved(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Busy { status: 300..=399 | 404 | 405 | 410, .. })
    }

    /// The pause that the issuer asked for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Busy { retry_after, .. } = self { *retry_after } else { None }
    }
}

/// Asks one issuer.
#[derive(Debug)]
pub struct Introspector {
    trusted: TrustedIssuer,
    settings: IntrospectionSettings,
    clock: Clock,
    keys: Option<Arc<KeySource>>,
    found: Mutex<Option<(HttpClient, Url)>>,
    /// For the certificate with this digest; another one needs another client.
    certified: Mutex<Option<(Digest, HttpClient)>>,
}

impl Introspector {
    /// For one issuer. `keys` are for signed answers; without them they are fetched for each.
    #[must_use]
    pub fn new(
        trusted: TrustedIssuer,
        settings: IntrospectionSettings,
        clock: Clock,
        keys: Option<Arc<KeySource>>,
    ) -> Self {
        Self { trusted, settings, clock, keys, found: Mutex::default(), certified: Mutex::default() }
    }

    /// Asks about one token.
    ///
    /// # Errors
    /// Why there is no answer. It says nothing about the token.
    pub async fn ask(&self, token: &Secret) -> Result<Answer, CallFault> {
        // Metadata twice, the call, and keys for a signed answer.
        let limit = self.settings.timeout.saturating_mul(4);
        timeout(limit, self.ask_once(token)).await.unwrap_or(Err(CallFault::TooLong))
    }

    async fn ask_once(&self, token: &Secret) -> Result<Answer, CallFault> {
        let now = self.clock.now();
        let proof = prove(&self.settings.client, &self.trusted.issuer.identifier, now).await?;
        let (shared, endpoint) = self.endpoint().await?;
        // A certificate belongs to a connection, so these calls do not share the pool of the others.
        let http = match &proof.identity {
            Some(identity) => self.certified(identity).await?,
            None => shared,
        };
        let mut fields = vec![("token", token.expose()), ("token_type_hint", "access_token")];
        fields.extend(proof.fields.iter().map(|(name, value)| (*name, value.expose())));
        let accept = if self.settings.signed {
            "application/token-introspection+jwt"
        } else {
            "application/token-introspection+jwt, application/json;q=0.9"
        };
        let form = Form { accept, authorization: proof.authorization.as_ref(), fields: &fields };
        let asked = match http.post(&endpoint, form).await {
            Ok(posted) => self.read(posted).await,
            Err(fault) => Err(fault.into()),
        };
        if asked.as_ref().is_err_and(CallFault::may_have_moved) {
            self.look_again(&endpoint).await;
        }
        asked
    }

    /// Where it is asked, once that is known.
    #[must_use]
    pub fn known_endpoint(&self) -> Option<Url> {
        let found = self.found.try_lock().ok()?;
        found.as_ref().map(|(_, url)| url.clone())
    }

    /// The next call finds the endpoint and reads the certificate authorities anew, unless another call did.
    async fn look_again(&self, endpoint: &Url) {
        let mut found = self.found.lock().await;
        if found.as_ref().is_some_and(|(_, its)| its == endpoint) {
            *found = None;
            *self.certified.lock().await = None;
        }
    }

    async fn read(&self, posted: Posted) -> Result<Answer, CallFault> {
        match posted.status {
            200 => {}
            status @ (401 | 403) => return Err(CallFault::Rejected { status }),
            status @ (429 | 500..=599) => {
                return Err(CallFault::Busy { status, retry_after: posted.retry_after });
            }
            status => return Err(CallFault::Busy { status, retry_after: None }),
        }
        let kind = posted.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind == "application/token-introspection+jwt" {
            return self.read_signed(&posted.body).await;
        }
        if self.settings.signed { Err(AnswerFault::Unsigned.into()) } else { Ok(read(&posted.body)?) }
    }

    async fn read_signed(&self, body: &[u8]) -> Result<Answer, CallFault> {
        let now = self.clock.now();
        let id = &self.settings.client.id;
        let attempt = |set: &_| read_signed(body, &self.trusted.issuer, id, set, now);
        let Some(keys) = &self.keys else {
            let fetched = KeyFetcher::new(self.trusted.clone()).fetch().await;
            return Ok(attempt(&*fetched.map_err(|_| AnswerFault::Signature)?)?);
        };
        match keys.latest().map(|known| attempt(&known.set)) {
            Some(Err(AnswerFault::Signature)) | None => {
                // The issuer may have rotated its key since we read them.
                let known = keys.refreshed().await.ok_or(AnswerFault::Signature)?;
                Ok(attempt(&known.set)?)
            }
            Some(answer) => Ok(answer?),
        }
    }

    async fn endpoint(&self) -> Result<(HttpClient, Url), CallFault> {
        let mut found = self.found.lock().await;
        if let Some(found) = found.as_ref() {
            return Ok(found.clone());
        }
        let http = self.client(None)?;
        let endpoint = match &self.settings.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => {
                let issuer = &self.trusted.issuer.identifier;
                let found = metadata::introspection_endpoint(&http, issuer, self.loopback()).await?;
                found.ok_or(CallFault::NoEndpoint)?
            }
        };
        *found = Some((http.clone(), endpoint.clone()));
        Ok((http, endpoint))
    }

    async fn certified(&self, identity: &Secret) -> Result<HttpClient, HttpFault> {
        let digest = digest(&SHA256, identity.expose().as_bytes());
        let mut certified = self.certified.lock().await;
        if let Some((_, http)) = certified.as_ref().filter(|(its, _)| its.as_ref() == digest.as_ref()) {
            return Ok(http.clone());
        }
        let http = self.client(Some(identity))?;
        *certified = Some((digest, http.clone()));
        Ok(http)
    }

    fn loopback(&self) -> bool {
        let configured = self.settings.endpoint.clone();
        let url = configured.or_else(|| Url::parse(&self.trusted.issuer.identifier).ok());
        url.as_ref().is_some_and(crate::config::is_loopback)
    }

    fn client(&self, identity: Option<&Secret>) -> Result<HttpClient, HttpFault> {
        HttpClient::new(self.settings.timeout, self.trusted.ca_file.as_deref(), self.loopback(), identity)
    }
}
