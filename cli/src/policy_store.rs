//! The policies this machine knows: m of n public keys, one file each.
//!
//! The ledger keeps the hash of an account's authority only. Whoever acts for a group has to know
//! the keys, so each policy that is made here, or given to an account, is kept.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use starling_ledger::address::AccountId;
use starling_ledger::authority::{Authority, Policy};
use starling_ledger::keys::PublicKey;

use crate::args::Global;
use crate::authority::policy;
use crate::error::{CliError, ExitContext as _, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::folders;

const EXTENSION: &str = "toml";
const VERSION: u32 = 1;
const HEADING: &str =
    "# A policy of Starling: who may act for an account. Nothing in it is secret.\n";
/// Digits of the hash that name a policy nobody gave a name.
const HASH_DIGITS: usize = 16;

/// The folder of policies.
#[derive(Clone, Debug)]
pub(crate) struct PolicyStore {
    folder: Option<PathBuf>,
}

/// A policy and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPolicy {
    /// Its name in the folder.
    pub(crate) name: String,
    /// The policy, as an authority.
    pub(crate) authority: Authority,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u32,
    threshold: u8,
    keys: Vec<String>,
}

impl NamedPolicy {
    /// Returns the account this policy is the first authority of.
    pub(crate) fn account(&self) -> AccountId {
        self.authority.account()
    }
}

impl PolicyStore {
    /// Names the folder; it need not exist, nor need the user have a place for it.
    pub(crate) fn open(global: &Global) -> Self {
        let folder = folders::of_data(global, "policies");
        Self { folder }
    }

    /// Uses the folder at `folder`.
    #[cfg(test)]
    pub(crate) fn at(folder: PathBuf) -> Self {
        let folder = Some(folder);
        Self { folder }
    }

    /// Keeps a policy under `name`, or under the first digits of its hash. One that is known
    /// already keeps its name, unless another is given.
    ///
    /// # Errors
    /// [`Exit::Key`] if the name is another policy's.
    pub(crate) fn keep(&self, name: Option<&str>, wanted: &Policy) -> Outcome<NamedPolicy> {
        let authority = Authority::Policy(wanted.clone());
        if name.is_none() {
            let mut known = self.list()?.into_iter();
            if let Some(found) = known.find(|found| found.authority == authority) {
                return Ok(found);
            }
        }
        let hash = authority.hash().to_string();
        let name = name.map_or_else(|| hash.chars().take(HASH_DIGITS).collect(), str::to_owned);
        if let Some(found) = self.find(&name)? {
            if found.authority == authority {
                return Ok(found);
            }
            let message = format!("there is another policy called {name} already");
            return Err(CliError::new(Exit::Key, message).next("choose another name"));
        }
        let fields = Fields {
            version: VERSION,
            threshold: wanted.threshold(),
            keys: wanted.keys().iter().map(ToString::to_string).collect(),
        };
        let body = toml::to_string(&fields).exit(Exit::Failure)?;
        folders::create_private(self.folder()?)?;
        folders::write_private(&self.path(&name)?, format!("{HEADING}{body}").as_bytes())?;
        Ok(NamedPolicy { name, authority })
    }

    /// Returns the policy called `name`; `None` if there is none.
    ///
    /// # Errors
    /// [`Exit::Key`] if its file holds no policy.
    pub(crate) fn find(&self, name: &str) -> Outcome<Option<NamedPolicy>> {
        let Ok(path) = self.path(name) else {
            return Ok(None);
        };
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).on("read", &path)?;
        let wrong = |what: &str| {
            let message = format!("{} is no policy: {what}", path.display());
            CliError::new(Exit::Key, message)
        };
        let fields: Fields = toml::from_str(&text).map_err(|error| wrong(error.message()))?;
        if fields.version != VERSION {
            return Err(wrong("it has a version that this release does not know"));
        }
        let keys = fields.keys.iter().map(|key| key.parse());
        let keys: Result<Vec<PublicKey>, _> = keys.collect();
        let keys = keys.map_err(|_| wrong("it holds something that is no public key"))?;
        let policy = policy(fields.threshold, keys).map_err(|error| wrong(&error.message))?;
        Ok(Some(NamedPolicy {
            name: name.to_owned(),
            authority: Authority::Policy(policy),
        }))
    }

    /// Returns all policies, by name.
    ///
    /// # Errors
    /// If the folder or a file in it cannot be read.
    pub(crate) fn list(&self) -> Outcome<Vec<NamedPolicy>> {
        let Some(folder) = self.folder.as_ref().filter(|folder| folder.exists()) else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).on("list", folder)? {
            let path = entry.on("list", folder)?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let extension = path.extension().and_then(|extension| extension.to_str());
            if let (Some(stem), Some(EXTENSION)) = (stem, extension) {
                names.push(stem.to_owned());
            }
        }
        names.sort();
        let found = names.iter().map(|name| self.find(name));
        Ok(found
            .collect::<Outcome<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    fn folder(&self) -> Outcome<&Path> {
        let folder = self.folder.as_deref();
        folder.ok_or_else(|| folders::no_home("XDG_DATA_HOME"))
    }

    fn path(&self, name: &str) -> Outcome<PathBuf> {
        folders::check_name("policy", name)?;
        Ok(self.folder()?.join(name).with_extension(EXTENSION))
    }
}

#[cfg(test)]
mod tests {
    use starling_ledger::keys::{SecretKey, Signer as _};

    use super::*;
    use crate::authority::show;

    fn pair(names: [&str; 2], threshold: u8) -> Policy {
        let keys = names.map(|name| SecretKey::local(name).public_key());
        policy(threshold, keys.to_vec()).unwrap()
    }

    #[test]
    fn policy_survives_its_file_and_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = PolicyStore::at(folder.path().join("policies"));
        assert_eq!(store.list().unwrap(), []);
        let one = pair(["alice", "bob"], 2);
        let kept = store.keep(Some("board"), &one).unwrap();
        assert_eq!(store.find("board").unwrap(), Some(kept.clone()));
        assert_eq!(store.keep(None, &one).unwrap(), kept);
        let unnamed = store.keep(None, &pair(["alice", "bob"], 1)).unwrap();
        assert_eq!(unnamed.name.len(), HASH_DIGITS);
        assert_eq!(store.list().unwrap().len(), 2);
        let error = store.keep(Some("board"), &pair(["n1", "n2"], 1));
        assert_eq!(error.unwrap_err().exit, Exit::Key);
    }

    #[test]
    fn damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = PolicyStore::at(folder.path().to_owned());
        for text in [
            "version = 1",
            "version = 2\nthreshold = 1\nkeys = []",
            "version = 1\nthreshold = 3\nkeys = [\"00\"]",
        ] {
            fs::write(folder.path().join("board.toml"), text).unwrap();
            let error = store.find("board").unwrap_err();
            assert_eq!(error.exit, Exit::Key);
            assert!(error.message.contains("board.toml"), "{}", error.message);
        }
        assert_eq!(
            show(&Authority::Policy(pair(["n1", "n2"], 1))).len(),
            2 + 129
        );
    }
}
