//! Promise: whatever the files become, the last good generation stays, and the operator hears once what is
//! wrong.

use std::fs;

use gatepost_test_support::wait;
use serde_json::json;

use super::{
    APPLIED, REFUSED, UNDONE, config_status, logged, looked_again, policy_with_scope, until_generation,
};
use crate::stand::{Config, POLICY, Stand};

/// Waits until an edit is refused, and sees to it that nothing else has changed and that it is told once.
/// `count` is how many were, this one included.
async fn assert_refused(stand: &Stand, what: &str, count: u64, generation: u64, expected: &str) {
    let rejections = "gatepost_config_rejections_total";
    let refused = async || (stand.gatepost.metric(rejections).await == count).then_some(());
    wait::until(&format!("the refusal: {what}"), refused).await.unwrap();
    looked_again(stand).await;
    let token = stand.issuer.token().mint();
    assert_eq!(stand.token(&token).await.status, 200, "{what}: the last good generation decides");
    let status = config_status(stand).await;
    assert_eq!(status["generation"], json!(generation), "{what}");
    assert!(status["rejected_since"].is_string(), "{what}: {status:#}");
    let problems: Vec<_> =
        status["problems"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert!(problems.join("\n").contains(expected), "{what}: {problems:#?}");
    let lines = logged(stand, REFUSED);
    assert_eq!(lines.len() as u64, count, "{what}: one line");
    let line = lines.last().unwrap();
    assert_eq!((&line["level"], &line["generation"]), (&json!("ERROR"), &json!(generation)));
    assert_eq!(line["problems"], json!(problems.join("\n")), "{what}: the line has every problem");
    let metrics = [rejections, "gatepost_config_rejected", "gatepost_config_generation"];
    for (name, value) in metrics.into_iter().zip([count, 1, generation]) {
        assert_eq!(stand.gatepost.metric(name).await, value, "{what}: {name}");
    }
    assert_eq!(stand.gatepost.page("/readyz").await.status, 200, "{what}");
}

/// That nothing is left of a refusal.
async fn assert_good(stand: &Stand, what: &str, generation: u64) {
    let clear = async || (stand.gatepost.metric("gatepost_config_rejected").await == 0).then_some(());
    wait::until(&format!("good files after: {what}"), clear).await.unwrap();
    let status = config_status(stand).await;
    let shown = (&status["generation"], &status["problems"], &status["rejected_since"]);
    assert_eq!(shown, (&json!(generation), &json!([]), &json!(null)), "{what}");
}

/// What it is called, the files, and what is said of them.
type Bad<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn bad_files_keep_the_last_good_generation_and_good_ones_end_that() {
    let mut stand = Stand::start().await;
    let gatepost = stand.gatepost.gatepost_yaml();
    let half = POLICY.split_once("scopes: [admin").unwrap().0;
    let unknown = POLICY.replace("scopes: [admin]", "scope: [admin]").replace("public:", "pubic:");
    let huge = format!("{POLICY}#{}\n", "x".repeat(1 << 20));
    let mixed = gatepost.replace("audiences", "audience");
    let bad: [Bad<'_>; 8] = [
        ("half-written", &[("gatepost.yaml", &gatepost), ("policy.yaml", half)], "policy.yaml"),
        ("empty", &[("gatepost.yaml", &gatepost), ("policy.yaml", "")], "the file is empty"),
        ("deleted", &[("policy.yaml", POLICY)], "gatepost.yaml: cannot be read: No such file"),
        ("both deleted", &[], "policy.yaml: cannot be read: No such file"),
        ("huge", &[("gatepost.yaml", &gatepost), ("policy.yaml", &huge)], "larger than 1 MiB"),
        ("no YAML", &[("gatepost.yaml", "a: [\n"), ("policy.yaml", POLICY)], "gatepost.yaml:"),
        ("unknown keys", &[("gatepost.yaml", &gatepost), ("policy.yaml", &unknown)], "unknown key `scope`"),
        (
            "one good and one bad",
            &[("gatepost.yaml", &mixed), ("policy.yaml", &policy_with_scope("x"))],
            "unknown key `audience`",
        ),
    ];
    let (mut good, mut generation) = (POLICY.to_owned(), 1);
    for (index, (what, files, expected)) in bad.into_iter().enumerate() {
        stand.gatepost.mounted.swap(files).unwrap();
        assert_refused(&stand, what, index as u64 + 1, generation, expected).await;
        // Every other time the files become again what is in use, else something new.
        if index % 2 == 1 {
            good.push_str(&format!("# {index}\n"));
            generation += 1;
        }
        stand.gatepost.edit(Config::trusting(stand.issuer.issuer()).policy(&good));
        assert_good(&stand, what, generation).await;
    }
    assert_eq!((logged(&stand, UNDONE).len(), logged(&stand, APPLIED).len()), (4, 4));
}

#[tokio::test]
async fn every_problem_of_an_edit_is_in_its_one_line() {
    let mut stand = Stand::start().await;
    let gatepost = stand.gatepost.gatepost_yaml().replace("audiences", "audience");
    let policy = POLICY.replace("public: true", "pubic: true");
    stand.gatepost.mounted.swap(&[("gatepost.yaml", &gatepost), ("policy.yaml", &policy)]).unwrap();
    assert_refused(&stand, "both bad", 1, 1, "unknown key `audience`").await;
    let problems = logged(&stand, REFUSED)[0]["problems"].as_str().unwrap().to_owned();
    assert!(
        problems.contains("unknown key `pubic`") && problems.contains("did you mean `public`"),
        "{problems}"
    );
    let since = config_status(&stand).await["rejected_since"].clone();
    stand.gatepost.mounted.swap(&[("gatepost.yaml", &gatepost), ("policy.yaml", POLICY)]).unwrap();
    assert_refused(&stand, "still bad", 2, 1, "unknown key `audience`").await;
    assert_eq!(config_status(&stand).await["rejected_since"], since, "bad since the first bad edit");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_and_a_directory_that_is_gone_keep_the_last_good_generation() {
    let mut stand = Stand::start().await;
    let gatepost = stand.gatepost.gatepost_yaml();
    let in_place = |new: &std::path::Path| fs::create_dir(new.join("policy.yaml"));
    stand.gatepost.mounted.swap_and(&[("gatepost.yaml", &gatepost)], in_place).unwrap();
    assert_refused(&stand, "a directory in its place", 1, 1, "policy.yaml: cannot be read: it is not a file")
        .await;
    let path = stand.gatepost.mounted.path().to_owned();
    fs::remove_dir_all(&path).unwrap();
    assert_refused(&stand, "no directory", 2, 1, "gatepost.yaml: cannot be read: No such file").await;
    fs::create_dir(&path).unwrap();
    looked_again(&stand).await;
    stand.gatepost.edit(Config::trusting(stand.issuer.issuer()).policy(&policy_with_scope("orders:audit")));
    until_generation(&stand, 2).await;
    assert_good(&stand, "no directory", 2).await;
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 403);
}

#[tokio::test]
async fn a_file_of_nothing_but_mistakes_does_not_fill_the_log() {
    let mut stand = Stand::start().await;
    let gatepost = stand.gatepost.gatepost_yaml();
    let rules: String = (0..6000)
        .map(|n| format!("  - {{ name: '{n}', match: {{ path: '/a*' }}, public: true }}\n"))
        .collect();
    let policy = format!("rules:\n{rules}");
    stand.gatepost.mounted.swap(&[("gatepost.yaml", &gatepost), ("policy.yaml", &policy)]).unwrap();
    assert_refused(&stand, "6000 mistakes", 1, 1, "more").await;
    assert!(stand.gatepost.process.log().lines().all(|line| line.len() < 50_000));
}
