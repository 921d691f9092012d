//! What a person sees: lines on standard output, in colour where that is a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

/// How a piece of text looks.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    Title,
    Good,
    Bad,
    Quiet,
}

/// Standard output.
pub(crate) struct Screen {
    colour: bool,
}

impl Screen {
    pub(crate) fn stdout() -> Self {
        // https://no-color.org: present and not empty.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: io::stdout().is_terminal() && !refused }
    }

    pub(crate) fn line(&self, text: impl Display) {
        // A closed pipe (`| head`) is the reader's choice.
        let _ = writeln!(io::stdout(), "{text}");
    }

    pub(crate) fn title(&self, text: &str) {
        self.line(format_args!("\n{}\n", self.paint(Look::Title, text)));
    }

    /// A part that is up, and where.
    pub(crate) fn up(&self, part: &str, place: impl Display) {
        self.line(format_args!("  {} {part:<22}{place}", self.paint(Look::Good, "✓")));
    }

    pub(crate) fn paint(&self, look: Look, text: impl Display) -> String {
        let code = match look {
            Look::Title => "1",
            Look::Good => "32",
            Look::Bad => "1;31",
            Look::Quiet => "2",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}
