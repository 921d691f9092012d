//! Microsoft Entra ID, version 2.

use gatepost::check::DenyReason::{
    ClaimMissing, IssuerUnknown, NotAnAccessToken, RequiredClaimMismatch, ScopeInsufficient,
};
use gatepost_test_support::{Signer, token};
use serde_json::json;

use super::{AUDIENCE, logout, shaped};
use crate::gate::{Gate, NOW, Table, issuer};

const ENTRA: &str = "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0";

#[test]
fn entra_access_tokens_pass_and_its_id_tokens_and_v1_tokens_do_not() {
    let tenant = "9122040d-6c67-4c5b-b112-36a304b66dad";
    let delegated = || {
        shaped(
            Some("JWT"),
            json!({
                "iss": ENTRA, "aud": AUDIENCE, "azp": "6e74", "azpacr": "1", "name": "Alice", "oid": "o-1",
                "preferred_username": "alice@example.com", "rh": "0.", "scp": "orders:read profile", "sub": "HKZp",
                "tid": tenant, "uti": "u", "ver": "2.0", "nbf": NOW,
            }),
        )
    };
    let application = || {
        delegated()
            .without("scp")
            .without("name")
            .claim("roles", json!(["orders:read"]))
            .claim("idtyp", "app")
    };
    let id = || delegated().without("azp").without("azpacr").without("scp").claim("nonce", "n");
    // Documented: the entries of its key set have no alg.
    let keys = token::jwks([&Signer::shared("RS256").without_alg()]);
    let gate = Gate::with_issuers(&issuer(ENTRA, "preset: entra"), &[&keys]);
    Table::of(&gate)
        .allows("delegated", &delegated())
        .allows("of an application", &application())
        .refuses("without scopes and roles", &delegated().without("scp"), ScopeInsufficient)
        .refuses("an ID token", &id(), ClaimMissing)
        .refuses("an ID token for its client", &id().claim("aud", "6e74"), ClaimMissing)
        .refuses("version 1", &delegated().claim("ver", "1.0").claim("appid", "6e74"), RequiredClaimMismatch)
        .refuses("version 2 as a number", &delegated().claim("ver", 2.0), RequiredClaimMismatch)
        .refuses(
            "the issuer of version 1",
            &delegated().claim("iss", format!("https://sts.windows.net/{tenant}/")),
            IssuerUnknown,
        )
        .refuses(
            "another tenant",
            &delegated().claim("iss", "https://login.microsoftonline.com/other/v2.0"),
            IssuerUnknown,
        )
        .refuses("a logout token", &logout(Some("JWT"), ENTRA), NotAnAccessToken)
        .holds();
}

#[test]
fn the_issuer_of_many_tenants_is_no_issuer() {
    for identifier in
        ["https://login.microsoftonline.com/{tenantid}/v2.0", "https://login.microsoftonline.com/common/v2.0"]
    {
        let lines = issuer(&format!("'{identifier}'"), "preset: entra");
        let refused = Gate::try_load(&format!("issuers:\n{lines}"), "rules: []", &[]);
        assert!(refused.is_err_and(|text| text.contains("many tenants")), "{identifier}");
    }
}
