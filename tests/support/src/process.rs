//! A child process that cannot outlive its value: started with its output in a file, waited for, ended.
//!
//! A child stays in our process group, so that Ctrl-C in a terminal reaches it too, and holds the read end of
//! a pipe as its standard input, whose end tells a child that cares when we were killed. Linux's parent-death
//! signal is not used: it follows the *thread* that started the child, and each test has its own.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::error::Doing as _;
use crate::{Error, Result, wait};

const TAIL_LINES: usize = 30;

/// A running child. Dropping it kills it and waits for its end; while a test panics, the tail of its log is
/// printed.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    _directory: TempDir,
}

impl Process {
    /// Starts `command`; `name` is what errors call it.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let directory = tempfile::tempdir().doing(|| "cannot make a temporary directory".into())?;
        let log = directory.path().join("log");
        let child = spawn(command, &log).map_err(|error| cannot_start(name, command, error))?;
        Ok(Self { name: name.into(), child, log, _directory: directory })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All it has written so far, standard output and error in the order they came.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The file with its log, gone when this is dropped.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The first whole line of its log that is `wanted`, when it comes.
    ///
    /// # Errors
    /// As [`Process::until`].
    pub async fn line(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let log = self.log.clone();
        self.until(what, async || {
            let text = fs::read(&log).ok()?;
            let text = String::from_utf8_lossy(&text);
            let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            whole.into_iter().find(|line| wanted(line)).map(str::to_owned)
        })
        .await
    }

    /// What `state` yields, when it does.
    ///
    /// # Errors
    /// When the process ends before, or after [`wait::DEADLINE`]; with the tail of the log.
    pub async fn until<T>(&mut self, what: &str, mut state: impl AsyncFnMut() -> Option<T>) -> Result<T> {
        let child = &mut self.child;
        let outcome = wait::until(what, async || {
            // In this order: a process may reach the state and end between two looks.
            let ended = child.try_wait().ok().flatten();
            state().await.map(Ok).or_else(|| ended.map(Err))
        })
        .await;
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(status)) => Err(self.error(format!("it ended ({status}) before {what}"))),
            Err(error) => Err(self.error(error.to_string())),
        }
    }

    /// How it ended, when it does.
    ///
    /// # Errors
    /// When it has not after `deadline`; with the tail of the log.
    pub async fn exit(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        let ended = wait::within(deadline, "its end", async || child.try_wait().ok().flatten()).await;
        ended.map_err(|error| self.error(error.to_string()))
    }

    /// Asks it to end (SIGTERM). See [`Process::exit`] for waiting until it has.
    pub fn ask_to_end(&self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .doing(|| format!("cannot signal {}", self.name))
    }

    /// Asks it to read its configuration again (SIGHUP).
    pub fn hang_up(&self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::HUP)
            .doing(|| format!("cannot signal {}", self.name))
    }

    /// Asks it to end (SIGTERM) and says how it ended.
    ///
    /// # Errors
    /// When it has not after `deadline`; with the tail of the log.
    pub async fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.ask_to_end()?;
        self.exit(deadline).await
    }

    /// Ends it at once (SIGKILL) and waits until it has.
    pub fn kill(&mut self) {
        // Both fail only for a process that has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn error(&self, message: String) -> Error {
        Error::new(format!("{}: {message}\n{}", self.name, self.tail()))
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n    ");
        format!("  the end of its log:\n    {tail}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let _ = writeln!(io::stderr(), "{}:\n{}", self.name, self.tail());
        }
    }
}

fn cannot_start(name: &str, command: &Command, error: io::Error) -> Error {
    let program = command.get_program().display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            Error::new(format!("cannot start {name}: {program} not found: install it, or add it to PATH"))
        }
        _ => Error::because(format!("cannot start {name} ({program})"), error),
    }
}

fn spawn(command: &mut Command, log: &Path) -> io::Result<Child> {
    // Appending keeps the two streams, which share the file, from writing over each other.
    let output = File::options().create(true).append(true).open(log)?;
    command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output).spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::start("a shell", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[tokio::test]
    async fn finds_a_line_whichever_stream_it_came_on() {
        let mut process = shell("echo one; echo two >&2; read _");
        assert_eq!(process.line("two", |line| line.starts_with("tw")).await.unwrap(), "two");
        assert_eq!(process.line("one", |line| line.starts_with("on")).await.unwrap(), "one");
    }

    #[tokio::test]
    async fn says_how_a_process_ended_and_what_it_wrote_when_a_line_never_comes() {
        let mut process = shell("echo cannot bind; exit 3");
        let error = process.line("a port", |line| line == "ready").await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3) before a port"), "{error}");
        assert!(error.contains("cannot bind"), "{error}");
    }

    #[tokio::test]
    async fn finds_the_last_line_of_a_process_that_ended() {
        let mut process = shell("echo done");
        process.exit(wait::DEADLINE).await.unwrap();
        assert_eq!(process.line("done", |line| line == "done").await.unwrap(), "done");
    }

    #[tokio::test]
    async fn terminate_gives_the_exit_status_the_process_chose() {
        let mut process = shell("trap 'exit 7' TERM; echo ready; while :; do read _; done");
        process.line("ready", |line| line == "ready").await.unwrap();
        assert_eq!(process.terminate(wait::DEADLINE).await.unwrap().code(), Some(7));
    }

    #[tokio::test]
    async fn a_dropped_process_is_gone_and_reaped() {
        let process = shell("read _");
        let pid = Pid::from_child(&process.child);
        drop(process);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
