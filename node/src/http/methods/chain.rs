//! Methods that read the chain, each from one snapshot.

use std::sync::Arc;

use starling_ledger::block::{BlockHash, BlockHeader};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::{ChainReader, StoredTransaction};
use starling_ledger::codec::encode;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::TransactionId;
use starling_ledger::vote::Height;

use super::{RANGE_MAX, reply};
use crate::api::{BlockReply, BlockSummary, BlocksReply, TransactionReply, hex};
use crate::core::{Answer, Request};
use crate::http::error::RpcError;
use crate::http::parameters::Parameters;
use crate::http::replay::transaction_ids;
use crate::http::site::{Site, unreadable};

/// How many blocks are told if nobody says.
const RANGE_DEFAULT: u64 = 20;

pub(super) async fn transaction(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let missing = || RpcError::parameters("`id` is missing");
    let id = TransactionId(parameters.hash("id")?.ok_or_else(missing)?);
    if let Some(told) = site
        .read(move |_, reader| final_transaction(reader, &id))
        .await?
    {
        return Ok(told);
    }
    let Answer::Pending(waiting) = site.ask(Request::Pending(id)).await? else {
        return Err(RpcError::internal("the node answers another question"));
    };
    if let Some(raw) = waiting {
        let raw = Some(hex(&raw.0));
        let id = id.to_string();
        return reply(&TransactionReply {
            id,
            status: "pending",
            raw,
            ..Default::default()
        });
    }
    // It may have moved from the mempool into a block between the two questions.
    if let Some(told) = site
        .read(move |_, reader| final_transaction(reader, &id))
        .await?
    {
        return Ok(told);
    }
    let first = |_: &Site, reader: &ChainReader| reader.first().map_err(unreadable);
    let first_kept = site.read(first).await?;
    let id = id.to_string();
    reply(&TransactionReply {
        id,
        status: "unknown",
        first_kept: (first_kept > 1).then_some(first_kept),
        ..Default::default()
    })
}

fn final_transaction(reader: &ChainReader, id: &TransactionId) -> Result<Option<String>, RpcError> {
    let Some(found) = reader.transaction(id).map_err(unreadable)? else {
        return Ok(None);
    };
    let StoredTransaction {
        header,
        index,
        raw,
        proof,
    } = found;
    let certificate = certificate(reader, header.height)?;
    let told = TransactionReply {
        id: id.to_string(),
        status: "final",
        height: Some(header.height),
        index: Some(index),
        raw: Some(hex(&raw.0)),
        header: Some(hex(&encode(&header))),
        certificate: Some(hex(&encode(&certificate))),
        proof: Some(hex(&encode(&proof))),
        first_kept: None,
    };
    reply(&told).map(Some)
}

pub(super) async fn block(site: Arc<Site>, mut parameters: Parameters) -> Result<String, RpcError> {
    let (height, hash) = (parameters.height("height")?, parameters.hash("hash")?);
    if height.is_some() && hash.is_some() {
        return Err(RpcError::parameters(
            "name a block by `height` or by `hash`, not by both",
        ));
    }
    let work = move |site: &Site, reader: &ChainReader| {
        let height = match hash {
            Some(hash) => height_of(reader, hash)?,
            None => height.map_or_else(|| latest(reader), Ok)?,
        };
        let block = reader.block(height).map_err(unreadable)?;
        let block = block.ok_or_else(|| no_block(reader, height))?;
        let ids = transaction_ids(&block.transactions, &site.genesis_hash).map_err(unreadable)?;
        let certificate = certificate(reader, height)?;
        reply(&BlockReply::new(&block, &certificate, ids, &site.names))
    };
    site.read(work).await
}

pub(super) async fn blocks(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let from = parameters.height("from")?;
    let count = parameters.integer("count")?.unwrap_or(RANGE_DEFAULT);
    if !(1..=RANGE_MAX).contains(&count) {
        let message = format!("`count` is {count}, expected 1 to {RANGE_MAX}");
        return Err(RpcError::parameters(message));
    }
    let work = move |site: &Site, reader: &ChainReader| {
        let latest = latest(reader)?;
        let first = reader.first().map_err(unreadable)?;
        let from = from.unwrap_or_else(|| latest.saturating_sub(count - 1).max(first));
        let from = from.max(1);
        if from < first || (from > latest && latest > 0) {
            return Err(no_block(reader, from));
        }
        let last = latest.min(from.saturating_add(count - 1));
        let summaries = (from..=last).map(|height| {
            let header = header(reader, height)?;
            let certificate = certificate(reader, height)?;
            Ok(BlockSummary::new(&header, &certificate, &site.names))
        });
        let blocks = summaries.collect::<Result<_, RpcError>>()?;
        reply(&BlocksReply { latest, blocks })
    };
    site.read(work).await
}

pub(super) fn latest(reader: &ChainReader) -> Result<Height, RpcError> {
    let tip = reader.tip().map_err(unreadable)?;
    Ok(tip.map_or(0, |(height, _)| height))
}

fn height_of(reader: &ChainReader, hash: Hash) -> Result<Height, RpcError> {
    let height = reader.height_of(&BlockHash(hash)).map_err(unreadable)?;
    height.ok_or_else(|| RpcError::not_found(format!("there is no block {hash} here")))
}

pub(super) fn header(reader: &ChainReader, height: Height) -> Result<BlockHeader, RpcError> {
    let header = reader.header(height).map_err(unreadable)?;
    header.ok_or_else(|| unreadable(format!("block {height} has no header")))
}

pub(super) fn certificate(
    reader: &ChainReader,
    height: Height,
) -> Result<CommitCertificate, RpcError> {
    let certificate = reader.certificate(height).map_err(unreadable)?;
    certificate.ok_or_else(|| unreadable(format!("block {height} has no certificate")))
}

pub(super) fn no_block(reader: &ChainReader, height: Height) -> RpcError {
    let known = latest(reader).and_then(|latest| {
        let first = reader.first().map_err(unreadable)?;
        Ok((first, latest))
    });
    match known {
        Ok((first, _)) if (1..first).contains(&height) => RpcError::pruned(format!(
            "block {height} is no longer kept here; the first that is kept is {first}"
        )),
        Ok((_, latest)) => RpcError::not_found(format!(
            "there is no block {height} here; the latest is {latest}"
        )),
        Err(error) => error,
    }
}
