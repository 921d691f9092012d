//! What operators load into Prometheus and Grafana speaks of what we export, and leads on to what is there.
//!
//! `.ci/monitoring` runs it: the rules in Prometheus, the routes in Alertmanager.

mod alerts;
mod dashboards;
mod expressions;
mod families;
mod guide;
mod rules;
mod yaml;

use std::path::PathBuf;

use serde_json::Value;

use crate::samples::here;

const DASHBOARDS: [&str; 3] = ["executives", "on-call", "debugging"];

/// A rule of rules.yaml or alerts.yaml.
struct Rule {
    /// Its name, and for one of several alerts of that name what tells it apart.
    name: String,
    text: Value,
}

impl Rule {
    fn expression(&self) -> &str {
        self.text["expr"].as_str().unwrap()
    }
}

fn file(name: &str) -> PathBuf {
    here("deploy/monitoring").join(name)
}

/// The rules of a file, in its order.
fn rules(name: &str) -> Vec<Rule> {
    let text = yaml::read(&file(name));
    let groups = text["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    rules.map(|rule| Rule { name: name_of(rule), text: rule.clone() }).collect()
}

fn name_of(rule: &Value) -> String {
    match rule["record"].as_str() {
        Some(record) => record.to_owned(),
        None => format!("{} {}", rule["alert"].as_str().unwrap(), rule["labels"]),
    }
}

fn dashboard(name: &str) -> Value {
    let path = file("dashboards").join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
