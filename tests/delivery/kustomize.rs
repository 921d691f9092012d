//! deploy/kustomize, for those without Helm: what the chart makes of the same configuration.

use gatepost_test_support::{Helm, Kubectl, Manifests};
use serde_json::Value;

use crate::chart::files::check;
use crate::chart::here;
use crate::chart::render::with;
use crate::tools::VERSIONS;

fn built(directory: &str) -> Manifests {
    let built =
        Kubectl::current().unwrap().kustomize(&here(&format!("deploy/kustomize/{directory}"))).unwrap();
    Manifests::read(&built, &VERSIONS).unwrap()
}

/// The objects by kind, without what only Helm has: its labels, and hooks.
fn comparable(manifests: &Manifests) -> Vec<Value> {
    let hook = |object: &&Value| !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
    let mut objects: Vec<_> = manifests.objects().iter().filter(|object| !hook(object)).cloned().collect();
    for object in &mut objects {
        let labels = object["metadata"]["labels"].as_object_mut();
        if let Some(labels) = labels {
            for own in ["app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"] {
                labels.remove(own);
            }
        }
        for file in object["data"].as_object_mut().into_iter().flat_map(|files| files.values_mut()) {
            *file = Manifests::read(file.as_str().unwrap(), &[]).unwrap().objects()[0].clone();
        }
    }
    objects.sort_by_key(|object| object["kind"].to_string());
    objects
}

#[test]
fn the_example_is_what_the_chart_makes_of_the_same_configuration() {
    let example = built("example");
    let gateways = here("deploy/integrations/envoy-gateway/values.yaml").display().to_string();
    let more = ["--namespace", "gatepost-system", "--values", &gateways];
    let rendered = with(&Helm::current().unwrap(), "standalone", &more).unwrap();
    let (mut example_objects, rendered) =
        (comparable(&example), comparable(&Manifests::read(&rendered, &[]).unwrap()));
    // The chart's ConfigMap has its labels; what a generator makes has those of its kustomization only.
    let map = example_objects.iter_mut().find(|object| object["kind"] == "ConfigMap").unwrap();
    let theirs = rendered.iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    map["metadata"]["labels"] = theirs["metadata"]["labels"].clone();
    assert_eq!(example_objects.len(), rendered.len());
    for (example, rendered) in example_objects.iter().zip(&rendered) {
        assert_eq!(example, rendered);
    }
}

#[test]
fn the_example_has_files_that_gatepost_takes() {
    let example = built("example");
    let output = check(example.one("ConfigMap").unwrap(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_base_is_whole_but_for_what_an_overlay_names() {
    let base = built("base");
    let mut kinds: Vec<_> = base.objects().iter().map(|object| object["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"]);
    assert!(base.objects().iter().all(|object| object["metadata"]["namespace"].is_null()));
}
