//! Whether the secrets, keys and certificates that the configuration names can be used.
//!
//! Their permissions are not looked at: a mounted Kubernetes Secret is readable by all by default.

use std::io::ErrorKind;

use crate::config::{AuditDestination, Config, Path, Problem, Source};
use crate::sources::{FileFault, unusable_collector_files, unusable_files};

pub(super) async fn check(config: &Config, source: &Source) -> Vec<Problem> {
    let issuers = Path::root().key("issuers");
    let mut faults = Vec::new();
    for (index, trusted) in config.issuers.iter().enumerate() {
        faults.extend(unusable_files(trusted, &issuers.index(index)).await);
    }
    if let Some(settings) = &config.telemetry.otlp {
        let at = Path::root().key("telemetry").key("otlp");
        faults.extend(unusable_collector_files(&settings.collector, &at).await);
    }
    if let AuditDestination::Otlp(collector) = &config.audit.to {
        let at = Path::root().key("audit").key("to").key("otlp");
        faults.extend(unusable_collector_files(collector, &at).await);
    }
    let problem = |(at, fault): (Path, FileFault)| {
        source.error(&at, format!("can't be used: {fault}")).hint(hint(&fault))
    };
    faults.into_iter().map(problem).collect()
}

fn hint(fault: &FileFault) -> String {
    match fault {
        FileFault::Unreadable { error, .. } if error.kind() == ErrorKind::NotFound => {
            "mount it there, or correct the path, which is relative to this directory; where secrets are not \
             mounted, as in CI, add --without-secrets"
                .to_owned()
        }
        FileFault::Unreadable { error, .. } if error.kind() == ErrorKind::PermissionDenied => {
            "let the user that gatepost runs as read it, for instance with `fsGroup`".to_owned()
        }
        FileFault::Unreadable { .. } => "name a small file that can be read".to_owned(),
        FileFault::Content { wanted, .. } => format!("write {wanted} into it, and nothing else"),
    }
}
