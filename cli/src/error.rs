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
}

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
        }
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
