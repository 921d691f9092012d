//! What operators see of the configuration besides the generation in use: an edit that was refused, and what
//! only a restart applies.

use std::sync::{Mutex, PoisonError};

use crate::config::{AuthzAddress, Listen, Problem, Severity, TelemetrySettings};
use crate::jose::UnixTime;

/// As many problems of a refused edit as are shown.
const MOST_PROBLEMS: usize = 100;

/// As much of each, in characters.
const LONGEST_PROBLEM: usize = 1000;

/// Shared by the one who applies edits and the status page.
#[derive(Debug, Default)]
pub(super) struct ConfigStatus(Mutex<Shown>);

/// One moment's view.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// Since when the files hold what was refused.
    pub(super) rejected_since: Option<UnixTime>,
    /// Why.
    pub(super) problems: Vec<String>,
    /// Settings of the files that are not those in use.
    pub(super) restart_needed: Vec<&'static str>,
}

impl ConfigStatus {
    pub(super) fn shown(&self) -> Shown {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The files hold what is in use.
    pub(super) fn accepted(&self) {
        self.change(|shown| (shown.rejected_since, shown.problems) = (None, Vec::new()));
    }

    /// They hold what was refused; the first of several refusals says since when.
    pub(super) fn rejected(&self, now: UnixTime, problems: Vec<String>) {
        self.change(|shown| {
            shown.rejected_since.get_or_insert(now);
            shown.problems = problems;
        });
    }

    /// What needs a restart now; true when that is something else than before.
    pub(super) fn needs_restart(&self, settings: Vec<&'static str>) -> bool {
        let mut differs = false;
        self.change(|shown| {
            differs = shown.restart_needed != settings;
            shown.restart_needed = settings;
        });
        differs
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What keeps an edit from being applied, in bounds: a file of nothing but mistakes must not fill the log.
pub(super) fn errors(problems: &[Problem]) -> Vec<String> {
    let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    let mut texts: Vec<_> = errors.iter().take(MOST_PROBLEMS).map(|problem| shortened(problem)).collect();
    if errors.len() > MOST_PROBLEMS {
        texts.push(format!("… and {} more", errors.len() - MOST_PROBLEMS));
    }
    texts
}

fn shortened(problem: &Problem) -> String {
    let text = problem.to_string();
    match text.char_indices().nth(LONGEST_PROBLEM) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Keys outside `listen` that only a restart applies and that differ.
pub(super) fn exports_that_differ(open: &TelemetrySettings, asked: &TelemetrySettings) -> Vec<&'static str> {
    if open.otlp == asked.otlp { Vec::new() } else { vec!["telemetry.otlp"] }
}

/// The keys of `listen` that ask for other listeners than those that are open.
pub(super) fn listeners_that_differ(open: &Listen, asked: &Listen) -> Vec<&'static str> {
    let mode = |address: &AuthzAddress| match address {
        AuthzAddress::Unix { mode, .. } => Some(*mode),
        AuthzAddress::Abstract(_) | AuthzAddress::Tcp(_) => None,
    };
    let elsewhere = open.authz.to_string() != asked.authz.to_string();
    let differ = [
        ("listen.authz", elsewhere),
        ("listen.socket_mode", !elsewhere && mode(&open.authz) != mode(&asked.authz)),
        ("listen.admin", open.admin != asked.admin),
    ];
    differ.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Path;

    fn listen(authz: AuthzAddress, admin: &str) -> Listen {
        Listen { authz, admin: admin.parse().unwrap() }
    }

    fn unix(path: &str, mode: u32) -> AuthzAddress {
        AuthzAddress::Unix { path: path.into(), mode }
    }

    #[test]
    fn names_the_listeners_that_differ() {
        let open = listen(unix("/a", 0o666), "127.0.0.1:1");
        for (asked, expected) in [
            (listen(unix("/a", 0o666), "127.0.0.1:1"), vec![]),
            (listen(unix("/a", 0o600), "127.0.0.1:1"), vec!["listen.socket_mode"]),
            (listen(unix("/b", 0o600), "127.0.0.1:1"), vec!["listen.authz"]),
            (listen(AuthzAddress::Abstract("a".into()), "127.0.0.1:2"), vec!["listen.authz", "listen.admin"]),
        ] {
            assert_eq!(listeners_that_differ(&open, &asked), expected, "{asked:?}");
        }
    }

    #[test]
    fn a_file_of_nothing_but_mistakes_is_shown_in_bounds() {
        let mistake = Problem::error("policy.yaml", &Path::root(), "é".repeat(5000));
        let warning = Problem::warning("policy.yaml", &Path::root(), "is odd");
        let problems = [vec![warning], vec![mistake; 20_000]].concat();
        let shown = errors(&problems);
        assert_eq!((shown.len(), shown.last().unwrap().as_str()), (101, "… and 19900 more"));
        assert!(shown.iter().all(|text| text.chars().count() <= 1001 && !text.contains("is odd")));
    }

    #[test]
    fn several_refusals_in_a_row_count_from_the_first() {
        let status = ConfigStatus::default();
        let at = UnixTime::from_seconds;
        status.rejected(at(1), vec!["a".into()]);
        status.rejected(at(2), vec!["b".into()]);
        assert_eq!(
            (status.shown().rejected_since, status.shown().problems),
            (Some(at(1)), vec!["b".to_owned()])
        );
        status.accepted();
        assert_eq!((status.shown().rejected_since, status.shown().problems), (None, Vec::new()));
        status.rejected(at(3), vec!["c".into()]);
        assert_eq!(status.shown().rejected_since, Some(at(3)));
    }
}
