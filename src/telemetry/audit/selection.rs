//! Which checks are recorded.

use crate::check::Decision;
use crate::check::policy::RuleAudit;
use crate::check::trial::{Difference, Tried};
use crate::config::{AuditRequests, AuditSettings};

/// Whether a check is recorded. What its rule says goes before what is said for all. `chance` yields a number from 0
/// to 1, and is asked only where checks are sampled.
pub fn is_selected(
    settings: &AuditSettings,
    of_rule: Option<RuleAudit>,
    decision: &Decision,
    tried: &[Tried],
    chance: impl FnOnce() -> f64,
) -> bool {
    let passed = matches!(decision, Decision::Allow(_) | Decision::Answer(_));
    let sampled = || settings.sample > 0.0 && chance() < settings.sample;
    match (of_rule, settings.requests) {
        (Some(RuleAudit::All), _) | (None, AuditRequests::All) => true,
        (Some(RuleAudit::None), _) => false,
        (Some(RuleAudit::Denials), _) => !passed || differs(tried),
        (None, AuditRequests::Denials) => !passed || differs(tried) || sampled(),
        (None, AuditRequests::Differences) => differs(tried) || sampled(),
        (None, AuditRequests::None) => sampled(),
    }
}

fn differs(tried: &[Tried]) -> bool {
    let differs = [Difference::WouldDeny, Difference::WouldAllow];
    tried.iter().any(|tried| differs.contains(&tried.difference))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::trial::TrialKind;
    use crate::check::{Denial, DenyReason, Outage, OutageReason};
    use crate::config::AuditDestination;

    fn settings(requests: AuditRequests, sample: f64) -> AuditSettings {
        AuditSettings {
            requests,
            sample,
            per_second: 1,
            to: AuditDestination::Stdout,
            plain_identities: false,
            hash_key_file: None,
        }
    }

    fn decisions() -> [Decision; 3] {
        [
            Decision::Answer("{}".into()),
            Decision::Deny(Denial { reason: DenyReason::NoRule, rule: None, hints: None }),
            Decision::Unavailable(Outage { reason: OutageReason::KeysStale, rule: None, issuer: None }),
        ]
    }

    #[test]
    fn what_a_rule_says_goes_before_what_is_said_for_all() {
        use AuditRequests::{All, Denials, Differences, None as Nothing};
        let tried = |difference| [Tried { kind: TrialKind::Shadow, rule: None, difference, reason: "" }];
        let selected = |requests, of_rule, difference| {
            let settings = settings(requests, 0.0);
            let never = || unreachable!("nothing is sampled");
            decisions().map(|decision| is_selected(&settings, of_rule, &decision, &tried(difference), never))
        };
        let same = Difference::Unknown;
        for (requests, of_rule, difference, expected) in [
            (Nothing, None, Difference::WouldDeny, [false; 3]),
            (Differences, None, same, [false; 3]),
            (Differences, None, Difference::WouldDeny, [true; 3]),
            (Denials, None, same, [false, true, true]),
            (Denials, None, Difference::WouldAllow, [true; 3]),
            (All, None, same, [true; 3]),
            (All, Some(RuleAudit::None), Difference::WouldDeny, [false; 3]),
            (All, Some(RuleAudit::Denials), same, [false, true, true]),
            (Nothing, Some(RuleAudit::Denials), Difference::WouldDeny, [true; 3]),
            (Nothing, Some(RuleAudit::All), same, [true; 3]),
        ] {
            assert_eq!(
                selected(requests, of_rule, difference),
                expected,
                "{requests:?} {of_rule:?} {difference:?}"
            );
        }
    }

    #[test]
    fn of_the_others_a_share_is_recorded() {
        let [passed, ..] = decisions();
        let at = |share, chance| {
            is_selected(&settings(AuditRequests::Denials, share), None, &passed, &[], || chance)
        };
        assert_eq!([at(0.1, 0.09), at(0.1, 0.1), at(1.0, 0.999)], [true, false, true]);
        let of_rule = Some(RuleAudit::Denials);
        assert!(!is_selected(&settings(AuditRequests::Denials, 1.0), of_rule, &passed, &[], || 0.0));
    }
}
