//! What the documents mean: every value checked, every problem reported at its place.

mod audit;
mod condition;
mod feed;
mod findings;
mod introspection;
mod issuer;
mod listen;
mod policy;
mod resource;
mod revocation;
mod suspicion;
mod telemetry;
mod token_profile;

use std::collections::HashMap;
use std::path::Path as FilePath;
use std::time::Duration;

pub(crate) use issuer::is_loopback;
pub(super) use policy::{Context, Policies, PolicyFile, compile_policy};

use super::document::{CheckDocument, DurationDocument, GatepostDocument};
use super::problem::Problem;
use super::read::Source;
use super::{
    AuditSettings, CheckLimits, Config, Fingerprint, Listen, Path, RevocationSettings, SuspicionSettings,
    TelemetrySettings, TrustedIssuer,
};
use crate::check::policy::Policy;
use crate::check::resource::ProtectedResource;
use crate::check::target::TargetRules;
use crate::check::trial::{Trial, TrialKind};
use findings::Findings;

/// What `gatepost.yaml` says; a part that has a problem is missing.
pub(super) struct Settings {
    listen: Option<Listen>,
    check: CheckLimits,
    audit: AuditSettings,
    suspicion: SuspicionSettings,
    telemetry: TelemetrySettings,
    shutdown_deadline: Duration,
    pub(super) issuers: Vec<TrustedIssuer>,
    pub(super) resource: Option<ProtectedResource>,
    revocation: Option<RevocationSettings>,
    pub(super) target_rules: TargetRules,
}

/// What policy.next.yaml came to.
pub(super) enum Candidate {
    /// There is none.
    None,
    /// A policy to try out.
    Policy(Box<Policy>),
    /// It has problems.
    Rejected,
}

impl Candidate {
    fn policy(self) -> Option<Policy> {
        if let Self::Policy(policy) = self { Some(*policy) } else { None }
    }
}

impl Settings {
    pub(super) fn into_config(
        self,
        policies: Policies,
        candidate: Candidate,
        fingerprint: Fingerprint,
    ) -> Option<Config> {
        let Self {
            listen,
            check,
            audit,
            suspicion,
            telemetry,
            shutdown_deadline,
            issuers,
            resource,
            revocation,
            ..
        } = self;
        let Policies { enforced: policy, shadow } = policies;
        let shadow = shadow.map(|policy| Trial { kind: TrialKind::Shadow, policy });
        let candidate_rejected = matches!(candidate, Candidate::Rejected);
        let candidate = candidate.policy().map(|policy| Trial { kind: TrialKind::Candidate, policy });
        let trials = shadow.into_iter().chain(candidate).collect();
        let listen = listen?;
        Some(Config {
            listen,
            check,
            audit,
            suspicion,
            telemetry,
            shutdown_deadline,
            issuers,
            revocation,
            resource,
            policy,
            trials,
            candidate_rejected,
            fingerprint,
        })
    }
}

pub(super) fn compile(
    document: &GatepostDocument,
    source: &Source,
    directory: &FilePath,
    problems: &mut Vec<Problem>,
) -> Settings {
    let mut findings = Findings::new(source, problems);
    let root = Path::root();
    let listen = listen::compile(&document.listen, &root.key("listen"), &mut findings);
    let check = document.check.clone().unwrap_or_default();
    let limits = limits(&check, &root.key("check"), &mut findings);
    let audit = document.audit.clone().unwrap_or_default();
    let audit = audit::compile(&audit, directory, &root.key("audit"), &mut findings);
    let suspicion = document.suspicion.clone().unwrap_or_default();
    let suspicion = suspicion::compile(&suspicion, &root.key("suspicion"), &mut findings);
    let telemetry = telemetry::compile(
        &document.telemetry.clone().unwrap_or_default(),
        directory,
        &root.key("telemetry"),
        &mut findings,
    );
    let shutdown = document.shutdown.clone().unwrap_or_default();
    let shutdown_deadline =
        bounded(shutdown.deadline, 10_000, 0, 300_000, &root.key("shutdown").key("deadline"), &mut findings);
    let issuers = issuers(document, directory, &mut findings);
    let target_rules = TargetRules { allow_path_parameters: check.allow_path_parameters.unwrap_or(false) };
    let resource = document.resource.as_ref().and_then(|document| {
        resource::compile(document, &issuers, target_rules, &root.key("resource"), &mut findings)
    });
    let revocation = document.revocation.as_ref().map(|document| {
        revocation::compile(document, &issuers, directory, &root.key("revocation"), &mut findings)
    });
    Settings {
        listen,
        check: limits,
        audit,
        suspicion,
        telemetry,
        shutdown_deadline,
        issuers,
        resource,
        revocation,
        target_rules,
    }
}

fn limits(document: &CheckDocument, at: &Path, findings: &mut Findings<'_>) -> CheckLimits {
    let deadline = bounded(document.deadline, 800, 10, 60_000, &at.key("deadline"), findings);
    // Envoy takes no request headers above 96 KiB in all.
    let bytes =
        bounded_count(document.max_token_bytes, 16_384, 256, 98_304, &at.key("max_token_bytes"), findings);
    let known = bounded_count(document.max_known_mib, 16, 0, 1024, &at.key("max_known_mib"), findings);
    CheckLimits {
        deadline,
        max_token_bytes: usize::try_from(bytes).unwrap_or(16_384),
        max_known_bytes: u64::from(known) << 20,
        names_reason: document.debug.unwrap_or(false),
    }
}

fn issuers(
    document: &GatepostDocument,
    directory: &FilePath,
    findings: &mut Findings<'_>,
) -> Vec<TrustedIssuer> {
    let at = Path::root().key("issuers");
    if document.issuers.is_empty() {
        findings.error(&at, "is an empty list", "name at least one issuer whose access tokens are accepted");
    }
    unique(document.issuers.iter().map(|issuer| issuer.name.as_str()), &at, "name", findings);
    unique(document.issuers.iter().map(|issuer| issuer.issuer.as_str()), &at, "issuer", findings);
    let each = document.issuers.iter().enumerate();
    let trusted: Vec<_> = each
        .filter_map(|(index, issuer)| issuer::compile(issuer, directory, &at.index(index), findings))
        .collect();
    warn_of_doubt(&trusted, &at, findings);
    trusted
}

/// Several issuers that introspect, and nothing that says whose an opaque token is.
fn warn_of_doubt(trusted: &[TrustedIssuer], at: &Path, findings: &mut Findings<'_>) {
    let told = |trusted: &&TrustedIssuer| {
        trusted.issuer.introspection.as_ref().is_some_and(|its| its.tokens.are_told_by_form())
    };
    let all: Vec<_> = trusted.iter().filter(|trusted| trusted.introspection.is_some()).collect();
    let untold: Vec<_> =
        all.iter().filter(|trusted| !told(trusted)).map(|its| its.issuer.name.as_ref()).collect();
    if untold.len() > 1 {
        let what =
            format!("{} all introspect, and an opaque token could be any of theirs", untold.join(", "));
        let hint = "tell them apart with `introspection.tokens`, or name one in each rule under `issuers`; where it \
                    stays open, opaque tokens are refused";
        findings.warning(at, what, hint);
    }
}

/// Reports every value that stands a second time among the elements of a list.
fn unique<'a>(values: impl Iterator<Item = &'a str>, list: &Path, key: &str, findings: &mut Findings<'_>) {
    let mut first = HashMap::new();
    for (index, value) in values.enumerate() {
        let earlier = *first.entry(value).or_insert(index);
        if earlier != index {
            let what = format!("{} is also that of {list}[{earlier}]", findings::quoted(value));
            findings.error(&list.index(index).key(key), what, "each must be different");
        }
    }
}

/// A count within bounds.
fn bounded_count(
    written: Option<u32>,
    default: u32,
    least: u32,
    most: u32,
    at: &Path,
    findings: &mut Findings<'_>,
) -> u32 {
    let count = written.unwrap_or(default);
    if !(least..=most).contains(&count) {
        findings.error(at, format!("is outside {least} to {most}"), format!("the default is {default}"));
    }
    count
}

/// A duration within bounds, all in milliseconds.
fn bounded(
    written: Option<DurationDocument>,
    default: u64,
    least: u64,
    most: u64,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Duration {
    let (least, most) = (Duration::from_millis(least), Duration::from_millis(most));
    let duration = written.map_or(Duration::from_millis(default), |written| written.0);
    if !(least..=most).contains(&duration) {
        let what = format!("is outside {least:?} to {most:?}");
        findings.error(at, what, format!("the default is {:?}", Duration::from_millis(default)));
    }
    duration
}
