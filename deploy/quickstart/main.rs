//! The quickstart: a real Envoy, a real authorization server, a small service and gatepost, on one machine.
//!
//! `cargo run --release --example quickstart` starts them and says what to try; with `-- --tour` it tries it
//! itself and exits 0 only if every step did what it says.

mod arguments;
mod files;
mod page;
mod screen;
mod service;
mod signals;
mod stack;
mod tour;

use std::future::pending;
use std::io::{self, Write as _};
use std::process::ExitCode;

use arguments::Wanted;
use screen::Screen;
use signals::Signals;
use stack::Stack;

/// What a person reads when something goes wrong.
type Fault = Box<dyn std::error::Error>;

/// As a shell says it of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    match arguments::read() {
        Wanted::Gatepost => gatepost::cli::main(),
        Wanted::Help => {
            Screen::stdout().line(arguments::HELP);
            ExitCode::SUCCESS
        }
        Wanted::Unknown(word) => fail(&format!("{word:?} is not understood\n\n{}", arguments::HELP)),
        Wanted::Quickstart { tour } => quickstart(tour).unwrap_or_else(|fault| fail(&fault.to_string())),
    }
}

fn fail(why: &str) -> ExitCode {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(io::stderr(), "\nquickstart: {why}");
    ExitCode::FAILURE
}

fn quickstart(tour: bool) -> Result<ExitCode, Fault> {
    let screen = Screen::stdout();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(run(tour, &screen));
    // Waits for a fetch under way, so that no npm or pip outlives us. Ctrl-C in a terminal ends those too.
    drop(runtime);
    match ended? {
        Ended::Done => Ok(ExitCode::SUCCESS),
        Ended::Interrupted => {
            screen.line("Everything is stopped.");
            Ok(if tour { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
        }
    }
}

enum Ended {
    Done,
    Interrupted,
}

async fn run(tour: bool, screen: &Screen) -> Result<Ended, Fault> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        biased;
        signal = signals.next() => {
            screen.line(format!("\n{signal}: stopping"));
            Ok(Ended::Interrupted)
        }
        done = walk(tour, screen) => done.map(|()| Ended::Done),
    }
}

/// The parts end with this future, whether it is finished or dropped.
async fn walk(tour: bool, screen: &Screen) -> Result<(), Fault> {
    let mut stack = Stack::start(screen).await?;
    if !tour {
        page::show(&stack, screen).await;
        return pending().await;
    }
    let toured = tour::run(&mut stack, screen).await;
    toured.map_err(|fault| format!("{fault}\n\n  the end of gatepost's log:\n{}", stack.log_tail()).into())
}
