//! `policy.next.yaml` comes and goes with the other files, and a broken one is only told of.

use std::collections::BTreeMap;

use super::super::{family, until_generation};
use super::{ENFORCED, NEXT, config, trial_stand};
use crate::introspection::{SECRET, Secrets};
use crate::stand::{Config, get};

#[tokio::test]
async fn a_candidate_is_live_by_a_swap_and_a_broken_one_leaves_enforcement_alone() {
    let secrets = Secrets::with(SECRET);
    let mut stand = trial_stand(&secrets).await;
    let more = ENFORCED.replace("path: /healthz", "paths: [/healthz, /livez]");
    let with = |stand: &super::Stand<super::Issuers>, policy: &str, next: Option<&str>| -> Config {
        let config = config(&stand.issuer, &secrets).policy(policy);
        next.into_iter().fold(config, |config, next| config.file("policy.next.yaml", next))
    };
    let denied = |count| {
        BTreeMap::from([("policy=\"candidate\",rule=\"\",difference=\"would_deny\"".to_owned(), count)])
    };
    let tried = "gatepost_trial_checks_total";
    stand.gatepost.edit(with(&stand, ENFORCED, Some(NEXT)));
    until_generation(&stand, 2).await;
    assert_eq!(stand.send(get("/healthz")).await.status, 200);
    assert_eq!(family(&stand, tried).await, denied(1));

    for (generation, next, problem) in [
        (3, "rules: [", "policy.next.yaml"),
        (5, "rules: [{ name: a, match: { path: /a }, pubic: true }]", "unknown key `pubic`"),
        (7, "", "the file is empty"),
        (9, "rules: [{ name: a, match: { path: /a }, require: { issuers: [nobody] } }]", "nobody"),
    ] {
        stand.gatepost.edit(with(&stand, &more, Some(next)));
        until_generation(&stand, generation).await;
        assert_eq!(stand.send(get("/livez")).await.status, 200, "the rest of the edit counts: {problem}");
        assert_eq!(stand.send(get("/open/a")).await.status, 200);
        assert_eq!(stand.send(get("/orders/a")).await.status, 401);
        assert_eq!(family(&stand, tried).await, denied(1), "nothing is tried: {problem}");
        let told = |line: &str| {
            line.contains("\"WARN\"") && line.contains("policy.next.yaml") && line.contains(problem)
        };
        stand.gatepost.process.line("the warning", told).await.unwrap();
        assert_eq!(stand.gatepost.metric("gatepost_config_rejected").await, 0, "{problem}");
        stand.gatepost.edit(with(&stand, ENFORCED, None));
        until_generation(&stand, generation + 1).await;
        assert_eq!(stand.send(get("/livez")).await.status, 403, "{problem}");
    }
    stand.gatepost.edit(with(&stand, ENFORCED, Some(NEXT)));
    until_generation(&stand, 11).await;
    assert_eq!(stand.send(get("/healthz")).await.status, 200);
    assert_eq!(family(&stand, tried).await, denied(2));
}
