//! The table of values in the chart's README.

use gatepost_test_support::{Helm, Manifests};
use serde_json::Value;

use super::values::{Holds, Key, read};
use super::{assert_is, here};

const FILE: &str = "helm/gatepost/README.md";
const BEGIN: &str = "<!-- values: generated -->\n";
const END: &str = "<!-- end -->";

#[test]
fn the_readme_has_every_value() {
    let written = std::fs::read_to_string(here(FILE)).unwrap();
    let (before, rest) = written.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut table = "| value | default | meaning |\n|---|---|---|\n".to_owned();
    rows(&read(), "", &mut table);
    assert_is(&format!("{before}{BEGIN}{table}{END}{after}"), FILE);
}

#[test]
fn the_sample_in_the_readme_installs_files_that_gatepost_takes() {
    let readme = std::fs::read_to_string(here(FILE)).unwrap();
    let (_, rest) = readme.split_once("```yaml\n# values.yaml\n").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let values = directory.path().join("values.yaml");
    std::fs::write(&values, rest.split_once("```").unwrap().0).unwrap();
    let values = values.display().to_string();
    let rendered =
        Helm::current().unwrap().template("gatepost", &here("helm/gatepost"), &["--values", &values]);
    let rendered = Manifests::read(&rendered.unwrap(), &[]).unwrap();
    let output = super::files::check(rendered.of_kind("ConfigMap")[0], &["--deny-warnings"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn rows(keys: &[Key], above: &str, table: &mut String) {
    for key in keys {
        let path = format!("{above}{}", key.name);
        match &key.holds {
            Holds::Keys(keys) => rows(keys, &format!("{path}."), table),
            Holds::Default(default) => {
                let default = match default {
                    Value::String(empty) if empty.is_empty() => String::new(),
                    Value::String(word) => format!("`{word}`"),
                    other => format!("`{other}`"),
                };
                table.push_str(&format!("| `{path}` | {default} | {} |\n", key.meaning.replace('|', "\\|")));
            }
        }
    }
}
