//! Full lanes: what is bounded, and what goes on.

use super::raw_peer::RawPeer;
use super::*;
use crate::link::LinkFault;

const BULK_BYTES: usize = 16 << 10;

/// Fills the queue of a lane without letting anything be sent, and returns how many frames fit.
fn fill(node: &Node, link: LinkId, lane: Lane, size: usize) -> usize {
    let frame = Bytes::from(vec![7; size]);
    (0..)
        .take_while(|_| node.transport.send(link, lane, frame.clone()).is_ok())
        .count()
}

/// Sends on a lane until the peer takes nothing more for a while.
async fn saturate(node: &Node, link: LinkId, lane: Lane, size: usize) {
    const QUIET_ROUNDS: usize = 4;
    let mut quiet = 0;
    while quiet < QUIET_ROUNDS {
        quiet = if fill(node, link, lane, size) == 0 {
            quiet + 1
        } else {
            0
        };
        sleep(Duration::from_millis(40)).await;
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_fills_its_own_queue_and_nothing_else() {
    let mut a = node(1);
    let (_raw, stuck) = RawPeer::new(2).link(&mut a).await;
    let mut b = node(3);
    let (good, _) = connect(&mut a, &mut b).await;
    for lane in Lane::ALL {
        saturate(&a, stuck, lane, BULK_BYTES).await;
        let frame = Bytes::from(vec![7; BULK_BYTES]);
        assert_eq!(a.transport.send(stuck, lane, frame), Err(SendError::Full));
        let queued = a.transport.queued_bytes(stuck, lane);
        assert!(queued <= queued_bytes_max(lane), "{lane}: {queued}");
        let taken = a.transport.stats().lanes[lane].bytes_out;
        assert!(taken <= LANE_WINDOW, "{lane}: QUIC took {taken}");

        a.transport
            .send(good, lane, Bytes::from_static(b"good"))
            .expect("there is room");
        assert_eq!(b.frame().await.1, lane);
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_is_dropped_at_the_write_deadline() {
    let mut a = node_with(1, |config| {
        config.timeouts.write = Duration::from_millis(300)
    });
    let (_raw, stuck) = RawPeer::new(2).link(&mut a).await;
    fill(&a, stuck, Lane::Blocks, BULK_BYTES);
    let fault = LinkFault::NotReading { lane: Lane::Blocks };
    assert_eq!(a.disconnected().await, DisconnectReason::Fault { fault });
}

#[tokio::test]
async fn a_vote_overtakes_the_bulk_queued_before_it() {
    let (mut a, mut b) = (node(1), node(2));
    let (at_a, _) = connect(&mut a, &mut b).await;
    let blocks = fill(&a, at_a, Lane::Blocks, BULK_BYTES);
    let ranges = fill(&a, at_a, Lane::Sync, BULK_BYTES);
    a.transport
        .send(at_a, Lane::Consensus, Bytes::from_static(b"vote"))
        .expect("room");
    let mut order = Vec::new();
    for _ in 0..=blocks + ranges {
        order.push(b.frame().await.1);
    }
    let place = order
        .iter()
        .position(|lane| *lane == Lane::Consensus)
        .expect("it arrives");
    // Each bulk lane may have a window under way before the vote's writer has its turn.
    assert!(place < (blocks + ranges) / 4, "{place} of {}", order.len());
    // And among bulk, blocks go before ranges.
    let last = |lane| {
        order
            .iter()
            .rposition(|of| *of == lane)
            .expect("it arrives")
    };
    assert!(last(Lane::Blocks) < last(Lane::Sync));
}

#[tokio::test]
async fn a_vote_passes_bulk_that_the_receiver_does_not_take() {
    let (mut a, mut b) = (node(1), node(2));
    let (at_a, _) = connect(&mut a, &mut b).await;
    for lane in [Lane::Blocks, Lane::Transactions, Lane::Sync] {
        saturate(&a, at_a, lane, BULK_BYTES).await;
    }
    a.transport
        .send(at_a, Lane::Consensus, Bytes::from_static(b"vote"))
        .expect("room");
    until(|| b.transport.stats().lanes[Lane::Consensus].frames_in == 1).await;
    assert_eq!(b.frame().await.1, Lane::Consensus);
    assert_eq!(b.frame().await.1, Lane::Blocks);
}

#[tokio::test]
async fn what_waits_for_the_core_is_bounded_and_holds_back_the_sender() {
    let (mut a, mut b) = (node(1), node(2));
    let (at_a, _) = connect(&mut a, &mut b).await;
    saturate(&a, at_a, Lane::Transactions, 100).await;
    let waiting = b.transport.stats().lanes[Lane::Transactions].bytes_in;
    let bound = u64::try_from(inbox_bytes_max(Lane::Transactions)).expect("a small constant");
    assert!(waiting <= bound, "{waiting}");
    assert!(a.transport.queued_bytes(at_a, Lane::Transactions) > 0);
    let mut taken = 0;
    while a.transport.queued_bytes(at_a, Lane::Transactions) > 0 {
        b.frame().await;
        taken += 1;
    }
    assert!(taken > 0);
}

#[tokio::test]
async fn a_flood_of_one_peer_does_not_delay_the_vote_of_another() {
    let (mut flood, mut honest, mut b) = (node(1), node(3), node(2));
    let (flooding, _) = connect(&mut flood, &mut b).await;
    let (link, at_b) = connect(&mut honest, &mut b).await;
    saturate(&flood, flooding, Lane::Consensus, 100).await;
    let before = b.transport.stats().lanes[Lane::Consensus].frames_in;
    honest
        .transport
        .send(link, Lane::Consensus, Bytes::from_static(b"vote"))
        .expect("room");
    until(|| b.transport.stats().lanes[Lane::Consensus].frames_in > before).await;
    let first_two = [b.frame().await.0, b.frame().await.0];
    assert!(first_two.contains(&at_b), "the links take turns");
}
