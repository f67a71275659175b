//! A header, blocks with and without content, a final block.

use starling_ledger::block::{BLOCK_BYTES_MAX, Block, BlockHeader, FinalBlock};
use starling_ledger::evidence::Evidence;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::transaction::RawTransaction;

use super::consensus::{block_hash, certificate, two_votes, validators};
use super::transactions::two_transactions;
use super::{FINAL_BYTES_MAX, SMALL_BYTES_MAX, Sample, account, network, sample};

fn header(transactions: &[RawTransaction], evidence: &[Evidence]) -> BlockHeader {
    BlockHeader {
        version: 1,
        upgrade_signal: 1,
        genesis: network(),
        height: 2,
        round: 1,
        parent: block_hash("one"),
        time_ms: 1_767_225_600_123,
        proposer: account("bob"),
        transaction_root: Block::transaction_root(transactions),
        transaction_count: u32::try_from(transactions.len()).unwrap(),
        state_root: Hash::of(Context::StateNode, &[b"golden"]),
        validators_hash: validators().hash(),
        next_validators_hash: validators().hash(),
        evidence_root: Block::evidence_root(evidence),
        evidence_count: u32::try_from(evidence.len()).unwrap(),
        parent_certificate_hash: certificate().hash(),
    }
}

pub(super) fn samples() -> Vec<Sample> {
    const FILE: &str = "block.txt";
    let (one, other) = two_transactions();
    let transactions = vec![one.to_raw(), other.to_raw()];
    let evidence = vec![two_votes()];
    let header = header(&transactions, &evidence);
    let block = Block {
        header: header.clone(),
        transactions,
        evidence,
        parent_certificate: Some(certificate()),
    };
    let first = Block {
        header: BlockHeader {
            parent_certificate_hash: Block::certificate_hash(None),
            height: 1,
            ..header.clone()
        },
        transactions: vec![],
        evidence: vec![],
        parent_certificate: None,
    };
    let last = FinalBlock {
        block: block.clone(),
        certificate: certificate(),
    };
    vec![
        sample::<_, SMALL_BYTES_MAX>(FILE, "header", &header),
        sample::<_, SMALL_BYTES_MAX>(FILE, "block_hash", &header.hash()),
        sample::<_, BLOCK_BYTES_MAX>(FILE, "block", &block),
        sample::<_, BLOCK_BYTES_MAX>(FILE, "block_1", &first),
        sample::<_, FINAL_BYTES_MAX>(FILE, "final_block", &last),
    ]
}
