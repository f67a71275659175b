//! Methods that read the state after the last final block, and prove what they tell.

use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::chain::ChainReader;
use starling_ledger::codec::{CodecError, encode};
use starling_ledger::execution::Tip;
use starling_ledger::record::Record;
use starling_ledger::state_key::StateKey;

use super::chain::certificate;
use super::reply;
use crate::api::{AccountReply, ProofReply, RecordReply, hex};
use crate::core::{Answer, Request};
use crate::http::error::RpcError;
use crate::http::parameters::Parameters;
use crate::http::site::{Site, unreadable};

pub(super) async fn account(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let (address, id) = address(&site, &mut parameters)?;
    let Answer::NextNonce(waiting) = site.ask(Request::NextNonce(id)).await? else {
        return Err(RpcError::internal("the node answers another question"));
    };
    let tip = site.tip().await?;
    let work = move |_: &Site, reader: &ChainReader| {
        let key = StateKey::account(&id);
        let (entry, proof) = entry(&tip, reader, &key, Account::from_bytes)?;
        let waiting = waiting.unwrap_or_default();
        reply(&AccountReply::new(address, entry, waiting, proof))
    };
    site.read(work).await
}

pub(super) async fn record(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let (address, id) = address(&site, &mut parameters)?;
    let missing = || RpcError::parameters("`digest` is missing");
    let digest = parameters.hash("digest")?.ok_or_else(missing)?;
    let tip = site.tip().await?;
    let work = move |_: &Site, reader: &ChainReader| {
        let key = StateKey::record(&id, &digest);
        let (entry, proof) = entry(&tip, reader, &key, Record::from_bytes)?;
        reply(&RecordReply::new(address, &digest, entry, proof))
    };
    site.read(work).await
}

/// Takes the address of an account of this kind of network.
pub(super) fn address(
    site: &Site,
    parameters: &mut Parameters,
) -> Result<(String, AccountId), RpcError> {
    let address = parameters.required("address")?;
    let id = AccountId::from_address(&address, site.genesis.kind).map_err(RpcError::parameters)?;
    Ok((address, id))
}

/// Reads an entry in the state of `tip`, and proves it against the header of that very tip.
pub(super) fn entry<T>(
    tip: &Tip,
    reader: &ChainReader,
    key: &[u8],
    decode: fn(&[u8]) -> Result<T, CodecError>,
) -> Result<(Option<T>, ProofReply), RpcError> {
    let proof = tip.state.prove(key).map_err(unreadable)?;
    let bytes = tip.state.get(key).map_err(unreadable)?;
    let entry = bytes.map(|bytes| decode(&bytes)).transpose();
    let certificate = match &tip.header {
        Some(header) => Some(certificate(reader, header.height)?),
        None => None,
    };
    let proof = ProofReply {
        height: tip.height,
        header: tip.header.as_ref().map(|header| hex(&encode(header))),
        certificate: certificate.map(|certificate| hex(&encode(&certificate))),
        proof: hex(&encode(&proof)),
    };
    Ok((entry.map_err(unreadable)?, proof))
}
