//! Whether the scopes that rules require are ones that an issuer knows. A misspelt one refuses every token.

use crate::check::policy::Rule;
use crate::config::{Config, Path, Problem, Source, TrustedIssuer};
use crate::sources::KeyFetcher;

/// An issuer, and the scopes that it publishes.
struct Published<'a> {
    trusted: &'a TrustedIssuer,
    scopes: Vec<String>,
}

/// Asks the issuers for their metadata. One that does not answer says nothing of scopes.
pub(super) async fn check(config: &Config, source: &Source) -> Vec<Problem> {
    let mut all = Vec::new();
    for trusted in &config.issuers {
        if let Ok(Some(scopes)) = KeyFetcher::new(trusted.clone()).scopes_supported().await {
            all.push(Published { trusted, scopes });
        }
    }
    config.policy.rules().iter().flat_map(|rule| unknown(rule, &all, source)).collect()
}

fn unknown(rule: &Rule, all: &[Published<'_>], source: &Source) -> Vec<Problem> {
    let Some(requirement) = rule.requirement() else { return Vec::new() };
    let accepted = |its: &&Published<'_>| {
        requirement.issuers.is_empty() || requirement.issuers.contains(&its.trusted.issuer.name)
    };
    let publish: Vec<_> = all.iter().filter(accepted).collect();
    if publish.is_empty() {
        return Vec::new();
    }
    let names: Vec<_> = publish.iter().map(|its| its.trusted.issuer.name.as_ref()).collect();
    let required = requirement.scopes.all.iter().chain(&requirement.scopes.any);
    let unknown = required.filter(|scope| !publish.iter().any(|its| its.scopes.contains(scope)));
    let warn = |scope: &String| {
        let what = format!("`{scope}` is not among the scopes that are published by {}", names.join(", "));
        let hint = "correct it, or define it there; leave it where the issuer does not publish every scope that it \
                    grants (`scopes_supported`, RFC 8414 §2)";
        source.warning(&place(rule, scope, source), what).hint(hint)
    };
    unknown.map(warn).collect()
}

/// Where a rule says that it requires a scope; the rule itself where the scope is not written in it.
fn place(rule: &Rule, scope: &str, source: &Source) -> Path {
    let rules = Path::root().key("rules");
    let named = |at: &Path| source.text(&at.key("name")) == Some(&rule.name);
    let Some(rule) = source.elements(&rules).find(named) else { return rules };
    let scopes = rule.key("require").key("scopes");
    let lists = [scopes.clone(), scopes.key("all"), scopes.key("any")];
    let mut written = lists.iter().flat_map(|list| source.elements(list));
    written.find(|at| source.text(at) == Some(scope)).unwrap_or(rule)
}
