//! deploy/README.md names everything in deploy.

use crate::chart::here;

#[test]
fn everything_in_deploy_is_in_its_index() {
    let index = std::fs::read_to_string(here("deploy/README.md")).unwrap();
    for entry in std::fs::read_dir(here("deploy")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let named = index.contains(&format!("[`{name}`]("));
        assert!(named || ["README.md", "Dockerfile.dockerignore"].contains(&&*name), "{name}");
    }
    for link in index.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
        assert!(here("deploy").join(link.0).exists(), "{}", link.0);
    }
}
