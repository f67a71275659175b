//! How links and transports end, and that nothing is left of them.

use super::*;

fn remote(text: &str) -> DisconnectReason {
    DisconnectReason::Remote {
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn the_last_words_arrive_before_the_end() {
    let (mut a, mut b) = (node(1), node(2));
    let (at_a, _) = connect(&mut a, &mut b).await;
    let hello = Bytes::from_static(b"hello, this is another network");
    a.transport
        .send(at_a, Lane::Consensus, hello.clone())
        .expect("there is room");
    a.transport.disconnect(at_a, "you are on another network\n");
    assert_eq!(
        a.transport.send(at_a, Lane::Consensus, hello.clone()),
        Err(SendError::NoLink)
    );
    assert_eq!(b.frame().await.2, hello);
    assert_eq!(
        b.disconnected().await,
        remote("you are on another network?")
    );
    let local = DisconnectReason::Local {
        text: "you are on another network?".to_owned(),
    };
    assert_eq!(a.disconnected().await, local);
    assert_eq!(a.transport.queued_bytes(at_a, Lane::Consensus), 0);
}

#[tokio::test]
async fn what_had_arrived_is_heard_even_if_the_core_is_slow() {
    let (mut a, mut b) = (node(1), node(2));
    let (at_a, _) = connect(&mut a, &mut b).await;
    // More than the inbox has room for, less than QUIC's window.
    let words = Bytes::from(vec![7; 60 << 10]);
    for _ in 0..6 {
        a.transport
            .send(at_a, Lane::Consensus, words.clone())
            .expect("room");
    }
    a.transport.disconnect(at_a, "done");
    a.disconnected().await;
    // Only then does b's core take anything, and its reader is held up meanwhile.
    until(|| b.transport.stats().lanes[Lane::Consensus].frames_in > 0).await;
    for _ in 0..6 {
        assert_eq!(b.frame().await.2, words);
    }
    assert_eq!(b.disconnected().await, remote("done"));
}

#[tokio::test]
async fn closing_tells_the_peers_and_ends_the_events() {
    let (mut a, mut b) = (node(1), node(2));
    connect(&mut a, &mut b).await;
    within(a.transport.close()).await;
    assert_eq!(a.disconnected().await, DisconnectReason::ShuttingDown);
    assert_eq!(within(a.events.next()).await, None);
    assert_eq!(a.transport.stats().tasks, 0);
    assert_eq!(b.disconnected().await, remote("this node is shutting down"));
    let again = a.transport.dial(b.transport.address(), None);
    assert_eq!(again, Err(DialFailure::ShuttingDown));
}

#[tokio::test]
async fn dropping_the_transport_ends_its_links() {
    let (mut a, mut b) = (node(1), node(2));
    connect(&mut a, &mut b).await;
    let Node {
        transport,
        mut events,
    } = a;
    drop(transport);
    assert_eq!(b.disconnected().await, remote("this node is shutting down"));
    within(async { while events.next().await.is_some() {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn two_hundred_links_that_come_and_go_leave_nothing_behind() {
    const AT_ONCE: usize = 20;
    let (mut a, mut b) = (node(1), node(2));
    for round in 0..10 {
        let mut links = Vec::new();
        for _ in 0..AT_ONCE {
            a.transport
                .dial(b.transport.address(), None)
                .expect("a link is free");
        }
        for _ in 0..AT_ONCE {
            let (at_a, at_b) = (a.connected().await.1, b.connected().await.1);
            links.push((at_a, at_b));
        }
        for (at_a, at_b) in links {
            if round % 2 == 0 {
                a.transport.disconnect(at_a, "done");
            } else {
                b.transport.disconnect(at_b, "done");
            }
        }
        for _ in 0..AT_ONCE {
            a.disconnected().await;
            b.disconnected().await;
        }
    }
    for node in [&a, &b] {
        until(|| node.transport.stats().tasks == 1).await;
        let stats = node.transport.stats();
        assert_eq!(
            (stats.links, stats.half_open, stats.handshakes_failed),
            (0, 0, 0)
        );
        assert_eq!(node.transport.free_slots(), (40, 24));
    }
}

#[tokio::test]
async fn a_node_that_nobody_listens_to_keeps_nothing() {
    let (mut a, b) = (node(1), node(2));
    let Node { transport, events } = b;
    drop(events);
    a.transport
        .dial(transport.address(), None)
        .expect("a link is free");
    let (_, at_a, _) = a.connected().await;
    a.transport
        .send(at_a, Lane::Consensus, Bytes::from_static(b"vote"))
        .expect("room");
    until(|| transport.stats().lanes[Lane::Consensus].frames_in == 1).await;
    a.transport.disconnect(at_a, "bye");
    until(|| transport.stats().tasks == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_was_said_before_leaving_is_heard_however_threads_run() {
    let (mut a, mut b) = (node(1), node(2));
    for round in 0..50_u8 {
        let (at_a, at_b) = connect(&mut a, &mut b).await;
        let words = Bytes::from(vec![round; 1 + usize::from(round) * 50]);
        for _ in 0..3 {
            a.transport
                .send(at_a, Lane::Consensus, words.clone())
                .expect("room");
        }
        a.transport.disconnect(at_a, "done");
        for _ in 0..3 {
            assert_eq!(b.frame().await, (at_b, Lane::Consensus, words.clone()));
        }
        assert_eq!(b.disconnected().await, remote("done"));
        a.disconnected().await;
    }
}
