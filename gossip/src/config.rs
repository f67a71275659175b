//! What the gossip machine is made with.

use std::net::SocketAddr;

use starling_ledger::block::BlockHash;
use starling_ledger::hash::Hash;
use starling_ledger::vote::Height;

use crate::input::ConfiguredPeer;
use crate::peer_id::PeerId;
use crate::random::Seed;

/// Outbound links a node wants. gossip.md, section 2: degree 16 in the mean, 8 of them dialed.
pub const OUTBOUND_TARGET: usize = 8;
/// Most outbound links, where a person configured more peers than the target.
pub const MAX_OUTBOUND: usize = 24;
/// Most inbound links: four times the target, so that newcomers find room (gossip.md, section 2).
pub const MAX_INBOUND: usize = 32;

/// Who this node is, where it lives, and whom it knows.
#[derive(Clone, Debug)]
pub struct GossipConfig {
    /// This node's key.
    pub me: PeerId,
    /// The network.
    pub genesis: Hash,
    /// The network's name, as in the genesis document.
    pub network: String,
    /// Where this node listens; an unspecified IP lets peers put in the one they see.
    pub listen: Vec<SocketAddr>,
    /// Peers that a person named.
    pub peers: Vec<ConfiguredPeer>,
    /// Addresses from an earlier run, see [`Gossip::known_addresses`](crate::Gossip).
    pub known: Vec<ConfiguredPeer>,
    /// Height and hash of the last final block.
    pub head: (Height, BlockHash),
    /// Most transactions that are remembered as seen; see
    /// [`MAX_SEEN_TRANSACTIONS`](crate::flood::MAX_SEEN_TRANSACTIONS).
    pub seen_max: usize,
    /// The start of all chance: drawn from the operating system, or from the simulator's seed.
    pub seed: Seed,
}
