//! Recording rules come in whole rows: one for each window, and the same but for it.

use std::collections::BTreeMap;

use super::rules;

const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];
const LEVELS: [&str; 4] = ["fleet", "issuer", "rule", "kind"];

#[test]
fn every_indicator_has_every_window_and_differs_only_by_it() {
    let mut rows: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for rule in rules("rules.yaml") {
        let window = WINDOWS.iter().rev().find(|window| rule.name.ends_with(*window));
        let window = window.unwrap_or_else(|| panic!("{} ends with no window", rule.name));
        let stem = rule.name.strip_suffix(window).unwrap();
        let shape = rule.expression().replace(&format!("[{window}]"), "[…]");
        let shape = shape.replace(&format!(":rate{window}"), ":rate…");
        rows.entry(stem.to_owned()).or_default().push(((*window).to_owned(), shape));
    }
    for (stem, row) in rows {
        let [level, metric, operation] = stem.split(':').collect::<Vec<_>>()[..] else {
            panic!("{stem} is no <level>:<metric>:<operation>")
        };
        assert!(LEVELS.contains(&level) && !metric.is_empty(), "{stem}");
        assert!(["rate", "ratio"].contains(&operation), "{stem}");
        assert_eq!(row.iter().map(|(window, _)| &window[..]).collect::<Vec<_>>(), WINDOWS, "{stem}");
        let shape = &row[0].1;
        assert!(row.iter().all(|(_, its)| its == shape), "{stem} is not the same in every window");
    }
}
