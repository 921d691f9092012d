//! What changes between two configurations, counted by what happens and by which rules.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::check::record::Record;
use crate::check::replay::{ReplayOutcome, Replayed};

/// As many requests of one group as are shown.
const EXAMPLES: usize = 5;

/// As many unreadable lines as are shown.
const UNREADABLE: usize = 10;

/// What became of all requests.
#[derive(Debug, Default, Serialize)]
pub(super) struct Changes {
    requests: usize,
    /// Decided alike, by the same rule or another.
    same: usize,
    /// Of these, by another rule or for another reason.
    otherwise_explained: usize,
    /// Too little was recorded.
    unknown: usize,
    unreadable_lines: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<Unreadable>,
    changes: Vec<Group>,
    #[serde(skip)]
    places: BTreeMap<Key, usize>,
}

#[derive(Debug, Serialize)]
struct Unreadable {
    line: usize,
    why: String,
}

/// Requests that change alike.
#[derive(Debug, Serialize)]
struct Group {
    #[serde(flatten)]
    key: Key,
    count: usize,
    examples: Vec<Example>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key {
    old: Side,
    new: Side,
}

/// How one of the two configurations decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Side {
    outcome: &'static str,
    rule: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

#[derive(Debug, Serialize)]
struct Example {
    line: usize,
    method: String,
    host: String,
    path: String,
}

impl From<&Replayed> for Side {
    fn from(replayed: &Replayed) -> Self {
        Self {
            outcome: replayed.outcome.label(),
            rule: replayed.rule.as_ref().map(ToString::to_string),
            reason: replayed.outcome.reason().to_owned(),
        }
    }
}

impl Changes {
    /// Takes a request, with what the two configurations make of it.
    pub(super) fn add(&mut self, line: usize, record: &Record, old: &Replayed, new: &Replayed) {
        self.requests += 1;
        let unknown = |its: &Replayed| matches!(its.outcome, ReplayOutcome::Unknown(_));
        if unknown(old) || unknown(new) {
            self.unknown += 1;
        } else if old.outcome.label() == new.outcome.label() {
            self.same += 1;
            self.otherwise_explained += usize::from(old != new);
        } else {
            self.changed_one(line, record, Key { old: old.into(), new: new.into() });
        }
    }

    fn changed_one(&mut self, line: usize, record: &Record, key: Key) {
        let place = *self.places.entry(key.clone()).or_insert(self.changes.len());
        if place == self.changes.len() {
            self.changes.push(Group { key, count: 0, examples: Vec::new() });
        }
        let Some(group) = self.changes.get_mut(place) else { return };
        group.count += 1;
        if group.examples.len() < EXAMPLES {
            let request = &record.request;
            group.examples.push(Example {
                line,
                method: request.method.clone(),
                host: request.host.clone(),
                path: request.path.clone(),
            });
        }
    }

    /// Takes a line that is no record.
    pub(super) fn add_unreadable(&mut self, line: usize, why: String) {
        self.unreadable_lines += 1;
        if self.unreadable.len() < UNREADABLE {
            self.unreadable.push(Unreadable { line, why });
        }
    }

    /// How many requests would be decided otherwise.
    pub(super) fn changed(&self) -> usize {
        self.changes.iter().map(|group| group.count).sum()
    }

    /// Whether every line was read and decided by both.
    pub(super) fn is_certain(&self) -> bool {
        self.unknown == 0 && self.unreadable_lines == 0
    }

    fn would(&self, outcome: &str) -> usize {
        self.changes.iter().filter(|group| group.key.new.outcome == outcome).map(|group| group.count).sum()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests: {} decided as before, {} would be refused, {} would be allowed",
            self.requests,
            self.same,
            self.would("deny"),
            self.would("allow")
        )?;
        if self.otherwise_explained > 0 {
            write!(
                f,
                "\n{} of those decided as before: by another rule or for another reason",
                self.otherwise_explained
            )?;
        }
        if self.unknown > 0 {
            write!(
                f,
                "\n{} can't be told: the records do not have the token, a claim or a header that a rule reads; record with the \
                 new policy as policy.next.yaml",
                self.unknown
            )?;
        }
        if self.unreadable_lines > 0 {
            write!(f, "\n{} lines are no records", self.unreadable_lines)?;
        }
        self.unreadable
            .iter()
            .try_for_each(|Unreadable { line, why }| write!(f, "\n  line {line:<6} {why}"))?;
        self.changes.iter().try_for_each(|group| write!(f, "\n\n{group}"))
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: Key { old, new }, count, examples } = self;
        write!(f, "{count} would be {new}; now {old}")?;
        for Example { line, method, host, path } in examples {
            write!(f, "\n  line {line:<6} {method} {host}{path}")?;
        }
        match count - examples.len() {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.outcome == "allow" { "allowed" } else { "REFUSED" })?;
        match &self.rule {
            Some(rule) => write!(f, " by rule \"{rule}\"")?,
            None => f.write_str(" by no rule")?,
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}
