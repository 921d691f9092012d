//! Proves to an issuer who we are: a secret in the header or the body, a signed assertion, or a certificate.
//! Files are read for each call, so a rotated Secret takes hold without a restart.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use url::form_urlencoded::byte_serialize;

use crate::config::{AssertionAlgorithm, Client, ClientAuth};
use crate::jose::UnixTime;
use crate::secret::Secret;
use crate::sources::file::read_bounded;

/// Why we can't prove who we are.
#[derive(Debug, thiserror::Error)]
pub enum CredentialFault {
    /// The file can't be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file holds nothing, or something else than it should.
    #[error("{}: it does not hold {wanted}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The assertion could not be signed.
    #[error("the client assertion could not be signed")]
    Signing,
}

/// What a request carries to prove who we are.
#[derive(Default)]
pub(in crate::sources) struct Proof {
    /// For the Authorization header.
    pub(in crate::sources) authorization: Option<Secret>,
    /// For the body.
    pub(in crate::sources) fields: Vec<(&'static str, Secret)>,
    /// The client certificate with its key, PEM.
    pub(in crate::sources) identity: Option<Secret>,
}

const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Long enough for a clock that is a little off, short enough to be worthless soon.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(60);

pub(in crate::sources) async fn prove(
    client: &Client,
    issuer: &str,
    now: UnixTime,
) -> Result<Proof, CredentialFault> {
    let id = || ("client_id", Secret::new(client.id.clone()));
    match &client.auth {
        ClientAuth::SecretBasic { secret_file } => {
            let secret = read_secret(secret_file).await?;
            Ok(Proof { authorization: Some(basic(&client.id, &secret)), ..Proof::default() })
        }
        ClientAuth::SecretPost { secret_file } => {
            let secret = read_secret(secret_file).await?;
            Ok(Proof { fields: vec![id(), ("client_secret", secret)], ..Proof::default() })
        }
        ClientAuth::PrivateKeyJwt { key_file, key_id, algorithm } => {
            let pem = read_secret(key_file).await?;
            let key = signing_key(&pem, *algorithm).ok_or_else(|| CredentialFault::Content {
                path: key_file.clone(),
                wanted: "a PEM key for `algorithm`",
            })?;
            let assertion = assertion(client, issuer, &key, *algorithm, key_id.as_deref(), now)?;
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned();
            let fields =
                vec![id(), ("client_assertion_type", Secret::new(kind)), ("client_assertion", assertion)];
            Ok(Proof { fields, ..Proof::default() })
        }
        ClientAuth::Tls { certificate_file, key_file } => {
            let (chain, key) = (read_secret(certificate_file).await?, read_secret(key_file).await?);
            let identity = Some(Secret::new(format!("{}\n{}\n", chain.expose(), key.expose())));
            Ok(Proof { identity, fields: vec![id()], authorization: None })
        }
    }
}

/// The text of a small file, without the ends of its last line.
pub(in crate::sources) async fn read_secret(path: &Path) -> Result<Secret, CredentialFault> {
    let bytes = read_bounded(path, MAX_FILE_BYTES)
        .await
        .map_err(|error| CredentialFault::File { path: path.to_owned(), error })?;
    let content = |wanted| CredentialFault::Content { path: path.to_owned(), wanted };
    let text = String::from_utf8(bytes).map_err(|_| content("text"))?;
    // Editors and `kubectl create secret` disagree about the last line's end.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err(content("a secret")) } else { Ok(Secret::new(text.to_owned())) }
}

/// RFC 6749 §2.3.1: both parts are form-encoded before they are joined, or a `:` or `%` in them is misread.
fn basic(id: &str, secret: &Secret) -> Secret {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encode(id), encode(secret.expose())));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
}

fn signing_key(pem: &Secret, algorithm: AssertionAlgorithm) -> Option<EncodingKey> {
    let pem = pem.expose().as_bytes();
    match algorithm {
        AssertionAlgorithm::ES256 | AssertionAlgorithm::ES384 => EncodingKey::from_ec_pem(pem).ok(),
        AssertionAlgorithm::EdDSA => EncodingKey::from_ed_pem(pem).ok(),
        _ => EncodingKey::from_rsa_pem(pem).ok(),
    }
}

/// RFC 7523 §3; the audience is the issuer alone, so that no other server can use it.
fn assertion(
    client: &Client,
    issuer: &str,
    key: &EncodingKey,
    algorithm: AssertionAlgorithm,
    key_id: Option<&str>,
    now: UnixTime,
) -> Result<Secret, CredentialFault> {
    let seconds = |time: UnixTime| time.as_millis() / 1000;
    let mut unique = [0; 16];
    aws_lc_rs::rand::fill(&mut unique).map_err(|_| CredentialFault::Signing)?;
    let claims = json!({
        "iss": client.id,
        "sub": client.id,
        "aud": issuer,
        "iat": seconds(now),
        "exp": seconds(now.plus(ASSERTION_LIFETIME)),
        "jti": STANDARD.encode(unique),
    });
    let header = Header { kid: key_id.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, &claims, key).map(Secret::new).map_err(|_| CredentialFault::Signing)
}
