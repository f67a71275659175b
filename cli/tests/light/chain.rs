//! A chain made by hand, whose validators change as a test wants, over the state of its genesis.

use std::sync::Arc;

use starling_ledger::block::{Block, BlockHash, BlockHeader, PROTOCOL_VERSION};
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::chain::ChainReader;
use starling_ledger::codec::encode;
use starling_ledger::genesis::{Genesis, local_account, local_consensus_key};
use starling_ledger::hash::Hash;
use starling_ledger::keys::Signer as _;
use starling_ledger::state::State;
use starling_ledger::storage::{Column, MemoryStorage, Storage, WriteBatch};
use starling_ledger::transaction::RawTransaction;
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::Height;

pub(super) const EPOCH_BLOCKS: u64 = 10;
pub(super) const FOUNDERS: &[&str] = &["n1", "n2", "n3", "n4"];
pub(super) const HEIRS: &[&str] = &["n5", "n6", "n7", "n8"];
const POWER: u64 = 1_000_000_000_000;

/// Blocks, certificates, and the state, which is the genesis's in every block.
pub(super) struct Chain {
    pub(super) genesis: Genesis,
    pub(super) headers: Vec<BlockHeader>,
    pub(super) state: State,
    /// What the last block holds.
    pub(super) payments: Vec<RawTransaction>,
    sets: Vec<ValidatorSet>,
    storage: Arc<dyn Storage>,
}

pub(super) fn genesis(time_ms: u64) -> Genesis {
    let mut genesis = Genesis::local("local", time_ms, 4);
    genesis.parameters.epoch_blocks = EPOCH_BLOCKS;
    genesis
}

fn set(names: &[&str]) -> ValidatorSet {
    let member = |name: &&str| Validator {
        account: local_account(name),
        key: local_consensus_key(name).public_key(),
        power: POWER,
    };
    ValidatorSet::new(names.iter().map(member).collect()).expect("a set")
}

fn epoch(height: Height) -> usize {
    usize::try_from((height - 1) / EPOCH_BLOCKS).expect("a small number")
}

impl Chain {
    /// Makes a chain of whole epochs, each with its set; the last block holds `payments`.
    pub(super) fn new(
        genesis: Genesis,
        step_ms: u64,
        epochs: &[&[&str]],
        payments: Vec<RawTransaction>,
    ) -> Self {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let empty = State::empty(storage.snapshot().expect("a snapshot"));
        let entries = genesis.state_entries().expect("a valid genesis");
        let state = empty.update(&entries).expect("entries that fit").state;
        let mut chain = Self {
            genesis,
            headers: Vec::new(),
            state,
            payments,
            sets: epochs.iter().map(|names| set(names)).collect(),
            storage,
        };
        let count = EPOCH_BLOCKS * u64::try_from(epochs.len()).expect("a small number");
        for height in 1..=count {
            let header = chain.header(height, step_ms, height == count);
            chain.headers.push(header);
        }
        chain.store();
        chain
    }

    fn header(&self, height: Height, step_ms: u64, is_last: bool) -> BlockHeader {
        let set = |height| {
            self.sets
                .get(epoch(height))
                .or(self.sets.last())
                .expect("a set")
        };
        let parent = self.headers.last().map(BlockHeader::hash);
        let payments = if is_last {
            self.payments.as_slice()
        } else {
            &[]
        };
        BlockHeader {
            version: PROTOCOL_VERSION,
            upgrade_signal: PROTOCOL_VERSION,
            genesis: self.genesis.hash(),
            height,
            round: 0,
            parent: parent.unwrap_or(BlockHash(self.genesis.hash())),
            time_ms: self.genesis.time_ms + height * step_ms,
            proposer: set(height).proposer(height, 0).account,
            transaction_root: Block::transaction_root(payments),
            transaction_count: u32::try_from(payments.len()).expect("few"),
            state_root: self.state.root(),
            validators_hash: set(height).hash(),
            next_validators_hash: set(height + 1).hash(),
            evidence_root: Hash::ZERO,
            evidence_count: 0,
            parent_certificate_hash: Hash::ZERO,
        }
    }

    /// Stores headers, certificates and sets where a node keeps them.
    fn store(&self) {
        let mut batch = WriteBatch::new();
        for header in &self.headers {
            let height = header.height.to_be_bytes();
            let key = [&[0], height.as_slice()].concat();
            batch.put(Column::Header, key, encode(header));
            batch.put(
                Column::Certificate,
                height,
                encode(&self.certificate(header)),
            );
        }
        for set in &self.sets {
            batch.put(Column::Validators, set.hash().0, encode(set));
        }
        batch.put(Column::Meta, *b"genesis", encode(&self.genesis));
        let tip = self.headers.last().expect("a block");
        batch.put(Column::Meta, *b"tip", encode(&(tip.height, tip.hash())));
        self.storage.write(batch).expect("memory can be written");
    }

    pub(super) fn reader(&self) -> ChainReader {
        ChainReader::new(Arc::clone(&self.storage) as _)
    }

    /// The precommits of all members.
    pub(super) fn certificate(&self, header: &BlockHeader) -> CommitCertificate {
        let set = &self.sets[epoch(header.height)];
        let mut certificate = CommitCertificate {
            height: header.height,
            round: header.round,
            block: header.hash(),
            signatures: Vec::new(),
        };
        let keys: Vec<_> = [FOUNDERS, HEIRS]
            .concat()
            .into_iter()
            .map(local_consensus_key)
            .collect();
        for validator in 0..u16::try_from(set.members().len()).expect("few") {
            let vote = certificate.precommit(set, validator).expect("a member");
            let mut keys = keys.iter();
            let key = keys.find(|key| key.public_key() == vote.validator);
            let signed = vote.sign(&header.genesis, key.expect("a known key"));
            certificate.signatures.push(CommitSignature {
                validator,
                signature: signed.signature,
            });
        }
        certificate
    }
}
