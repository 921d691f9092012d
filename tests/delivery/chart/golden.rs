//! What the chart renders, kept in files, so that a change of it is seen.

use gatepost_test_support::Helm;

use super::assert_is;
use super::render::with;

/// All cases but `monitoring`, whose objects hold files that are kept elsewhere already.
const SHOWN: [&str; 5] =
    ["sidecar", "volume-socket", "standalone", "standalone-everything", "config-elsewhere"];

#[test]
fn what_is_rendered_is_what_was_reviewed() {
    let helm = Helm::current().unwrap();
    for case in SHOWN {
        assert_is(&with(&helm, case, &[]).unwrap(), &format!("tests/delivery/golden/{case}.yaml"));
    }
}

#[test]
fn the_notes_say_what_to_do_next() {
    let helm = Helm::current().unwrap();
    for case in super::render::CASES {
        let values = super::render::values(case).display().to_string();
        let chart = super::here("helm/gatepost").display().to_string();
        let arguments =
            ["install", "gatepost", &chart, "--dry-run=client", "--namespace", "orders", "--values", &values];
        let said = helm.run(arguments).unwrap();
        let (_, notes) = said.split_once("\nNOTES:\n").unwrap();
        assert_is(&format!("{}\n", notes.trim()), &format!("tests/delivery/golden/{case}.notes.txt"));
    }
}
