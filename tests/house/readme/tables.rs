//! Tables of what is a closed list in the code.

use std::sync::Arc;
use std::time::Duration;

use gatepost::check::challenge::{Hints, challenge};
use gatepost::check::issuer::TokenTypes;
use gatepost::check::known_tokens::KnownTokens;
use gatepost::check::revocation::Kind;
use gatepost::check::trial::{Difference, TrialKind, Tried};
use gatepost::check::{Denial, DenyReason, OutageReason};
use gatepost::config::Preset;
use gatepost::jose::UnixTime;
use gatepost::telemetry::metrics::{
    AuditResult, CallResult, FeedSeen, Metrics, RefreshResult, RevocationsSeen, Saved, SeesRevocations,
};

pub(super) fn deny_reasons() -> String {
    let mut text =
        String::from("| reason | status | `WWW-Authenticate` | what happened |\n|---|---|---|---|\n");
    for reason in DenyReason::ALL {
        let facts = reason.facts();
        let denial = Denial { reason: *reason, rule: None, hints: Some(hints()) };
        let challenge = challenge(&denial).map_or(String::new(), |text| format!("`{text}`"));
        let (label, status, meaning) = (facts.label, facts.status, facts.meaning);
        text.push_str(&format!("| `{label}` | {status} | {challenge} | {meaning} |\n"));
    }
    text
}

/// What a rule may add, each with `…` for what depends on it.
fn hints() -> Arc<Hints> {
    let hints = Hints {
        scope: Some("…".into()),
        authentication: Some("acr_values=\"…\", max_age=\"…\"".into()),
        ..Hints::default()
    };
    Arc::new(hints)
}

pub(super) fn outages() -> String {
    let mut text = String::from("| reason | status | what is missing |\n|---|---|---|\n");
    for reason in OutageReason::ALL {
        text.push_str(&format!("| `{}` | 503 | {} |\n", reason.label(), reason.meaning()));
    }
    text
}

pub(super) fn presets() -> String {
    let mut text = String::from(
        "| preset | `token_types` | `mandatory_claims` | `require_claims` | `scope_claims` | `client_claims` |\n\
         |---|---|---|---|---|---|\n",
    );
    for preset in Preset::all() {
        let values = preset.required_values.iter().map(|(name, values)| {
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            format!("{name}: {}", values.join(" or "))
        });
        let columns = [
            preset.name.to_owned(),
            types(preset.types).join(", "),
            preset.mandatory_claims.join(", "),
            values.collect::<Vec<_>>().join(", "),
            preset.scope_claims.join(", "),
            preset.client_claims.join(", "),
        ];
        text.push_str(&format!("| {} |\n", columns.join(" | ")));
    }
    text
}

fn types(types: TokenTypes) -> Vec<&'static str> {
    let TokenTypes { at_jwt, jwt, absent } = types;
    let names = [(at_jwt, "at+jwt"), (jwt, "JWT"), (absent, "none")];
    names.into_iter().filter_map(|(accepted, name)| accepted.then_some(name)).collect()
}

/// A feed of which everything is known.
#[derive(Debug)]
struct OneFeed;

impl SeesRevocations for OneFeed {
    fn look(&self) -> Option<RevocationsSeen> {
        let feed = FeedSeen {
            messages: vec![("applied", 0)],
            last_message_at: Some(UnixTime::from_seconds(0)),
            lag: Some(Duration::ZERO),
            catch_up: Some(Duration::ZERO),
            silent: Some(Duration::ZERO),
            ..FeedSeen::default()
        };
        Some(RevocationsSeen {
            marks: vec![(Kind::Token, 0)],
            feeds: vec![feed],
            ..RevocationsSeen::default()
        })
    }
}

pub(super) fn metrics() -> String {
    let metrics = Metrics::new().with_known_tokens(&Arc::new(KnownTokens::within(0))).with_feeds(OneFeed);
    // A family that nothing was counted in is not rendered.
    metrics.issuers().jwks_refreshed("corp", RefreshResult::Success, Duration::ZERO);
    metrics.issuers().jwks_keys("corp", 1, UnixTime::from_seconds(0));
    metrics.issuers().introspection_called("corp", CallResult::Active, Duration::ZERO);
    metrics.issuers().follow("corp", true);
    metrics.issuers().saves("corp").count(Saved::Cached);
    metrics.issuers().introspection_inactive_though_verified("corp");
    metrics.issuers().introspection_suspended("corp", false);
    metrics.issuers().introspection_answered("corp", UnixTime::from_seconds(0));
    metrics.trials().tried(&Tried {
        kind: TrialKind::Shadow,
        rule: None,
        difference: Difference::WouldDeny,
        reason: "",
    });
    metrics.audit().line(AuditResult::Written);
    let rendered = metrics.render();
    let mut text = String::from("| family | kind | labels | meaning |\n|---|---|---|---|\n");
    let comment = |kind: &str, name: &str| {
        let prefix = format!("# {kind} {name} ");
        rendered.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default()
    };
    for (name, help) in rendered.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' ')) {
        let kind = comment("TYPE", name);
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels = labels(&rendered, name).join(", ");
        text.push_str(&format!("| `{name}{suffix}` | {kind} | {labels} | {help} |\n"));
    }
    text
}

/// The label names of a family's first sample.
fn labels<'a>(rendered: &'a str, family: &str) -> Vec<&'a str> {
    let suffixes = ["", "_total", "_info", "_sum"];
    let is_sample = |line: &&str| {
        let rest = line.strip_prefix(family).and_then(|rest| rest.split(['{', ' ']).next());
        rest.is_some_and(|suffix| suffixes.contains(&suffix))
    };
    let sample = rendered.lines().find(is_sample);
    let inside = sample.and_then(|line| line.split_once('{')?.1.split_once('}')).map(|(inside, _)| inside);
    inside
        .into_iter()
        .flat_map(|text| text.split(','))
        .filter_map(|pair| Some(pair.split_once('=')?.0))
        .collect()
}
