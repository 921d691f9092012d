//! The pods that the chart runs: the restricted Pod Security Standard, and what an operator relies on.

use gatepost_test_support::Manifests;
use serde_json::{Value, json};

use super::render::{CASES, objects};

/// The specification of every pod that something in here makes.
fn pods(objects: &Manifests) -> Vec<&Value> {
    let templates = objects.objects().iter().map(|object| &object["spec"]["template"]["spec"]);
    templates.filter(|pod| pod["containers"].is_array()).collect()
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"].into_iter().flat_map(|list| pod[list].as_array().into_iter().flatten())
}

/// The Pod Security Standard "restricted", and a read-only root besides.
#[track_caller]
fn assert_restricted(pod: &Value) {
    for shared in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod[shared].is_null(), "{shared}");
    }
    let taken = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let kinds: Vec<_> = volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
        assert!(kinds.iter().all(|kind| taken.contains(&kind.as_str())), "{volume}");
    }
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_ne!(pod["securityContext"]["runAsUser"], 0);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    for container in containers(pod) {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
        assert!(context["privileged"].is_null());
        assert!(container["ports"].as_array().into_iter().flatten().all(|port| port["hostPort"].is_null()));
    }
}

#[test]
fn every_pod_keeps_the_restricted_standard() {
    let mut seen = 0;
    for case in CASES {
        let objects = objects(case, &[]);
        for pod in pods(&objects) {
            assert_restricted(pod);
            assert_eq!(pod["automountServiceAccountToken"], false);
            seen += 1;
        }
    }
    assert!(seen > 4);
}

#[test]
fn no_file_is_mounted_by_sub_path() {
    for case in CASES {
        let objects = objects(case, &[]);
        for container in pods(&objects).into_iter().flat_map(containers) {
            for mount in container["volumeMounts"].as_array().into_iter().flatten() {
                assert_eq!((&mount["subPath"], &mount["readOnly"]), (&Value::Null, &json!(true)), "{mount}");
            }
        }
    }
}

#[test]
fn an_edit_of_the_policy_does_not_roll_the_pods() {
    let edited = r#"policy.rules[0].require={"scopes":["orders:write"]}"#;
    let [before, after] = [&[][..], &["--set-json", edited]].map(|more| objects("standalone", more));
    assert_ne!(before.of_kind("ConfigMap"), after.of_kind("ConfigMap"));
    assert_eq!(before.one("Deployment").unwrap(), after.one("Deployment").unwrap());
}

#[test]
fn an_edit_of_the_listeners_does() {
    let after = objects("standalone", &["--set", "config.listen.authz=0.0.0.0:9002"]);
    let pod = &after.one("Deployment").unwrap()["spec"]["template"];
    assert_ne!(pod, &objects("standalone", &[]).one("Deployment").unwrap()["spec"]["template"]);
    assert_eq!(pod["spec"]["containers"][0]["ports"][0]["containerPort"], 9002);
    assert_eq!(after.one("Service").unwrap()["spec"]["ports"][0]["port"], 9002);
}

#[test]
fn labels_that_are_given_cannot_replace_those_that_select() {
    let given = r#"commonLabels={"app.kubernetes.io/name":"mine","team":"a"}"#;
    let objects = objects("standalone", &["--set-json", given]);
    let deployment = &objects.one("Deployment").unwrap()["spec"];
    let (selector, labels) =
        (&deployment["selector"]["matchLabels"], &deployment["template"]["metadata"]["labels"]);
    for (name, value) in selector.as_object().unwrap() {
        assert_eq!(&labels[name], value);
    }
    assert_eq!(labels["team"], "a");
}

#[test]
fn a_sidecar_install_runs_nothing_but_the_check() {
    let objects = objects("sidecar", &[]);
    let mut kinds: Vec<_> = objects.objects().iter().map(|object| object["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["ConfigMap", "ConfigMap", "Job"]);
}

#[test]
fn the_hook_that_sleeps_is_left_out_where_kubernetes_has_none() {
    let lifecycle = |version| {
        let objects = objects("standalone", &["--kube-version", version]);
        objects.one("Deployment").unwrap()["spec"]["template"]["spec"]["containers"][0]["lifecycle"].clone()
    };
    assert_eq!(lifecycle("1.29.0"), Value::Null);
    assert_eq!(lifecycle("1.30.0")["preStop"]["sleep"]["seconds"], 5);
}
