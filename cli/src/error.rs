//! What went wrong, in words, and what to do next.

use std::fmt::Display;
use std::io;
use std::path::Path;

use crate::exit::Exit;

/// The error every command ends with.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// The word for scripts; more precise than the exit code where something is known.
    pub(crate) code: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do next: a command or a sentence.
    pub(crate) next: Option<String>,
    /// The transaction it is about.
    pub(crate) id: Option<String>,
}

/// The code of a call that may have been heard, and was not answered.
pub(crate) const NO_ANSWER: &str = "no_answer";
/// The code of an answer that no node would give.
pub(crate) const PROTOCOL: &str = "protocol";
/// The code of an answer that is older than what this machine has seen.
pub(crate) const BEHIND: &str = "behind";

/// Codes of failures that another moment or another node may cure.
const PASSING: [&str; 5] = [NO_ANSWER, PROTOCOL, BEHIND, "unavailable", "internal"];

/// What commands return.
pub(crate) type Outcome<T = ()> = Result<T, CliError>;

impl CliError {
    /// Makes an error with the exit code's own word.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: exit.word().to_owned(),
            message: message.into(),
            next: None,
            id: None,
        }
    }

    /// Names the transaction it is about, unless that is done.
    pub(crate) fn of(mut self, id: impl Display) -> Self {
        self.id.get_or_insert_with(|| id.to_string());
        self
    }

    /// Says whether another moment or another node may bring an answer: so far there is none.
    pub(crate) fn may_pass(&self) -> bool {
        self.exit == Exit::Unreachable || PASSING.contains(&self.code.as_str())
    }

    /// Says whether what was asked may have been heard: there was a connection, and what came back
    /// is no answer to it.
    pub(crate) fn may_be_heard(&self) -> bool {
        self.may_pass() && (self.exit != Exit::Unreachable || self.code == NO_ANSWER)
    }

    /// Adds what to do next.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Replaces the word for scripts.
    pub(crate) fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Makes a usage error.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Makes the error for a failed operation on a file.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Exit::DiskFull,
            _ => Exit::Io,
        };
        Self::new(exit, format!("cannot {doing} {}: {error}", path.display()))
    }
}

/// Adds a file's name to the errors of the system.
pub(crate) trait FileContext<T> {
    /// Says what was being done to which file.
    ///
    /// # Errors
    /// The same, with the words.
    fn on(self, doing: &str, path: &Path) -> Outcome<T>;
}

impl<T> FileContext<T> for io::Result<T> {
    fn on(self, doing: &str, path: &Path) -> Outcome<T> {
        self.map_err(|error| CliError::file(doing, path, &error))
    }
}

/// Gives errors of libraries an exit code.
pub(crate) trait ExitContext<T> {
    /// Says how the process ends with this error.
    ///
    /// # Errors
    /// The same, with the exit code.
    fn exit(self, exit: Exit) -> Outcome<T>;
}

impl<T, E: Display> ExitContext<T> for Result<T, E> {
    fn exit(self, exit: Exit) -> Outcome<T> {
        self.map_err(|error| CliError::new(exit, error.to_string()))
    }
}
