//! Every sample that we hand out is one that the real `gatepost check` takes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gatepost::config::{GATEPOST_FILE, POLICY_DIRECTORY, POLICY_FILE, Preset};

/// A path in this repository.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs the binary in a directory.
pub(crate) fn gatepost(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.env_remove("GATEPOST_CONFIG").current_dir(directory).args(arguments).output().unwrap()
}

/// README's two sample files, in a directory of their own.
pub(crate) fn of_readme() -> tempfile::TempDir {
    let readme = fs::read_to_string(here("README.md")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for file in [GATEPOST_FILE, POLICY_FILE] {
        let samples: Vec<_> = yaml_blocks(&readme, file).collect();
        let [sample] = samples[..] else { panic!("README.md has {} samples of {file}", samples.len()) };
        fs::write(directory.path().join(file), sample).unwrap();
    }
    directory
}

fn yaml_blocks<'a>(text: &'a str, file: &str) -> impl Iterator<Item = &'a str> {
    let first_words = format!("# {file}");
    text.split("\n```yaml\n")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("\n```")?.0))
        .filter(move |block| block.starts_with(&first_words))
}

/// The policy guide's own samples, beside README's gatepost.yaml.
fn of_the_guide() -> tempfile::TempDir {
    let readme = fs::read_to_string(here("README.md")).unwrap();
    let directory = of_readme();
    fs::create_dir(directory.path().join(POLICY_DIRECTORY)).unwrap();
    for (title, file) in
        [("a larger policy.yaml", POLICY_FILE), ("policy.d/payments.yaml", "policy.d/payments.yaml")]
    {
        let samples: Vec<_> = yaml_blocks(&readme, title).collect();
        let [sample] = samples[..] else { panic!("README.md has {} samples of {title}", samples.len()) };
        fs::write(directory.path().join(file), sample).unwrap();
    }
    directory
}

fn issuer_samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(here("deploy/issuers")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A waived audience is the one thing that a sample may be warned of.
fn assert_good(directory: &Path) {
    let Output { status, stdout, stderr } = gatepost(directory, &["check", "--config", "."]);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(0), "{}\n{stderr}", directory.display());
    assert!(stdout.starts_with("good: "), "{}\n{stdout}", directory.display());
    let mut warnings = stderr.lines().filter(|line| line.contains(": warning: "));
    assert!(warnings.all(|line| line.contains(".audiences: is waived")), "{}\n{stderr}", directory.display());
}

#[test]
fn every_issuer_sample_is_good() {
    for directory in issuer_samples() {
        assert_good(&directory);
    }
}

#[test]
fn the_samples_in_readme_are_good() {
    assert_good(of_readme().path());
}

#[test]
fn the_samples_in_the_policy_guide_are_good() {
    assert_good(of_the_guide().path());
}

#[test]
fn every_preset_has_a_sample_that_uses_it() {
    let presets: BTreeSet<_> = Preset::all().iter().map(|preset| preset.name.to_owned()).collect();
    let samples = issuer_samples();
    let names = samples.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), presets);
    for directory in samples {
        let text = fs::read_to_string(directory.join(GATEPOST_FILE)).unwrap();
        let used = format!("preset: {}", directory.file_name().unwrap().to_str().unwrap());
        assert!(text.lines().any(|line| line.trim() == used), "{} lacks `{used}`", directory.display());
    }
}
