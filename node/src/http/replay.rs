//! Blocks as events: told live or read back from disk, in the same words.
//!
//! Block `h` is told as event `h.0`, its transactions as `h.1`, `h.2`, … in their order. So an id
//! names the same event on every node and after every restart.

use std::fmt::Write as _;

use serde::Serialize;
use starling_ledger::chain::ChainReader;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::{RawTransaction, TransactionError};
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::Height;

use super::error::RpcError;
use super::site::{Site, unreadable};
use crate::api::{BlockEvent, TransactionEvent};

/// Writes an event into `out`.
pub(super) fn write(
    out: &mut String,
    id: Option<(Height, u64)>,
    kind: &str,
    data: &impl Serialize,
) {
    let data = serde_json::to_string(data).expect("events hold nothing that is not JSON");
    if let Some((height, index)) = id {
        writeln!(out, "id: {height}.{index}").expect("writing to a string does not fail");
    }
    write!(out, "event: {kind}\ndata: {data}\n\n").expect("writing to a string does not fail");
}

/// Writes a block and its transactions, without those up to event `after`.
pub(super) fn write_block(out: &mut String, block: &BlockEvent, after: Option<u64>) {
    let skipped = |index: u64| after.is_some_and(|after| index <= after);
    if !skipped(0) {
        write(out, Some((block.height, 0)), "block", block);
    }
    for ((index, id), event) in block.transactions.iter().enumerate().zip(1u64..) {
        if skipped(event) {
            continue;
        }
        let told = TransactionEvent {
            id: id.clone(),
            stage: "final",
            height: Some(block.height),
            index: Some(index),
            block: Some(block.hash.clone()),
            signed: Some(block.signed),
            total: Some(block.total),
            ..TransactionEvent::default()
        };
        write(out, Some((block.height, event)), "transaction", &told);
    }
}

/// Reads the block at `height` back; `None` if it is not here.
///
/// # Errors
/// The chain cannot be read.
pub(super) fn read_block(
    site: &Site,
    reader: &ChainReader,
    height: Height,
) -> Result<Option<BlockEvent>, RpcError> {
    let block = reader.block(height).map_err(unreadable)?;
    let certificate = reader.certificate(height).map_err(unreadable)?;
    let Some((block, certificate)) = block.zip(certificate) else {
        return Ok(None);
    };
    Ok(Some(BlockEvent {
        height,
        hash: certificate.block.to_string(),
        time_ms: block.header.time_ms,
        state_root: block.header.state_root.to_string(),
        transactions: transaction_ids(&block.transactions, &site.genesis_hash)
            .map_err(unreadable)?,
        signed: certificate.signatures.len(),
        total: set_of(reader, &block.header.validators_hash)?
            .members()
            .len(),
    }))
}

/// Returns the validators with this hash, which a stored header names.
///
/// # Errors
/// Internal, if they are not stored or cannot be read.
pub(super) fn set_of(reader: &ChainReader, hash: &Hash) -> Result<ValidatorSet, RpcError> {
    let set = reader.validators(hash).map_err(unreadable)?;
    set.ok_or_else(|| unreadable(format!("the validators {hash} are not stored")))
}

/// Returns the ids of the transactions of a block.
///
/// # Errors
/// One of them does not decode, which a stored block rules out.
pub(super) fn transaction_ids(
    transactions: &[RawTransaction],
    genesis: &Hash,
) -> Result<Vec<String>, TransactionError> {
    let id = |raw: &RawTransaction| {
        let transaction = raw.decode()?;
        Ok(transaction
            .body
            .id(genesis, &transaction.sender())
            .to_string())
    };
    transactions.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> BlockEvent {
        BlockEvent {
            height: 7,
            hash: "aa".to_owned(),
            time_ms: 1,
            state_root: "bb".to_owned(),
            transactions: vec!["01".to_owned(), "02".to_owned()],
            signed: 3,
            total: 4,
        }
    }

    fn ids(after: Option<u64>) -> Vec<String> {
        let mut out = String::new();
        write_block(&mut out, &block(), after);
        let ids = out.lines().filter_map(|line| line.strip_prefix("id: "));
        ids.map(str::to_owned).collect()
    }

    #[test]
    fn a_block_resumes_after_any_of_its_events() {
        assert_eq!(ids(None), ["7.0", "7.1", "7.2"]);
        assert_eq!(ids(Some(0)), ["7.1", "7.2"]);
        assert_eq!(ids(Some(2)), [""; 0]);
    }
}
