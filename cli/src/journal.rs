//! The journal of `--id TEXT`: signed bytes, so that a repeat sends the same transactions.
//!
//! An entry is written before the first byte leaves. Whoever repeats a command after a crash or a
//! timeout then cannot pay twice: the ledger executes one transaction at most once.

use std::fs;
use std::path::PathBuf;

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
    /// Names the entry for `text`.
    ///
    /// # Errors
    /// A usage error if the text is empty or too long.
    pub(crate) fn open(global: &Global, text: &str) -> Outcome<Self> {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(CliError::usage(format!(
                "--id takes 1 to {TEXT_BYTES_MAX} bytes of text"
            )));
        }
        let folder = folders::data(global)?.join("journal");
        folders::create_private(&folder)?;
        Ok(Self {
            path: folder.join(hex(text.as_bytes())).with_extension("toml"),
            text: text.to_owned(),
        })
    }

    /// Returns what was signed under this text before, if it meant the same.
    ///
    /// # Errors
    /// A usage error if it meant something else; [`Exit::Corrupt`] if the entry is damaged.
    pub(crate) fn find(&self, intent: &Intent) -> Outcome<Option<Vec<Signed>>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&self.path).on("read", &self.path)?;
        let damaged = || {
            let message = format!("the journal entry {} is damaged", self.path.display());
            CliError::new(Exit::Corrupt, message)
        };
        let entry: Entry = toml::from_str(&text).map_err(|_| damaged())?;
        if entry.version != VERSION || entry.signed.len() != entry.intent.transactions.len() {
            return Err(damaged());
        }
        if entry.intent != *intent {
            let message = format!("--id {} was used for something else", self.text);
            return Err(CliError::usage(message).next("choose another text for this"));
        }
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

#[cfg(test)]
mod tests {
    use starling_ledger::genesis::local_account;
    use starling_ledger::keys::{SecretKey, Signer as _};

    use super::*;
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

    #[test]
    fn repeat_finds_the_same_bytes_and_refuses_another_meaning() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal {
            path: folder.path().join("entry"),
            text: "rent".to_owned(),
        };
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
        let journal = Journal {
            path: folder.path().join("entry"),
            text: "rent".to_owned(),
        };
        let wanted = intent(&[payment(5)]);
        journal.store(&wanted, &[]).unwrap();
        assert_eq!(journal.find(&wanted).unwrap_err().exit, Exit::Corrupt);
    }
}
