//! Bodies of blocks: which are taken in, who is asked for what is missing, and who is served.

use bytes::Bytes;
use starling_gossip::link::Direction;
use starling_gossip::message::{BlockFrame, ConsensusFrame, Hello, WIRE_VERSION};
use starling_gossip::{Input as News, Lane, LinkId};
use starling_ledger::block::{BlockHash, BlockHeader};

use super::*;
use crate::core::blocks::BODIES_MAX;

const NEAR: PeerId = PeerId([2; 32]);
const FAR: PeerId = PeerId([9; 32]);

impl Node {
    /// A node with these neighbours; link n leads to the nth.
    fn with_neighbours(peers: &[PeerId]) -> Self {
        let mut node = Self::new();
        for (number, peer) in peers.iter().enumerate() {
            let link = LinkId(number as u64);
            node.news(News::Connected {
                peer: *peer,
                link,
                address: ([10, 0, 0, peer.0[0]], 7_000).into(),
                direction: Direction::Inbound,
            });
            let hello = Hello {
                version_from: WIRE_VERSION,
                version_to: WIRE_VERSION,
                features: 0,
                genesis: node.core.tip.genesis_hash,
                network: node.core.tip.genesis.name.clone(),
                height: 0,
                listen: Vec::new(),
                salt: 0,
                instance: link.0,
            };
            node.frame(link, Lane::Consensus, ConsensusFrame::Hello(hello).encode());
        }
        assert_eq!(node.core.neighbours.len(), peers.len());
        node
    }

    fn news(&mut self, news: News) {
        self.handle(Input::Gossip(news));
    }

    fn frame(&mut self, link: LinkId, lane: Lane, bytes: Bytes) {
        self.news(News::Frame { link, lane, bytes });
    }

    fn sends_body(&mut self, link: LinkId, raw: &Arc<[u8]>) {
        let frame = BlockFrame::Block(Arc::clone(raw));
        self.frame(link, Lane::Blocks, frame.encode());
    }

    fn wants(&mut self, hash: BlockHash, sender: PeerId) {
        self.core.want_body(hash, Some(sender));
        self.handle(Input::Wake);
    }

    /// A body of the next block that is none but for its header, and as long as `bytes` says.
    fn body(&self, round: u32, bytes: usize) -> (BlockHash, Arc<[u8]>) {
        let plan = BlockPlan {
            round,
            clock_ms: self.core.tip.time_ms + 1_000,
            candidates: &[],
            evidence: &[],
            parent_certificate: None,
            limits: BlockLimits {
                bytes_max: u32::MAX,
                transactions_max: u32::MAX,
            },
        };
        let header: BlockHeader = build(&self.core.tip, plan).unwrap().block.header;
        let mut raw = encode(&header);
        raw.resize(bytes.max(raw.len()), 0);
        (header.hash(), raw.into())
    }

    /// What was sent on the blocks lane since this was last asked, by link.
    fn sent(&mut self) -> Vec<(u64, BlockFrame)> {
        let sent = std::mem::take(&mut self.sent);
        let blocks = sent
            .into_iter()
            .filter(|(_, lane, _)| *lane == Lane::Blocks);
        let decoded = |bytes: Bytes| BlockFrame::decode(&bytes).unwrap().unwrap();
        blocks
            .map(|(link, _, bytes)| (link.0, decoded(bytes)))
            .collect()
    }

    /// Lets time pass until `millis` after the start; returns whom it asked for a body and when.
    fn asks_until(&mut self, millis: u64) -> Vec<(u64, u64)> {
        let mut asks = Vec::new();
        while let Some(at) = self
            .core
            .next_deadline()
            .filter(|at| at.as_millis() <= millis)
        {
            self.at = at.max(self.at);
            self.handle(Input::Wake);
            let sent = self.sent().into_iter();
            let wants = sent.filter(|(_, frame)| matches!(frame, BlockFrame::WantBlock { .. }));
            asks.extend(wants.map(|(link, _)| (self.at.as_millis(), link)));
        }
        asks
    }

    fn executes(&self) -> usize {
        let executes = |(_, work): &&(WorkId, Work)| matches!(work, Work::ExecuteBlock { .. });
        self.works.iter().filter(executes).count()
    }
}

#[test]
fn a_body_that_a_proposal_named_is_taken_whatever_its_sender_sent_before() {
    let mut node = Node::with_neighbours(&[NEAR]);
    for round in 0..100 {
        let (_, junk) = node.body(round, 0);
        node.sends_body(LinkId(0), &junk);
    }
    let dropped = node.core.drops[Dropped::BodyOverBudget];
    assert!(
        dropped > 0,
        "the neighbour has used up what it may send unasked"
    );
    let (hash, raw) = node.body(1_000, 0);
    node.sends_body(LinkId(0), &raw);
    assert_eq!(node.core.drops[Dropped::BodyOverBudget], dropped + 1);
    node.wants(hash, NEAR);
    node.sends_body(LinkId(0), &raw);
    assert_eq!(node.executes(), 1);
    assert_eq!(node.core.drops[Dropped::BodyOverBudget], dropped + 1);
}

#[test]
fn who_sent_the_proposal_is_asked_first() {
    let mut node = Node::with_neighbours(&[NEAR, FAR]);
    let (hash, raw) = node.body(0, 0);
    node.wants(hash, FAR);
    let asks = node.asks_until(3_000);
    let links: Vec<_> = asks.iter().map(|(_, link)| *link).collect();
    assert_eq!(links[..4], [1, 0, 1, 0], "{asks:?}");
    node.sends_body(LinkId(1), &raw);
    assert_eq!(node.executes(), 1);
    assert_eq!(node.asks_until(6_000), []);
}

#[test]
fn a_near_neighbour_is_asked_sooner_than_one_that_was_never_measured() {
    let mut node = Node::with_neighbours(&[NEAR, FAR]);
    let pings =
        std::mem::take(&mut node.sent)
            .into_iter()
            .filter_map(
                |(link, lane, bytes)| match (lane, ConsensusFrame::decode(&bytes)) {
                    (Lane::Consensus, Ok(Some(ConsensusFrame::Ping(nonce)))) => Some((link, nonce)),
                    _ => None,
                },
            );
    let pings: Vec<_> = pings.collect();
    assert_eq!(pings.len(), 2, "a neighbour is measured when it comes");
    node.at = node.at + Duration::from_millis(2);
    node.frame(
        pings[0].0,
        Lane::Consensus,
        ConsensusFrame::Pong(pings[0].1).encode(),
    );
    let start = node.at.as_millis();
    let (near, _) = node.body(0, 0);
    node.wants(near, NEAR);
    let after = node.asks_until(start + 99);
    let first = after.first().copied().unwrap_or_default();
    assert_eq!((first.0 - start, first.1), (31, 0), "{after:?}");
    let mut node = Node::with_neighbours(&[NEAR, FAR]);
    let (far, _) = node.body(0, 0);
    node.wants(far, FAR);
    assert_eq!(node.asks_until(99), []);
}

#[test]
fn whoever_asks_for_a_body_that_is_on_its_way_gets_it() {
    let mut node = Node::with_neighbours(&[NEAR, FAR]);
    // Too large to be pushed to who has not asked.
    let (hash, raw) = node.body(0, 100_000);
    let ask = BlockFrame::WantBlock { height: 1, hash };
    node.frame(LinkId(0), Lane::Blocks, ask.encode());
    assert_eq!(node.core.drops[Dropped::BodyRequestNotHere], 1);
    node.wants(hash, FAR);
    node.frame(LinkId(0), Lane::Blocks, ask.encode());
    assert_eq!(node.sent(), []);
    node.sends_body(LinkId(1), &raw);
    let served = BlockFrame::Block(Arc::clone(&raw));
    assert_eq!(node.sent(), [(0, served.clone())]);
    // A neighbour that is still at this height may lack it when all others have gone on.
    node.core.blocks.advance(2, &hash);
    node.frame(LinkId(1), Lane::Blocks, ask.encode());
    assert_eq!(node.sent(), [(1, served)]);
    let (next, _) = node.body(1, 0);
    node.core.blocks.advance(3, &next);
    node.frame(LinkId(1), Lane::Blocks, ask.encode());
    assert_eq!(node.core.drops[Dropped::BodyRequestNotHere], 2);
}

#[test]
fn one_neighbour_does_not_fill_the_corner_of_early_bodies() {
    let mut node = Node::with_neighbours(&[NEAR, FAR]);
    let (hash, raw) = node.body(1_000, 0);
    node.sends_body(LinkId(1), &raw);
    for round in 0..10 {
        let (_, junk) = node.body(round, 0);
        node.sends_body(LinkId(0), &junk);
    }
    let (later, raw) = node.body(1_001, 0);
    node.sends_body(LinkId(1), &raw);
    assert_eq!(node.core.drops[Dropped::BodyNoRoom], 8);
    for hash in [hash, later] {
        node.wants(hash, FAR);
    }
    assert_eq!(node.executes(), 2);
}

#[test]
fn a_height_of_many_rounds_has_room_for_each_new_body() {
    let mut node = Node::with_neighbours(&[NEAR]);
    let rounds = 2 * u32::try_from(BODIES_MAX).unwrap();
    for round in 0..rounds {
        let (hash, raw) = node.body(round, 0);
        node.wants(hash, NEAR);
        node.sends_body(LinkId(0), &raw);
        assert!(node.core.blocks.raw(&hash).is_some(), "round {round}");
    }
    assert_eq!(node.executes(), 2 * BODIES_MAX);
    assert_eq!(node.core.drops[Dropped::BodyNoRoom], BODIES_MAX as u64);
}
