//! Promise: no opaque token and none of our own secrets is ever written: not to the logs at their most talkative,
//! not to the metrics, not to the status page.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gatepost_test_support::{IntrospectionServer, Say, Signer};

use super::{SECRET, Secrets, config, stand};
use crate::stand::{Config, get, orders};

#[tokio::test]
async fn nothing_of_an_opaque_token_or_of_our_secrets_is_ever_written() {
    let secrets = Secrets::with(SECRET);
    secrets.write("key.pem", &Signer::shared("ES256").private_pem());
    let post = format!(
        "client: {{ id: gatepost, auth: client_secret_post, secret_file: {} }}",
        secrets.path("secret")
    );
    let assertion =
        format!("client: {{ id: gatepost, auth: private_key_jwt, key_file: {} }}", secrets.path("key.pem"));
    for client in [secrets.basic(), post, assertion] {
        let server = IntrospectionServer::start().await.unwrap();
        let config: Config = config(server.issuer(), &format!("{client}\nlimits: {{ failures: 1000 }}"));
        let stand = stand(server, config.log("trace")).await;
        let says = [
            Say::Json(stand.issuer.active()),
            Say::inactive(),
            Say::body("garbage"),
            Say::status(401),
            Say::status(500),
            Say::Signed("a.b.c".into()),
        ];
        let mut hidden = Vec::new();
        for (index, say) in says.into_iter().enumerate() {
            let token = format!("opaque-hidden-{index}-{}", "x".repeat(20));
            stand.issuer.says(&token, say);
            for request in [orders(), get("/admin/x"), get("//x"), get("/orders/7?a=b")] {
                stand.send(request.bearer(&token)).await;
            }
            hidden.push(token);
        }
        for request in stand.issuer.requests() {
            hidden.extend(request.authorization.as_ref().map(|value| value.replace("Basic ", "")));
            let field = request.field("client_assertion").to_owned();
            hidden.extend(Some(field).filter(|text| !text.is_empty()));
        }
        let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        hidden.extend([BASE64_STANDARD.encode(SECRET), encoded, "s3cret".to_owned()]);
        let pem = Signer::shared("ES256").private_pem();
        hidden.extend(pem.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
        let log = stand.gatepost.process.log();
        assert!(log.contains("TRACE"), "the log is as talkative as it can be");
        let written =
            [log, stand.gatepost.page("/metrics").await.text(), stand.gatepost.page("/statusz").await.text()];
        for text in &written {
            for secret in &hidden {
                let line = text.lines().find(|line| line.contains(secret.as_str()));
                assert_eq!(line, None, "{secret}");
            }
        }
    }
}
