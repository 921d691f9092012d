//! The family that counts checks by rule. Its counters are resolved when a policy is put in use, so that counting a
//! check makes no label.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::check::credential::TokenKind;
use crate::check::policy::Rule;
use crate::check::{Decided, Decision};

/// How many rules are counted by name. The first so many of the policy in use are; what room they leave goes to
/// rules of earlier policies, so that an edit does not take back what was counted.
const MOST_RULES: usize = 200;

/// What further rules are called.
const OTHER: &str = "other";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    rule: Arc<str>,
    rule_kind: &'static str,
    token_kind: &'static str,
    outcome: &'static str,
}

/// Checks by rule.
#[derive(Debug)]
pub struct RuleMetrics {
    checks: Family<RuleLabels, Counter>,
    rows: ArcSwap<Rows>,
}

/// The counters of every rule that has its own, and those for the rest.
#[derive(Debug)]
struct Rows {
    named: HashMap<Arc<str>, Arc<Row>>,
    /// For checks to which no rule applied.
    none: Arc<Row>,
    other_public: Arc<Row>,
    other_protected: Arc<Row>,
}

/// The counters of one rule. One that the configuration makes likely is there from the start, at zero; any other
/// comes with its first check.
#[derive(Debug)]
struct Row {
    rule: Arc<str>,
    kind: RuleKind,
    counters: [OnceLock<Counter>; Outcome::ALL.len() * TokenKind::ALL.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuleKind {
    None,
    Public,
    Protected,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Allow,
    Deny,
    Unavailable,
    Answer,
}

impl RuleKind {
    fn of(rule: &Rule) -> Self {
        if rule.requirement().is_some() { Self::Protected } else { Self::Public }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Public => "public",
            Self::Protected => "protected",
        }
    }

    /// What may well become of a check under such a rule.
    const fn likely(self) -> &'static [(Outcome, TokenKind)] {
        match self {
            Self::None => &[(Outcome::Deny, TokenKind::None)],
            Self::Public => &[(Outcome::Allow, TokenKind::None)],
            Self::Protected => &[
                (Outcome::Allow, TokenKind::Jwt),
                (Outcome::Deny, TokenKind::None),
                (Outcome::Deny, TokenKind::Jwt),
                (Outcome::Unavailable, TokenKind::Jwt),
            ],
        }
    }
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Allow, Self::Deny, Self::Unavailable, Self::Answer];

    const fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Allow(_) => Self::Allow,
            Decision::Deny(_) => Self::Deny,
            Decision::Unavailable(_) => Self::Unavailable,
            Decision::Answer(_) => Self::Answer,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Unavailable => "unavailable",
            Self::Answer => "answer",
        }
    }
}

impl RuleMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let checks = Family::default();
        let help = "Checks by the rule that applied (`other` for all past the first 200), what it asks for, the \
                    kind of token presented, and outcome";
        registry.register("rule_checks", help, checks.clone());
        let rows = Rows {
            named: HashMap::new(),
            none: Row::new("".into(), RuleKind::None, &checks),
            other_public: Row::empty(OTHER.into(), RuleKind::Public),
            other_protected: Row::empty(OTHER.into(), RuleKind::Protected),
        };
        Self { checks, rows: ArcSwap::from_pointee(rows) }
    }

    /// Counts by these rules from now on. Only one task may call this.
    pub fn follow<'a>(&self, rules: impl IntoIterator<Item = &'a Arc<Rule>>) {
        let former = self.rows.load();
        let mut named = HashMap::new();
        // One that is called as the rest is counted with it.
        for rule in rules.into_iter().filter(|rule| *rule.name != *OTHER).take(MOST_RULES) {
            let (name, kind) = (&rule.name, RuleKind::of(rule));
            let same = former.named.get(name).filter(|row| row.kind == kind).map(Arc::clone);
            let row = same.unwrap_or_else(|| Row::new(Arc::clone(name), kind, &self.checks));
            named.insert(Arc::clone(name), row);
        }
        for (name, row) in &former.named {
            if !named.contains_key(name) && named.len() < MOST_RULES {
                named.insert(Arc::clone(name), Arc::clone(row));
            }
        }
        let is_kept = |row: &Arc<Row>| named.get(&row.rule).is_some_and(|its| its.kind == row.kind);
        let gone: Vec<_> = former.named.values().filter(|row| !is_kept(row)).map(Arc::clone).collect();
        let [none, other_public, other_protected] =
            [&former.none, &former.other_public, &former.other_protected].map(Arc::clone);
        self.rows.store(Arc::new(Rows { named, none, other_public, other_protected }));
        gone.iter().for_each(|row| row.forget(&self.checks));
    }

    /// Counts a check.
    pub fn checked(&self, decided: &Decided) {
        let rows = self.rows.load();
        let row = match decided.decision.rule() {
            None => &rows.none,
            Some(name) => rows.named.get(name).unwrap_or_else(|| rows.other(decided)),
        };
        row.count(Outcome::of(&decided.decision), decided.token_kind, &self.checks);
    }
}

impl Rows {
    /// Nothing but a public rule allows without a token.
    fn other(&self, decided: &Decided) -> &Arc<Row> {
        match (&decided.decision, decided.token_kind) {
            (Decision::Allow(_), TokenKind::None) => &self.other_public,
            _ => &self.other_protected,
        }
    }
}

impl Row {
    fn empty(rule: Arc<str>, kind: RuleKind) -> Arc<Self> {
        Arc::new(Self { rule, kind, counters: Default::default() })
    }

    fn new(rule: Arc<str>, kind: RuleKind, checks: &Family<RuleLabels, Counter>) -> Arc<Self> {
        let row = Self::empty(rule, kind);
        for (outcome, token) in kind.likely() {
            let _ = row.counter(*outcome, *token, checks);
        }
        row
    }

    fn count(&self, outcome: Outcome, token: TokenKind, checks: &Family<RuleLabels, Counter>) {
        self.counter(outcome, token, checks).map(Counter::inc);
    }

    fn counter(
        &self,
        outcome: Outcome,
        token: TokenKind,
        checks: &Family<RuleLabels, Counter>,
    ) -> Option<&Counter> {
        // The enums have no explicit values, so a variant's number is its place in ALL.
        let counter = self.counters.get(outcome as usize * TokenKind::ALL.len() + token as usize)?;
        Some(counter.get_or_init(|| checks.get_or_create_owned(&self.labels(outcome, token))))
    }

    fn labels(&self, outcome: Outcome, token: TokenKind) -> RuleLabels {
        RuleLabels {
            rule: Arc::clone(&self.rule),
            rule_kind: self.kind.label(),
            token_kind: token.label(),
            outcome: outcome.label(),
        }
    }

    /// Takes its series back. A check that is counted just now may be lost.
    fn forget(&self, checks: &Family<RuleLabels, Counter>) {
        for outcome in Outcome::ALL {
            for token in TokenKind::ALL {
                checks.remove(&self.labels(outcome, token));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::policy::Access;
    use crate::check::{Denial, DenyReason};
    use crate::telemetry::metrics::Metrics;

    fn protected(name: &str) -> Arc<Rule> {
        Arc::new(Rule::new(name, Vec::new(), Access::Token(Box::default())))
    }

    fn public(name: &str) -> Arc<Rule> {
        Arc::new(Rule::new(name, Vec::new(), Access::Public))
    }

    fn denied(rule: Option<&str>, token_kind: TokenKind) -> Decided {
        let denial = Denial { reason: DenyReason::NoRule, rule: rule.map(Into::into), hints: None };
        Decided { token_kind, ..Decision::Deny(denial).into() }
    }

    /// The samples of the family, without its name.
    fn samples(metrics: &Metrics) -> Vec<String> {
        let text = metrics.render();
        let mut samples: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("gatepost_rule_checks_total"))
            .map(str::to_owned)
            .collect();
        samples.sort();
        samples
    }

    fn sample(rule: &str, kind: &str, token: &str, outcome: &str, value: u64) -> String {
        format!(
            "{{rule=\"{rule}\",rule_kind=\"{kind}\",token_kind=\"{token}\",outcome=\"{outcome}\"}} {value}"
        )
    }

    #[test]
    fn what_is_likely_is_there_at_zero_and_the_rest_comes_with_its_first_check() {
        let metrics = Metrics::new();
        metrics.rules().follow(&[public("health"), protected("orders")]);
        let likely = [
            sample("", "none", "none", "deny", 0),
            sample("health", "public", "none", "allow", 0),
            sample("orders", "protected", "jwt", "allow", 0),
            sample("orders", "protected", "jwt", "deny", 0),
            sample("orders", "protected", "jwt", "unavailable", 0),
            sample("orders", "protected", "none", "deny", 0),
        ];
        assert_eq!(samples(&metrics), likely);
        metrics.rules().checked(&denied(Some("orders"), TokenKind::Opaque));
        metrics.rules().checked(&Decision::Answer("{}".into()).into());
        metrics.rules().checked(&denied(None, TokenKind::None));
        for expected in [
            sample("orders", "protected", "opaque", "deny", 1),
            sample("", "none", "none", "answer", 1),
            sample("", "none", "none", "deny", 1),
        ] {
            assert!(samples(&metrics).contains(&expected), "{expected} {:#?}", samples(&metrics));
        }
    }

    #[test]
    fn a_count_outlives_the_edits_that_keep_its_rule_and_those_that_leave_room_for_it() {
        let metrics = Metrics::new();
        let count = |times| {
            (0..times).for_each(|_| metrics.rules().checked(&denied(Some("a"), TokenKind::Jwt)));
        };
        metrics.rules().follow(&[protected("a")]);
        count(2);
        metrics.rules().follow(&[protected("b"), protected("a")]);
        count(3);
        metrics.rules().follow(&[protected("b")]);
        assert!(samples(&metrics).contains(&sample("a", "protected", "jwt", "deny", 5)));
        metrics.rules().follow(&[public("a")]);
        assert!(!samples(&metrics).contains(&sample("a", "protected", "jwt", "deny", 5)), "of another kind");
    }

    #[test]
    fn no_number_of_rules_and_edits_makes_more_than_so_many_names() {
        let metrics = Metrics::new();
        for edit in 0..5 {
            let names = (0..MOST_RULES + 50).map(|number| format!("{edit} {number}"));
            let rules: Vec<_> = names.map(|name| protected(&name)).collect();
            metrics.rules().follow(&rules);
            metrics.rules().checked(&denied(Some(&format!("{edit} 0")), TokenKind::Jwt));
            metrics.rules().checked(&denied(Some(&format!("{edit} {MOST_RULES}")), TokenKind::Jwt));
        }
        let samples = samples(&metrics);
        assert!(samples.contains(&sample("4 0", "protected", "jwt", "deny", 1)));
        assert!(samples.contains(&sample("other", "protected", "jwt", "deny", 5)));
        assert_eq!(samples.len(), MOST_RULES * 4 + 2, "no series of an edit that is gone");
    }
}
