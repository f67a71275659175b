//! The digest of a file: plain BLAKE3, as `b3sum` prints it.

use std::fs::File;
use std::path::Path;

use starling_ledger::hash::Hash;

use crate::error::{CliError, FileContext as _, Outcome};

/// Hashes a file of any length.
///
/// # Errors
/// A usage error if it is no file, or that of the system.
pub(crate) fn of(path: &Path) -> Outcome<Hash> {
    if !path.is_file() {
        return Err(CliError::usage(format!("{} is no file", path.display())));
    }
    let file = File::open(path).on("read", path)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).on("read", path)?;
    Ok(Hash(*hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn digest_is_the_one_that_b3sum_prints() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty");
        std::fs::write(&path, b"").unwrap();
        // BLAKE3 test vectors, input length 0.
        let expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(of(&path).unwrap().to_string(), expected);
        assert_eq!(of(folder.path()).unwrap_err().exit, Exit::Usage);
    }
}
