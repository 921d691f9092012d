//! Values that are wrong, and what Helm says of each before anything is applied.

use gatepost_test_support::Helm;

use super::render::with;

/// A case, one edit of its values, and words of the message.
const REFUSED: &[(&str, &str, &str)] = &[
    // By the schema.
    ("sidecar", "mode=sidecars", "'sidecar', 'standalone'"),
    ("sidecar", "modus=sidecar", "modus"),
    ("sidecar", "standalone.replica=2", "replica"),
    ("sidecar", "standalone.replicas=zero", "integer"),
    ("sidecar", "standalone.autoscaling.cpu=0", "cpu"),
    ("sidecar", "image.digest=sha256:short", "sha256"),
    ("sidecar", "config.issuers[0].issuerr=https://a.example", "issuerr"),
    ("sidecar", "config.issuers[0].algorithms={HS256}", "algorithms"),
    ("sidecar", "config.issuers[0].keys.refresh=60", "refresh"),
    ("sidecar", "policy.rules[0].requires.scopes={a}", "requires"),
    ("sidecar", "policy.rules[0].match.paths=/a", "match"),
    ("sidecar", "configMap.name=Gatepost", "name"),
    ("sidecar", "podMonitor.interval=often", "interval"),
    ("standalone", "standalone.mounts[0].name=a", "mounts"),
    (
        "standalone",
        "standalone.mounts[0].name=a,standalone.mounts[0].secret=a,standalone.mounts[0].configMap=a",
        "mounts",
    ),
    ("standalone", "standalone.networkPolicy.clients=", "clients"),
    ("standalone", "standalone.podDisruptionBudget.maxUnavailable=0", "maxUnavailable"),
    // By the templates.
    ("sidecar", "config=null", "config.issuers is empty: say whose tokens to accept"),
    ("sidecar", "policy=null", "policy.rules is empty: every request would be refused"),
    ("sidecar", "image.repository=", "image.repository is empty: build the image"),
    ("config-elsewhere", "image.repository=", "image.repository is empty: build the image"),
    ("sidecar", "configMap.create=false", "only config.listen would be heeded"),
    ("sidecar", "config.listen.authz=0.0.0.0:9001", "which other pods can reach"),
    ("sidecar", "config.listen.admin=127.0.0.1:9192", "the kubelet's probes"),
    ("sidecar", "config.listen.admin=0.0.0.0:15080", "ask at port 9192"),
    ("sidecar", "standalone.mounts[0].name=a,standalone.mounts[0].secret=a", "mount their own files"),
    ("standalone", "config.listen.authz=unix:/run/a.sock", "no gateway in another pod can ask"),
    ("standalone", "config.listen.authz=127.0.0.1:9001", "no gateway in another pod can ask"),
    ("standalone", "config.listen.authz=0.0.0.0", "write ADDRESS:PORT"),
    ("standalone", "config.listen.authz=0.0.0.0:443", "no port below 1024"),
    ("standalone", "config.listen.authz=0.0.0.0:9192", "both at port 9192"),
    ("standalone", "precheck.denyWarnings=true", "always has the warning"),
    ("standalone-everything", "standalone.autoscaling.minReplicas=20", "more than maxReplicas, 12"),
    ("standalone-everything", "standalone.mounts[1].name=idp", "two with the name idp"),
];

#[test]
fn a_wrong_value_is_refused_with_what_is_wrong_and_nothing_is_rendered() {
    let mut wrong = Vec::new();
    for helm in [Helm::current().unwrap(), Helm::previous().unwrap()] {
        for (case, edit, words) in REFUSED {
            let said = match with(&helm, case, &["--set", edit]) {
                Ok(rendered) => rendered,
                // Helm 3 and 4 quote differently.
                Err(error) => error.to_string().replace('"', "'"),
            };
            if said.contains("apiVersion:") || !said.contains(words) {
                wrong.push(format!("{case} with {edit}, not {words:?}: {said:.400}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_secret_has_no_place_among_the_values() {
    let edit = "config.issuers[0].introspection.client.secret=hunter2";
    let said = with(&Helm::current().unwrap(), "sidecar", &["--set", edit]).unwrap_err().to_string();
    assert!(said.contains("'secret' not allowed"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_configuration_that_no_config_map_holds_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let rule = |n| format!("  - {{ name: r{n}, match: {{ path: /{} }}, public: true }}\n", "a".repeat(1000));
    let rules: String = (0..1000).map(rule).collect();
    let file = directory.path().join("values.yaml");
    std::fs::write(&file, format!("policy:\n  rules:\n{rules}")).unwrap();
    let helm = Helm::current().unwrap();
    let said = with(&helm, "sidecar", &["--values", &file.display().to_string()]).unwrap_err().to_string();
    assert!(said.contains("a ConfigMap holds 1 MiB"), "{said}");
}
