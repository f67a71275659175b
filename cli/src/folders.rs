//! Where things lie on disk, after the XDG base directory specification.
//!
//! | what | where |
//! |---|---|
//! | keys | `$XDG_DATA_HOME/starling/keys` or `--data-dir`/keys |
//! | journal of `--id`, by network | `$XDG_DATA_HOME/starling/journal` or `--data-dir`/journal |
//! | turns of senders | `$XDG_DATA_HOME/starling/senders` or `--data-dir`/senders |
//! | last verified blocks | `$XDG_DATA_HOME/starling/verified` or `--data-dir`/verified |
//! | testnets | `$XDG_STATE_HOME/starling/testnets/NAME` |
//!
//! Without these variables the home folder is what `HOME` says, else the system's list of users. A
//! service may have none: what asks a node that was named then goes on without keys and memory.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::args::Global;
use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;

/// Returns the folder of keys and journal.
///
/// # Errors
/// If the user has no home folder and named none.
pub(crate) fn data(global: &Global) -> Outcome<PathBuf> {
    match &global.data_dir {
        Some(folder) => Ok(folder.clone()),
        None => base("XDG_DATA_HOME", ".local/share").map(|base| base.join("starling")),
    }
}

/// Returns a folder of keys and the like; `None` for a user without a home who named none.
pub(crate) fn of_data(global: &Global, name: &str) -> Option<PathBuf> {
    data(global).ok().map(|data| data.join(name))
}

/// Returns the folder of all testnets.
///
/// # Errors
/// If the user has no home folder.
pub(crate) fn testnets() -> Outcome<PathBuf> {
    base("XDG_STATE_HOME", ".local/state").map(|base| base.join("starling/testnets"))
}

/// Makes a folder that only its owner can look into.
///
/// # Errors
/// If the system refuses.
pub(crate) fn create_private(folder: &Path) -> Outcome {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .on("create the folder", folder)
}

/// Writes a file that only its owner can read, all or nothing, and synced.
///
/// # Errors
/// If the system refuses.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Outcome {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let draft = PathBuf::from(name);
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().on("write", path)
}

/// Checks that a name given by the user is usable as a file name everywhere.
///
/// # Errors
/// A usage error that says what a name may hold.
pub(crate) fn check_name(what: &str, name: &str) -> Outcome {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "`{name}` is no name of a {what}: 1 to 32 characters a-z, 0-9 and -, not first a -"
    )))
}

/// Makes the error for what needs a folder of the user's, where there is none.
pub(crate) fn no_home(variable: &str) -> CliError {
    let message = format!("no home folder: neither {variable} nor HOME is set");
    CliError::new(Exit::Config, message).next(format!("set {variable} to an absolute path"))
}

/// What `HOME` says, else the list of users.
fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

fn base(variable: &str, below_home: &str) -> Outcome<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable)
        .or_else(|| home().map(|home| home.join(below_home)))
        .ok_or_else(|| no_home(variable))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn private_files_are_readable_by_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/key");
        create_private(path.parent().unwrap()).unwrap();
        write_private(&path, b"secret").unwrap();
        write_private(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn names_cannot_leave_their_folder() {
        for name in ["", ".", "..", "a/b", "-x", "Ä", "A", &"a".repeat(33)] {
            assert!(check_name("key", name).is_err(), "{name}");
        }
        check_name("key", "my-key-2").unwrap();
    }
}
