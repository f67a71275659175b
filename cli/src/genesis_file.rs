//! A genesis in a file.

use std::fs;
use std::path::Path;

use starling_ledger::genesis::Genesis;

use crate::error::{CliError, ExitContext as _, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::folders;

/// Most bytes of a genesis file. Our choice: a hundred thousand accounts fit.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Reads and checks a genesis.
///
/// # Errors
/// [`Exit::Config`] names the key or the rule that is wrong.
pub(crate) fn read(path: &Path) -> Outcome<Genesis> {
    if !path.exists() {
        return Err(
            CliError::new(Exit::Config, format!("no genesis in {}", path.display()))
                .next("starling genesis new --help"),
        );
    }
    if fs::metadata(path).on("read", path)?.len() > FILE_BYTES_MAX {
        let message = format!("{} is too large for a genesis", path.display());
        return Err(CliError::new(Exit::Config, message));
    }
    let text = fs::read_to_string(path).on("read", path)?;
    let genesis = Genesis::from_toml(&text).exit(Exit::Config);
    genesis.map_err(|mut error| {
        error.message = format!("{}: {}", path.display(), error.message.trim_end());
        error.next("starling genesis check FILE; genesis/README.md explains every key")
    })
}

/// Writes a genesis.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(path: &Path, genesis: &Genesis) -> Outcome {
    folders::write_private(path, genesis.to_toml().as_bytes())
}
