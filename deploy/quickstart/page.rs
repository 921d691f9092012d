//! What runs where, and what to try, in lines that work when they are pasted.

use tokio::time::sleep_until;

use crate::files::REVOCATIONS;
use crate::screen::{Look, Screen};
use crate::stack::Stack;

/// Shows it.
pub(crate) async fn show(stack: &Stack, screen: &Screen) {
    // So that what is said of expired.jwt is true when it is read.
    sleep_until(stack.tokens.expired_at).await;
    screen.title("What is where");
    where_it_is(stack, screen);
    screen.title("Try it, in another terminal");
    screen.line(format_args!("  cd {}\n", stack.files.path().display()));
    for (expected, command) in requests(&format!("http://{}", stack.envoy.address())) {
        show_line(screen, expected, &command);
    }
    screen.line(format_args!("{}\n", screen.paint(Look::Title, "Ask gatepost")));
    for (expected, command) in commands(stack) {
        show_line(screen, expected, &command);
    }
    screen.line("Ctrl-C stops everything and removes the directory.");
}

fn where_it_is(stack: &Stack, screen: &Screen) {
    let directory = stack.files.path().display();
    let envoy_admin = format!("http://{}", stack.envoy.admin());
    let rows = [
        ("directory", directory.to_string(), "removed at the end"),
        ("  config/gatepost.yaml", String::new(), "whom we trust, and where we listen"),
        ("  config/policy.yaml", String::new(), "what each route needs"),
        ("  gatepost.log", String::new(), "gatepost's log"),
        ("  envoy.log", String::new(), "Envoy's log, with a line for each request"),
        ("  *.jwt", String::new(), "access tokens, good for an hour (expired.jwt was, for a second)"),
        ("  opaque.token", String::new(), "one that says nothing by itself: gatepost asks the issuer"),
        ("  revocations.jsonl", String::new(), "what has been revoked, a message a line"),
        ("  secret", String::new(), "who gatepost is when it asks"),
        ("gatepost's pages", stack.admin_url(), "/statusz /metrics /readyz /livez"),
        ("Envoy's admin", envoy_admin, "/stats?filter=ext_authz /config_dump"),
    ];
    for (name, place, what) in rows {
        let place = if place.is_empty() { place } else { format!("{place}  ") };
        screen.line(format_args!("  {name:<24}{place}{}", screen.paint(Look::Quiet, what)));
    }
}

fn show_line(screen: &Screen, expected: &str, command: &str) {
    screen.line(format_args!("  {}\n  {command}\n", screen.paint(Look::Quiet, format!("# {expected}"))));
}

fn bearer(token: &str) -> String {
    format!(r#"curl -i -H "authorization: Bearer $(cat {token})""#)
}

fn requests(envoy: &str) -> [(&'static str, String); 9] {
    let reader = bearer("reader.jwt");
    let spoof = "-H 'X_Subject: admin'";
    [
        (
            "200: a good token. The service tells what it saw: x-subject, x-client, x-scopes",
            format!("{reader} {envoy}/orders/7"),
        ),
        (
            "200: an opaque token, which the issuer vouches for (RFC 7662)",
            format!("{} {envoy}/orders/7", bearer("opaque.token")),
        ),
        ("401: no token, so a challenge", format!("curl -i {envoy}/orders/7")),
        (
            "401: a good token, but meant for another service",
            format!("{} {envoy}/orders/7", bearer("other-service.jwt")),
        ),
        ("401: a token that expired", format!("{} {envoy}/orders/7", bearer("expired.jwt"))),
        (
            "403: a good token without the scope orders:write (writer.jwt has it: 200)",
            format!("{reader} -X POST {envoy}/orders/7/refund"),
        ),
        (
            "200: but the service does not see the X_Subject that the client made up",
            format!("{reader} {spoof} {envoy}/orders/7"),
        ),
        (
            "400: a path that Envoy, gatepost and the service might read differently",
            format!("{reader} {envoy}//orders/7"),
        ),
        ("403: no rule matches, so nobody may", format!("{reader} {envoy}/admin/users")),
    ]
}

fn commands(stack: &Stack) -> [(&'static str, String); 5] {
    let explain = "./gatepost explain --config config --token-file other-service.jwt";
    let url = "--url https://orders.example.com/orders/7";
    let admin = stack.admin_url();
    [
        ("why was it refused? Every step, with what it saw", format!("{explain} \\\n    {url}")),
        (
            "is the configuration good? All problems at once, none here",
            "./gatepost check --config config --online".to_owned(),
        ),
        ("which keys it holds, and how old they are", format!("curl {admin}/statusz")),
        (
            "how many checks, with which outcome and reason",
            format!("curl -s {admin}/metrics | grep checks_total | grep -v ' 0$'"),
        ),
        (
            "revoke all that alice has been issued until now: 401 from the next request on",
            format!(
                r#"echo '{{"v":1,"kind":"subject","iss":"{}","sub":"alice","at":'$(date +%s)'}}' \
    >> {REVOCATIONS}"#,
                stack.issuer.issuer()
            ),
        ),
    ]
}
