//! The journal of `--id TEXT`: signed bytes, so that a repeat sends the same transactions.
//!
//! An entry is written before the first byte leaves. Whoever repeats a command after a crash or a
//! timeout then cannot pay twice: the ledger executes one transaction at most once. What is signed
//! anew under a name takes the place of what is proven never to become final.
//!
//! Entries lie in a folder of their network, named after its genesis, so that a name of one network
//! is none of another. Commands that use one name at once take turns: whoever comes second finds
//! what the first has signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starling_ledger::codec::encode;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::{Action, RawTransaction};

use crate::args::Global;
use crate::draft::Signed;
use crate::error::{CliError, ExitContext as _, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::folders;
use crate::key_file::hex;
use crate::turn::Turn;
use crate::verify::unhex;

/// The version of the format.
const VERSION: u32 = 2;
/// Most bytes of the text after `--id`: its hex is a file name.
const TEXT_BYTES_MAX: usize = 64;

/// The place of one entry.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    text: String,
    patience: Duration,
    turn: Option<Turn>,
}

/// What was meant: a repeat has to mean the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intent {
    /// The network.
    pub(crate) genesis: String,
    /// The sender's address.
    pub(crate) from: String,
    /// What each transaction does.
    pub(crate) transactions: Vec<Meaning>,
}

/// What one transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meaning {
    /// Its actions, encoded, hex.
    pub(crate) actions: String,
    /// Text for people.
    pub(crate) memo: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    version: u32,
    signed: Vec<String>,
    intent: Intent,
}

impl Meaning {
    /// Describes what a transaction is to do.
    pub(crate) fn new(actions: &[Action], memo: &str) -> Self {
        Self {
            actions: hex(&encode(&actions.to_vec())),
            memo: memo.to_owned(),
        }
    }
}

impl Journal {
    /// Names the entry for `text` on the network of `genesis`, and waits for its turn.
    ///
    /// # Errors
    /// A usage error if the text is empty or too long; [`Exit::Locked`] if the turn does not come
    /// within `patience`.
    pub(crate) fn open(
        global: &Global,
        genesis: &Hash,
        text: &str,
        patience: Duration,
    ) -> Outcome<Self> {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(CliError::usage(format!(
                "--id takes 1 to {TEXT_BYTES_MAX} bytes of text"
            )));
        }
        let all = folders::data(global)?.join("journal");
        let name = hex(text.as_bytes());
        let mut journal = Self {
            path: all
                .join(genesis.to_string())
                .join(&name)
                .with_extension("toml"),
            text: text.to_owned(),
            patience,
            turn: None,
        };
        journal.lock()?;
        journal.take_over(&all.join(&name).with_extension("toml"), genesis)?;
        Ok(journal)
    }

    /// Waits for the turn of this name, unless it is held.
    ///
    /// # Errors
    /// [`Exit::Locked`] if it does not come in time.
    pub(crate) fn lock(&mut self) -> Outcome {
        if self.turn.is_none() {
            let path = self.path.with_extension("lock");
            self.turn = Some(Turn::wait(&path, self.patience).map_err(|error| CliError {
                message: format!("another command uses --id {}: {}", self.text, error.message),
                ..error
            })?);
        }
        Ok(())
    }

    /// Ends the turn.
    pub(crate) fn unlock(&mut self) {
        self.turn = None;
    }

    /// Moves an entry from where earlier releases kept those of all networks.
    fn take_over(&self, earlier: &Path, genesis: &Hash) -> Outcome {
        if self.path.exists() || !earlier.exists() {
            return Ok(());
        }
        let entry = read(earlier)?;
        if entry.intent.genesis != genesis.to_string() {
            return Ok(());
        }
        fs::rename(earlier, &self.path).on("move", earlier)
    }

    /// Returns what was signed under this text before, if it meant the same.
    ///
    /// # Errors
    /// A usage error if it meant something else; [`Exit::Corrupt`] if the entry is damaged.
    pub(crate) fn find(&self, intent: &Intent) -> Outcome<Option<Vec<Signed>>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let entry = read(&self.path)?;
        if entry.intent != *intent {
            let message = format!("--id {} was used for something else", self.text);
            return Err(CliError::usage(message).next("choose another text for this"));
        }
        let damaged = || damaged(&self.path);
        let genesis: Hash = intent.genesis.parse().exit(Exit::Corrupt)?;
        let signed = entry.signed.iter().map(|text| {
            let raw = RawTransaction(unhex("transaction", text).map_err(|_| damaged())?.into());
            let transaction = raw.decode().map_err(|_| damaged())?;
            let id = transaction.body.id(&genesis, &transaction.sender());
            Ok(Signed { id, raw })
        });
        signed.collect::<Outcome<_>>().map(Some)
    }

    /// Stores what was signed, before it is sent.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn store(&self, intent: &Intent, signed: &[Signed]) -> Outcome {
        let entry = Entry {
            version: VERSION,
            signed: signed.iter().map(|signed| hex(&signed.raw.0)).collect(),
            intent: intent.clone(),
        };
        let text = toml::to_string(&entry).exit(Exit::Failure)?;
        folders::write_private(&self.path, text.as_bytes())
    }
}

/// Reads an entry, of whatever network.
fn read(path: &Path) -> Outcome<Entry> {
    let text = fs::read_to_string(path).on("read", path)?;
    let entry: Option<Entry> = toml::from_str(&text).ok();
    entry
        .filter(|entry| entry.version == VERSION)
        .filter(|entry| entry.signed.len() == entry.intent.transactions.len())
        .ok_or_else(|| damaged(path))
}

fn damaged(path: &Path) -> CliError {
    let message = format!("the journal entry {} is damaged", path.display());
    CliError::new(Exit::Corrupt, message)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use starling_ledger::genesis::local_account;
    use starling_ledger::keys::{SecretKey, Signer as _};

    use super::*;
    use crate::args::Cli;
    use crate::draft::Draft;

    fn payment(amount: u64) -> Draft {
        let alice = SecretKey::local("alice").public_key();
        Draft::payment(alice, local_account("bob"), amount)
    }

    fn intent(payments: &[Draft]) -> Intent {
        let meaning = |draft: &Draft| Meaning::new(&draft.actions, &draft.memo);
        Intent {
            genesis: Hash([3; 32]).to_string(),
            from: "a".to_owned(),
            transactions: payments.iter().map(meaning).collect(),
        }
    }

    fn journal(folder: &Path, genesis: Hash, text: &str) -> Outcome<Journal> {
        let line = [
            "starling",
            "--data-dir",
            &folder.to_string_lossy(),
            "status",
        ];
        let global = Cli::try_parse_from(line).unwrap().global;
        Journal::open(&global, &genesis, text, Duration::ZERO)
    }

    #[test]
    fn a_name_of_one_network_is_none_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = intent(&[payment(5)]);
        let key = SecretKey::local("alice");
        let signed = [payment(5).sign_alone(&Hash([3; 32]), &key)];
        let here = journal(folder.path(), Hash([3; 32]), "rent").unwrap();
        here.store(&wanted, &signed).unwrap();
        let there = journal(folder.path(), Hash([4; 32]), "rent").unwrap();
        let other = Intent {
            genesis: Hash([4; 32]).to_string(),
            ..wanted.clone()
        };
        assert!(there.find(&other).unwrap().is_none());
        assert!(here.find(&wanted).unwrap().is_some());
    }

    #[test]
    fn whoever_uses_a_name_at_once_waits_for_its_turn() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = journal(folder.path(), Hash([3; 32]), "rent").unwrap();
        let refused = journal(folder.path(), Hash([3; 32]), "rent").unwrap_err();
        assert_eq!(refused.exit, Exit::Locked);
        journal(folder.path(), Hash([3; 32]), "wages").unwrap();
        first.unlock();
        journal(folder.path(), Hash([3; 32]), "rent").unwrap();
    }

    #[test]
    fn an_entry_of_an_earlier_release_is_taken_over_by_its_network_alone() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = intent(&[payment(5)]);
        let key = SecretKey::local("alice");
        let signed = [payment(5).sign_alone(&Hash([3; 32]), &key)];
        let written = journal(folder.path(), Hash([3; 32]), "rent").unwrap();
        written.store(&wanted, &signed).unwrap();
        let name = format!("journal/{}.toml", hex(b"rent"));
        let earlier = folder.path().join(name);
        fs::rename(&written.path, &earlier).unwrap();
        drop(written);
        journal(folder.path(), Hash([4; 32]), "rent").unwrap();
        assert!(earlier.exists());
        let here = journal(folder.path(), Hash([3; 32]), "rent").unwrap();
        assert!(!earlier.exists());
        let found = here.find(&wanted).unwrap().unwrap();
        assert_eq!(found[0].id, signed[0].id);
    }

    #[test]
    fn repeat_finds_the_same_bytes_and_refuses_another_meaning() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path(), Hash([3; 32]), "rent").unwrap();
        let payments = [payment(5), payment(6)];
        let wanted = intent(&payments);
        assert!(journal.find(&wanted).unwrap().is_none());
        let sign = |draft: &Draft| draft.sign_alone(&Hash([3; 32]), &SecretKey::local("alice"));
        let signed = payments.iter().map(sign).collect::<Vec<_>>();
        journal.store(&wanted, &signed).unwrap();
        let found = journal.find(&wanted).unwrap().unwrap();
        let pairs = |signed: &[Signed]| {
            let pairs = signed.iter().map(|one| (one.id, one.raw.clone()));
            pairs.collect::<Vec<_>>()
        };
        assert_eq!(pairs(&found), pairs(&signed));
        for other in [&[payment(5)][..], &[payment(5), payment(7)]] {
            assert_eq!(journal.find(&intent(other)).unwrap_err().exit, Exit::Usage);
        }
    }

    #[test]
    fn torn_entry_is_damage_and_nothing_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path(), Hash([3; 32]), "rent").unwrap();
        let wanted = intent(&[payment(5)]);
        journal.store(&wanted, &[]).unwrap();
        assert_eq!(journal.find(&wanted).unwrap_err().exit, Exit::Corrupt);
    }
}
