//! Peers that break the rules of a link lose it, and the core is told which rule.

use super::raw_peer::{RawPeer, framed, open};
use super::*;
use crate::link::LinkFault;

/// What the node makes of `bytes` on a lane, whose stream ends then if `finish`.
async fn fault_of(lane: Lane, bytes: &[u8], finish: bool) -> DisconnectReason {
    let mut node = node_with(1, |config| {
        config.timeouts.frame = Duration::from_millis(200);
        config.timeouts.handshake = Duration::from_secs(2);
    });
    let (mut raw, _) = RawPeer::new(2).link(&mut node).await;
    raw.send[lane]
        .write_all(bytes)
        .await
        .expect("the node reads");
    if finish {
        raw.send[lane].finish().expect("it is open");
    }
    let reason = node.disconnected().await;
    until(|| node.transport.stats().links == 0).await;
    reason
}

fn fault(fault: LinkFault) -> DisconnectReason {
    DisconnectReason::Fault { fault }
}

#[tokio::test]
async fn an_oversized_frame_ends_the_link() {
    let header = u32::MAX.to_le_bytes();
    for lane in Lane::ALL {
        let expected = LinkFault::FrameTooLarge {
            lane,
            bytes: u32::MAX.into(),
        };
        assert_eq!(fault_of(lane, &header, false).await, fault(expected));
    }
}

#[tokio::test]
async fn an_empty_frame_ends_the_link() {
    let lane = Lane::Blocks;
    assert_eq!(
        fault_of(lane, &[0; 4], false).await,
        fault(LinkFault::EmptyFrame { lane })
    );
}

#[tokio::test]
async fn a_lane_that_ends_inside_a_frame_ends_the_link() {
    let lane = Lane::Sync;
    for bytes in [&b"\x05\0\0\0four"[..], b"\x05\0"] {
        let reason = fault_of(lane, bytes, true).await;
        assert_eq!(reason, fault(LinkFault::TruncatedFrame { lane }));
    }
}

#[tokio::test]
async fn a_frame_that_is_never_completed_ends_the_link() {
    let lane = Lane::Consensus;
    for bytes in [&b"\x05\0\0\0four"[..], b"\x05"] {
        let reason = fault_of(lane, bytes, false).await;
        assert_eq!(reason, fault(LinkFault::StalledFrame { lane }));
    }
}

#[tokio::test]
async fn a_lane_that_ends_without_the_link_ends_the_link() {
    let lane = Lane::Address;
    assert_eq!(
        fault_of(lane, &[], true).await,
        fault(LinkFault::LaneEnded { lane })
    );
}

#[tokio::test]
async fn a_fault_of_one_peer_leaves_the_others_alone() {
    let mut node = node(1);
    let (mut bad, bad_link) = RawPeer::new(2).link(&mut node).await;
    let (mut good, good_link) = RawPeer::new(3).link(&mut node).await;
    bad.send[Lane::Consensus]
        .write_all(&[0xff; 4])
        .await
        .expect("the node reads");
    assert!(matches!(
        node.event().await,
        TransportEvent::Disconnected { peer, link, .. } if (peer, link) == (id(2), bad_link)
    ));
    let told = within(bad.connection.closed()).await.to_string();
    assert!(
        told.contains("above the limit of the consensus lane"),
        "{told}"
    );
    good.send[Lane::Consensus]
        .write_all(&framed(b"vote"))
        .await
        .expect("the node reads");
    let frame = node.frame().await;
    assert_eq!(
        frame,
        (good_link, Lane::Consensus, Bytes::from_static(b"vote"))
    );
}

#[tokio::test]
async fn unknown_and_doubled_lanes_are_refused_before_there_is_a_link() {
    for first_bytes in [[0, 1, 2, 3, 9], [0, 1, 2, 3, 3]] {
        let mut node = node(1);
        let raw = RawPeer::new(2);
        let connection = within(raw.dial(&node)).await.expect("the node listens");
        let mut streams = Vec::new();
        for byte in first_bytes {
            streams.push(open(&connection, byte).await);
        }
        within(connection.closed()).await;
        until(|| node.transport.stats().handshakes_failed == 1).await;
        assert_eq!(node.events.try_next(), None);
    }
}

#[tokio::test]
async fn who_opens_no_lanes_is_dropped_at_the_handshake_deadline() {
    let mut node = node_with(1, |config| {
        config.timeouts.handshake = Duration::from_millis(300)
    });
    let raw = RawPeer::new(2);
    if let Ok(connection) = within(raw.dial(&node)).await {
        within(connection.closed()).await;
    }
    until(|| node.transport.stats().handshakes_failed == 1).await;
    until(|| node.transport.stats().tasks == 1).await;
    assert_eq!(node.events.try_next(), None);
    assert_eq!(node.transport.stats().half_open, 0);
}
