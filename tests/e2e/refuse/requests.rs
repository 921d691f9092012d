//! Requests whose credential, path, host or method is the trouble.

use gatepost_test_support::Request;

use crate::stand::{HOST, Stand, get, orders};
use crate::table::{BARE, INVALID_REQUEST, INVALID_TOKEN, assert_refused, refused, refused_by_envoy};

#[tokio::test]
async fn refuses_requests_without_exactly_one_credential() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    let with = |value: String| orders().header("Authorization", value);
    let two = |request: Request| request.header("authorization", format!("Bearer {token}"));
    let in_query = |name: &str| format!("/orders/7?{name}={token}");
    let mut cases = vec![
        refused("no credential", orders(), 401, BARE),
        refused("an empty header", with(String::new()), 401, BARE),
        refused("Basic", with("Basic YWxpY2U6eA==".into()), 401, BARE),
        refused("DPoP", with(format!("DPoP {token}")), 401, BARE),
        refused("the token alone", with(token.clone()), 401, BARE),
        refused("Bearer without a blank", with(format!("Bearer{token}")), 401, BARE),
        refused("Bearer and a colon", with(format!("Bearer: {token}")), 401, BARE),
        refused("Bearer and nothing", with("Bearer".into()), 400, INVALID_REQUEST),
        refused("Bearer and blanks", with("Bearer   ".into()), 400, INVALID_REQUEST),
        refused("two tokens", with(format!("Bearer {token} {token}")), 400, INVALID_REQUEST),
        refused("joined by a comma", with(format!("Bearer {token}, Bearer {token}")), 400, INVALID_REQUEST),
        refused("joined with Basic", with(format!("Basic YTpi, Bearer {token}")), 400, INVALID_REQUEST),
        refused("the header twice", two(orders().bearer(&token)), 400, INVALID_REQUEST),
        refused("the header twice, Basic first", two(with("Basic YTpi".into())), 400, INVALID_REQUEST),
        refused("the header twice, a bad one first", two(orders().bearer("x")), 400, INVALID_REQUEST),
        refused("in the query", get(&in_query("access_token")), 401, BARE),
        refused("in the query too", get(&in_query("access_token")).bearer(&token), 400, INVALID_REQUEST),
        refused(
            "in the query too, encoded",
            get(&in_query("access%5Ftoken")).bearer(&token),
            400,
            INVALID_REQUEST,
        ),
        refused("in a cookie", orders().header("Cookie", format!("access_token={token}")), 401, BARE),
    ];
    for name in [
        "Proxy-Authorization",
        "X-Authorization",
        "X-Forwarded-Authorization",
        "X-Access-Token",
        "Authorization_",
    ] {
        let request = orders().header(name, format!("Bearer {token}"));
        cases.push(refused(format!("in {name}"), request, 401, BARE));
    }
    let form = Request::post("/orders/7").host(HOST).form(&[("access_token", &token)]);
    cases.push(refused("in a form", form, 401, BARE));
    assert_refused(&stand, cases).await;
}

#[tokio::test]
async fn refuses_requests_that_no_rule_or_another_rule_covers() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    let with =
        |method: &str, host: &str, target: &str| Request::new(method, target).host(host).bearer(&token);
    let write = Some(r#"Bearer error="insufficient_scope", scope="orders:write tier:gold tier:silver""#);
    let admin = stand.issuer.token().claim("scope", "admin").mint();
    assert_refused(
        &stand,
        vec![
            refused("no rule for the path", with("GET", HOST, "/other"), 403, None),
            refused("no rule for the root", with("GET", HOST, "/"), 403, None),
            refused("no rule for the method", with("DELETE", HOST, "/orders/7"), 403, None),
            refused_by_envoy("a method that nobody has heard of", with("BREW", HOST, "/orders/7"), 400),
            refused_by_envoy("a method in lower case", with("get", HOST, "/orders/7"), 400),
            refused("another host", with("GET", "billing.example.com", "/orders/7"), 403, None),
            refused("a host below", with("GET", "x.orders.example.com", "/orders/7"), 403, None),
            refused(
                "a host that begins alike",
                with("GET", "orders.example.com.evil.example", "/orders/7"),
                403,
                None,
            ),
            refused("a host with a user", with("GET", "x@orders.example.com", "/orders/7"), 400, None),
            refused("the path in capitals", with("GET", HOST, "/ORDERS/7"), 403, None),
            refused("a path that begins alike", with("GET", HOST, "/orders7"), 403, None),
            refused("a public path and a slash", with("POST", HOST, "/healthz"), 403, None),
            refused("below a public path", with("GET", HOST, "/healthz/x"), 403, None),
            refused("the scope of another method", with("POST", HOST, "/orders/7"), 403, write),
            refused("the audience of another rule", get("/admin/x").bearer(&admin), 401, INVALID_TOKEN),
            refused(
                "a method told in a header",
                with("POST", HOST, "/orders/7").header("X-HTTP-Method-Override", "GET"),
                403,
                write,
            ),
            refused(
                "a path told in a header",
                get("/orders/7").header("X-Original-URL", "/healthz").header("X-Rewrite-URL", "/healthz"),
                401,
                BARE,
            ),
            refused(
                "a path told to Envoy",
                get("/orders/7").header("X-Envoy-Original-Path", "/healthz"),
                401,
                BARE,
            ),
            refused(
                "a path told by a proxy",
                get("/orders/7").header("X-Forwarded-Uri", "/healthz").header("X-Forwarded-Path", "/healthz"),
                401,
                BARE,
            ),
            refused(
                "a host told by a proxy",
                with("GET", "evil.example", "/orders/7").header("X-Forwarded-Host", HOST),
                403,
                None,
            ),
            refused("a probe's name", get("/orders/7").header("User-Agent", "kube-probe/1.33"), 401, BARE),
            refused(
                "a caller from inside",
                get("/orders/7").header("X-Envoy-Internal", "true").header("X-Forwarded-For", "127.0.0.1"),
                401,
                BARE,
            ),
            refused_by_envoy(
                "an upgrade",
                get("/healthz").header("Connection", "upgrade").header("Upgrade", "websocket"),
                403,
            ),
            refused(
                "no host",
                Request::raw(format!(
                    "GET /orders/7 HTTP/1.1\r\nHost:\r\nAuthorization: Bearer {token}\r\n\r\n"
                )),
                400,
                None,
            ),
            refused("two hosts", get("/orders/7").header("Host", "evil.example").bearer(&token), 400, None),
            refused(
                "two hosts, the other first",
                with("GET", "evil.example", "/healthz").header("Host", HOST),
                400,
                None,
            ),
        ],
    )
    .await;
}
