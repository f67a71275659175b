//! The journal of `send --id TEXT`: signed bytes, so that a repeat sends the same transaction.
//!
//! An entry is written before the first byte leaves. Whoever repeats a command after a crash or a
//! timeout then cannot pay twice: the ledger executes one transaction at most once.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use starling_ledger::hash::Hash;
use starling_ledger::transaction::RawTransaction;

use crate::args::Global;
use crate::error::{CliError, ExitContext as _, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::folders;
use crate::key_file::hex;
use crate::payment::SignedPayment;
use crate::verify::unhex;

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
    /// The receiver's address.
    pub(crate) to: String,
    /// Base units.
    pub(crate) amount_base: u64,
    /// Text for people.
    pub(crate) memo: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    version: u32,
    transaction: String,
    intent: Intent,
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
    pub(crate) fn find(&self, intent: &Intent) -> Outcome<Option<SignedPayment>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&self.path).on("read", &self.path)?;
        let damaged = |_| {
            let message = format!("the journal entry {} is damaged", self.path.display());
            CliError::new(Exit::Corrupt, message)
        };
        let entry: Entry = toml::from_str(&text).map_err(damaged)?;
        if entry.intent != *intent {
            let message = format!("--id {} was used for another payment", self.text);
            return Err(CliError::usage(message).next("choose another text for this payment"));
        }
        let raw = RawTransaction(unhex("transaction", &entry.transaction)?.into());
        let transaction = raw.decode().exit(Exit::Corrupt)?;
        let genesis: Hash = intent.genesis.parse().exit(Exit::Corrupt)?;
        let id = transaction.body.id(&genesis, &transaction.sender());
        Ok(Some(SignedPayment { id, raw }))
    }

    /// Stores what was signed, before it is sent.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn store(&self, intent: &Intent, signed: &SignedPayment) -> Outcome {
        let entry = Entry {
            version: 1,
            transaction: hex(&signed.raw.0),
            intent: intent.clone(),
        };
        let text = toml::to_string(&entry).exit(Exit::Failure)?;
        folders::write_private(&self.path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use starling_ledger::genesis::local_account;
    use starling_ledger::keys::SecretKey;

    use super::*;
    use crate::payment::Payment;

    #[test]
    fn repeat_finds_the_same_bytes_and_refuses_another_meaning() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal {
            path: folder.path().join("entry"),
            text: "rent".to_owned(),
        };
        let genesis = Hash([3; 32]);
        let mut intent = Intent {
            genesis: genesis.to_string(),
            from: "a".to_owned(),
            to: "b".to_owned(),
            amount_base: 5,
            memo: String::new(),
        };
        assert!(journal.find(&intent).unwrap().is_none());
        let payment = Payment {
            to: local_account("bob"),
            amount: 5,
            nonce: 7,
            fee: 1,
            expires_at_ms: 9,
            memo: String::new(),
        };
        let signed = payment.sign(&genesis, &SecretKey::local("alice"));
        journal.store(&intent, &signed).unwrap();
        let found = journal.find(&intent).unwrap().unwrap();
        assert_eq!((found.id, found.raw), (signed.id, signed.raw));
        intent.amount_base = 6;
        assert_eq!(journal.find(&intent).unwrap_err().exit, Exit::Usage);
    }
}
