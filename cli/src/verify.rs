//! Checks of a node's answers against the genesis: no node's word is taken for anything.
//!
//! A header counts when more than two thirds of the genesis validators signed it; an account when
//! its proof leads to the header's state root; a transaction when its proof leads to the header's
//! transaction root.
//!
//! # Limits
//! The validators are those of the genesis: this release does not follow changes of the set.

use std::fmt::Display;

use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHeader;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::codec::{CodecError, decode};
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{Ed25519, PublicKey};
use starling_ledger::light;
use starling_ledger::merkle::ListProof;
use starling_ledger::staking::{ConsensusKey, Stake, StakeStatus};
use starling_ledger::state::{PROOF_BYTES_MAX, StateProof};
use starling_ledger::state_key::StateKey;
use starling_ledger::transaction::{RawTransaction, TransactionId};

use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::rpc::reply;

/// Most bytes of a header, a certificate or a proof of inclusion: a certificate of 1,000 is 67 kB.
const PIECE_BYTES_MAX: usize = 128 * 1024;

/// A way to read a value.
type Read<T> = fn(&[u8]) -> Result<T, CodecError>;

/// Checks answers against one genesis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifier<'genesis> {
    genesis: &'genesis Genesis,
}

/// A header that more than two thirds signed.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedHeader {
    /// The header.
    pub(crate) header: BlockHeader,
    /// How many signed.
    pub(crate) signed: usize,
    /// How many there are.
    pub(crate) total: usize,
}

impl<'genesis> Verifier<'genesis> {
    /// Trusts `genesis`.
    pub(crate) const fn new(genesis: &'genesis Genesis) -> Self {
        Self { genesis }
    }

    /// Checks a header and its certificate, as they come in hex.
    ///
    /// # Errors
    /// [`Exit::Verification`] says what does not fit.
    pub(crate) fn header(self, header: &str, certificate: &str) -> Outcome<VerifiedHeader> {
        let header: BlockHeader = piece("header", header, decode::<_, PIECE_BYTES_MAX>)?;
        let certificate: CommitCertificate =
            piece("certificate", certificate, decode::<_, PIECE_BYTES_MAX>)?;
        light::verify_header(&Ed25519, self.genesis, &header, &certificate).map_err(lied)?;
        Ok(VerifiedHeader {
            header,
            signed: certificate.signatures.len(),
            total: self.genesis.validators.len(),
        })
    }

    /// Checks what a node says about `account`, also that the ledger does not know it.
    ///
    /// # Errors
    /// [`Exit::Verification`] says what does not fit.
    pub(crate) fn account(self, account: &AccountId, answer: &reply::Account) -> Outcome {
        if answer.height == 0 {
            return self.first_account(account, answer);
        }
        let header = self.header(&answer.header, &answer.certificate)?;
        let bytes = unhex("proof", &answer.proof)?;
        let proof: StateProof = decode::<_, PROOF_BYTES_MAX>(&bytes).map_err(lied)?;
        let entry = light::verify_account(&header.header, &proof, account).map_err(lied)?;
        let (nonce, balance) = entry.map_or((0, 0), |entry| (entry.nonce, entry.balance));
        let told = (
            answer.exists,
            answer.height,
            answer.nonce,
            answer.balance_base,
        );
        if told != (entry.is_some(), header.header.height, nonce, balance) {
            return Err(lied("the account told is not the one proven"));
        }
        let authority = entry.map(|entry| entry.authority.to_string());
        if answer.authority != authority {
            return Err(lied("the authority told is not the one proven"));
        }
        let history = entry.map(|entry| entry.history.to_string());
        if answer.history.is_some() && answer.history != history {
            return Err(lied("the history told is not the one proven"));
        }
        Ok(())
    }

    /// Checks what a node says about the record that `sender` made of `digest`, also that there is
    /// none.
    ///
    /// # Errors
    /// [`Exit::Verification`] says what does not fit.
    pub(crate) fn record(
        self,
        sender: &AccountId,
        digest: &Hash,
        answer: &reply::Record,
    ) -> Outcome {
        let told = (
            answer.exists,
            answer.recorded_height,
            answer.recorded_ms,
            answer.note.clone(),
        );
        // The genesis holds no records.
        let mut proven = (false, None, None, None);
        if answer.height > 0 {
            let header = self.header(&answer.header, &answer.certificate)?;
            let bytes = unhex("proof", &answer.proof)?;
            let proof: StateProof = decode::<_, PROOF_BYTES_MAX>(&bytes).map_err(lied)?;
            let entry = light::verify_record(&header.header, &proof, sender, digest);
            if let Some(record) = entry.map_err(lied)? {
                let (height, time_ms) = (Some(record.height), Some(record.time_ms));
                proven = (true, height, time_ms, Some(record.note));
            }
            if answer.height != header.header.height {
                return Err(lied("the record told is of another block"));
            }
        }
        if told != proven {
            return Err(lied("the record told is not the one proven"));
        }
        Ok(())
    }

    /// Checks what a node says about `account` before block 1: the genesis is the state.
    fn first_account(self, account: &AccountId, answer: &reply::Account) -> Outcome {
        let mut listed = self.genesis.accounts.iter();
        let listed = listed.find(|listed| listed.account == *account);
        let mut validators = self.genesis.validators.iter();
        let validates = validators.any(|validator| validator.account == *account);
        let balance = listed.map_or(0, |listed| listed.balance);
        let exists = listed.is_some() || validates;
        let first = exists.then(|| Hash(account.0).to_string());
        let authority = answer
            .authority
            .as_ref()
            .filter(|told| Some(*told) != first.as_ref());
        let told = (answer.exists, answer.nonce, answer.balance_base);
        if told != (exists, 0, balance) || authority.is_some() {
            return Err(lied("the account told is not the one of the genesis"));
        }
        Ok(())
    }

    /// Checks what a node says about the stake of `account`, also that there is none. When a
    /// release is due is the node's word.
    ///
    /// # Errors
    /// [`Exit::Verification`] says what does not fit.
    pub(crate) fn stake(self, account: &AccountId, answer: &reply::Stake) -> Outcome {
        let entry = if answer.height == 0 {
            let mut validators = self.genesis.validators.iter();
            let listed = validators.find(|validator| validator.account == *account);
            listed.map(|listed| Stake {
                bonded: listed.stake,
                ..Stake::new(listed.consensus_key)
            })
        } else {
            let header = self.header(&answer.header, &answer.certificate)?;
            let bytes = unhex("proof", &answer.proof)?;
            let proof: StateProof = decode::<_, PROOF_BYTES_MAX>(&bytes).map_err(lied)?;
            if answer.height != header.header.height {
                return Err(lied("the stake told is of another block"));
            }
            light::verify_stake(&header.header, &proof, account).map_err(lied)?
        };
        match stake_told(answer) == entry.as_ref().map(stake_proven) {
            true => Ok(()),
            false => Err(lied("the stake told is not the one proven")),
        }
    }

    /// Checks what a node says about a consensus key, also that nobody ever named it.
    ///
    /// # Errors
    /// [`Exit::Verification`] says what does not fit.
    pub(crate) fn consensus_key(self, key: &PublicKey, answer: &reply::ConsensusKey) -> Outcome {
        let owner = |account: AccountId| account.to_address(self.genesis.kind);
        let proven = if answer.height == 0 {
            let mut validators = self.genesis.validators.iter();
            let listed = validators.find(|validator| validator.consensus_key == *key);
            listed.map(|listed| (owner(listed.account), false))
        } else {
            let header = self.header(&answer.header, &answer.certificate)?;
            let bytes = unhex("proof", &answer.proof)?;
            let proof: StateProof = decode::<_, PROOF_BYTES_MAX>(&bytes).map_err(lied)?;
            let place = StateKey::consensus_key(key);
            let value = proof.verify(&header.header.state_root, &place);
            let entry = value.map_err(lied)?;
            let entry = entry.map(ConsensusKey::from_bytes);
            let entry = entry.transpose().map_err(lied)?;
            entry.map(|entry| (owner(entry.account), entry.excluded))
        };
        let told = (answer.exists, answer.account.clone(), answer.excluded);
        let expected = match proven {
            Some((account, excluded)) => (true, Some(account), excluded),
            None => (false, None, false),
        };
        match told == expected {
            true => Ok(()),
            false => Err(lied("the consensus key told is not the one proven")),
        }
    }

    /// Checks that the transaction `id` is in the block that a node says it is in.
    ///
    /// # Errors
    /// [`Exit::Verification`] says what does not fit.
    pub(crate) fn transaction(
        self,
        id: &TransactionId,
        answer: &reply::Transaction,
    ) -> Outcome<VerifiedHeader> {
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        let header = self.header(&given(&answer.header), &given(&answer.certificate))?;
        let raw = RawTransaction(unhex("transaction", &given(&answer.raw))?.into());
        let found = raw.verify(&Ed25519, &self.genesis.hash()).map_err(lied)?;
        let proof: ListProof = piece("proof", &given(&answer.proof), decode::<_, PIECE_BYTES_MAX>)?;
        light::verify_transaction(&header.header, &proof, &found.wire_id()).map_err(lied)?;
        if found.id() != *id || answer.height != Some(header.header.height) {
            return Err(lied("the transaction is not proven to be in this block"));
        }
        Ok(header)
    }
}

/// What of a stake is compared: key, bonded, whether it is active, releases with their epochs.
type StakeFacts = (Option<String>, u64, bool, Vec<(u64, u64)>);

fn stake_told(answer: &reply::Stake) -> Option<StakeFacts> {
    let releases = answer.releases.iter();
    let releases = releases.map(|release| (release.amount_base, release.epoch));
    let is_active = answer.status.as_deref() == Some("active");
    let key = answer.consensus_key.clone();
    let facts = (key, answer.bonded_base, is_active, releases.collect());
    answer.exists.then_some(facts)
}

fn stake_proven(stake: &Stake) -> StakeFacts {
    let releases = stake.releases.iter();
    let releases = releases.map(|release| (release.amount, release.epoch));
    let is_active = stake.status == StakeStatus::Active;
    let key = Some(stake.consensus_key.to_string());
    (key, stake.bonded, is_active, releases.collect())
}

/// Reads a piece of a proof.
fn piece<T>(what: &str, hex: &str, read: Read<T>) -> Outcome<T> {
    read(&unhex(what, hex)?).map_err(|error| lied(format!("the {what} is {error}")))
}

/// Reads bytes in hex, of any even number of digits.
///
/// # Errors
/// [`Exit::Verification`] if they are not hex, or missing.
pub(crate) fn unhex(what: &str, text: &str) -> Outcome<Vec<u8>> {
    let byte = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok()?;
        let valid = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u8::from_str_radix(digits, 16).ok().filter(|_| valid)
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    match bytes {
        Some(bytes) if !bytes.is_empty() && text.len().is_multiple_of(2) => Ok(bytes),
        _ => Err(lied(format!("the {what} is missing or not hex"))),
    }
}

fn lied(reason: impl Display) -> CliError {
    let message = format!("verification failed, the node lied: {reason}");
    CliError::new(Exit::Verification, message)
        .next("ask another node with --node, and tell the operator of this one")
}

#[cfg(test)]
mod tests {
    use starling_ledger::block::Block;
    use starling_ledger::certificate::CommitSignature;
    use starling_ledger::codec::encode;
    use starling_ledger::genesis::local_consensus_key;
    use starling_ledger::keys::{SecretKey, Signer as _};
    use starling_ledger::merkle::prove;

    use super::*;
    use crate::draft::{Draft, Signed};
    use crate::key_file::hex;

    fn payment(genesis: &Genesis) -> Signed {
        let alice = SecretKey::local("alice");
        let payment = Draft {
            fee: 1_000,
            expires_at_ms: 9,
            ..Draft::payment(alice.public_key(), AccountId([7; 32]), 1)
        };
        payment.sign_alone(&genesis.hash(), &alice)
    }

    /// A block with one payment, signed by the first `signers` validators, as a node would tell it.
    fn told(genesis: &Genesis, signers: usize) -> reply::Transaction {
        let raw = payment(genesis).raw;
        let set = genesis.validator_set().unwrap();
        let header = BlockHeader {
            version: 1,
            upgrade_signal: 1,
            genesis: genesis.hash(),
            height: 1,
            round: 0,
            parent: starling_ledger::block::BlockHash(genesis.hash()),
            time_ms: 5,
            proposer: genesis.validators[0].account,
            transaction_root: Block::transaction_root(std::slice::from_ref(&raw)),
            transaction_count: 1,
            state_root: Hash::ZERO,
            validators_hash: set.hash(),
            next_validators_hash: set.hash(),
            evidence_root: Hash::ZERO,
            evidence_count: 0,
            parent_certificate_hash: Hash::ZERO,
        };
        let mut certificate = CommitCertificate {
            height: 1,
            round: 0,
            block: header.hash(),
            signatures: Vec::new(),
        };
        let keys: Vec<_> = (1..=4)
            .map(|n| local_consensus_key(&format!("n{n}")))
            .collect();
        for index in (0..).take(signers) {
            let vote = certificate.precommit(&set, index).unwrap();
            let mut keys = keys.iter();
            let key = keys.find(|key| key.public_key() == vote.validator).unwrap();
            certificate.signatures.push(CommitSignature {
                validator: index,
                signature: vote.sign(&genesis.hash(), key).signature,
            });
        }
        reply::Transaction {
            status: "final".to_owned(),
            height: Some(1),
            index: Some(0),
            header: Some(hex(&encode(&header))),
            certificate: Some(hex(&encode(&certificate))),
            proof: Some(hex(&encode(&prove(&[raw.wire_id().0], 0).unwrap()))),
            raw: Some(hex(&raw.0)),
        }
    }

    #[test]
    fn believes_a_transaction_that_three_of_four_signed() {
        let genesis = Genesis::local("local", 1, 4);
        let id = payment(&genesis).id;
        let header = Verifier::new(&genesis)
            .transaction(&id, &told(&genesis, 3))
            .unwrap();
        assert_eq!(
            (header.signed, header.total, header.header.height),
            (3, 4, 1)
        );
    }

    #[test]
    fn believes_no_lie() {
        let genesis = Genesis::local("local", 1, 4);
        let other = Genesis::local("other", 1, 4);
        let id = payment(&genesis).id;
        let check = |genesis: &Genesis, told: &reply::Transaction| {
            let result = Verifier::new(genesis).transaction(&id, told);
            result.map(|_| ()).unwrap_err().exit
        };
        assert_eq!(check(&genesis, &told(&genesis, 2)), Exit::Verification);
        assert_eq!(check(&other, &told(&genesis, 4)), Exit::Verification);
        let good = told(&genesis, 4);
        for lie in [
            reply::Transaction {
                height: Some(2),
                ..good.clone()
            },
            reply::Transaction {
                proof: None,
                ..good.clone()
            },
            reply::Transaction {
                header: Some("zz".to_owned()),
                ..good.clone()
            },
            reply::Transaction {
                raw: Some("00".to_owned()),
                ..good
            },
        ] {
            assert_eq!(check(&genesis, &lie), Exit::Verification);
        }
    }

    #[test]
    fn hex_of_odd_length_signs_or_nothing_is_refused() {
        for text in ["", "a", "zz", "+1", "\u{e9}1"] {
            assert_eq!(
                unhex("x", text).unwrap_err().exit,
                Exit::Verification,
                "{text}"
            );
        }
        assert_eq!(unhex("x", "00fF").unwrap(), [0, 255]);
    }
}
