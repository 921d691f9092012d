//! README says what the code says: what stands between its `generated` markers is made here.
//!
//! `UPDATE=1 cargo test --test house readme` writes it.

mod audit;
mod configuration;
mod tables;
mod transcripts;

use std::fs;

use crate::samples::here;

const END: &str = "<!-- end -->";

#[test]
fn says_what_the_code_says() {
    let path = here("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let mut current = readme.clone();
    let mut differing = String::new();
    for (name, block) in blocks() {
        let (before, old, after) = cut(&current, name);
        if old != block {
            differing.push_str(&format!("<!-- {name}: generated -->\n{block}{END}\n\n"));
            current = format!("{before}{block}{after}");
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, current).unwrap();
    } else {
        assert!(
            differing.is_empty(),
            "README.md is behind. Run `UPDATE=1 cargo test --test house readme`, or paste:\n\n{differing}"
        );
    }
}

fn blocks() -> [(&'static str, String); 12] {
    [
        ("gatepost.yaml", configuration::gatepost_yaml()),
        ("policy.yaml", configuration::policy_yaml()),
        ("presets", tables::presets()),
        ("deny reasons", tables::deny_reasons()),
        ("outages", tables::outages()),
        ("metrics", tables::metrics()),
        ("check", transcripts::check()),
        ("explain", transcripts::explain()),
        ("audit line", audit::line()),
        ("diff", audit::diff()),
        ("revoke", transcripts::revoke()),
        ("status", transcripts::status()),
    ]
}

/// What stands before, between and after the markers of a block.
pub(crate) fn cut<'a>(text: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let marker = format!("<!-- {name}: generated -->\n");
    let Some(start) = text.find(&marker) else { panic!("README.md lacks {marker}") };
    let (before, rest) = text.split_at(start + marker.len());
    let Some(end) = rest.find(END) else { panic!("README.md lacks {END} after {marker}") };
    let (old, after) = rest.split_at(end);
    (before, old, after)
}
