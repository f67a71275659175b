//! The user's own keys: one file per name.

use std::fs;
use std::path::{Path, PathBuf};

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::keys::{PublicKey, SecretKey, Signer as _};

use crate::args::Global;
use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::{folders, key_file};

const EXTENSION: &str = "toml";

/// The folder of keys.
#[derive(Debug)]
pub(crate) struct KeyStore {
    folder: Option<PathBuf>,
}

/// What may be shown of a key.
#[derive(Clone, Debug)]
pub(crate) struct KeyInfo {
    /// Its name in the folder.
    pub(crate) name: String,
    /// Its public half.
    pub(crate) public: PublicKey,
}

impl KeyInfo {
    /// Returns the account this key is the first authority of.
    pub(crate) fn account(&self) -> AccountId {
        account_of(self.public)
    }
}

/// Returns the account whose first authority is the one key `public`.
pub(crate) fn account_of(public: PublicKey) -> AccountId {
    Authority::Key(public).account()
}

impl KeyStore {
    /// Names the folder; it need not exist, nor need the user have a place for it.
    pub(crate) fn open(global: &Global) -> Self {
        let folder = folders::of_data(global, "keys");
        Self { folder }
    }

    fn folder(&self) -> Outcome<&Path> {
        let folder = self.folder.as_deref();
        folder.ok_or_else(|| folders::no_home("XDG_DATA_HOME"))
    }

    /// Returns the file of the key called `name`.
    ///
    /// # Errors
    /// If that is no possible name.
    pub(crate) fn path(&self, name: &str) -> Outcome<PathBuf> {
        folders::check_name("key", name)?;
        Ok(self.folder()?.join(name).with_extension(EXTENSION))
    }

    /// Says whether there is a key of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).is_ok_and(|path| path.exists())
    }

    /// Makes a new key.
    ///
    /// # Errors
    /// [`Exit::Key`] if the name is taken: a key is never overwritten.
    pub(crate) fn create(&self, name: &str) -> Outcome<KeyInfo> {
        let path = self.path(name)?;
        if path.exists() {
            return Err(
                CliError::new(Exit::Key, format!("there is a key called {name} already"))
                    .next(format!("starling key show {name}, or choose another name")),
            );
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            CliError::new(
                Exit::Failure,
                format!("the system gives no randomness: {error}"),
            )
        })?;
        let key = SecretKey::from_bytes(&seed);
        folders::create_private(self.folder()?)?;
        key_file::write(&path, &key)?;
        Ok(KeyInfo {
            name: name.to_owned(),
            public: key.public_key(),
        })
    }

    /// Reads the key called `name`.
    ///
    /// # Errors
    /// [`Exit::Key`] if there is none.
    pub(crate) fn secret(&self, name: &str) -> Outcome<SecretKey> {
        if !self.has(name) {
            let message = format!("no key called `{name}` in {}", self.folder()?.display());
            return Err(CliError::new(Exit::Key, message)
                .next(format!("starling key list, or: starling key new {name}")));
        }
        key_file::read(&self.path(name)?)
    }

    /// Returns the public half of the key called `name`.
    ///
    /// # Errors
    /// [`Exit::Key`] if there is none.
    pub(crate) fn info(&self, name: &str) -> Outcome<KeyInfo> {
        Ok(KeyInfo {
            name: name.to_owned(),
            public: self.secret(name)?.public_key(),
        })
    }

    /// Returns all keys, by name.
    ///
    /// # Errors
    /// If the folder or a file in it cannot be read.
    pub(crate) fn list(&self) -> Outcome<Vec<KeyInfo>> {
        let Some(folder) = self.folder.as_ref().filter(|folder| folder.exists()) else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).on("list", folder)? {
            let path = entry.on("list", folder)?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if let Some(stem) = stem
                && path
                    .extension()
                    .is_some_and(|extension| extension == EXTENSION)
            {
                names.push(stem.to_owned());
            }
        }
        names.sort();
        names.iter().map(|name| self.info(name)).collect()
    }
}
