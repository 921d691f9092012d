//! A Kustomize component: patches for each kind that makes pods.

use super::super::sidecar::{NAME, REQUEST_LABEL};
use super::super::value::Value;
use super::{File, IMAGE, header, pod, sidecar, style};

/// Kinds, and which patch fits them.
const TARGETS: [(&str, &str); 7] = [
    ("Deployment", TEMPLATE),
    ("StatefulSet", TEMPLATE),
    ("DaemonSet", TEMPLATE),
    ("ReplicaSet", TEMPLATE),
    ("Job", TEMPLATE),
    ("CronJob", CRON_JOB),
    ("Pod", POD),
];
const TEMPLATE: &str = "template.yaml";
const CRON_JOB: &str = "cron-job.yaml";
const POD: &str = "pod.yaml";

pub(super) fn files() -> Vec<File> {
    let template = Value::map([("template", Value::Map(pod(&sidecar(IMAGE, NAME), None)))]);
    let job_template = Value::map([("jobTemplate", Value::map([("spec", template.clone())]))]);
    let whole = Value::Map(pod(&sidecar(IMAGE, NAME), Some("any")));
    let bare_pod = [whole.field("metadata"), whole.field("spec")]
        .map(|part| part.cloned().unwrap_or(Value::Bool(false)));
    let named = || Value::map([("name", "any".into())]);
    let [pod_metadata, pod_spec] = bare_pod;
    vec![
        File { path: "deploy/kustomize/component/kustomization.yaml", text: kustomization() },
        patch("deploy/kustomize/component/template.yaml", "apps/v1", "Deployment", named(), template),
        patch("deploy/kustomize/component/cron-job.yaml", "batch/v1", "CronJob", named(), job_template),
        patch("deploy/kustomize/component/pod.yaml", "v1", "Pod", pod_metadata, pod_spec),
    ]
}

fn patch(path: &'static str, version: &str, kind: &str, metadata: Value, spec: Value) -> File {
    let object = Value::map([
        ("apiVersion", version.into()),
        ("kind", kind.into()),
        ("metadata", metadata),
        ("spec", spec),
    ]);
    let about = "A patch of the component beside it; its name and kind are those of each target.";
    File { path, text: header(about) + &object.yaml(style(0)) }
}

fn kustomization() -> String {
    let patches = TARGETS.map(|(kind, path)| {
        let label = format!("{REQUEST_LABEL}=enabled");
        let target = Value::map([("kind", kind.into()), ("labelSelector", Value::Text(label))]);
        Value::map([("target", target), ("path", path.into())])
    });
    let component = Value::map([
        ("apiVersion", "kustomize.config.k8s.io/v1alpha1".into()),
        ("kind", "Component".into()),
        ("patches", patches.into()),
    ]);
    header(ABOUT) + &component.yaml(style(0))
}

const ABOUT: &str = "\
The sidecar for every workload whose own label gatepost.dev/inject is `enabled`. In your kustomization.yaml:

  components: [path/to/this/directory]
  images: [{ name: gatepost, newName: registry.example/gatepost, digest: sha256:… }]

The pods read the ConfigMap `gatepost`, in which `listen.authz` is unix:@gatepost. Where a configMapGenerator makes
it, set disableNameSuffixHash: the sidecar takes an edit without a restart of the pods.";
