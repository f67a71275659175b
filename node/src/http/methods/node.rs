//! Methods about the node itself: status, neighbours, mempool, genesis.

use std::sync::Arc;

use starling_ledger::codec::encode;

use super::reply;
use crate::api::{
    FailedPeerReply, FailedPeersReply, GenesisReply, MempoolReply, PeerReply, PeersReply, hex,
};
use crate::core::{Answer, Request};
use crate::http::error::RpcError;
use crate::http::site::Site;

pub(super) async fn status(site: Arc<Site>) -> Result<String, RpcError> {
    reply(&site.describe()?)
}

pub(super) async fn mempool(site: Arc<Site>) -> Result<String, RpcError> {
    reply(&MempoolReply::new(site.status()?.as_ref()))
}

pub(super) async fn peers(site: Arc<Site>) -> Result<String, RpcError> {
    let Answer::Peers(peers) = site.ask(Request::Peers).await? else {
        return Err(RpcError::internal("the node answers another question"));
    };
    let now = site.status()?.now.instant;
    let peers = peers.iter();
    let peers = peers.map(|(peer, clock)| PeerReply::new((peer, *clock), now));
    let peers = peers.collect();
    reply(&PeersReply { peers })
}

pub(super) async fn peers_failed(site: Arc<Site>) -> Result<String, RpcError> {
    let Answer::FailedPeers(failed) = site.ask(Request::FailedPeers).await? else {
        return Err(RpcError::internal("the node answers another question"));
    };
    let now = site.status()?.now.instant;
    let failed = failed.iter().map(|one| FailedPeerReply::new(one, now));
    let failed = failed.collect();
    reply(&FailedPeersReply { failed })
}

pub(super) async fn genesis(site: Arc<Site>) -> Result<String, RpcError> {
    // A document of many accounts takes a while to write.
    let written = site.read(|site, _| {
        reply(&GenesisReply {
            network: site.genesis.name.clone(),
            hash: site.genesis_hash.to_string(),
            raw: hex(&encode(site.genesis.as_ref())),
            toml: site.genesis.to_toml(),
        })
    });
    written.await
}
