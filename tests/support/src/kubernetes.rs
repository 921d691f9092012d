//! Kubernetes without a cluster: the real Helm and kubectl, and manifests judged against the API's schemas.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::error::Doing as _;
use crate::tools::kubernetes::{self as tools, Kit};
use crate::{Error, Result};

/// A Helm with a home of its own, so that what is configured on the machine does not matter.
pub struct Helm {
    binary: PathBuf,
    home: TempDir,
}

impl Helm {
    /// Helm 4.
    pub fn current() -> Result<Self> {
        Self::of(&tools::CURRENT)
    }

    /// Helm 3, which many still use.
    pub fn previous() -> Result<Self> {
        Self::of(&tools::PREVIOUS)
    }

    fn of(kit: &Kit) -> Result<Self> {
        let home = tempfile::tempdir().doing(|| "cannot make a temporary directory".into())?;
        Ok(Self { binary: tools::kit(kit)?.join("helm"), home })
    }

    /// Runs it.
    ///
    /// # Errors
    /// When it fails, with all that it says.
    pub fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let mut command = Command::new(&self.binary);
        for (variable, directory) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            command.env(variable, self.home.path().join(directory));
        }
        said("helm", command.args(arguments), "")
    }

    /// What `helm template RELEASE CHART` renders, with more arguments behind.
    ///
    /// # Errors
    /// As [`Helm::run`].
    pub fn template(&self, release: &str, chart: &Path, arguments: &[&str]) -> Result<String> {
        let chart = chart.display().to_string();
        self.run(["template", release, &chart].iter().chain(arguments))
    }
}

/// A kubectl that knows no cluster.
pub struct Kubectl(PathBuf);

impl Kubectl {
    /// kubectl 1.37.
    pub fn current() -> Result<Self> {
        Ok(Self(tools::kit(&tools::CURRENT)?.join("kubectl")))
    }

    /// What `kubectl kustomize` makes of a directory.
    ///
    /// # Errors
    /// When it fails, with all that it says.
    pub fn kustomize(&self, directory: &Path) -> Result<String> {
        let mut command = Command::new(&self.0);
        command.env("KUBECONFIG", "/dev/null").arg("kustomize").arg(directory);
        said("kubectl kustomize", &mut command, "")
    }
}

/// The objects of a manifest, as Kubernetes reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifests(Vec<Value>);

impl Manifests {
    /// Reads YAML or JSON, takes lists apart, and has each object judged against the API of the minor versions
    /// (`1.33`, …): unknown kinds and unknown fields are errors. With no versions, objects are only read.
    ///
    /// # Errors
    /// When the text is no YAML or an object would be refused, with every reason.
    pub fn read(text: &str, versions: &[&str]) -> Result<Self> {
        let said = said("the reader of manifests", tools::manifests()?.args(versions), text)?;
        let mut read: Value = serde_json::from_str(&said).doing(|| format!("not JSON: {said}"))?;
        let problems: Vec<_> = read["problems"].as_array().into_iter().flatten().map(shown).collect();
        if !problems.is_empty() {
            return Err(Error::new(problems.join("\n")));
        }
        match read["objects"].take() {
            Value::Array(objects) => Ok(Self(objects)),
            other => Err(Error::new(format!("no objects: {other}"))),
        }
    }

    /// Reads a file as [`Manifests::read`] does.
    ///
    /// # Errors
    /// Also when the file cannot be read.
    pub fn read_file(path: &Path, versions: &[&str]) -> Result<Self> {
        let text = fs::read_to_string(path).doing(|| format!("cannot read {}", path.display()))?;
        Self::read(&text, versions).doing(|| path.display().to_string())
    }

    /// Has each object judged by the schema of its own project: kinds of Istio, Gateway API and Prometheus Operator.
    /// Other kinds and unknown fields are errors.
    ///
    /// # Errors
    /// When an object would be refused, with every reason.
    pub fn judge_custom(&self) -> Result<()> {
        let objects = Value::from(self.0.clone()).to_string();
        let said = said("the judge of custom resources", &mut tools::custom()?, &objects)?;
        match serde_json::from_str(&said).doing(|| format!("not JSON: {said}"))? {
            Value::Array(problems) if problems.is_empty() => Ok(()),
            Value::Array(problems) => {
                Err(Error::new(problems.iter().map(shown).collect::<Vec<_>>().join("\n")))
            }
            other => Err(Error::new(format!("no list of problems: {other}"))),
        }
    }

    /// All of them, in the order written.
    pub fn objects(&self) -> &[Value] {
        &self.0
    }

    /// Those of a kind.
    pub fn of_kind(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|object| object["kind"] == kind).collect()
    }

    /// The only one of a kind.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn one(&self, kind: &str) -> Result<&Value> {
        match self.of_kind(kind)[..] {
            [object] => Ok(object),
            ref objects => Err(Error::new(format!("{} objects of kind {kind}, not one", objects.len()))),
        }
    }
}

fn shown(problem: &Value) -> String {
    problem.as_str().map_or_else(|| problem.to_string(), str::to_owned)
}

/// Standard output of a command that succeeds; its input is `input`.
fn said(name: &str, command: &mut Command, input: &str) -> Result<String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().doing(|| format!("cannot start {name}"))?;
    let output = std::thread::scope(|scope| {
        let stdin = child.stdin.take();
        // Beside the reading: a pipe holds less than a manifest may be long. A child that does not read is free to.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    });
    let Output { status, stdout, stderr } = output.doing(|| format!("cannot run {name}"))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if status.success() {
        return Ok(stdout.into_owned());
    }
    Err(Error::new(format!("{name} ended with {status}: {}\n{}", stderr.trim(), stdout.trim())))
}
