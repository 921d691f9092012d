//! What an issuer's access tokens look like: its preset, overridden by what is written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Path;
use super::super::document::{AudiencesDocument, IssuerDocument};
use super::super::preset::Preset;
use super::bounded;
use super::findings::{Findings, quoted};
use crate::check::issuer::{Audiences, Presence, TokenProfile, TokenTypes};
use crate::jose::Algorithm;

pub(super) fn compile(
    document: &IssuerDocument,
    preset: &Preset,
    at: &Path,
    findings: &mut Findings<'_>,
) -> TokenProfile {
    let types = match &document.token_types {
        Some(names) => types(names, &at.key("token_types"), findings),
        None => preset.types,
    };
    let required_values = required_values(document, preset, &at.key("require_claims"), findings);
    let audiences = audiences(&document.audiences, &at.key("audiences"), findings);
    let profile = TokenProfile {
        types,
        algorithms: algorithms(document.algorithms.as_deref(), &at.key("algorithms"), findings),
        audiences,
        expiry: Presence::Required,
        mandatory_claims: names(
            document.mandatory_claims.as_ref(),
            preset.mandatory_claims,
            &at.key("mandatory_claims"),
            findings,
        ),
        required_values,
        scope_claims: names(
            document.scope_claims.as_ref(),
            preset.scope_claims,
            &at.key("scope_claims"),
            findings,
        ),
        client_claims: names(
            document.client_claims.as_ref(),
            preset.client_claims,
            &at.key("client_claims"),
            findings,
        ),
        leeway: bounded(document.leeway, 5000, 0, 60_000, &at.key("leeway"), findings),
        expiry_leeway: bounded(document.expiry_leeway, 0, 0, 60_000, &at.key("expiry_leeway"), findings),
    };
    check_waiver(document, at, findings);
    warn_of_id_tokens(&profile, at, findings);
    profile
}

fn types(names: &[String], at: &Path, findings: &mut Findings<'_>) -> TokenTypes {
    let mut types = TokenTypes { at_jwt: false, jwt: false, absent: false };
    for (index, name) in names.iter().enumerate() {
        match name.to_ascii_lowercase().as_str() {
            "at+jwt" | "application/at+jwt" => types.at_jwt = true,
            "jwt" => types.jwt = true,
            "none" => types.absent = true,
            _ => {
                let what = format!("{} can't be an access token's type", quoted(name));
                let hint = "`at+jwt`, `JWT`, or `none` for a header without typ; any other type names another kind of token";
                findings.error(&at.index(index), what, hint);
            }
        }
    }
    if names.is_empty() {
        findings.error(at, "is an empty list, so no token could pass", "delete it, or write `[at+jwt]`");
    }
    types
}

fn algorithms(names: Option<&[String]>, at: &Path, findings: &mut Findings<'_>) -> Vec<Algorithm> {
    let Some(names) = names else { return Algorithm::ALL.to_vec() };
    if names.is_empty() {
        findings.error(
            at,
            "is an empty list, so no token could pass",
            "delete it, or write `[RS256, ES256]`",
        );
    }
    let mut algorithms = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match Algorithm::from_name(name) {
            Some(algorithm) if algorithms.contains(&algorithm) => {}
            Some(algorithm) => algorithms.push(algorithm),
            None => refuse_algorithm(name, &at.index(index), findings),
        }
    }
    algorithms
}

fn refuse_algorithm(name: &str, at: &Path, findings: &mut Findings<'_>) {
    let what = format!("{} is not accepted", quoted(name));
    let known = Algorithm::ALL.map(Algorithm::name).join(", ");
    let hint = match name.to_ascii_uppercase().as_str() {
        "NONE" => "unsigned tokens are never accepted".to_owned(),
        upper if upper.starts_with("HS") => {
            "symmetric algorithms are never accepted: whoever verifies could sign".to_owned()
        }
        _ => format!("one of: {known}, EdDSA"),
    };
    findings.error(at, what, hint);
}

fn audiences(document: &AudiencesDocument, at: &Path, findings: &mut Findings<'_>) -> Audiences {
    match document {
        AudiencesDocument::Any => Audiences::Any,
        AudiencesDocument::List(list) => {
            let hint = "name what tokens for this service carry in `aud`; `any` waives it";
            if list.is_empty() {
                findings.error(at, "is an empty list, so no token could pass", hint);
            }
            for (index, audience) in
                list.iter().enumerate().filter(|(_, audience)| audience.trim().is_empty())
            {
                findings.error(&at.index(index), format!("{} is no audience", quoted(audience)), hint);
            }
            Audiences::OneOf(list.clone())
        }
    }
}

fn names(
    written: Option<&Vec<String>>,
    preset: &[&str],
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<String> {
    let Some(names) = written else { return preset.iter().map(|name| (*name).to_owned()).collect() };
    for (index, name) in names.iter().enumerate().filter(|(_, name)| name.is_empty()) {
        findings.error(&at.index(index), format!("{} is no claim name", quoted(name)), "delete it");
    }
    names.clone()
}

/// What is written, and of the preset what is not written otherwise: what tells its ID tokens apart stays.
fn required_values(
    document: &IssuerDocument,
    preset: &Preset,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<(String, Vec<Value>)> {
    let mut required: BTreeMap<String, Vec<Value>> =
        preset.required_values.iter().map(|(name, values)| ((*name).to_owned(), values.clone())).collect();
    for (name, value) in document.require_claims.iter().flatten() {
        let values = match value {
            Value::Array(list) => list.clone(),
            one => vec![one.clone()],
        };
        let comparable =
            |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
        if values.is_empty() || !values.iter().all(comparable) {
            let hint =
                "write the value that the claim must have, or a list of values of which it must have one";
            findings.error(&at.key(name), "is not a text, number, true, false, or a list of these", hint);
        }
        required.insert(name.clone(), values);
    }
    required.into_iter().collect()
}

/// A waived audience leaves nothing that says for whom a token is, so something else must. What a preset
/// requires says what kind of token it is, not for whom.
fn check_waiver(document: &IssuerDocument, at: &Path, findings: &mut Findings<'_>) {
    if document.audiences != AudiencesDocument::Any {
        return;
    }
    let at = at.key("audiences");
    if document.require_claims.as_ref().is_none_or(BTreeMap::is_empty) {
        let hint = "add `require_claims` with a claim that only tokens for your services have, or name the audiences";
        findings.error(&at, "is waived, and nothing else says that a token is meant for this service", hint);
    } else {
        let hint = "name the audiences if the issuer can set them";
        findings.warning(
            &at,
            "is waived: an access token for any other service is accepted, if it meets `require_claims`",
            hint,
        );
    }
}

/// With a type that says nothing, an ID token differs from an access token only in its claims. It always
/// has an audience that is a client id (OpenID Connect Core §2), so an audience that is a URI keeps it out.
fn warn_of_id_tokens(profile: &TokenProfile, at: &Path, findings: &mut Findings<'_>) {
    if !(profile.types.jwt || profile.types.absent) {
        return;
    }
    let told_by_claim = !profile.required_values.is_empty()
        || profile.mandatory_claims.iter().any(|name| profile.client_claims.contains(name));
    let Audiences::OneOf(audiences) = &profile.audiences else { return };
    if !told_by_claim && !audiences.iter().all(|audience| audience.contains(':')) {
        let hint = "add `require_claims` or `mandatory_claims` with a claim that its ID tokens do not have";
        let what = "accepts tokens whose type says nothing, and an audience that could be a client id: an ID token could pass";
        findings.warning(&at.key("audiences"), what, hint);
    }
}
