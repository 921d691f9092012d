//! Promise: what is written about introspection is understood or refused where it stands, and nothing in it can
//! make answers live longer, or calls more, than the documentation says.

use gatepost_test_support::Token;

use crate::gate::{Gate, issuer};

/// The problems of an issuer with these lines below `introspection`.
fn problems(lines: &str) -> Option<String> {
    let indented: String = lines.lines().map(|line| format!("      {line}\n")).collect();
    let text = format!("{}    introspection:\n{indented}", issuer(Token::ISSUER, ""));
    let policy = "rules: [{ name: any, match: { path: '/**' }, require: {} }]";
    Gate::try_load(&format!("issuers:\n{text}"), policy, &[]).err()
}

const CLIENT: &str = "client: { id: gatepost, auth: client_secret_basic, secret_file: secret }";

#[track_caller]
fn assert_refused(lines: &str, place: &str) {
    let problems = problems(lines).unwrap_or_else(|| panic!("taken: {lines}"));
    assert!(problems.contains(&format!("issuers[0].introspection{place}")), "{lines}\n{problems}");
}

#[test]
fn each_way_to_authenticate_has_its_own_files() {
    for client in [
        "{ id: a, auth: client_secret_basic, secret_file: s }",
        "{ id: a, auth: client_secret_post, secret_file: s }",
        "{ id: a, auth: private_key_jwt, key_file: k }",
        "{ id: a, auth: private_key_jwt, key_file: k, key_id: k1, algorithm: PS256 }",
        "{ id: a, auth: tls_client_auth, certificate_file: c, key_file: k }",
    ] {
        assert_eq!(problems(&format!("client: {client}")), None, "{client}");
    }
    for (client, place) in [
        ("{ id: a, auth: client_secret_basic }", ".client.auth"),
        ("{ id: a, auth: client_secret_basic, key_file: k }", ".client.key_file"),
        ("{ id: a, auth: client_secret_post, secret_file: s, algorithm: ES256 }", ".client.algorithm"),
        ("{ id: a, auth: private_key_jwt }", ".client.auth"),
        ("{ id: a, auth: private_key_jwt, key_file: k, secret_file: s }", ".client.secret_file"),
        ("{ id: a, auth: private_key_jwt, key_file: k, algorithm: HS256 }", ".client.algorithm"),
        ("{ id: a, auth: private_key_jwt, key_file: k, algorithm: none }", ".client.algorithm"),
        ("{ id: a, auth: tls_client_auth, key_file: k }", ".client.auth"),
        ("{ id: a, auth: tls_client_auth, certificate_file: c }", ".client.auth"),
        ("{ id: '', auth: client_secret_basic, secret_file: s }", ".client.id"),
        ("{ id: a, auth: none }", ".client.auth"),
        ("{ id: a, auth: client_secret_basic, secret: s3cret }", ".client.secret"),
    ] {
        assert_refused(&format!("client: {client}"), place);
    }
}

// I1, I3, I4
#[test]
fn bounds_are_kept() {
    for lines in [
        "cache: { active: 1h, inactive: 10s, max_mib: 1024, half_life: true, refresh_ahead: false }",
        "cache: { active: 0s, inactive: 0s }",
        "limits: { in_flight: 1, burst_per_source: 1, per_second_per_source: 1, failures: 1, suspend: 100ms }",
        "when_unreachable: deny",
        "when_unreachable: { stale: 24h }",
        "endpoint: https://idp.example.com/introspect",
        "timeout: 10ms",
        "signed: required\ntoken_type: optional",
        "tokens: { prefixes: [a_], hosts: ['*.example.com'] }",
    ] {
        assert_eq!(problems(&format!("{CLIENT}\n{lines}")), None, "{lines}");
    }
    for (lines, place) in [
        ("cache: { active: 61m }", ".cache.active"),
        ("cache: { active: 30 }", ".cache.active"),
        ("cache: { inactive: 11s }", ".cache.inactive"),
        ("cache: { max_mib: 0 }", ".cache.max_mib"),
        ("cache: { max_mib: 1025 }", ".cache.max_mib"),
        ("limits: { in_flight: 0 }", ".limits.in_flight"),
        ("limits: { burst_per_source: 0 }", ".limits.burst_per_source"),
        ("limits: { per_second_per_source: 0 }", ".limits.per_second_per_source"),
        ("limits: { failures: 0 }", ".limits.failures"),
        ("limits: { suspend: 6m }", ".limits.suspend"),
        ("when_unreachable: allow", ".when_unreachable"),
        ("when_unreachable: { stale: 25h }", ".when_unreachable"),
        ("endpoint: http://idp.example.com/introspect", ".endpoint"),
        ("endpoint: introspect", ".endpoint"),
        ("timeout: 61s", ".timeout"),
        ("signed: sometimes", ".signed"),
        ("tokens: {}", ".tokens"),
        ("tokens: { prefixes: [] }", ".tokens.prefixes"),
        ("tokens: { prefixes: [''] }", ".tokens.prefixes"),
        ("tokens: { hosts: [] }", ".tokens.hosts"),
    ] {
        assert_refused(&format!("{CLIENT}\n{lines}"), place);
    }
    assert_refused("cache: { active: 30s }", "");
}

#[test]
fn a_rule_names_issuers_that_exist_and_can_only_be_stricter() {
    let load = |require: &str| {
        let policy = format!("rules: [{{ name: any, match: {{ path: '/**' }}, require: {{ {require} }} }}]");
        let issuers = format!("{}    introspection: {{ {CLIENT} }}\n", issuer(Token::ISSUER, ""));
        Gate::try_load(&format!("issuers:\n{issuers}"), &policy, &[]).err()
    };
    for require in ["introspect: always", "introspect: cached", "when_unreachable: deny"] {
        assert_eq!(load(require), None, "{require}");
    }
    for (require, place) in [
        ("issuers: [nobody]", "rules[0].require.issuers[0]"),
        ("issuers: []", "rules[0].require.issuers"),
        ("introspect: never", "rules[0].require.introspect"),
        ("when_unreachable: allow", "rules[0].require.when_unreachable"),
        ("when_unreachable: { stale: 5m }", "rules[0].require.when_unreachable"),
    ] {
        let problems = load(require).unwrap_or_else(|| panic!("taken: {require}"));
        assert!(problems.contains(place), "{require}\n{problems}");
    }
}
