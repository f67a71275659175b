//! A secret key in a file.
//!
//! The file is TOML and readable by its owner only. Keys of local networks lie in the clear; the
//! format names the kind of network, so that such a key is never taken for one that holds value.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use starling_ledger::address::NetworkKind;
use starling_ledger::hash::parse_hex;
use starling_ledger::keys::{PublicKey, SecretKey, Signer as _};

use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::folders;

/// The version of the format.
const VERSION: u32 = 1;
const HEADING: &str = "# A secret key of Starling. Whoever reads it can act as its owner.\n";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u32,
    network: String,
    public_key: String,
    secret_key: String,
}

/// Writes `key`, for networks of the local kind.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(path: &Path, key: &SecretKey) -> Outcome {
    let fields = Fields {
        version: VERSION,
        network: kind_name(NetworkKind::Local).to_owned(),
        public_key: key.public_key().to_string(),
        secret_key: hex(&key.to_bytes()),
    };
    let body = toml::to_string(&fields).expect("a flat table of texts is valid TOML");
    folders::write_private(path, format!("{HEADING}{body}").as_bytes())
}

/// Reads the key in `path`.
///
/// # Errors
/// [`Exit::Key`] if there is no such file or it holds no key; [`Exit::Config`] if its halves are
/// not of one pair (a signature made with such a pair gives the secret away).
pub(crate) fn read(path: &Path) -> Outcome<SecretKey> {
    if !path.exists() {
        let message = format!("no key in {}", path.display());
        return Err(CliError::new(Exit::Key, message));
    }
    let text = fs::read_to_string(path).on("read", path)?;
    let wrong = |what: &str| {
        let message = format!("{} is no key file: {what}", path.display());
        CliError::new(Exit::Key, message)
    };
    let fields: Fields = toml::from_str(&text).map_err(|error| wrong(error.message()))?;
    if fields.version != VERSION {
        return Err(wrong("it has a version that this release does not know"));
    }
    let seed =
        parse_hex(&fields.secret_key).map_err(|_| wrong("the secret key is not 64 hex digits"))?;
    let public: PublicKey = fields
        .public_key
        .parse()
        .map_err(|_| wrong("the public key is none"))?;
    let key = SecretKey::from_bytes(&seed);
    if key.public_key() != public {
        let message = format!(
            "{}: public and secret key are not of one pair; it is not used for signing",
            path.display()
        );
        return Err(CliError::new(Exit::Config, message).code("key_pair"));
    }
    Ok(key)
}

/// Returns the word for a kind of network, as it stands in files and on the command line.
pub(crate) const fn kind_name(kind: NetworkKind) -> &'static str {
    match kind {
        NetworkKind::Main => "main",
        NetworkKind::Test => "test",
        NetworkKind::Local => "local",
    }
}

/// Writes bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn key_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        write(&path, &SecretKey::local("a")).unwrap();
        let read = read(&path).unwrap();
        assert_eq!(read.to_bytes(), SecretKey::local("a").to_bytes());
    }

    #[test]
    fn refuses_halves_of_two_pairs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        write(&path, &SecretKey::local("a")).unwrap();
        let other = SecretKey::local("b").public_key().to_string();
        let own = SecretKey::local("a").public_key().to_string();
        let text = fs::read_to_string(&path).unwrap().replace(&own, &other);
        fs::write(&path, text).unwrap();
        assert_eq!(read(&path).unwrap_err().exit, Exit::Config);
    }

    #[test]
    fn refuses_what_is_no_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        assert_eq!(read(&path).unwrap_err().exit, Exit::Key);
        fs::write(&path, "version = 1\nsurprise = 2\n").unwrap();
        assert_eq!(read(&path).unwrap_err().exit, Exit::Key);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_changed_file_never_holds_another_key(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.toml");
            let key = SecretKey::local("a");
            write(&path, &key).unwrap();
            let mut bytes = fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            fs::write(&path, bytes).unwrap();
            if let Ok(found) = read(&path) {
                prop_assert_eq!(found.to_bytes(), key.to_bytes());
            }
        }
    }
}
