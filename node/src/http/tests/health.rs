//! What supervisors and Prometheus see.

use starling_gossip::{Lane, drops};
use starling_ledger::block::BlockHash;
use starling_ledger::evidence::Evidence;
use starling_ledger::genesis::local_consensus_key;
use starling_ledger::hash::Hash;
use starling_ledger::keys::Signer as _;
use starling_ledger::vote::{Vote, VoteType};

use super::client::{Events, get};
use super::node::{Node, halt, quick};
use crate::consensus::ConsensusEvent;
use crate::core::Event;
use crate::drops::Dropped;

#[test]
fn a_node_that_has_all_and_hears_enough_is_ready() {
    let node = Node::start(quick());
    assert_eq!(get(node.address(), "/healthz").body, "alive\n");
    let told = get(node.address(), "/readyz");
    assert_eq!(
        (told.status, &*told.body),
        (
            200,
            "ready: RUNNING: 4 of 4 validators are heard; block 3\n"
        )
    );
}

#[test]
fn a_node_that_is_not_ready_says_why() {
    let node = Node::start(quick());
    node.publish(halt);
    let told = get(node.address(), "/readyz");
    assert_eq!(told.status, 503);
    let words = "not ready: HALTED: 50.0 % of voting power, needs more than 66.7 %; silent: n";
    assert!(told.body.starts_with(words), "{}", told.body);
    assert_eq!(get(node.address(), "/healthz").status, 200);
}

/// Finds the value of a metric by its whole name, labels included.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

/// Says that n2 voted for a block and for nil in one step.
fn offence() -> Event {
    let key = local_consensus_key("n2");
    let vote = |block| {
        let vote = Vote {
            vote_type: VoteType::Prevote,
            height: 3,
            round: 0,
            block,
            validator: key.public_key(),
        };
        vote.sign(&Hash([1; 32]), &key)
    };
    let evidence = Evidence::of_votes(vote(None), vote(Some(BlockHash(Hash([2; 32])))));
    Event::Consensus(ConsensusEvent::Offence(Box::new(evidence)))
}

#[test]
fn metrics_carry_their_names_and_numbers() {
    let mut node = Node::start(quick());
    let mut events = Events::open(node.address(), "/events", "");
    let payment = node.chain.payment(2);
    node.handle.announce(Event::Accepted(payment.id()));
    node.handle.announce(offence());
    node.commit(&[payment]);
    // Once the subscriber has the block, it has been counted.
    while events.next().unwrap().kind != "block" {}
    node.publish(|status| {
        status.counters.bytes_in[Lane::Consensus] = 77;
        status.counters.transaction_duplicates = 5;
        status.counters.ranges_pruned = 3;
        let gossip = &mut status.counters.drops;
        gossip.add(drops::Dropped::HaveOverBudget, 7);
        status.drops.add(Dropped::SendQueueFull(Lane::Blocks), 9);
    });
    let told = get(node.address(), "/metrics");
    assert!(told.head.contains("application/openmetrics-text"));
    let text = told.body.as_str();
    for (name, expected) in [
        ("starling_consensus_height", "4"),
        ("starling_consensus_round", "0"),
        ("starling_consensus_halted", "0"),
        ("starling_mempool_transactions", "1"),
        ("starling_mempool_bytes", "200"),
        (
            "starling_gossip_bytes_total{lane=\"consensus\",direction=\"in\"}",
            "77",
        ),
        ("starling_gossip_duplicates_total", "5"),
        ("starling_sync_ranges_pruned_total", "3"),
        (
            "starling_dropped_total{what=\"have\",reason=\"over_budget\"}",
            "7",
        ),
        (
            "starling_dropped_total{what=\"sent_frame\",reason=\"blocks_queue_full\"}",
            "9",
        ),
        (
            "starling_dropped_total{what=\"body\",reason=\"no_room\"}",
            "0",
        ),
        ("starling_peers{direction=\"inbound\"}", "1"),
        ("starling_peers{direction=\"outbound\"}", "0"),
        ("starling_consensus_offences_total", "1"),
        ("starling_blocks_final_total", "1"),
        ("starling_transactions_final_total", "1"),
        ("starling_finality_seconds_count", "1"),
    ] {
        assert_eq!(value(text, name), Some(expected), "{name} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn the_state_is_one_of_all_and_the_machine_is_shown() {
    let node = Node::start(quick());
    node.publish(halt);
    let text = get(node.address(), "/metrics").body;
    let ones = crate::node_state::StateWord::ALL.map(|word| {
        let name = format!("starling_state{{state=\"{word}\"}}");
        value(&text, &name).map(|value| (word.text(), value.to_owned()))
    });
    let ones: Vec<_> = ones.into_iter().flatten().collect();
    assert_eq!(ones.len(), 10, "{text}");
    let on = ones.iter().filter(|(_, value)| value == "1");
    assert_eq!(on.map(|(word, _)| *word).collect::<Vec<_>>(), ["HALTED"]);
    for (name, expected) in [
        ("starling_ready", "0"),
        ("starling_consensus_halted", "1"),
        ("starling_validator_duty{duty=\"signs\"}", "1"),
        ("starling_validator_jailed", "0"),
        ("starling_validator_blocks_missed_total", "0"),
        ("starling_clock_offset_seconds", "-0.012"),
        ("starling_proposals_refused_total{reason=\"clock\"}", "3"),
        ("starling_evidence_refused_total", "2"),
        ("starling_build_info{version=\"0.1.0\"}", "1"),
    ] {
        assert_eq!(value(&text, name), Some(expected), "{name} in {text}");
    }
    for name in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
        "starling_disk_used_bytes",
        "starling_disk_free_bytes",
    ] {
        assert!(value(&text, name).is_some(), "{name} in {text}");
    }
}
