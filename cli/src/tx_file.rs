//! A transaction in a file: what a person reads before signing, and the bytes that are signed.
//!
//! The file is TOML. `body` holds the bytes; every other field says what is in them. Whoever reads
//! the file compares: a field that says something else than the bytes is an error, so that nobody
//! signs one thing and reads another. Symbol and decimals come from the genesis, not from the file.
//!
//! # Limits
//! A file has at most [`FILE_BYTES_MAX`] bytes.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use starling_ledger::address::NetworkKind;
use starling_ledger::authority::Authority;
use starling_ledger::codec::{decode, encode};
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{Ed25519, PublicKey, Signature, SignatureScheme as _};
use starling_ledger::transaction::{Action, Body, TRANSACTION_BYTES_MAX, TransactionId};

use crate::amount::Unit;
use crate::authority;
use crate::date::date;
use crate::draft::{Draft, Signatures, keys_of};
use crate::error::{CliError, ExitContext as _, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::folders;
use crate::key_file::{hex, kind_name};
use crate::network::Network;
use crate::verify::unhex;

/// Most bytes of a file: a transaction of 16 KiB in hex, described beside it, and 16 signatures.
const FILE_BYTES_MAX: u64 = 256 * 1024;
const VERSION: u32 = 1;
const HEADING: &str = "\
# A transaction of Starling that several people or machines may sign. Read it before you sign:
# whoever signs agrees to all that stands here. Nothing in it is secret.
";

/// A transaction that waits for signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TxFile {
    /// The network, by its id.
    pub(crate) genesis: Hash,
    /// What it says.
    pub(crate) draft: Draft,
    /// The signatures made so far; each is valid.
    pub(crate) signatures: Signatures,
}

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u32,
    network: String,
    kind: String,
    genesis: String,
    id: String,
    sender: String,
    nonce: u64,
    fee: String,
    expires: String,
    expires_at_ms: u64,
    memo: String,
    actions: Vec<String>,
    signatures_needed: usize,
    body: String,
    keys: Vec<String>,
    #[serde(default)]
    signatures: Vec<SignatureFields>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureFields {
    key: String,
    signature: String,
}

impl TxFile {
    /// Returns the transaction's id.
    pub(crate) fn id(&self) -> TransactionId {
        self.draft.id(&self.genesis)
    }

    /// Reads the file at `path`, which has to be of the network of `genesis`.
    ///
    /// # Errors
    /// [`Exit::Corrupt`] names what does not fit; [`Exit::WrongNetwork`]; [`Exit::Key`] for a
    /// signature that is none.
    pub(crate) fn read(path: &Path, genesis: &Genesis) -> Outcome<Self> {
        if fs::metadata(path).on("read", path)?.len() > FILE_BYTES_MAX {
            let message = format!("{} is too long for a transaction", path.display());
            return Err(CliError::new(Exit::Corrupt, message));
        }
        let text = fs::read_to_string(path).on("read", path)?;
        Self::parse(&text, genesis).map_err(|mut error| {
            error.message = format!("{}: {}", path.display(), error.message);
            error
        })
    }

    /// Writes the file for people.
    pub(crate) fn to_text(&self, genesis: &Genesis) -> String {
        let fields = Fields::of(self, genesis);
        let body = toml::to_string(&fields).expect("texts, numbers and lists of them are TOML");
        format!("{HEADING}{body}")
    }

    /// Writes it to `path`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self, path: &Path, genesis: &Genesis) -> Outcome {
        folders::write_private(path, self.to_text(genesis).as_bytes())
    }

    /// Says in lines what is signed, whatever a file claims.
    pub(crate) fn lines(&self, genesis: &Genesis) -> Vec<String> {
        let fields = Fields::of(self, genesis);
        let mut lines = vec![
            format!("transaction {}", fields.id),
            format!("  network  {} ({})", fields.network, fields.kind),
            format!("  sender   {}", fields.sender),
        ];
        lines.extend(
            fields
                .actions
                .iter()
                .map(|action| format!("  action   {action}")),
        );
        lines.push(format!(
            "  fee      {}   nonce {}",
            fields.fee, fields.nonce
        ));
        lines.push(format!("  expires  {}", fields.expires));
        if !fields.memo.is_empty() {
            lines.push(format!("  memo     {:?}", fields.memo));
        }
        lines.push(format!(
            "  signed   {} of {} needed",
            self.signatures.len(),
            fields.signatures_needed
        ));
        lines
    }

    /// Adds a signature.
    ///
    /// # Errors
    /// [`Exit::Key`] if the key is not of the authority, or the signature is not over this.
    pub(crate) fn add(&mut self, key: PublicKey, signature: Signature) -> Outcome {
        if !keys_of(&self.draft.authority).contains(&key) {
            let message = format!("the key {key} is not one that signs for this account");
            return Err(CliError::new(Exit::Key, message).code("wrong_key"));
        }
        if !Ed25519.verify(&key, &self.id().0.0, &signature) {
            let message = format!("the signature of the key {key} is not over this transaction");
            return Err(CliError::new(Exit::Key, message).code("signature"));
        }
        self.signatures.insert(key, signature);
        Ok(())
    }

    fn parse(text: &str, genesis: &Genesis) -> Outcome<Self> {
        let wrong = |what: &str| CliError::new(Exit::Corrupt, format!("no transaction: {what}"));
        let fields: Fields = toml::from_str(text).map_err(|error| wrong(error.message()))?;
        if fields.version != VERSION {
            return Err(wrong("it has a version that this release does not know"));
        }
        let hash = genesis.hash();
        if fields.genesis != hash.to_string() {
            let message = format!(
                "a transaction of the network {} ({}), the genesis here is of {} ({})",
                fields.network,
                fields.genesis.chars().take(8).collect::<String>(),
                genesis.name,
                hash.short()
            );
            return Err(CliError::new(Exit::WrongNetwork, message)
                .next("name its network's genesis with --genesis FILE"));
        }
        let bytes = unhex("body", &fields.body).map_err(|_| wrong("`body` is not hex"))?;
        let body: Body = decode::<_, TRANSACTION_BYTES_MAX>(&bytes)
            .map_err(|error| wrong(&format!("the body is {error}")))?;
        let keys = fields.keys.iter().map(|key| key.parse());
        let keys: Result<Vec<PublicKey>, _> = keys.collect();
        let keys = keys.map_err(|_| wrong("`keys` holds something that is no public key"))?;
        let authority = authority_of(fields.signatures_needed, keys)
            .map_err(|error| wrong(&format!("`keys`: {}", error.message)))?;
        let mut file = Self {
            genesis: hash,
            draft: draft_of(body, authority),
            signatures: Signatures::new(),
        };
        let checked = file.draft.check();
        checked.map_err(|error| wrong(&error.message))?;
        for given in &fields.signatures {
            let (key, signature) = given
                .read()
                .ok_or_else(|| wrong("a signature is not hex"))?;
            file.add(key, signature)?;
        }
        fields.compare(&Fields::of(&file, genesis))?;
        Ok(file)
    }
}

impl Fields {
    fn of(file: &TxFile, genesis: &Genesis) -> Self {
        let network = Network::own(genesis.clone());
        let draft = &file.draft;
        let signatures = file
            .signatures
            .iter()
            .map(|(key, signature)| SignatureFields {
                key: key.to_string(),
                signature: hex(&signature.0),
            });
        let actions = draft.actions.iter();
        Self {
            version: VERSION,
            network: network.name.clone(),
            kind: kind_name(network.kind).to_owned(),
            genesis: file.genesis.to_string(),
            id: file.id().to_string(),
            sender: draft.sender.to_address(network.kind),
            nonce: draft.nonce,
            fee: network.unit.full(draft.fee),
            expires: date(draft.expires_at_ms),
            expires_at_ms: draft.expires_at_ms,
            memo: draft.memo.clone(),
            actions: actions
                .map(|action| words(action, network.kind, &network.unit))
                .collect(),
            signatures_needed: draft.authority.signature_count(),
            body: hex(&encode(&draft.body())),
            keys: keys_of(&draft.authority)
                .iter()
                .map(ToString::to_string)
                .collect(),
            signatures: signatures.collect(),
        }
    }

    /// Compares what a file says with what its bytes mean.
    fn compare(&self, meant: &Self) -> Outcome {
        let differs = [
            ("network", self.network == meant.network),
            ("kind", self.kind == meant.kind),
            ("sender", self.sender == meant.sender),
            ("nonce", self.nonce == meant.nonce),
            ("fee", self.fee == meant.fee),
            ("expires", self.expires == meant.expires),
            ("expires_at_ms", self.expires_at_ms == meant.expires_at_ms),
            ("memo", self.memo == meant.memo),
            ("actions", self.actions == meant.actions),
            ("id", self.id == meant.id),
        ];
        let Some((field, _)) = differs.iter().find(|(_, same)| !same) else {
            return Ok(());
        };
        let message = format!(
            "`{field}` is not what the bytes in `body` say: whoever signed this would sign \
             something else than stands here"
        );
        Err(CliError::new(Exit::Corrupt, message)
            .code("shown_fields")
            .next("do not sign it; ask for the file again"))
    }
}

impl SignatureFields {
    fn read(&self) -> Option<(PublicKey, Signature)> {
        let bytes = unhex("signature", &self.signature).ok()?;
        let signature = Signature(bytes.try_into().ok()?);
        self.key.parse().ok().map(|key| (key, signature))
    }
}

fn authority_of(needed: usize, keys: Vec<PublicKey>) -> Outcome<Authority> {
    match (needed, keys.as_slice()) {
        (1, [key]) => Ok(Authority::Key(*key)),
        _ => {
            let threshold = u8::try_from(needed).exit(Exit::Usage)?;
            authority::policy(threshold, keys).map(Authority::Policy)
        }
    }
}

fn draft_of(body: Body, authority: Authority) -> Draft {
    Draft {
        sender: body.sender.unwrap_or_else(|| authority.account()),
        authority,
        nonce: body.nonce,
        fee: body.fee,
        expires_at_ms: body.expires_at_ms,
        memo: body.memo,
        actions: body.actions,
    }
}

/// Says what an action does, with nothing shortened.
fn words(action: &Action, kind: NetworkKind, unit: &Unit) -> String {
    match action {
        Action::Transfer { to, amount } => {
            format!("pay {} to {}", unit.full(*amount), to.to_address(kind))
        }
        Action::Record { digest, note } if note.is_empty() => format!("record {digest}"),
        Action::Record { digest, note } => format!("record {digest} with the note {note:?}"),
        Action::SetAuthority { authority } => {
            let words = authority::show(authority);
            format!("replace the sender's authority by {words}")
        }
        Action::Bond {
            consensus_key,
            amount,
            ..
        } => {
            let amount = unit.full(*amount);
            format!("bond {amount} for the consensus key {consensus_key}")
        }
        Action::Unbond { amount } => format!("unbond {}", unit.full(*amount)),
        Action::Unjail => "return as a validator".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use starling_ledger::genesis::local_account;
    use starling_ledger::keys::{SecretKey, Signer as _};

    use super::*;
    use proptest::prelude::*;

    fn genesis() -> Genesis {
        Genesis::local("local", 1, 4)
    }

    fn file() -> TxFile {
        let keys = ["a", "b", "c"].map(|name| SecretKey::local(name).public_key());
        let key = SecretKey::local("alice").public_key();
        let draft = Draft {
            authority: Authority::Policy(authority::policy(2, keys.to_vec()).unwrap()),
            nonce: 7,
            fee: 2_000,
            expires_at_ms: 1_700_000_000_000,
            memo: "rent \u{1b}[2J".to_owned(),
            ..Draft::payment(key, local_account("bob"), 25_000_000)
        };
        TxFile {
            genesis: genesis().hash(),
            draft,
            signatures: Signatures::new(),
        }
    }

    fn sign(file: &mut TxFile, name: &str) -> Outcome {
        let key = SecretKey::local(name);
        let id = file.id();
        file.add(key.public_key(), key.sign(&id.0.0))
    }

    #[test]
    fn file_survives_with_its_signatures_and_shows_all() {
        let mut file = file();
        sign(&mut file, "b").unwrap();
        let text = file.to_text(&genesis());
        assert_eq!(TxFile::parse(&text, &genesis()).unwrap(), file);
        let bob = local_account("bob").to_address(NetworkKind::Local);
        for shown in [&format!("pay 25 STAR to {bob}"), "nonce = 7", "0.002 STAR"] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        // Nothing in a memo reaches the terminal as a command.
        assert!(!file.lines(&genesis()).join("\n").contains('\u{1b}'));
    }

    #[test]
    fn field_that_says_something_else_than_the_bytes_is_named() {
        let text = file().to_text(&genesis());
        for (field, from, to) in [
            ("actions", "pay 25 STAR", "pay 5 STAR"),
            ("fee", "0.002 STAR", "0.001 STAR"),
            ("nonce", "nonce = 7", "nonce = 8"),
            ("memo", "rent ", "gift "),
            ("expires", "2023-11-14", "2024-11-14"),
            ("kind", "kind = \"local\"", "kind = \"main\""),
        ] {
            assert!(text.contains(from), "{from}: {text}");
            let error = TxFile::parse(&text.replace(from, to), &genesis()).unwrap_err();
            assert_eq!(
                (error.exit, error.code.as_str()),
                (Exit::Corrupt, "shown_fields")
            );
            assert!(
                error.message.contains(&format!("`{field}`")),
                "{}",
                error.message
            );
        }
    }

    #[test]
    fn other_bytes_other_networks_and_foreign_signatures_are_refused() {
        let mut signed = file();
        sign(&mut signed, "a").unwrap();
        let text = signed.to_text(&genesis());
        let other = Genesis::local("garden", 1, 4);
        let error = TxFile::parse(&text, &other).unwrap_err();
        assert_eq!(error.exit, Exit::WrongNetwork);
        assert_eq!(sign(&mut signed, "alice").unwrap_err().code, "wrong_key");
        let key = SecretKey::local("b");
        let over_something_else = key.sign(&[0; 32]);
        let error = signed.add(key.public_key(), over_something_else);
        assert_eq!(error.unwrap_err().code, "signature");
        for broken in [
            text.replace("version = 1", "version = 2"),
            text.replace("body = \"", "body = \"00"),
            text.replace("signatures_needed = 2", "signatures_needed = 4"),
            text.replace("memo = ", "surprise = 1\nmemo = "),
            String::new(),
        ] {
            let error = TxFile::parse(&broken, &genesis()).unwrap_err();
            assert_eq!(error.exit, Exit::Corrupt, "{broken}");
        }
    }

    proptest! {
        /// Whatever is changed in a file: it is refused, or what is signed is the same.
        #[test]
        fn a_changed_file_never_means_something_else(
            at in any::<prop::sample::Index>(),
            put in prop_oneof!["[ -~]{0,3}", "[0-9a-f]"],
            removed in 0..3usize,
        ) {
            let mut signed = file();
            sign(&mut signed, "b").unwrap();
            let mut text: Vec<char> = signed.to_text(&genesis()).chars().collect();
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, put.chars());
            let text: String = text.into_iter().collect();
            if let Ok(read) = TxFile::parse(&text, &genesis()) {
                prop_assert_eq!(read.id(), signed.id());
            }
        }
    }
}
