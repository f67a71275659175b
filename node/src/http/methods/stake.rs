//! Methods about candidates, stakes and consensus keys.

use std::sync::Arc;

use starling_ledger::chain::ChainReader;
use starling_ledger::execution::Tip;
use starling_ledger::keys::{KeyError, PublicKey};
use starling_ledger::staking::{Candidates, ConsensusKey, EpochEnd, Release, Stake};
use starling_ledger::state_key::StateKey;

use super::reply;
use super::state::{address, entry};
use crate::api::{CandidatesReply, ConsensusKeyReply, ReleaseReply, StakeReply};
use crate::http::error::RpcError;
use crate::http::parameters::Parameters;
use crate::http::site::{Site, unreadable};

/// Most candidates told. Our choice: twice the validators of the default rules; all of a full list
/// would be 300 kB.
const CANDIDATES_TOLD_MAX: usize = 200;

pub(super) async fn candidates(site: Arc<Site>) -> Result<String, RpcError> {
    let tip = site.tip().await?;
    let work = move |site: &Site, _: &ChainReader| {
        let bytes = tip.state.get(&StateKey::Candidates.to_bytes());
        let candidates = match bytes.map_err(unreadable)? {
            Some(bytes) => Candidates::from_bytes(&bytes).map_err(unreadable)?,
            None => Candidates::default(),
        };
        let place = (tip.height, &site.genesis.parameters);
        let most = CANDIDATES_TOLD_MAX;
        reply(&CandidatesReply::new(place, &candidates, most, &site.names))
    };
    site.read(work).await
}

pub(super) async fn stake(site: Arc<Site>, mut parameters: Parameters) -> Result<String, RpcError> {
    let (address, id) = address(&site, &mut parameters)?;
    let tip = site.tip().await?;
    let work = move |_: &Site, reader: &ChainReader| {
        let key = StateKey::stake(&id);
        let (stake, proof) = entry(&tip, reader, &key, Stake::from_bytes)?;
        let releases = stake.iter().flat_map(|stake| &stake.releases);
        let releases = releases.map(|release| describe(&tip, release));
        let releases = releases.collect::<Result<_, _>>()?;
        reply(&StakeReply::new(address, stake.as_ref(), releases, proof))
    };
    site.read(work).await
}

pub(super) async fn consensus_key(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let wrong = |error: KeyError| RpcError::parameters(format!("`key` is no public key: {error}"));
    let key: PublicKey = parameters.required("key")?.parse().map_err(wrong)?;
    let tip = site.tip().await?;
    let work = move |site: &Site, reader: &ChainReader| {
        let place = StateKey::consensus_key(&key);
        let (found, proof) = entry(&tip, reader, &place, ConsensusKey::from_bytes)?;
        reply(&ConsensusKeyReply::new(&key, found, &site.names, proof))
    };
    site.read(work).await
}

/// Describes a release; its epoch's end is kept in the state for as long as it is needed.
fn describe(tip: &Tip, release: &Release) -> Result<ReleaseReply, RpcError> {
    let key = StateKey::EpochEnd(release.epoch).to_bytes();
    let bytes = tip.state.get(&key).map_err(unreadable)?;
    let ended = bytes.map(|bytes| EpochEnd::from_bytes(&bytes)).transpose();
    let ended = ended.map_err(unreadable)?.map(|end| end.time_ms);
    Ok(ReleaseReply::new(release, &tip.genesis.parameters, ended))
}
