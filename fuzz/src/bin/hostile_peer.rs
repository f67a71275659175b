//! A peer that says anything: the gossip machine takes it, and its answers keep the limits.
//!
//! The input is a list of frames: a byte for the lane, one for the time that passes, two for the
//! length, and the frame. A hello that is right comes first, unless the first byte is odd.
#![no_main]

use bytes::Bytes;
use starling_fuzz::fuzz_target;
use starling_gossip::link::Direction;
use starling_gossip::message::{ConsensusFrame, Hello};
use starling_gossip::random::Seed;
use starling_gossip::{Action, Gossip, GossipConfig, Input, Instant, Lane, LinkId, PeerId};
use starling_ledger::block::BlockHash;
use starling_ledger::hash::Hash;
use std::time::Duration;

const NETWORK: Hash = Hash([6; 32]);
/// Most actions that may follow from one input. Our choice: far above what any needs.
const ACTIONS_MAX: usize = 10_000;

fn machine() -> Gossip {
    Gossip::new(&GossipConfig {
        me: PeerId([1; 32]),
        genesis: NETWORK,
        network: "local".to_owned(),
        listen: vec![([127, 0, 0, 1], 1).into()],
        peers: vec![],
        known: vec![],
        head: (3, BlockHash(Hash([3; 32]))),
        seen_max: starling_gossip::flood::MAX_SEEN_TRANSACTIONS,
        seed: Seed::of(1),
    })
}

fn hello() -> Bytes {
    let hello = Hello {
        version_from: 1,
        version_to: 1,
        features: 0,
        genesis: NETWORK,
        network: "local".to_owned(),
        height: 9,
        listen: vec![([127, 0, 0, 1], 2).into()],
        salt: 1,
        instance: 2,
    };
    ConsensusFrame::Hello(hello).encode()
}

/// Splits the next frame off: its lane, the time before it, and what it holds.
fn frame(input: &mut &[u8]) -> Option<(Lane, Duration, Bytes)> {
    let ([lane, pause, low, high], rest) = input.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let (bytes, rest) = rest.split_at(length.min(rest.len()));
    *input = rest;
    let pause = Duration::from_millis(u64::from(*pause).pow(2));
    let lane = Lane::ALL[usize::from(*lane) % Lane::ALL.len()];
    Some((lane, pause, Bytes::copy_from_slice(bytes)))
}

struct Run {
    gossip: Gossip,
    now: Instant,
    out: Vec<Action>,
}

impl Run {
    fn take(&mut self, input: Input) {
        self.gossip.handle(self.now, input, &mut self.out);
        assert!(self.out.len() < ACTIONS_MAX);
        for action in self.out.drain(..) {
            if let Action::Send { lane, bytes, .. } = action {
                assert!(bytes.len() <= lane.frame_bytes_max());
            }
        }
    }

    /// Lets time pass, with all deadlines on its way.
    fn pass(&mut self, pause: Duration) {
        let end = self.now + pause;
        while let Some(at) = self.gossip.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.take(Input::Wake);
        }
        self.now = end;
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, mut input)) = bytes.split_first() else {
        return;
    };
    let (gossip, now, out) = (machine(), Instant::START, Vec::new());
    let mut run = Run { gossip, now, out };
    let link = LinkId(1);
    run.take(Input::Connected {
        peer: PeerId([2; 32]),
        link,
        address: ([127, 0, 0, 1], 2).into(),
        direction: Direction::Inbound,
    });
    if first % 2 == 0 {
        let (lane, bytes) = (Lane::Consensus, hello());
        run.take(Input::Frame { link, lane, bytes });
    }
    while let Some((lane, pause, bytes)) = frame(&mut input) {
        run.pass(pause);
        run.take(Input::Frame { link, lane, bytes });
    }
    run.pass(Duration::from_secs(10));
});
