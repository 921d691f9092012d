//! An admission policy: the API server puts the sidecar in as it takes a pod.

use super::super::sidecar::{RAW, annotations, labels};
use super::super::value::Value;
use super::{File, header, sidecar};

pub(super) fn file() -> File {
    let text = format!("{}{}", header(ABOUT), OBJECTS.replace("{mutation}", &mutation()));
    File { path: "deploy/integrations/admission-policy/mutating-admission-policy.yaml", text }
}

/// Only a JSON patch will do: a merge may not set lists that are one value, such as `args`, and appends containers.
fn mutation() -> String {
    let raw = |expression: &str| format!("{RAW}{expression}");
    let sidecar = sidecar(&raw("params.data.image"), &raw("variables.configMap"));
    let mut parts = vec![absent("spec", "initContainers", "[]"), absent("spec", "volumes", "[]")];
    parts.push(add("/spec/initContainers/0", &sidecar.container(), "Object.spec.initContainers"));
    let volumes = sidecar.volumes();
    parts.extend(volumes.iter().map(|volume| add("/spec/volumes/-", volume, "Object.spec.volumes")));
    parts.extend(marks("labels", labels()));
    parts.extend(marks("annotations", annotations()));
    parts.join(" +\n").lines().map(|line| format!("        {line}\n")).collect()
}

/// An empty list fails a later mutation, not one in the same patch.
fn absent(parent: &str, field: &str, empty: &str) -> String {
    format!(
        "(has(object.{parent}.{field}) ? [] : [JSONPatch{{op: \"add\", path: \"/{parent}/{field}\", value: {empty}}}])"
    )
}

fn add(path: &str, value: &Value, of: &str) -> String {
    format!("[JSONPatch{{op: \"add\", path: \"{path}\", value: {}}}]", value.cel(of, 0))
}

/// What is there already stays: Istio's list of ports may be longer than ours.
fn marks(kind: &str, marks: Vec<(String, Value)>) -> Vec<String> {
    let each = marks.into_iter().map(|(key, value)| {
        format!(
            "(has(object.metadata.{kind}) && \"{key}\" in object.metadata.{kind} ? [] : [JSONPatch{{op: \"add\", \
             path: \"/metadata/{kind}/\" + jsonpatch.escapeKey(\"{key}\"), value: {}}}])",
            value.line()
        )
    });
    std::iter::once(absent("metadata", kind, "{}")).chain(each).collect()
}

const ABOUT: &str = "\
The sidecar for every pod with the label gatepost.dev/inject: enabled, from Kubernetes 1.36 on. It is asked when a pod
is created; pods that run already stay as they are.

Put your image, by digest, into the ConfigMap `gatepost-injection`; without it such pods are refused. A pod reads
the ConfigMap of its own namespace that its annotation gatepost.dev/config-map names, or else `gatepost`, in which
`listen.authz` is unix:@gatepost.";

const OBJECTS: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: gatepost-injection
  namespace: gatepost-system
data:
  image: gatepost
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata:
  name: gatepost-injection
spec:
  failurePolicy: Fail
  # Others may have added to the pod since; a pod that has the sidecar is left alone.
  reinvocationPolicy: IfNeeded
  paramKind:
    apiVersion: v1
    kind: ConfigMap
  matchConstraints:
    objectSelector:
      matchLabels:
        gatepost.dev/inject: enabled
    resourceRules:
    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE]
      resources: [pods]
  matchConditions:
  - name: no-sidecar
    expression: '!has(object.spec.initContainers) || !object.spec.initContainers.exists(c, c.name == "gatepost")'
  variables:
  - name: configMap
    expression: 'object.metadata.?annotations["gatepost.dev/config-map"].orValue("gatepost")'
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: |
{mutation}---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata:
  name: gatepost-injection
spec:
  policyName: gatepost-injection
  paramRef:
    name: gatepost-injection
    namespace: gatepost-system
    parameterNotFoundAction: Deny
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::sidecar::{CONFIG_MAP_ANNOTATION, NAME, REQUEST_LABEL};

    #[test]
    fn the_objects_say_the_names_of_the_description() {
        for name in [REQUEST_LABEL, CONFIG_MAP_ANNOTATION, &format!("c.name == \"{NAME}\"")] {
            assert!(OBJECTS.contains(name), "{name}");
        }
    }
}
