//! Peers on another chain are noticed, and their blocks can be looked at.

use std::sync::Arc;
use std::time::Duration;

use starling_gossip::link::{Direction, DisconnectReason};
use starling_gossip::message::sync::RawBlocks;
use starling_gossip::message::{ConsensusFrame, Hello, SyncFrame};
use starling_gossip::{Action, Gossip, GossipConfig, Input, Instant, Lane, LinkId};
use starling_ledger::block::BlockHash;
use starling_ledger::hash::Hash;

use crate::net::{address, config, genesis, id};

const LINK: LinkId = LinkId(1);
const OURS: u64 = 500;

fn hash(height: u64) -> BlockHash {
    BlockHash(Hash([u8::try_from(height % 251).unwrap_or_default(); 32]))
}

/// A node at height [`OURS`], with one peer that is up.
struct Node {
    gossip: Gossip,
    now: Instant,
}

impl Node {
    fn new() -> Self {
        let gossip = Gossip::new(&GossipConfig {
            head: (OURS - 2, hash(OURS - 2)),
            ..config(0, &[])
        });
        let mut node = Self {
            gossip,
            now: Instant::START,
        };
        for height in [OURS - 1, OURS] {
            let hash = hash(height);
            node.say(Input::Head { height, hash });
        }
        node.say(Input::Connected {
            peer: id(1),
            link: LINK,
            address: address(1),
            direction: Direction::Inbound,
        });
        let hello = Hello {
            version_from: 1,
            version_to: 1,
            features: 0,
            genesis: genesis(),
            network: "local".to_owned(),
            height: 0,
            listen: Vec::new(),
            salt: 1,
            instance: 1,
        };
        node.frame(Lane::Consensus, ConsensusFrame::Hello(hello).encode());
        node
    }

    fn say(&mut self, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        self.gossip.handle(self.now, input, &mut out);
        out
    }

    fn frame(&mut self, lane: Lane, bytes: bytes::Bytes) -> Vec<Action> {
        let link = LINK;
        self.say(Input::Frame { link, lane, bytes })
    }

    /// What the node is told when the peer names this as its last block.
    fn doubts(&mut self, height: u64, head: BlockHash) -> Vec<u64> {
        let frame = SyncFrame::Status { height, head };
        let out = self.frame(Lane::Sync, frame.encode());
        let doubt = |action: Action| match action {
            Action::Doubtful { peer, height } => {
                assert_eq!(peer, id(1));
                Some(height)
            }
            _ => None,
        };
        out.into_iter().filter_map(doubt).collect()
    }

    fn inspect(&mut self, height: u64) -> Vec<Action> {
        let peer = id(1);
        self.say(Input::Inspect { peer, height })
    }
}

fn asked(out: &[Action]) -> Option<(u64, u32)> {
    out.iter().find_map(|action| match action {
        Action::Send { lane, bytes, .. } if *lane == Lane::Sync => match SyncFrame::decode(bytes) {
            Ok(Some(SyncFrame::WantBlocks { from, count })) => Some((from, count)),
            _ => None,
        },
        _ => None,
    })
}

fn seen(out: &[Action]) -> Option<(u64, Option<Arc<[u8]>>)> {
    out.iter().find_map(|action| match action {
        Action::Inspected { height, block, .. } => Some((*height, block.clone())),
        _ => None,
    })
}

#[test]
fn another_last_block_than_ours_is_noticed() {
    let mut node = Node::new();
    for height in [OURS - 2, OURS - 1, OURS] {
        assert_eq!(node.doubts(height, hash(height)), [0; 0]);
        assert_eq!(node.doubts(height, hash(7)), [height]);
    }
    // The genesis is the same for all, and what is above ours cannot be compared.
    assert_eq!(node.doubts(0, hash(7)), [0; 0]);
    assert_eq!(node.doubts(OURS + 1, hash(7)), [0; 0]);
}

#[test]
fn what_is_not_known_any_more_is_asked_about_once() {
    let mut node = Node::new();
    assert_eq!(node.doubts(9, hash(9)), [9]);
    assert_eq!(node.doubts(10, hash(10)), [0; 0]);
    assert_eq!(node.doubts(OURS, hash(7)), [OURS]);
}

#[test]
fn one_block_of_a_peer_can_be_looked_at() {
    let mut node = Node::new();
    let out = node.inspect(9);
    assert_eq!(asked(&out), Some((9, 1)));
    let block: Arc<[u8]> = vec![1, 2, 3].into();
    let blocks = RawBlocks(vec![Arc::clone(&block), vec![9].into()]);
    let answer = SyncFrame::Blocks { from: 9, blocks };
    let out = node.frame(Lane::Sync, answer.encode());
    assert_eq!(seen(&out), Some((9, Some(block))));
    // Not asked for any more: the same again counts against the peer.
    let faults = node.gossip.counters().faults;
    node.frame(Lane::Sync, answer.encode());
    assert_eq!(node.gossip.counters().faults, faults + 1);
}

#[test]
fn a_peer_that_does_not_show_its_block_is_given_up_on() {
    let none = |out: &[Action]| assert_eq!(seen(out), Some((9, None)));
    let mut node = Node::new();
    node.inspect(9);
    let pruned = SyncFrame::Pruned { from: 9, first: 20 };
    none(&node.frame(Lane::Sync, pruned.encode()));
    node.inspect(9);
    let blocks = RawBlocks(Vec::new());
    let empty = SyncFrame::Blocks { from: 9, blocks };
    none(&node.frame(Lane::Sync, empty.encode()));
    node.inspect(9);
    let deadline = node.gossip.next_deadline().expect("it waits");
    assert!(deadline <= node.now + Duration::from_secs(4));
    node.now = node.now + Duration::from_secs(4);
    none(&node.say(Input::Wake));
    node.inspect(9);
    // Another question takes its place.
    none(&node.inspect(10));
    node.inspect(9);
    let reason = DisconnectReason::Remote {
        text: "bye".to_owned(),
    };
    none(&node.say(Input::Disconnected { link: LINK, reason }));
    none(&node.inspect(9));
}
