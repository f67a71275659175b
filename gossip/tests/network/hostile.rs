//! What hostile frames may cost: a fault, never a panic, and never more than the budgets.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use starling_gossip::drops::Dropped;
use starling_gossip::message::{
    AddressFrame, BlockFrame, ConsensusFrame, SyncFrame, TransactionFrame,
};
use starling_gossip::{Input, Lane, LinkId};
use starling_ledger::block::BlockHash;
use starling_ledger::transaction::RawTransaction;

use crate::net::{Manner, Net, transaction};

const SECOND: Duration = Duration::from_secs(1);

/// Node 1 is up with node 0, and then speaks through the test only.
fn with_attacker() -> (Net, LinkId) {
    let mut net = Net::new(&[vec![], vec![]]);
    let (_, theirs) = net.connect(0, 1);
    net.run_for(SECOND);
    assert_eq!(net.peers(0).len(), 1);
    (net, theirs)
}

fn send(net: &mut Net, link: LinkId, lane: Lane, bytes: Bytes) {
    net.send(1, (link, lane, bytes));
}

#[test]
fn a_malformed_frame_ends_the_link_and_bans_the_peer() {
    for lane in Lane::ALL {
        let (mut net, link) = with_attacker();
        let known_kind = if lane == Lane::Address { 1u32 } else { 0 };
        let mut bytes = known_kind.to_le_bytes().to_vec();
        bytes.extend([0xFF; 9]);
        send(&mut net, link, lane, bytes.into());
        net.run_for(SECOND);
        assert!(net.peers(0).is_empty(), "{lane}");
        assert!(net.nodes[0].gossip.bans().iter().count() == 1, "{lane}");
    }
}

#[test]
fn an_unknown_kind_is_skipped() {
    let (mut net, link) = with_attacker();
    for lane in Lane::ALL {
        send(&mut net, link, lane, 77u32.to_le_bytes().to_vec().into());
    }
    net.run_for(SECOND);
    assert_eq!(net.peers(0).len(), 1);
    assert_eq!(
        net.nodes[0].gossip.counters().drops[Dropped::FrameUnknown],
        5
    );
}

#[test]
fn transactions_under_check_are_bounded_per_peer() {
    let (mut net, link) = with_attacker();
    // All arrive in one instant, before the node has answered for any.
    for batch in 0..100u64 {
        let pushed = (0..100)
            .map(|number| transaction(batch * 100 + number))
            .collect();
        send(
            &mut net,
            link,
            Lane::Transactions,
            TransactionFrame::Push(pushed).encode(),
        );
    }
    net.run_for(SECOND);
    assert_eq!(net.nodes[0].checked.len(), 4_096);
    assert_eq!(
        net.nodes[0].gossip.counters().drops[Dropped::TransactionChecksFull],
        10_000 - 4_096
    );
    assert_eq!(net.peers(0).len(), 1);
}

#[test]
fn bodies_above_the_budget_are_marked_and_each_of_our_blocks_makes_room() {
    let (mut net, link) = with_attacker();
    let body = |net: &mut Net| {
        let frame = BlockFrame::Block(crate::net::block(1));
        send(net, link, Lane::Blocks, frame.encode());
        net.run_for(Duration::from_millis(25));
    };
    // A network of thirty blocks a second, of which the neighbour passes on each once.
    for height in 1..=300 {
        body(&mut net);
        let hash = BlockHash(crate::net::genesis());
        net.input(0, Input::Head { height, hash });
    }
    assert_eq!(net.nodes[0].over_budget, 0);
    for _ in 0..200 {
        body(&mut net);
    }
    assert!(net.nodes[0].over_budget > 20);
    assert_eq!(
        net.nodes[0].blocks.len(),
        500,
        "what is waited for must not get lost"
    );
    assert_eq!(net.peers(0).len(), 1);
}

#[test]
fn an_oversized_transaction_is_a_fault() {
    let (mut net, link) = with_attacker();
    let large = RawTransaction(vec![1; 16 * 1024 + 1].into());
    send(
        &mut net,
        link,
        Lane::Transactions,
        TransactionFrame::Push(vec![large]).encode(),
    );
    net.run_for(SECOND);
    assert!(net.peers(0).is_empty());
    assert!(net.nodes[0].checked.is_empty());
}

#[test]
fn ranges_are_served_within_a_budget() {
    let (mut net, link) = with_attacker();
    net.nodes[1].manner = Manner::Honest;
    net.set_height(0, 100);
    for _ in 0..1_000 {
        let want = SyncFrame::WantBlocks { from: 1, count: 64 };
        send(&mut net, link, Lane::Sync, want.encode());
    }
    net.run_for(SECOND / 2);
    let served = net.nodes[0].gossip.counters().ranges_served;
    assert!((32..=40).contains(&served), "{served}");
}

#[test]
fn a_range_nobody_asked_for_counts_and_in_the_end_disconnects() {
    let (mut net, link) = with_attacker();
    let blocks = || {
        SyncFrame::Blocks {
            from: 5,
            blocks: Default::default(),
        }
        .encode()
    };
    send(&mut net, link, Lane::Sync, blocks());
    net.run_for(SECOND);
    assert_eq!(net.peers(0).len(), 1);
    (0..20).for_each(|_| send(&mut net, link, Lane::Sync, blocks()));
    net.run_for(SECOND);
    assert!(
        net.nodes[0]
            .disconnects
            .iter()
            .any(|reason| reason.contains("not asked for"))
    );
}

#[test]
fn consensus_messages_are_answered_within_a_budget() {
    let (mut net, link) = with_attacker();
    for nonce in 0..1_000 {
        send(
            &mut net,
            link,
            Lane::Consensus,
            ConsensusFrame::Ping(nonce).encode(),
        );
    }
    let before = net.nodes[0].gossip.counters().frames_out[Lane::Consensus];
    net.run_for(SECOND / 10);
    let after = net.nodes[0].gossip.counters().frames_out[Lane::Consensus];
    assert!(after - before <= 11);
}

fn lane() -> impl Strategy<Value = Lane> {
    (0usize..5).prop_map(|index| Lane::ALL[index])
}

/// Bytes that begin like a known kind, so that decoders get beyond the first check.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let body = proptest::collection::vec(any::<u8>(), 0..300);
    (0u32..6, body).prop_map(|(kind, body)| [kind.to_le_bytes().to_vec(), body].concat())
}

/// What one attacker sends.
fn frames() -> impl Strategy<Value = Vec<(Lane, Vec<u8>)>> {
    proptest::collection::vec((lane(), frame()), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_on_any_lane_never_panic(frames in frames()) {
        let (mut net, link) = with_attacker();
        for (lane, bytes) in frames {
            send(&mut net, link, lane, bytes.into());
        }
        net.run_for(SECOND);
    }

    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(bytes in frame()) {
        if let Ok(Some(frame)) = ConsensusFrame::decode(&bytes) {
            prop_assert_eq!(frame.encode(), bytes.clone());
        }
        if let Ok(Some(frame)) = BlockFrame::decode(&bytes) {
            prop_assert_eq!(frame.encode(), bytes.clone());
        }
        if let Ok(Some(frame)) = TransactionFrame::decode(&bytes) {
            prop_assert_eq!(frame.encode(), bytes.clone());
        }
        if let Ok(Some(frame)) = SyncFrame::decode(&bytes) {
            prop_assert_eq!(frame.encode(), bytes.clone());
        }
        if let Ok(Some(frame)) = AddressFrame::decode(&bytes) {
            prop_assert_eq!(frame.encode(), bytes);
        }
    }
}
