//! What watches over gatepost: the chart's copies of deploy/monitoring, and the objects made of them.

use std::collections::BTreeMap;
use std::path::Path;

use gatepost_test_support::Manifests;

use super::render::objects;
use super::{generated, here};

const CHART: &str = "helm/gatepost/monitoring";
const ORIGINAL: &str = "deploy/monitoring";

/// The files that the chart has use for, by their path.
fn files(directory: &str) -> BTreeMap<String, String> {
    let listed = |below: &str, ending: &str| -> Vec<String> {
        let entries = std::fs::read_dir(here(directory).join(below)).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(ending)).map(|name| format!("{below}{name}")).collect()
    };
    let kept =
        |name: &String| name.starts_with("dashboards/") || ["rules.yaml", "alerts.yaml"].contains(&&**name);
    let names = listed("", ".yaml").into_iter().chain(listed("dashboards/", ".json")).filter(kept);
    let text = |name: &str| std::fs::read_to_string(Path::new(&here(directory)).join(name)).unwrap();
    names.map(|name| (name.clone(), text(&name))).collect()
}

/// Helm packs no file from outside of the chart, and a link would be one more thing to know about.
#[test]
fn the_chart_has_the_rules_and_dashboards_of_deploy_monitoring() {
    generated();
    assert!(files(ORIGINAL) == files(CHART), "UPDATE=1 copies them");
}

/// Makes the copies anew.
pub fn copy() {
    for name in files(CHART).keys() {
        std::fs::remove_file(here(CHART).join(name)).unwrap();
    }
    for (name, text) in files(ORIGINAL) {
        let copy = here(CHART).join(name);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::write(copy, text).unwrap();
    }
}

#[test]
fn the_rules_are_rendered_as_they_are() {
    let objects = objects("monitoring", &[]);
    for (name, file) in [("gatepost-rules", "rules.yaml"), ("gatepost-alerts", "alerts.yaml")] {
        let written = Manifests::read(&files(ORIGINAL)[file], &[]).unwrap();
        let rendered = objects.of_kind("PrometheusRule");
        let rendered = rendered.iter().find(|object| object["metadata"]["name"] == name).unwrap();
        assert_eq!(rendered["spec"], written.objects()[0]);
        assert_eq!(rendered["metadata"]["labels"]["release"], "prometheus");
    }
}

#[test]
fn every_dashboard_is_a_config_map_that_grafana_finds() {
    let objects = objects("monitoring", &[]);
    let maps = objects.of_kind("ConfigMap");
    let mut dashboards: Vec<_> = maps.iter().flat_map(|map| map["data"].as_object().unwrap()).collect();
    dashboards.sort_by_key(|(name, _)| name.to_owned());
    let mut written = files(ORIGINAL);
    written.retain(|name, _| name.starts_with("dashboards/"));
    assert_eq!(dashboards.len(), written.len());
    for ((name, text), (path, original)) in dashboards.into_iter().zip(written) {
        assert_eq!(format!("dashboards/{name}"), path);
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(text.as_str().unwrap()), read(&original));
    }
    for map in maps {
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
        assert_eq!(map["metadata"]["annotations"]["grafana_folder"], "identity");
    }
}

#[test]
fn the_pod_monitor_finds_the_port_of_the_pods_it_selects() {
    let objects = objects("standalone-everything", &[]);
    let monitor = &objects.one("PodMonitor").unwrap()["spec"];
    let pod = &objects.one("Deployment").unwrap()["spec"]["template"];
    for (name, value) in monitor["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&pod["metadata"]["labels"][name], value);
    }
    let ports = pod["spec"]["containers"][0]["ports"].as_array().unwrap();
    let port = ports.iter().find(|port| port["name"] == monitor["podMetricsEndpoints"][0]["port"]).unwrap();
    assert_eq!(port["containerPort"], 9302);
}
