//! Checks of a node's answers: no node's word is taken for anything.
//!
//! The checks begin at the last header this machine verified on that network, or at the genesis, or
//! at the block of `--checkpoint`; the validators are followed from there as
//! [`light`] says. A header counts when more than two thirds signed it; an
//! account or a record when its proof leads to the header's state root; a transaction when its
//! proof leads to the header's transaction root.
//!
//! What a node shows of an earlier state than this machine has seen is refused: it may be true of
//! then, not of now. Older blocks with what is in them are looked up from the remembered one.

mod entries;
mod failure;
mod memory;
mod stake;
mod way;

use starling_ledger::block::BlockHeader;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::codec::{CodecError, decode};
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{self, Checkpoint, LightError, LightStep, Trusted};
use starling_ledger::merkle::ListProof;
use starling_ledger::state::{PROOF_BYTES_MAX, StateProof};
use starling_ledger::transaction::{RawTransaction, TransactionId};

pub(crate) use failure::until_caught_up;
pub(crate) use way::{LightWay, age};

use self::failure::{lied, unbelieved};
use self::memory::Memory;
use crate::context::Node;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::output::Output;
use crate::rpc::{Rpc, reply};
use crate::testnet::birth::now_ms;

/// Most bytes of a header, a certificate or a proof of inclusion: a certificate of 1,000 is 67 kB.
const PIECE_BYTES_MAX: usize = 128 * 1024;

/// A way to read a value.
type Read<T> = fn(&[u8]) -> Result<T, CodecError>;

/// Checks the answers of one node.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    genesis: &'a Genesis,
    rpc: &'a Rpc,
    memory: Memory,
    output: Output,
    trusted: Trusted,
}

/// A header that is believed.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedHeader {
    /// The header.
    pub(crate) header: BlockHeader,
    /// How many signed, of how many; `None` where it is believed for a header verified before: the
    /// same, or a later one of which it is an ancestor.
    pub(crate) signed: Option<(usize, usize)>,
}

impl VerifiedHeader {
    /// Says how many signed, such as `4/4 signed`.
    pub(crate) fn signed_words(&self) -> String {
        match self.signed {
            Some((signed, total)) => format!("{signed}/{total} signed"),
            None => "as verified before".to_owned(),
        }
    }
}

impl<'a> Verifier<'a> {
    /// Checks the answers of `node`. It begins at what is remembered of the network, at the
    /// checkpoint that the user gave, or at the genesis.
    ///
    /// # Errors
    /// [`Exit::Verification`] if the node contradicts the checkpoint; if the memory cannot be read.
    pub(crate) fn new(node: &'a Node, genesis: &'a Genesis) -> Outcome<Self> {
        let (global, output) = (&node.settings.global, node.settings.output);
        let memory = Memory::open(global, genesis.hash());
        let begin = Trusted::genesis(genesis).exit(Exit::Config)?;
        let remembered = memory.recall(genesis, output)?;
        let is_first = remembered.is_none();
        let mut verifier = Self {
            genesis,
            rpc: &node.rpc,
            memory,
            output,
            trusted: remembered.unwrap_or(begin),
        };
        match global.checkpoint {
            Some(given) => verifier.anchor(given)?,
            None if is_first => verifier.caution(),
            None => {}
        }
        Ok(verifier)
    }

    /// Says what a check against an old genesis cannot show.
    fn caution(&self) {
        let age_ms = now_ms().saturating_sub(self.genesis.time_ms);
        let kind = self.genesis.kind;
        let is_local = kind == starling_ledger::address::NetworkKind::Local;
        if age_ms >= self.genesis.parameters.trust_period_ms && !is_local {
            self.output.note(&format!(
                "this machine verifies {} for the first time, against a genesis that is {} old; \
                 --checkpoint HEIGHT:HASH, from somebody you trust, rules out a history that its \
                 first validators wrote later",
                self.genesis.name,
                age(age_ms)
            ));
        }
    }

    /// Begins at a block that the user vouches for.
    fn anchor(&mut self, given: Checkpoint) -> Outcome {
        let remembered = self.trusted.clone();
        let anchor = self.way().checkpoint(self.genesis, given)?;
        if remembered.height() < given.height {
            self.trusted = anchor;
            return self.remember();
        }
        let same = match remembered.height() == given.height {
            true => anchor.hash(),
            false => self.way().walk(&anchor, remembered.height())?.hash(),
        };
        if same == remembered.hash() {
            return Ok(());
        }
        let message = format!(
            "verification failed: the checkpoint {given} does not lead to block {} ({}), which \
             this machine verified before",
            remembered.height(),
            remembered.hash()
        );
        Err(CliError::new(Exit::Verification, message).code("conflict"))
    }

    fn way(&self) -> LightWay<'a> {
        LightWay { rpc: self.rpc }
    }

    /// Checks a header and its certificate, as they come in hex.
    ///
    /// # Errors
    /// [`Exit::Verification`] says what does not fit.
    pub(crate) fn header(&mut self, header: &str, certificate: &str) -> Outcome<VerifiedHeader> {
        let header: BlockHeader = piece("header", header, decode::<_, PIECE_BYTES_MAX>)?;
        let certificate: CommitCertificate =
            piece("certificate", certificate, decode::<_, PIECE_BYTES_MAX>)?;
        self.believe(header, certificate)
    }

    fn believe(
        &mut self,
        header: BlockHeader,
        certificate: CommitCertificate,
    ) -> Outcome<VerifiedHeader> {
        let step = LightStep::plain(header, certificate);
        if step.header.height < self.trusted.height() {
            return self.look_back(step);
        }
        let same_set = step.header.validators_hash == self.trusted.next_validators_hash();
        let stays = step.header.next_validators_hash == step.header.validators_hash;
        let total = self.trusted.next_validators().members().len();
        let (header, signed) = (step.header.clone(), step.certificate.signatures.len());
        if header.height == self.trusted.height() || (same_set && stays) {
            let before = self.trusted.clone();
            let advanced = before.advance(&Ed25519, &step, now_ms());
            self.trusted = advanced.map_err(|error| self.refuse(error))?;
            if self.trusted.height() > before.height() {
                self.remember()?;
            } else if same_set {
                // The same block again, and these signatures were not looked at.
                let (network, signers) = (before.network(), before.next_validators());
                let checked = step.certificate.verify(&Ed25519, &network, signers);
                checked.map_err(lied)?;
            }
            let signed = same_set.then_some((signed, total));
            return Ok(VerifiedHeader { header, signed });
        }
        let (reached, total) = match self.way().walk_counting(&self.trusted, header.height) {
            Ok(reached) => reached,
            Err(error) => return Err(error.into_cli(|error| self.refuse(error))),
        };
        if reached.hash() != header.hash() {
            return Err(lied(
                "its steps lead to another block than its answer is of",
            ));
        }
        self.trusted = reached;
        self.remember()?;
        // The certificate of the step was checked, which need not be the answer's.
        let signed = self
            .trusted
            .certificate()
            .map(|one| (one.signatures.len(), total));
        Ok(VerifiedHeader { header, signed })
    }

    /// Believes an older header if today's validators signed it too, or if it is an ancestor.
    fn look_back(&self, mut step: LightStep) -> Outcome<VerifiedHeader> {
        let header = step.header.clone();
        let signed = step.certificate.signatures.len();
        if header.validators_hash != self.trusted.next_validators_hash() {
            step.validators = Some(self.way().signers(&header)?);
        }
        let total = match &step.validators {
            Some(signers) => signers.members().len(),
            None => self.trusted.next_validators().members().len(),
        };
        match self.trusted.look_back(&Ed25519, &step, now_ms()) {
            Ok(()) => Ok(VerifiedHeader {
                header,
                signed: Some((signed, total)),
            }),
            Err(LightError::TrustedPower { .. } | LightError::Expired { .. }) => {
                self.way().descend(&self.trusted, &header)?;
                let signed = None;
                Ok(VerifiedHeader { header, signed })
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Checks that the transaction `id` is in the block that a node says it is in.
    ///
    /// # Errors
    /// [`Exit::Verification`] says what does not fit.
    pub(crate) fn transaction(
        &mut self,
        id: &TransactionId,
        answer: &reply::Transaction,
    ) -> Outcome<VerifiedHeader> {
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        let header = self.header(&given(&answer.header), &given(&answer.certificate))?;
        let raw = RawTransaction(unhex("transaction", &given(&answer.raw))?.into());
        let found = raw.verify(&Ed25519, &self.genesis.hash()).map_err(lied)?;
        let proof = list_proof(&given(&answer.proof))?;
        light::verify_transaction(&header.header, &proof, &found.wire_id()).map_err(lied)?;
        if found.id() != *id || answer.height != Some(header.header.height) {
            return Err(lied("the transaction is not proven to be in this block"));
        }
        Ok(header)
    }

    /// Keeps what is believed now. A folder that cannot be written costs a note, not the answer.
    fn remember(&self) -> Outcome {
        match self.memory.keep(self.genesis, &self.trusted) {
            Err(error) if error.exit != Exit::Verification => {
                self.output.note(&format!(
                    "the last verified block is not remembered: {error}"
                ));
                Ok(())
            }
            result => result,
        }
    }

    /// Says why something is not believed; two certified blocks of one height are written down.
    fn refuse(&self, error: LightError) -> CliError {
        let refused = unbelieved(&error);
        match &error {
            LightError::Conflict(conflict) => match self.memory.evidence(conflict) {
                Ok(path) => refused.next(format!("show {} to everybody", path.display())),
                Err(unwritten) => refused.next(format!("both are not written down: {unwritten}")),
            },
            _ => refused,
        }
    }
}

/// Reads a proof about the state.
///
/// # Errors
/// [`Exit::Verification`] if it is none.
pub(crate) fn state_proof(text: &str) -> Outcome<StateProof> {
    piece("proof", text, decode::<_, PROOF_BYTES_MAX>)
}

/// Reads a proof of a place in a block.
///
/// # Errors
/// [`Exit::Verification`] if it is none.
pub(crate) fn list_proof(text: &str) -> Outcome<ListProof> {
    piece("proof", text, decode::<_, PIECE_BYTES_MAX>)
}

/// Reads a piece of a proof.
pub(crate) fn piece<T>(what: &str, hex: &str, read: Read<T>) -> Outcome<T> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
