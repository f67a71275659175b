//! A validator that proposes, votes and says what it has, and hands out no block to anybody.

use bytes::Bytes;
use starling_gossip::{Lane, LinkId};

use super::Adversary;

/// Sends nothing on the lanes that carry blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Withholder;

impl Adversary for Withholder {
    fn outgoing(&mut self, _: LinkId, lane: Lane, bytes: Bytes) -> Vec<Bytes> {
        // Without the blocks lane nobody gets its proposals; its own requests go out on the sync
        // lane.
        if lane == Lane::Blocks {
            Vec::new()
        } else {
            vec![bytes]
        }
    }

    fn hears(&mut self, _: Lane, _: &Bytes) -> bool {
        true
    }
}
