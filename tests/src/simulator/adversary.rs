//! Validators that do not keep the rules: the product's core, with what it says and hears tampered
//! with.
//!
//! Each adversary has a file of its own.

pub mod equivocator;

use bytes::Bytes;
use starling_gossip::{Lane, LinkId};

/// Stands between a core and its network.
pub trait Adversary {
    /// Returns what goes out in place of a frame, in order.
    fn outgoing(&mut self, link: LinkId, lane: Lane, bytes: Bytes) -> Vec<Bytes>;

    /// Says whether the core hears a frame.
    fn hears(&mut self, lane: Lane, bytes: &Bytes) -> bool;
}
