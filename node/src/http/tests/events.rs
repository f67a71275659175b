//! Events: in order, resumable, without loss or duplicate.

use std::time::Duration;

use serde_json::json;

use super::client::{Events, get, request};
use super::node::{Node, halt, quick};
use crate::core::Event;
use crate::http::HttpLimits;
use crate::mempool::{Departure, Left};

#[test]
fn what_is_on_disk_is_told_first_and_then_what_comes() {
    let mut node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events?from=1", "");
    let payment = node.chain.payment(2);
    node.commit(&[payment]);
    node.commit(&[]);
    assert_eq!(
        events.ids(7),
        ["1.0", "2.0", "2.1", "2.2", "3.0", "4.0", "4.1"]
    );
    assert_eq!(events.ids(1), ["5.0"]);
}

/// Some clients (httpx-sse) take every empty line for the end of an event, and have events without
/// kind and data where a line between two events is empty.
#[test]
fn an_empty_line_ends_an_event_and_nothing_else() {
    let mut node = Node::start(quick());
    let mut events = Events::subscribe(node.address(), "/events");
    assert_eq!(events.line().unwrap(), ": starling");
    assert_eq!(events.line().unwrap(), "retry: 1000");
    for _ in 0..3 {
        // Comments, one line each, say that the connection lives.
        assert_eq!(events.line().unwrap(), ":");
        node.commit(&[]);
        let lines = std::iter::from_fn(|| events.line().filter(|line| !line.is_empty()));
        let lines: Vec<_> = lines.filter(|line| line != ":").collect();
        assert!(lines.last().unwrap().starts_with("data: "), "{lines:?}");
    }
}

#[test]
fn proxies_are_told_to_pass_events_on_as_they_come() {
    let node = Node::start(quick());
    let events = Events::subscribe(node.address(), "/events");
    assert!(
        events.head.contains("x-accel-buffering: no\r\n"),
        "{}",
        events.head
    );
    assert!(
        events.head.contains("content-type: text/event-stream\r\n"),
        "{}",
        events.head
    );
}

#[test]
fn a_block_is_told_in_the_same_words_live_and_from_disk() {
    let mut node = Node::start(quick());
    let mut live = Events::open(node.address(), "/events", "");
    let payment = node.chain.payment(2);
    node.commit(std::slice::from_ref(&payment));
    let told = [live.next().unwrap(), live.next().unwrap()];
    let mut replayed = Events::open(node.address(), "/events?from=4", "");
    assert_eq!(told, [replayed.next().unwrap(), replayed.next().unwrap()]);
    let [block, transaction] = told;
    assert_eq!(
        (block.kind.as_str(), transaction.kind.as_str()),
        ("block", "transaction")
    );
    let id = payment.id().to_string();
    assert_eq!(block.data["transactions"], json!([id]));
    assert_eq!(block.data["hash"], json!(node.chain.tip.hash.to_string()));
    assert_eq!(
        (&block.data["signed"], &block.data["total"]),
        (&json!(3), &json!(4))
    );
    let final_stage = json!({
        "id": id, "stage": "final", "height": 4, "index": 0, "block": block.data["hash"],
        "signed": 3, "total": 4,
    });
    assert_eq!(transaction.data, final_stage);
}

#[test]
fn a_client_resumes_right_after_the_last_event_it_had() {
    let node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events?from=1", "Last-Event-ID: 2.1\r\n");
    assert_eq!(events.ids(2), ["2.2", "3.0"]);
    let mut whole = Events::open(node.address(), "/events", "Last-Event-ID: 1.4294967295\r\n");
    assert_eq!(whole.ids(1), ["2.0"]);
}

#[test]
fn blocks_whose_announcement_was_missed_are_read_from_disk() {
    let mut node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events", "");
    node.chain.commit(&[]);
    node.commit(&[]);
    assert_eq!(events.ids(2), ["4.0", "5.0"]);
}

#[test]
fn a_client_that_is_ahead_of_this_chain_is_told_of_the_gap() {
    let mut node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events", "Last-Event-ID: 77.0\r\n");
    assert_eq!(events.next().unwrap().kind, "gap");
    node.commit(&[]);
    assert_eq!(events.ids(1), ["4.0"]);
}

#[test]
fn a_start_that_makes_no_sense_is_refused() {
    let node = Node::start(quick());
    let server = node.address();
    for (path, status) in [
        ("/events?from=5", 404),
        ("/events?from=18446744073709551615", 404),
        ("/events?from=-1", 400),
        ("/events?form=1", 400),
    ] {
        assert_eq!(get(server, path).status, status, "{path}");
    }
    let wrong = format!("Host: {server}\r\nLast-Event-ID: 2\r\n");
    assert_eq!(request(server, "GET /events", &wrong).status, 400);
}

#[test]
fn a_transaction_that_leaves_is_told_with_its_id_and_why() {
    let node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events", "");
    let [id, by] = [2, 3].map(|nonce| node.chain.payment(nonce).id());
    let why = Departure::Replaced { by };
    let reason = why.to_string();
    assert!(reason.contains(&by.to_string()), "{reason}");
    node.handle.announce(Event::Left(Left { id, why }));
    let told = events.next().unwrap();
    let expected = json!({
        "id": id.to_string(), "stage": "left", "code": "replaced", "reason": reason,
    });
    assert_eq!((told.kind.as_str(), told.data), ("transaction", expected));
    let text = get(node.address(), "/metrics").body;
    let line = "starling_transactions_left_total{reason=\"replaced\"} 1";
    assert!(text.contains(line), "{text}");
}

#[test]
fn the_stages_of_a_transaction_are_told_in_order() {
    let mut node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events", "");
    let payment = node.chain.payment(2);
    let id = payment.id();
    node.handle.announce(Event::Accepted(id));
    node.handle.announce(Event::Gossiped {
        id,
        sent_to: 2,
        neighbours: 3,
    });
    node.handle.announce(Event::Proposed {
        height: 4,
        round: 1,
        block: node.chain.tip.hash,
        proposer: node.chain.genesis.validators[0].account,
        transactions: [id].into(),
    });
    node.commit(&[payment]);
    let told: Vec<_> = (0..5).map(|_| events.next().unwrap()).collect();
    let stages: Vec<_> = told
        .iter()
        .filter_map(|told| told.data["stage"].as_str())
        .collect();
    assert_eq!(stages, ["accepted", "gossiped", "proposed", "final"]);
    assert_eq!(
        (&told[1].data["sent_to"], &told[1].data["neighbours"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(
        (&told[2].data["height"], &told[2].data["round"]),
        (&json!(4), &json!(1))
    );
    assert!(told[..3].iter().all(|told| told.id.is_none()));
}

#[test]
fn a_halt_and_its_end_are_told() {
    let node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events", "");
    node.publish(halt);
    let told = events.next().unwrap();
    assert_eq!(
        (told.kind.as_str(), &told.data["present_permille"]),
        ("halt", &json!(500))
    );
    assert_eq!(told.data["silent"].as_array().unwrap().len(), 2);
    let mut late = Events::open(node.address(), "/events", "");
    assert_eq!(late.next().unwrap(), told);
    node.publish(|_| {});
    assert_eq!(events.next().unwrap().kind, "resume");
}

#[test]
fn a_silent_stream_says_that_it_is_alive() {
    let node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events", "");
    while events.line().unwrap() != ":" {}
}

#[test]
fn subscribers_above_the_bound_are_refused_until_one_leaves() {
    let node = Node::start(HttpLimits {
        subscribers_max: 1,
        ..quick()
    });
    let first = Events::open(node.address(), "/events", "");
    assert_eq!(get(node.address(), "/events").status, 503);
    drop(first);
    wait_for_a_place(&node);
}

#[test]
fn a_subscriber_that_stops_reading_loses_its_place() {
    let node = Node::start(HttpLimits {
        subscribers_max: 1,
        stall_deadline: Duration::from_millis(300),
        ..HttpLimits::default()
    });
    let _slow = Events::open(node.address(), "/events", "");
    let id = node.chain.payment(2).id();
    // Until the buffers of its socket are full, whatever their size.
    while !has_a_place(&node) {
        for _ in 0..2_000 {
            node.handle.announce(Event::Accepted(id));
        }
    }
}

/// Comes back when somebody else can subscribe.
fn wait_for_a_place(node: &Node) {
    while !has_a_place(node) {
        std::thread::yield_now();
    }
}

fn has_a_place(node: &Node) -> bool {
    let host = format!("Host: {}\r\n", node.address());
    request(node.address(), "HEAD /events", &host).status == 200
}

#[test]
fn memory_for_replays_is_given_back_when_it_is_sent() {
    let node = Node::start(quick());
    // Many more replays, one after the other, than there is memory for at a time.
    for _ in 0..40 {
        let mut events = Events::open(node.address(), "/events?from=1", "");
        assert_eq!(events.ids(5), ["1.0", "2.0", "2.1", "2.2", "3.0"]);
    }
    let mut open: Vec<_> = (0..40)
        .map(|_| Events::open(node.address(), "/events?from=1", ""))
        .collect();
    for events in &mut open {
        assert_eq!(events.ids(5).len(), 5);
    }
}
