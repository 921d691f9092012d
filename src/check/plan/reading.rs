//! Reads the credential of a request, and tells what kind of token it is: one that verified before, a JWT, or one that
//! only its issuer can tell about.

use super::{Token, World};
use crate::check::credential::{self, PresentedToken, TokenKind};
use crate::check::decision::DenyReason;
use crate::check::input::CheckInput;
use crate::check::jwt;
use crate::check::policy::Requirement;
use crate::check::target::Target;
use crate::check::trail::{Stage, Trail, Verdict, refuse};
use crate::jose::UnixTime;

pub(super) fn presented<'a>(
    input: &'a CheckInput,
    target: &Target,
    world: World<'_>,
    trail: &mut impl Trail,
) -> Result<PresentedToken<'a>, DenyReason> {
    let token = credential::extract(&input.headers, target, world.max_token_bytes)
        .map_err(|reason| refuse(trail, Stage::Credential, reason, || reason.facts().meaning.to_owned()))?;
    let text = || format!("one bearer token, {} bytes", token.expose().len());
    trail.note(Stage::Credential, Verdict::Passed, text);
    Ok(token)
}

/// A token is told by its form. A JWT that is refused is never shown to an issuer after all: that would make
/// introspection the weaker way in.
pub(super) fn read<'a>(
    presented: PresentedToken<'a>,
    kind: TokenKind,
    host: &str,
    requirement: &Requirement,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<Token<'a>, DenyReason> {
    let text = presented.expose();
    let asked = match kind {
        TokenKind::None | TokenKind::Jwt => None,
        TokenKind::Opaque => world.issuers.select_opaque(text, host, &requirement.issuers),
    };
    match asked {
        Some((id, issuer)) => {
            trail.note(Stage::Token, Verdict::Passed, || {
                format!("opaque; \"{}\" is asked about it", issuer.name)
            });
            Ok(Token::Opaque(id, presented))
        }
        None => read_jwt(presented, world, now, trail),
    }
}

/// It also says best what is wrong with a token that nobody can be asked about.
fn read_jwt<'a>(
    presented: PresentedToken<'a>,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<Token<'a>, DenyReason> {
    let known = world.known.and_then(|known| known.find(presented, world.issuers, world.keys, now));
    match known {
        Some(token) => {
            jwt::read_again(&token, world.issuers, now, trail)?;
            Ok(Token::Known(token, presented))
        }
        None => {
            let token = jwt::read(presented.expose(), world.issuers, now, trail)?;
            Ok(Token::Unverified(token, presented))
        }
    }
}
