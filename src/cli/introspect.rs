//! What issuers say of one token, for `gatepost check --online --token-file`: the way to find out why every
//! token is called inactive.

use super::terminal::visible;
use crate::check::introspection::Answer;
use crate::check::issuer::Issuers;
use crate::check::jwt;
use crate::clock::Clock;
use crate::config::{Config, TrustedIssuer};
use crate::jose::Jws;
use crate::secret::Secret;
use crate::sources::{Introspector, KeyFetcher};

/// What one issuer says.
#[derive(Debug, serde::Serialize)]
pub(super) struct Said {
    /// Whether it is as it should be.
    pub(super) good: bool,
    /// In words.
    pub(super) text: String,
}

/// Asks every issuer that introspects, one after the other.
pub(super) async fn ask_all(config: &Config, token: &Secret) -> Vec<Said> {
    let mut answers = Vec::new();
    for trusted in &config.issuers {
        let Some(settings) = trusted.introspection.clone() else { continue };
        if !may_be_shown(trusted, token) {
            continue;
        }
        let introspector = Introspector::new(trusted.clone(), settings, Clock::System, None);
        let said = match introspector.ask(token).await {
            Ok(Answer::Active(claims)) => {
                let scope = claims.string("scope").ok().flatten().unwrap_or("none");
                Said { good: true, text: format!("active, scope {scope}") }
            }
            Ok(Answer::Inactive) => inactive(trusted, token).await,
            Err(fault) => Said { good: false, text: fault.to_string() },
        };
        answers.push(Said {
            text: visible(&format!("introspection by \"{}\": {}", trusted.issuer.name, said.text)),
            ..said
        });
    }
    if answers.is_empty() {
        answers.push(Said {
            good: false,
            text: "no issuer with `introspection` could have issued this token".to_owned(),
        });
    }
    answers
}

/// A token is shown to nobody whom it names or marks as not its own.
fn may_be_shown(trusted: &TrustedIssuer, token: &Secret) -> bool {
    if let Ok(jws) = Jws::parse(token.expose()) {
        return jws.claims.string("iss") == Ok(Some(trusted.issuer.identifier.as_str()));
    }
    let tokens = trusted.issuer.introspection.as_ref().map(|introspection| &introspection.tokens);
    tokens.is_some_and(|tokens| tokens.prefixes.is_empty() || tokens.have_prefix_of(token.expose()))
}

/// An inactive answer about a token that verifies has a cause that the issuer does not tell.
async fn inactive(trusted: &TrustedIssuer, token: &Secret) -> Said {
    let client = trusted.introspection.as_ref().map(|its| its.client.id.as_str()).unwrap_or_default();
    let text = if verifies(trusted, token).await {
        format!(
            "inactive, although its signature verifies and it has not expired. Either it was revoked, or the issuer \
             tells the client \"{client}\" only about tokens that have it in their audience (Keycloak does): add it to \
             the tokens' audiences there"
        )
    } else {
        "inactive: it expired, was revoked, or was not issued there".to_owned()
    };
    Said { good: false, text }
}

async fn verifies(trusted: &TrustedIssuer, token: &Secret) -> bool {
    let issuers = Issuers::new(vec![trusted.issuer.clone()]);
    let now = Clock::System.now();
    let Ok(read) = jwt::read(token.expose(), &issuers, now, &mut ()) else { return false };
    let Ok(keys) = KeyFetcher::new(trusted.clone()).fetch().await else { return false };
    jwt::verify(read, &trusted.issuer, &keys, now, &mut ()).is_ok()
}
