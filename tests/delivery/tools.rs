//! The tools that the other modules trust to say no.

use gatepost_test_support::{Helm, Kubectl, Manifests};

/// Oldest supported, first with stable admission policies, newest.
pub const VERSIONS: [&str; 3] = ["1.33", "1.36", "1.37"];

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: { name: a }
spec:
  containers: [{ name: app, image: app }]
";

#[test]
fn an_object_that_kubernetes_would_take_is_read() {
    let read = Manifests::read(POD, &VERSIONS).unwrap();
    assert_eq!(read.one("Pod").unwrap()["spec"]["containers"][0]["name"], "app");
}

#[test]
fn a_misspelt_field_is_refused_inside_a_list_too() {
    let misspelt = POD.replace("image:", "imgae:");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", misspelt.replace('\n', "\n  "));
    for text in [misspelt, list] {
        let error = Manifests::read(&text, &["1.37"]).unwrap_err().to_string();
        assert!(error.contains("imgae"), "{error}");
    }
}

#[test]
fn a_kind_that_kubernetes_does_not_have_is_refused() {
    let error = Manifests::read(&POD.replace("kind: Pod", "kind: Pood"), &["1.37"]).unwrap_err().to_string();
    assert!(error.contains("Pood"), "{error}");
}

#[test]
fn a_custom_resource_is_refused_for_a_field_of_the_wrong_type_or_an_unknown_one() {
    let monitor = "\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: { name: a }
spec:
  selector: {}
  podMetricsEndpoints: [{ port: a, interval: 15s }]
";
    let judge = |text: &str| Manifests::read(text, &[]).unwrap().judge_custom();
    judge(monitor).unwrap();
    for (from, to, word) in [
        ("interval: 15s", "intervall: 15s", "intervall is no field"),
        ("port: a", "port: 1", "port must be string"),
        ("selector: {}", "labels: {}", "selector"),
        ("PodMonitor", "PodMonitors", "no schema for this kind"),
        ("monitoring.coreos.com/v1", "example.com/v1", "no schema for this kind"),
    ] {
        let error = judge(&monitor.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_key_that_is_given_twice_is_refused() {
    assert!(Manifests::read(&format!("{POD}kind: Pod\n"), &[]).is_err());
}

#[test]
fn both_helms_and_kubectl_are_the_versions_we_say() {
    assert!(Helm::current().unwrap().run(["version", "--short"]).unwrap().starts_with("v4."));
    assert!(Helm::previous().unwrap().run(["version", "--short"]).unwrap().starts_with("v3."));
    let empty = tempfile::tempdir().unwrap();
    assert!(Kubectl::current().unwrap().kustomize(empty.path()).is_err());
}
