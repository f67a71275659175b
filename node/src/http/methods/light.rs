//! Methods for who verifies without trusting: steps along the validators, headers, histories.

use std::ops::Range;
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHeader;
use starling_ledger::chain::ChainReader;
use starling_ledger::codec::encode;
use starling_ledger::hash::Hash;
use starling_ledger::light::{HISTORY_IDS_MAX, PathError, path};
use starling_ledger::state_key::StateKey;
use starling_ledger::transaction::{Nonce, TransactionId};
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::Height;

use super::chain::{certificate, latest, no_block};
use super::reply;
use super::state::{address, entry};
use crate::api::{
    HistoryReply, LightHeaderReply, LightHeadersReply, LightStepsReply, LightValidatorsReply, hex,
};
use crate::http::error::RpcError;
use crate::http::parameters::Parameters;
use crate::http::site::{Site, unreadable};

/// Most headers of one answer. Our choice: as many are 600 kB of hex.
const HEADERS_MAX: u64 = 1_000;
/// Most transactions of an account before the one asked for: as many are read within a second.
const FOLD_MAX: Nonce = 64 * 1024;

pub(super) async fn steps(site: Arc<Site>, mut parameters: Parameters) -> Result<String, RpcError> {
    let from = parameters.integer("from")?.unwrap_or(0);
    let goal = parameters.height("to")?;
    let work = move |_: &Site, reader: &ChainReader| {
        let latest = latest(reader)?;
        let goal = goal.unwrap_or(latest);
        let steps = path(reader, from, goal).map_err(no_path)?;
        let reached = steps.last().map_or(from, |step| step.header.height);
        reply(&LightStepsReply {
            from,
            to: goal,
            latest,
            complete: reached == goal,
            steps: steps.iter().map(|step| hex(&encode(step))).collect(),
        })
    };
    site.read(work).await
}

pub(super) async fn one_header(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let height = parameters.height("height")?;
    let work = move |_: &Site, reader: &ChainReader| {
        let height = height.map_or_else(|| latest(reader), Ok)?;
        let found = kept(reader, height)?;
        let set = set(reader, &found.next_validators_hash)?;
        reply(&LightHeaderReply {
            height,
            hash: found.hash().to_string(),
            header: hex(&encode(&found)),
            certificate: hex(&encode(&certificate(reader, height)?)),
            next_validators: hex(&encode(&set)),
        })
    };
    site.read(work).await
}

pub(super) async fn validators(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let missing = || RpcError::parameters("`hash` is missing");
    let hash = parameters.hash("hash")?.ok_or_else(missing)?;
    let work = move |_: &Site, reader: &ChainReader| {
        let set = set(reader, &hash)?;
        let validators = hex(&encode(&set));
        let hash = hash.to_string();
        reply(&LightValidatorsReply { hash, validators })
    };
    site.read(work).await
}

pub(super) async fn headers(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let from = parameters.height("from")?;
    let count = parameters.integer("count")?.unwrap_or(HEADERS_MAX);
    if !(1..=HEADERS_MAX).contains(&count) {
        let message = format!("`count` is {count}, expected 1 to {HEADERS_MAX}");
        return Err(RpcError::parameters(message));
    }
    let work = move |_: &Site, reader: &ChainReader| {
        let from = from.map_or_else(|| latest(reader), Ok)?;
        kept(reader, from)?;
        let last = from.saturating_sub(count - 1).max(1);
        let headers = (last..=from).rev();
        let headers = headers.map(|height| Ok(hex(&encode(&kept(reader, height)?))));
        reply(&LightHeadersReply {
            from,
            headers: headers.collect::<Result<_, RpcError>>()?,
        })
    };
    site.read(work).await
}

pub(super) async fn history(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let (address, id) = address(&site, &mut parameters)?;
    let missing = || RpcError::parameters("`nonce` is missing");
    let nonce = parameters.integer("nonce")?.ok_or_else(missing)?;
    let tip = site.tip().await?;
    let work = move |_: &Site, reader: &ChainReader| {
        let key = StateKey::account(&id);
        let (entry, proof) = entry(&tip, reader, &key, Account::from_bytes)?;
        let next = entry.map_or(0, |account| account.nonce);
        let (before, ids) = ids(reader, &id, nonce..next)?;
        reply(&HistoryReply {
            address,
            nonce,
            next,
            before: before.to_string(),
            ids: ids.iter().map(ToString::to_string).collect(),
            proof,
        })
    };
    site.read(work).await
}

/// Returns the history of `account` before the nonces in `range`, and the ids of its transactions
/// with them; nothing where the range is empty.
fn ids(
    reader: &ChainReader,
    account: &AccountId,
    range: Range<Nonce>,
) -> Result<(Hash, Vec<TransactionId>), RpcError> {
    let count = range.end.saturating_sub(range.start);
    let too_long = usize::try_from(count).map_or(true, |count| count > HISTORY_IDS_MAX);
    if count > 0 && (too_long || range.start > FOLD_MAX) {
        let message = format!(
            "{count} transactions after nonce {}: a history of at most {HISTORY_IDS_MAX} after \
             and {FOLD_MAX} before is told",
            range.start
        );
        return Err(RpcError::parameters(message));
    }
    let id = |nonce: Nonce| {
        let id = reader.transaction_of(account, nonce).map_err(unreadable)?;
        id.ok_or_else(|| {
            RpcError::not_found(format!(
                "the transaction with nonce {nonce} is not kept here"
            ))
        })
    };
    let mut before = Hash::ZERO;
    for nonce in 0..(if count > 0 { range.start } else { 0 }) {
        before = Account::history_after(&before, &id(nonce)?);
    }
    Ok((before, range.map(id).collect::<Result<_, _>>()?))
}

fn kept(reader: &ChainReader, height: Height) -> Result<BlockHeader, RpcError> {
    let header = reader.header(height).map_err(unreadable)?;
    header.ok_or_else(|| no_block(reader, height))
}

fn set(reader: &ChainReader, hash: &Hash) -> Result<ValidatorSet, RpcError> {
    let set = reader.validators(hash).map_err(unreadable)?;
    set.ok_or_else(|| RpcError::not_found(format!("no validators {hash} ever signed here")))
}

fn no_path(error: PathError) -> RpcError {
    match error {
        PathError::Chain(error) => unreadable(error),
        PathError::Behind { .. } => RpcError::parameters(error),
        error => RpcError::not_found(error),
    }
}
