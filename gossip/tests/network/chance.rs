//! What peers are told of a node's chance, and what they cannot tell from it.

use std::collections::BTreeSet;
use std::time::Duration;

use starling_gossip::input::ConfiguredPeer;
use starling_gossip::link::Direction;
use starling_gossip::message::ConsensusFrame;
use starling_gossip::random::{Purpose, Seed};
use starling_gossip::{Action, Gossip, GossipConfig, Input, Instant, Lane, LinkId};

use crate::net::{address, config, id};

/// Numbers of each generator that are compared.
const DRAWN: usize = 100_000;

/// Every number in the frames that a node sends: its hellos and its pings.
fn told(frames: &[Action], numbers: &mut BTreeSet<u64>) {
    for action in frames {
        let Action::Send { lane, bytes, .. } = action else {
            continue;
        };
        if *lane != Lane::Consensus {
            continue;
        }
        match ConsensusFrame::decode(bytes) {
            Ok(Some(ConsensusFrame::Hello(hello))) => {
                numbers.extend([hello.salt, hello.instance]);
            }
            Ok(Some(ConsensusFrame::Ping(number))) => {
                numbers.insert(number);
            }
            _ => {}
        }
    }
}

/// Runs a node with an attacker that is up, answers its pings, and writes down what it is told.
fn listen(seed: Seed) -> BTreeSet<u64> {
    let peers = (2..10).map(|number| ConfiguredPeer {
        address: address(number),
        peer: None,
    });
    let mut gossip = Gossip::new(&GossipConfig {
        seed,
        peers: peers.collect(),
        ..config(0, &[])
    });
    let link = LinkId(1);
    let mut now = Instant::START;
    let mut numbers = BTreeSet::new();
    let say = |now, gossip: &mut Gossip, input, numbers: &mut BTreeSet<u64>| {
        let mut out = Vec::new();
        gossip.handle(now, input, &mut out);
        told(&out, numbers);
        out
    };
    let connected = Input::Connected {
        peer: id(1),
        link,
        address: address(1),
        direction: Direction::Inbound,
    };
    let sent = say(now, &mut gossip, connected, &mut numbers);
    let hello = sent.iter().find_map(|action| match action {
        Action::Send { bytes, .. } => Some(bytes.clone()),
        _ => None,
    });
    let lane = Lane::Consensus;
    let bytes = hello.expect("a node says hello at once");
    let frame = Input::Frame { link, lane, bytes };
    // The first ping comes at once.
    let mut sent = say(now, &mut gossip, frame, &mut numbers);
    for _ in 0..100 {
        for action in sent {
            if let Action::Send { bytes, .. } = action
                && let Ok(Some(ConsensusFrame::Ping(number))) = ConsensusFrame::decode(&bytes)
            {
                let bytes = ConsensusFrame::Pong(number).encode();
                let frame = Input::Frame { link, lane, bytes };
                say(now, &mut gossip, frame, &mut numbers);
            }
        }
        now = now + Duration::from_secs(1);
        sent = say(now, &mut gossip, Input::Wake, &mut numbers);
    }
    numbers
}

/// A node once told peers the first numbers of the generator that ordered its dials.
#[test]
fn no_number_that_is_told_is_of_a_generator_that_decides() {
    let deciding = [
        Purpose::Dials,
        Purpose::Asks,
        Purpose::Blocks,
        Purpose::Ranges,
        Purpose::Teaching,
    ];
    for number in 0..3 {
        let seed = Seed::of(number);
        let told = listen(seed);
        // A hello and twenty-one pings.
        assert!(told.len() > 15, "{}", told.len());
        for purpose in deciding {
            let mut random = seed.random(purpose);
            let shared = (0..DRAWN).find(|_| told.contains(&random.number()));
            assert_eq!(shared, None, "{purpose:?}");
        }
    }
}

/// What is told comes from where it should, so that the test above looks at all of it.
#[test]
fn what_is_told_are_salt_instance_and_pings() {
    let seed = Seed::of(7);
    let mut pings = seed.random(Purpose::Pings);
    let mut expected: BTreeSet<_> = (0..DRAWN).map(|_| pings.number()).collect();
    for purpose in [Purpose::Salt, Purpose::Instance] {
        expected.insert(seed.random(purpose).number());
    }
    assert!(listen(seed).is_subset(&expected));
}
