//! Turns: of the commands that run at once on this machine, one at a time has a file.
//!
//! The lock belongs to the open file: the system releases it however its holder ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::folders;

/// How often it is tried. Two hundred that wait take 10,000 tries a second, which is nothing.
const PAUSE: Duration = Duration::from_millis(20);

/// A turn, which ends when the value is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The file, which may hold a word for whoever comes next.
    pub(crate) file: File,
}

impl Turn {
    /// Waits for the turn at the file `path`, which is made where it is missing.
    ///
    /// # Errors
    /// [`Exit::Locked`] if it does not come within `patience`; if the system refuses.
    pub(crate) fn wait(path: &Path, patience: Duration) -> Outcome<Self> {
        if let Some(folder) = path.parent() {
            folders::create_private(folder)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(0o600).open(path).on("open", path)?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let message = format!("another command holds {}", path.display());
                    return Err(CliError::new(Exit::Locked, message));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(CliError::file("lock", path, &error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_its_turn_and_the_others_come_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/lock");
        let first = Turn::wait(&path, Duration::ZERO).unwrap();
        let refused = Turn::wait(&path, Duration::ZERO).unwrap_err();
        assert_eq!(refused.exit, Exit::Locked);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Turn::wait(&path, Duration::from_secs(60)).is_ok());
            drop(first);
            assert!(waiting.join().unwrap());
        });
    }
}
