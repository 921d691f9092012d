//! The secrets, keys and certificates that a configuration names: each fault is told at its place.

use std::fs;
use std::os::unix::net::UnixListener;

use gatepost_test_support::{IntrospectionServer, Signer, Token, token};
use tempfile::TempDir;

use super::{check, check_with, machine_readable, problems};
use crate::snapshot::assert_shows;

/// A directory whose issuers each have these lines, and a key set in a file.
fn directory(issuers: &[&str]) -> TempDir {
    let directory = TempDir::with_prefix("gatepost-files-").unwrap();
    let mut gatepost = "listen: { authz: 'unix:@none', admin: 127.0.0.1:0 }\nissuers:\n".to_owned();
    for (index, lines) in issuers.iter().enumerate() {
        gatepost.push_str(&format!(
            "  - name: i{index}\n    issuer: https://i{index}.example\n    audiences: [\"{}\"]\n    \
             jwks_file: jwks.json\n    introspection:\n      endpoint: https://i{index}.example/introspect\n      \
             tokens: {{ prefixes: [i{index}_] }}\n      client: {{ id: gatepost, {lines} }}\n",
            Token::AUDIENCE
        ));
    }
    write(&directory, "gatepost.yaml", &gatepost);
    write(&directory, "policy.yaml", "rules: [{ name: all, match: { path: /** }, require: {} }]\n");
    write(&directory, "jwks.json", &token::jwks([&Signer::shared("RS256")]).to_string());
    directory
}

fn write(directory: &TempDir, name: &str, content: &str) {
    fs::write(directory.path().join(name), content).unwrap();
}

/// A PEM block around something that is no certificate.
const NONSENSE: &str = "-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n";

#[tokio::test]
async fn shows_every_file_that_cannot_be_used_with_place_and_hint() {
    let server = IntrospectionServer::start_with_mutual_tls().await.unwrap();
    let (certificate, key) = server.client_certificate();
    let directory = directory(&[
        "auth: client_secret_basic, secret_file: missing",
        "auth: client_secret_post, secret_file: empty",
        "auth: client_secret_post, secret_file: binary",
        "auth: client_secret_basic, secret_file: large",
        "auth: client_secret_basic, secret_file: .",
        "auth: client_secret_basic, secret_file: socket",
        "auth: private_key_jwt, key_file: secret",
        "auth: private_key_jwt, key_file: rsa.pem",
        "auth: private_key_jwt, key_file: p384.pem",
        "auth: tls_client_auth, certificate_file: secret, key_file: empty",
        "auth: tls_client_auth, certificate_file: nonsense.pem, key_file: certificate.pem",
        "auth: tls_client_auth, certificate_file: certificate.pem, key_file: other-key.pem",
        "auth: client_secret_basic, secret_file: secret }\n    ca_file: missing.pem\n    # {",
        "auth: client_secret_basic, secret_file: secret }\n    ca_file: key.pem\n    # {",
        "auth: client_secret_basic, secret_file: secret }\n    ca_file: nonsense.pem\n    # {",
    ]);
    for (name, content) in [
        ("empty", "\n"),
        ("large", &*"s".repeat(100_000)),
        ("secret", "s3cret-in-a-file"),
        ("rsa.pem", &*Signer::shared("RS256").private_pem()),
        ("p384.pem", &*Signer::shared("ES384").private_pem()),
        ("certificate.pem", certificate),
        ("key.pem", key),
        ("other-key.pem", &*Signer::shared("ES256").private_pem()),
        ("nonsense.pem", NONSENSE),
    ] {
        write(&directory, name, content);
    }
    fs::write(directory.path().join("binary"), b"\xff\xfe").unwrap();
    let _socket = UnixListener::bind(directory.path().join("socket")).unwrap();

    let text = problems(&directory);
    assert!(!text.contains("s3cret-in-a-file"), "a secret is shown:\n{text}");
    assert_shows(&text, "bad/files.txt");
    let (code, report) = machine_readable(&directory, &[]);
    assert_eq!((code, report["errors"].as_u64()), (Some(1), Some(17)));
}

#[tokio::test]
async fn files_that_can_be_used_are_no_problem_whoever_else_may_read_them() {
    let server = IntrospectionServer::start_with_mutual_tls().await.unwrap();
    let (certificate, key) = server.client_certificate();
    let directory = directory(&[
        "auth: client_secret_basic, secret_file: secret }\n    ca_file: ca.pem\n    # {",
        "auth: private_key_jwt, key_file: es256.pem",
        "auth: private_key_jwt, key_file: rsa.pem, algorithm: PS256",
        "auth: tls_client_auth, certificate_file: certificate.pem, key_file: key.pem",
    ]);
    for (name, content) in [
        ("secret", "s3cret\r\n"),
        ("ca.pem", &*format!("{0}{0}", server.authority())),
        ("es256.pem", &*Signer::shared("ES256").private_pem()),
        ("rsa.pem", &*Signer::shared("RS256").private_pem()),
        ("certificate.pem", certificate),
        ("key.pem", key),
    ] {
        write(&directory, name, content);
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(directory.path().join(name), open).unwrap();
    }
    let output = check(&directory);
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn where_secrets_are_not_mounted_they_are_left_out_when_that_is_asked() {
    let directory = directory(&["auth: client_secret_basic, secret_file: /run/secrets/no-such-secret"]);
    assert_eq!(check(&directory).status.code(), Some(1));
    let output = check_with(&directory, &["--without-secrets"]);
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
