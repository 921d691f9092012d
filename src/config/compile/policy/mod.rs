//! `policy.yaml` and its companions: rules ready to match and evaluate.

mod coverage;
mod defaults;
mod forward;
mod matching;
mod requirement;
mod teams;
mod together;

pub(super) use matching::host_patterns;

use std::sync::Arc;

use super::super::document::{ModeDocument, PolicyDocument, RuleAuditDocument, RuleDocument};
use super::super::problem::Problem;
use super::super::read::Source;
use super::super::{Path, TrustedIssuer};
use super::findings::Findings;
use super::issuer::check_name;
use super::{Settings, unique};
use crate::check::challenge::Hints;
use crate::check::policy::{Access, Policy, Rule, RuleAudit};
use crate::check::resource::ProtectedResource;
use crate::check::target::TargetRules;
use defaults::Defaults;
use forward::{Receiver, forwards};

/// A policy file as read.
#[derive(Clone, Copy)]
pub(in super::super) struct PolicyFile<'a> {
    /// What it says.
    pub(in super::super) document: &'a PolicyDocument,
    /// Where.
    pub(in super::super) source: &'a Source,
    /// Its name in `policy.d`; none for the file that grants the others what they govern.
    pub(in super::super) team: Option<&'a str>,
}

impl<'a> PolicyFile<'a> {
    /// Its name without the directory.
    fn name(&self) -> &'a str {
        let whole = self.source.file();
        whole.rsplit('/').next().unwrap_or(whole)
    }
}

/// What gatepost.yaml says that rules depend on.
#[derive(Clone, Copy)]
pub(in super::super) struct Context<'a> {
    /// How request targets are read.
    target_rules: TargetRules,
    /// Whom we trust; none when that could not be read.
    issuers: Option<&'a [TrustedIssuer]>,
    /// Where the resource describes itself (RFC 9728), where it does.
    resource_metadata: Option<&'a str>,
}

impl<'a> Context<'a> {
    /// What these settings say; without any, the rules are compiled for what is wrong in themselves.
    pub(in super::super) fn of(settings: Option<&'a Settings>) -> Self {
        let resource = settings.and_then(|settings| settings.resource.as_ref());
        Self {
            target_rules: settings.map(|settings| settings.target_rules).unwrap_or_default(),
            issuers: settings.map(|settings| settings.issuers.as_slice()),
            resource_metadata: resource.map(ProtectedResource::metadata_url),
        }
    }
}

/// A rule, and where it was written.
struct Placed {
    rule: Rule,
    file: usize,
    at: Path,
}

/// Compiles files that are tried in this order. `present` names all that are in `policy.d`, readable or not.
pub(in super::super) fn compile_policy(
    files: &[PolicyFile<'_>],
    present: &[&str],
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Policies {
    let grants = teams::grants(files, present, context, problems);
    let Some(granting) = files.first() else { return Policies::of(Vec::new(), context.target_rules) };
    let mut placed: Vec<Placed> = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let mut findings = Findings::new(file.source, problems);
        let mut rules = rules(file, number, context, &mut findings);
        teams::confine(file, &grants, granting, &mut rules, &mut findings);
        placed.extend(rules);
    }
    together::refuse_shared_names(files, &placed, problems);
    coverage::warn(files, &placed, problems);
    refuse_nothing_enforced(files, &placed, problems);
    Policies::of(placed.into_iter().map(|placed| Arc::new(placed.rule)).collect(), context.target_rules)
}

/// What the files of a policy say.
#[derive(Debug)]
pub(in super::super) struct Policies {
    /// The rules that decide.
    pub(in super::super) enforced: Policy,
    /// All rules, as if those on trial decided too; none where none is on trial.
    pub(in super::super) shadow: Option<Policy>,
}

impl Policies {
    fn of(rules: Vec<Arc<Rule>>, target_rules: TargetRules) -> Self {
        let enforced = rules.iter().filter(|rule| !rule.shadow).cloned().collect();
        let shadow = rules.iter().any(|rule| rule.shadow).then(|| Policy::new(rules, target_rules));
        Self { enforced: Policy::new(enforced, target_rules), shadow }
    }
}

fn rules(
    file: &PolicyFile<'_>,
    number: usize,
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) -> Vec<Placed> {
    let at = Path::root().key("rules");
    let document = file.document;
    if document.rules.is_empty() && file.team.is_none() {
        findings.error(&at, "is an empty list, so every request would be refused", "write at least one rule");
    }
    unique(document.rules.iter().map(|rule| rule.name.as_str()), &at, "name", findings);
    let defaults = defaults::compile(document, context, findings);
    let prefix = file.team.map(teams::prefix).unwrap_or_default();
    let each = document.rules.iter().enumerate().map(|(index, document)| {
        let at = at.index(index);
        let rule = rule(document, &prefix, &defaults, context, &at, findings);
        Placed { rule, file: number, at }
    });
    each.collect()
}

fn rule(
    document: &RuleDocument,
    prefix: &str,
    defaults: &Defaults,
    context: &Context<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Rule {
    let name = format!("{prefix}{}", document.name);
    check_name(&name, &at.key("name"), findings);
    let matches = at.key("match");
    let covers = &document.matches;
    let hosts = host_patterns(covers.hosts.as_deref(), &matches.key("hosts"), findings);
    let access = access(document, defaults, context, at, findings);
    let forwarded = forwards(document.forward.as_ref(), Receiver::Service, &at.key("forward"), findings);
    let public = matches!(access, Access::Public);
    let rule = Rule {
        name: name.into(),
        hosts: if covers.hosts.is_some() { hosts } else { defaults.hosts.clone() },
        methods: matching::methods(covers, &matches, findings),
        paths: matching::paths(covers, context.target_rules, &matches, findings),
        preflight: matching::preflight(covers, &matches, findings),
        shadow: document.shadow.unwrap_or(defaults.shadow),
        hints: hints(&access, context),
        access,
        forward: if public { Vec::new() } else { defaults.forward_with(forwarded) },
        metadata: forwards(document.metadata.as_ref(), Receiver::Envoy, &at.key("metadata"), findings),
        response_headers: forwards(
            document.response_headers.as_ref(),
            Receiver::Client,
            &at.key("response_headers"),
            findings,
        ),
        audit: document.audit.map(audit).or(defaults.audit),
    };
    together::look_at(&rule, document, context.issuers, at, findings);
    rule
}

fn audit(document: RuleAuditDocument) -> RuleAudit {
    match document {
        RuleAuditDocument::All => RuleAudit::All,
        RuleAuditDocument::Denials => RuleAudit::Denials,
        RuleAuditDocument::None => RuleAudit::None,
    }
}

fn hints(access: &Access, context: &Context<'_>) -> Option<Arc<Hints>> {
    let Access::Token(requirement) = access else { return None };
    let hints = Hints {
        scope: requirement.scopes.challenge(),
        authentication: requirement.authentication.as_ref().map(|its| its.challenge()),
        resource_metadata: context.resource_metadata.map(str::to_owned),
        retry_after: None,
    };
    (hints != Hints::default()).then(|| Arc::new(hints))
}

fn access(
    document: &RuleDocument,
    defaults: &Defaults,
    context: &Context<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Access {
    match (document.public, &document.require) {
        (Some(true), None) => {
            refuse_without_token(document, at, findings);
            Access::Public
        }
        (None, Some(require)) => {
            let written = requirement::written(require, context, &at.key("require"), findings);
            Access::Token(written.or(&defaults.requirement).into())
        }
        (None, None) if defaults.requires => {
            Access::Token(requirement::Written::default().or(&defaults.requirement).into())
        }
        (Some(true), Some(_)) => {
            findings.error(&at.key("public"), "contradicts `require`", "delete one of the two");
            Access::Token(Box::default())
        }
        (Some(false), _) => {
            findings.error(
                &at.key("public"),
                "is false, which is always so without it",
                "delete it, and write `require:`",
            );
            Access::Token(Box::default())
        }
        (None, None) => {
            let hint =
                "write `require: { scopes: […] }`, `require: {}` for any good token, or `public: true`";
            findings.error(at, "says neither what it requires nor that it is public", hint);
            Access::Token(Box::default())
        }
    }
}

fn refuse_without_token(document: &RuleDocument, at: &Path, findings: &mut Findings<'_>) {
    let written = [
        ("forward", document.forward.is_some()),
        ("metadata", document.metadata.is_some()),
        ("response_headers", document.response_headers.is_some()),
    ];
    for (key, _) in written.into_iter().filter(|(_, written)| *written) {
        let what = "has nothing to take values from: no token is looked at where the rule is public";
        findings.error(&at.key(key), what, "delete it, or write `require: {}` to ask for a token");
    }
}

/// A policy of which every rule is only tried out would refuse everything, and is not what was meant.
fn refuse_nothing_enforced(files: &[PolicyFile<'_>], placed: &[Placed], problems: &mut Vec<Problem>) {
    let Some(main) = files.first() else { return };
    if placed.is_empty() || placed.iter().any(|placed| !placed.rule.shadow) {
        return;
    }
    let whole = main.document.mode == Some(ModeDocument::Shadow);
    let at = if whole { Path::root().key("mode") } else { Path::root().key("rules") };
    let what = "leaves no rule that decides, so every request would be refused";
    let hint = "to watch without enforcing, add a last rule that lets requests pass: `match: { path: /** }`, `public: true`, \
                `shadow: false`";
    Findings::new(main.source, problems).error(&at, what, hint);
}
