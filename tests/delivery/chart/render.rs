//! The chart, rendered by a Helm for a set of values.

use std::path::PathBuf;

use gatepost_test_support::{Helm, Manifests, Result};

use super::{generated, here};

/// The values that every switch is on in at least once: `helm/gatepost/ci/NAME-values.yaml`.
pub const CASES: [&str; 6] =
    ["sidecar", "volume-socket", "standalone", "standalone-everything", "config-elsewhere", "monitoring"];

/// Prometheus Operator's kinds are judged by its own schemas.
const FOREIGN: &str = "monitoring.coreos.com/";

pub fn values(case: &str) -> PathBuf {
    here(&format!("helm/gatepost/ci/{case}-values.yaml"))
}

/// What a release `gatepost` in the namespace `orders` is made of.
pub fn with(helm: &Helm, case: &str, more: &[&str]) -> Result<String> {
    generated();
    let values = values(case).display().to_string();
    let mut arguments = vec!["--namespace", "orders", "--values", &values, "--kube-version", "1.33"];
    arguments.extend(more);
    helm.template("gatepost", &here("helm/gatepost"), &arguments)
}

/// The same, as objects.
pub fn objects(case: &str, more: &[&str]) -> Manifests {
    Manifests::read(&with(&Helm::current().unwrap(), case, more).unwrap(), &[]).unwrap()
}

#[test]
fn every_values_file_is_a_case() {
    let files = std::fs::read_dir(here("helm/gatepost/ci")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let mut cases = CASES.map(|case| format!("{case}-values.yaml"));
    files.sort();
    cases.sort();
    assert_eq!(files, cases);
}

#[test]
fn helm_finds_no_fault_with_the_chart() {
    for helm in [Helm::current().unwrap(), Helm::previous().unwrap()] {
        for case in CASES {
            let (values, chart) = (values(case), here("helm/gatepost"));
            let [values, chart] = [&values, &chart].map(|path| path.display().to_string());
            helm.run(["lint", "--strict", "--values", &values, &chart]).unwrap();
        }
    }
}

#[test]
fn helm_3_and_helm_4_render_the_same() {
    let [current, previous] = [Helm::current().unwrap(), Helm::previous().unwrap()];
    for case in CASES {
        let rendered = [&current, &previous].map(|helm| {
            let rendered = with(helm, case, &[]).unwrap();
            let mut objects = Manifests::read(&rendered, &[]).unwrap().objects().to_vec();
            objects.sort_by_key(|object| format!("{} {}", object["kind"], object["metadata"]["name"]));
            objects
        });
        assert_eq!(rendered[0], rendered[1], "{case}");
    }
}

#[test]
fn kubernetes_and_prometheus_operator_would_take_every_object() {
    let helm = Helm::current().unwrap();
    for case in CASES {
        let rendered = with(&helm, case, &[]).unwrap();
        let (foreign, own): (Vec<_>, Vec<_>) =
            rendered.split("\n---\n").partition(|object| object.contains(FOREIGN));
        Manifests::read(&own.join("\n---\n"), &crate::tools::VERSIONS).unwrap();
        Manifests::read(&foreign.join("\n---\n"), &[]).unwrap().judge_custom().unwrap();
    }
}

#[test]
fn the_package_renders_what_the_directory_does() {
    let directory = tempfile::tempdir().unwrap();
    let (helm, chart) = (Helm::current().unwrap(), here("helm/gatepost").display().to_string());
    helm.run(["package", &chart, "--destination", &directory.path().display().to_string()]).unwrap();
    let package = directory.path().join("gatepost-0.1.0.tgz");
    let values = values("monitoring").display().to_string();
    let arguments = ["--namespace", "orders", "--values", &values, "--kube-version", "1.33"];
    let rendered = helm.template("gatepost", &package, &arguments).unwrap();
    assert_eq!(rendered, with(&helm, "monitoring", &[]).unwrap());
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart = std::fs::read_to_string(here("helm/gatepost/Chart.yaml")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(chart.contains(&format!("\nversion: {version}\n")), "{chart}");
    assert!(chart.contains(&format!("\nappVersion: \"{version}\"\n")), "{chart}");
}
