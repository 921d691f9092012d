//! `forward` and `response_headers`: each form of a value, and what refuses the request instead of arriving otherwise.

use gatepost_test_support::{Answer, Request};
use serde_json::{Value, json};

use super::{Refused, assert_answers, passes, refused, stand};
use crate::stand::{Stand, get, seen};

const POLICY: &str = r#"
rules:
  - { name: open, match: { path: /open }, public: true }
  - name: lists
    match: { path: /lists }
    require: {}
    forward:
      x-commas: token.list
      x-json: { from: token.list, list: json }
  - { name: commas, match: { path: /commas }, require: {}, forward: { x-commas: token.list } }
  - { name: json, match: { path: /json }, require: {}, forward: { x-json: { from: token.list, list: json } } }
  - name: needed
    match: { path: /needed }
    require: {}
    forward:
      x-tenant: { from: token.org.tenant, missing: deny }
      x-plan: 'token["https://example.com/plan"]'
      x-stage: { value: 'production; eu' }
  - name: told
    match: { path: /told }
    require: {}
    response_headers:
      x-tenant: token.org.tenant
      x-stage: { value: production }
      x-roles: { from: token.list, list: json }
  - name: told, needed
    match: { path: /told-needed }
    require: {}
    response_headers: { x-tenant: { from: token.org.tenant, missing: deny } }
"#;

const MISSING: Refused<'_> = (403, "forward_missing", None);
const REFUSED: Refused<'_> = (403, "forward_refused", None);

fn ask(stand: &Stand, path: &str, list: &Value) -> Request {
    get(path).bearer(&stand.issuer.token().claim("list", list.clone()).mint())
}

#[tokio::test]
async fn a_list_arrives_with_commas_or_as_json() {
    let stand = stand(POLICY).await;
    for (list, commas, as_json) in [
        (json!(["a", "b"]), "a,b", r#"["a","b"]"#),
        (json!(["a"]), "a", r#"["a"]"#),
        (json!([1, true, "x y"]), "1,true,x y", r#"[1,true,"x y"]"#),
        (json!("plain"), "plain", "plain"),
        (json!(7), "7", "7"),
        (json!(["\"quoted\"", "back\\slash"]), r#""quoted",back\slash"#, r#"["\"quoted\"","back\\slash"]"#),
    ] {
        let answer = stand.send(ask(&stand, "/lists", &list)).await;
        let told = (seen(&answer, "x-commas"), seen(&answer, "x-json"));
        assert_eq!(told, (vec![commas.to_owned()], vec![as_json.to_owned()]), "{list}");
    }
    for (list, as_json) in [
        (json!(["é", "😀", "a,b", "\r\n"]), r#"["\u00e9","\ud83d\ude00","a,b","\r\n"]"#),
        (json!([["a"], { "b": [null] }]), r#"[["a"],{"b":[null]}]"#),
        (json!({ "b": 1 }), r#"{"b":1}"#),
        (json!([]), "[]"),
    ] {
        let answer = stand.send(ask(&stand, "/json", &list)).await;
        assert_eq!(seen(&answer, "x-json"), [as_json], "{list}");
        assert_eq!(serde_json::from_str::<Value>(&seen(&answer, "x-json")[0]).unwrap(), list);
    }
}

#[tokio::test]
async fn a_claim_that_could_read_as_another_or_is_missing_refuses_the_request() {
    let stand = stand(POLICY).await;
    let tenant = |path: &str, org: Value| get(path).bearer(&stand.issuer.token().claim("org", org).mint());
    let mut cases = vec![
        passes("4096 bytes", ask(&stand, "/commas", &json!("x".repeat(4096)))),
        passes("no claim", get("/commas").bearer(&stand.issuer.token().mint())),
        passes("needed and there", tenant("/needed", json!({ "tenant": "acme" }))),
        passes("needed for the client", tenant("/told-needed", json!({ "tenant": "acme" }))),
        refused("as JSON, too long", ask(&stand, "/json", &json!(["é".repeat(700)])), REFUSED),
        refused(
            "for the client",
            tenant("/told-needed", json!({ "tenant": "a\r\nset-cookie: x=1" })),
            REFUSED,
        ),
    ];
    for list in [
        json!({ "a": 1 }),
        json!([{ "a": 1 }]),
        json!([["a"]]),
        json!(["a,b"]),
        json!([null]),
        json!(["a\nb"]),
        json!("a\u{7f}"),
        json!("\u{85}"),
        json!(" a"),
        json!(["a", "b "]),
        json!(1e300),
        json!("x".repeat(4097)),
    ] {
        let name: String = list.to_string().chars().take(40).collect();
        cases.push(refused(name, ask(&stand, "/commas", &list), REFUSED));
    }
    for org in [json!({}), json!({ "tenant": null }), json!([{ "tenant": "acme" }]), json!("acme")] {
        cases.push(refused(format!("needed: {org}"), tenant("/needed", org.clone()), MISSING));
        cases.push(refused(format!("needed for the client: {org}"), tenant("/told-needed", org), MISSING));
    }
    cases.push(refused("needed and empty", tenant("/needed", json!({ "tenant": "" })), MISSING));
    assert_answers(&stand, cases).await;
}

#[tokio::test]
async fn nobody_else_can_set_what_is_forwarded() {
    let stand = stand(POLICY).await;
    let names =
        ["x-tenant", "X_Tenant", "x-plan", "x_plan", "x-stage", "X-Stage", "x_stage", "x-json", "x.commas"];
    let spoof =
        |request: Request| names.iter().fold(request, |request, name| request.header(name, "spoofed"));
    let spoofed = |answer: &Answer| answer.text().contains("spoofed");
    let token = stand.issuer.token().claim("org", json!({ "tenant": "acme" })).mint();
    let answer = stand.send(spoof(get("/needed").bearer(&token))).await;
    assert_eq!((answer.status, spoofed(&answer)), (200, false));
    assert_eq!(seen(&answer, "x-tenant"), ["acme"]);
    assert_eq!(seen(&answer, "x-stage"), ["production; eu"]);
    assert!(seen(&answer, "x-plan").is_empty());
    for path in ["/open", "/told", "/lists"] {
        let answer = stand.send(spoof(get(path).bearer(&token))).await;
        assert_eq!((answer.status, spoofed(&answer)), (200, false), "{path}");
    }
    let plan =
        stand.issuer.token().claim("org", json!({ "tenant": "a" })).claim("https://example.com/plan", "gold");
    assert_eq!(seen(&stand.send(get("/needed").bearer(&plan.mint())).await, "x-plan"), ["gold"]);
}

#[tokio::test]
async fn response_headers_reach_the_client_and_replace_the_services_own() {
    let stand = stand(POLICY).await;
    let token =
        stand.issuer.token().claim("org", json!({ "tenant": "acme" })).claim("list", json!(["a,b"])).mint();
    let told = |answer: &Answer| {
        ["x-tenant", "x-stage", "x-roles"].map(|name| answer.headers(name).collect::<Vec<_>>().join(" | "))
    };
    let ours = ["acme", "production", r#"["a,b"]"#];
    let answer = stand.send(get("/told").bearer(&token)).await;
    assert_eq!((answer.status, told(&answer)), (200, ours.map(str::to_owned)));
    assert!(seen(&answer, "x-tenant").is_empty(), "they are not for the service");
    for name in ["x-tenant", "x-stage", "x-roles"] {
        stand.upstream.says(name, "the service's");
        stand.upstream.says(name, "twice");
    }
    let answer = stand.send(get("/told").bearer(&token)).await;
    assert_eq!(told(&answer), ours.map(str::to_owned));
    let refused = stand.send(get("/told")).await;
    assert_eq!((refused.status, told(&refused)), (401, ["", "", ""].map(str::to_owned)));
}
