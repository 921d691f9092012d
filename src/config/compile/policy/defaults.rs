//! `mode` and `defaults`: what the rules of a file say where they don't say it themselves.

use super::super::super::Path;
use super::super::super::document::{ModeDocument, PolicyDocument};
use super::super::findings::Findings;
use super::Context;
use super::forward::{Receiver, forwards};
use super::matching::host_patterns;
use super::requirement::{self, Written};
use crate::check::policy::{Forward, HostPattern, RuleAudit};

#[derive(Debug, Default)]
pub(super) struct Defaults {
    pub(super) hosts: Vec<HostPattern>,
    pub(super) requirement: Written,
    /// Whether there are requirements, so that a rule need not say anything.
    pub(super) requires: bool,
    pub(super) shadow: bool,
    pub(super) audit: Option<RuleAudit>,
    forward: Vec<Forward>,
}

impl Defaults {
    /// A rule's own headers, and those of the defaults under other names.
    pub(super) fn forward_with(&self, mut own: Vec<Forward>) -> Vec<Forward> {
        let more: Vec<_> =
            self.forward.iter().filter(|its| !own.iter().any(|own| own.name == its.name)).cloned().collect();
        own.extend(more);
        own
    }
}

pub(super) fn compile(
    document: &PolicyDocument,
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) -> Defaults {
    let shadow = document.mode == Some(ModeDocument::Shadow);
    let Some(written) = &document.defaults else { return Defaults { shadow, ..Defaults::default() } };
    let at = Path::root().key("defaults");
    let require = written.require.as_ref();
    Defaults {
        hosts: host_patterns(written.hosts.as_deref(), &at.key("hosts"), findings),
        requirement: require
            .map(|require| requirement::written(require, context, &at.key("require"), findings))
            .unwrap_or_default(),
        requires: require.is_some(),
        shadow,
        audit: written.audit.map(super::audit),
        forward: forwards(written.forward.as_ref(), Receiver::Service, &at.key("forward"), findings),
    }
}
