//! What clients are told beside status and error code: the reason's name only where the operator wants it, and in every
//! challenge where the resource describes itself (RFC 9728 §5.1).

use gatepost_test_support::{Answer, Request, TestIssuer};

use super::{stand, until_generation};
use crate::stand::{Config, HOST, POLICY, Stand, get, orders};

fn reasons(answer: &Answer) -> Vec<String> {
    answer.headers("x-gatepost-reason").map(str::to_owned).collect()
}

/// Requests, each with the reason for its refusal; the last ones pass.
fn requests(stand: &Stand) -> Vec<(Request, &'static str)> {
    let token = || stand.issuer.token();
    vec![
        (orders(), "credential_missing"),
        (orders().bearer(&token().claim("exp", 1).mint()), "token_expired"),
        (orders().bearer(&token().claim("scope", "x").mint()), "scope_insufficient"),
        (get("/nowhere"), "no_rule"),
        (get("//x"), "path_ambiguous"),
        (get("/healthz").header("x-gatepost-reason", "spoofed"), ""),
        (orders().bearer(&token().mint()), ""),
    ]
}

#[tokio::test]
async fn the_reason_is_told_only_while_check_debug_is_on() {
    let mut stand = stand(POLICY).await;
    for (generation, debug) in [(1, false), (2, true), (3, false)] {
        if generation > 1 {
            let config = Config::trusting(stand.issuer.issuer()).policy(POLICY);
            stand.gatepost.edit(config.and(&format!("check: {{ debug: {debug} }}")));
            until_generation(&stand, generation).await;
        }
        for (request, reason) in requests(&stand) {
            let answer = stand.send(request).await;
            let expected = if debug && !reason.is_empty() { vec![reason.to_owned()] } else { vec![] };
            assert_eq!(reasons(&answer), expected, "{reason}, {debug}");
        }
    }
}

#[tokio::test]
async fn every_challenge_says_where_the_resource_describes_itself() {
    let issuer = TestIssuer::start().await.unwrap();
    let rules = "  - { name: strong, match: { path: /strong }, require: { authentication: { acr: [mfa], max_age: 5m } } }\n\
                 \x20 - { name: clients, match: { path: /clients }, require: { clients: [batch] } }\n";
    let config =
        Config::trusting(issuer.issuer()).and("resource: { identifier: 'https://orders.example.com' }");
    let stand = Stand::ready(issuer, config.policy(&format!("{POLICY}{rules}"))).await;
    let token = || stand.issuer.token();
    let poor = token().claim("scope", "x").mint();
    let url = r#"resource_metadata="https://orders.example.com/.well-known/oauth-protected-resource""#;
    for (request, status, before, after) in [
        (orders(), 401, "Bearer ", ""),
        (Request::post("/orders/7").host(HOST), 401, "Bearer ", ""),
        (orders().bearer("not a token"), 400, r#"Bearer error="invalid_request", "#, ""),
        (orders().bearer("x.y.z"), 401, r#"Bearer error="invalid_token", "#, ""),
        (orders().bearer(&poor), 403, r#"Bearer error="insufficient_scope", scope="orders:read", "#, ""),
        (get("/clients").bearer(&poor), 403, "Bearer ", ""),
        (
            get("/strong").bearer(&poor),
            401,
            r#"Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", "#,
            r#", acr_values="mfa", max_age="300""#,
        ),
    ] {
        let answer = stand.send(request).await;
        let challenges: Vec<_> = answer.headers("www-authenticate").collect();
        assert_eq!((answer.status, challenges), (status, vec![&*format!("{before}{url}{after}")]));
    }
    for (request, status) in [(get("/nowhere"), 403), (get("//x"), 400), (get("/healthz"), 200)] {
        let answer = stand.send(request).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (status, None));
    }
}
