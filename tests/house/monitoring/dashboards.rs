//! Dashboards load everywhere: no identity of one Grafana in them, nothing that lies over something else, and every
//! panel says what it shows and in which unit.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{DASHBOARDS, dashboard};

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

/// The fields of Grafana's grid that a panel takes: 24 columns.
fn cells(panel: &Value) -> impl Iterator<Item = (u64, u64)> {
    let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
    let (x, y, width, height) = (at("x"), at("y"), at("w"), at("h"));
    assert!(width > 0 && height > 0 && x + width <= 24, "{}", panel["title"]);
    (x..x + width).flat_map(move |x| (y..y + height).map(move |y| (x, y)))
}

#[test]
fn each_belongs_to_no_grafana_and_takes_its_data_source_from_a_variable() {
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        assert_eq!(dashboard["uid"], format!("gatepost-{name}"));
        assert!(dashboard.get("id").is_none(), "{name}");
        assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39, "{name}");
        assert_eq!(dashboard["templating"]["list"][0]["name"], "datasource");
        let text = dashboard.to_string();
        assert_eq!(
            text.matches("\"uid\":").count() - 1,
            text.matches("\"uid\":\"${datasource}\"").count(),
            "{name}"
        );
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    for name in DASHBOARDS {
        for panel in panels(&dashboard(name)).iter().filter(|panel| panel["type"] != "row") {
            let place = format!("{name}: {}", panel["title"]);
            assert!(panel["description"].as_str().is_some_and(|text| text.len() > 15), "{place}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{place}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{place}");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{place}");
            for target in targets {
                let expression = target["expr"].as_str().unwrap();
                assert!(
                    !expression.contains("rate(") || expression.contains("[$__rate_interval]"),
                    "{place}"
                );
            }
        }
    }
}

#[test]
fn no_panel_lies_over_another() {
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let (mut taken, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for panel in panels(&dashboard) {
            assert!(cells(panel).all(|cell| taken.insert(cell)), "{name}: {}", panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {}", panel["title"]);
        }
    }
}
