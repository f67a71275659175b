//! What is sent arrives: whole, in order, however it is cut on the way.

use std::collections::BTreeMap;

use super::raw_peer::{RawPeer, framed};
use super::*;
use crate::transport::lanes::exchange_lanes;

fn frames_of(lane: Lane) -> Vec<Bytes> {
    let sizes = [1, 100, 8 << 10, (8 << 10) + 1, lane.frame_bytes_max(), 7];
    let numbered = |(size, number): (usize, u8)| Bytes::from(vec![number; size]);
    sizes.into_iter().zip(1..).map(numbered).collect()
}

#[tokio::test]
async fn frames_arrive_whole_and_in_order_on_every_lane_both_ways() {
    let (mut a, mut b) = (node(1), node(2));
    let (at_a, at_b) = connect(&mut a, &mut b).await;
    for lane in Lane::ALL {
        for frame in frames_of(lane) {
            a.transport
                .send(at_a, lane, frame.clone())
                .expect("there is room");
            b.transport.send(at_b, lane, frame).expect("there is room");
        }
    }
    for (node, link) in [(&mut a, at_a), (&mut b, at_b)] {
        let mut arrived = BTreeMap::<Lane, Vec<Bytes>>::new();
        for _ in 0..6 * Lane::ALL.len() {
            let (of, lane, bytes) = node.frame().await;
            assert_eq!(of, link);
            arrived.entry(lane).or_default().push(bytes);
        }
        for lane in Lane::ALL {
            assert!(arrived[&lane] == frames_of(lane), "{lane}");
        }
    }
    until(|| {
        Lane::ALL
            .iter()
            .all(|lane| a.transport.queued_bytes(at_a, *lane) == 0)
    })
    .await;
    let bytes: usize = frames_of(Lane::Sync)
        .iter()
        .map(|frame| frame.len() + 4)
        .sum();
    let expected = u64::try_from(bytes).expect("a small number");
    let (sent, received) = (a.transport.stats(), b.transport.stats());
    assert_eq!(
        (
            sent.lanes[Lane::Sync].frames_out,
            sent.lanes[Lane::Sync].bytes_out
        ),
        (6, expected)
    );
    let lane = received.lanes[Lane::Sync];
    assert_eq!((lane.frames_in, lane.bytes_in), (6, expected));
}

#[tokio::test]
async fn how_writes_are_cut_makes_no_difference() {
    let mut node = node(1);
    let (mut raw, _) = RawPeer::new(2).link(&mut node).await;
    let bodies = [&b"a"[..], b"two votes", &[3; 300]];
    let stream: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
    let lane = &mut raw.send[Lane::Transactions];
    for piece_bytes in [1, 3, stream.len()] {
        for piece in stream.chunks(piece_bytes) {
            lane.write_all(piece).await.expect("the node reads");
            // Lets the piece leave in a packet of its own.
            tokio::task::yield_now().await;
        }
        for body in bodies {
            assert_eq!(&node.frame().await.2[..], body, "{piece_bytes}");
        }
    }
}

#[tokio::test]
async fn each_lane_is_sent_by_its_urgency() {
    let node = node(1);
    let connection = within(RawPeer::new(2).dial(&node))
        .await
        .expect("the node listens");
    let lanes = within(exchange_lanes(&connection))
        .await
        .expect("both open their lanes");
    for (lane, stream) in lanes.send.iter() {
        assert_eq!(stream.priority(), Ok(lane.priority().into()), "{lane}");
    }
}

#[tokio::test]
async fn refuses_to_send_what_the_peer_would_refuse() {
    let (mut a, mut b) = (node(1), node(2));
    let (at_a, _) = connect(&mut a, &mut b).await;
    let send = |link, lane, size| a.transport.send(link, lane, Bytes::from(vec![1; size]));
    for lane in Lane::ALL {
        assert_eq!(send(at_a, lane, 0), Err(SendError::Empty));
        assert_eq!(
            send(at_a, lane, lane.frame_bytes_max() + 1),
            Err(SendError::TooLarge)
        );
    }
    assert_eq!(
        send(LinkId(999), Lane::Consensus, 1),
        Err(SendError::NoLink)
    );
}
