//! The state of a node, each provoked on real processes: the same word in `status`, `/readyz`, the
//! log, the metrics, the exit code and what `send` says while it waits.
//!
//! A state in which the network goes on and the node follows it (WATCHING, JAILED, EXCLUDED, a
//! clock that is wrong) stops no payment: there `send` ends with 0 and has nothing to wait for.

mod clocks;
mod narrow;
mod places;
mod validators;

use starling_tests::testnet::{Testnet, wait_for};

use narrow::Narrow;
use places::{Hand, Places, genesis_of, listen_at, listen_of};

#[test]
fn halted_is_the_networks_and_alone_is_the_nodes() {
    let testnet = Testnet::up(4);
    let n1 = Places::of(&testnet, "n1");
    n1.shows_running();
    for node in ["n2", "n3"] {
        testnet.ok(&["testnet", "kill", node]);
    }
    n1.shows("HALTED", 6, 6);
    for words in ["50.0 %", "more than 66.7 %", "n2, n3"] {
        assert!(n1.log().contains(words), "{words}: {}", n1.log());
    }
    testnet.ok(&["testnet", "kill", "n4"]);
    n1.shows("ALONE", 1, 5);
    let failed = wait_for("three dials to fail", || {
        let failed = testnet.told(&format!("peers --failed --node {}", n1.url()));
        let list = failed["failed"].as_array()?.clone();
        (list.len() >= 3).then_some(list)
    });
    for one in &failed {
        assert_eq!(one["code"], "timed_out", "{one}");
        assert_eq!(one["reason"], "nobody answered in time", "{one}");
    }
    let people = testnet.ok(&["peers", "--failed", "--node", n1.url()]);
    assert!(people.contains("nobody answered in time"), "{people}");
    for node in ["n2", "n3", "n4"] {
        testnet.ok(&["testnet", "start", node]);
    }
    n1.shows_running();
    wait_for("the end of both in the log", || {
        let log = n1.log();
        let over = ["HALTED is over", "ALONE is over"];
        over.iter().all(|words| log.contains(words)).then_some(())
    });
    let log = n1.log();
    let entered = |word: &str| log.matches(&format!("{word}: ")).count();
    assert_eq!((entered("HALTED"), entered("ALONE")), (1, 1), "{log}");
}

#[test]
fn a_name_that_is_not_found_and_a_key_that_is_another_are_told() {
    let testnet = Testnet::up(1);
    let listen = listen_of(&testnet, "n1");
    let other = "7".repeat(64);
    let wrong = format!("{other}@{listen}");
    let genesis = genesis_of(&testnet);
    let hand = Hand::new("lost", &genesis, &["no-such-host.invalid:7000", &wrong]);
    let hand = hand.start(&testnet);
    let lost = Places::by_hand(&testnet, &hand);
    wait_for("both reasons", || {
        let failed = testnet.told(&format!("peers --failed --node {}", lost.url()));
        let failed = failed["failed"].as_array()?;
        let has = |code: &str| failed.iter().any(|one| one["code"] == code);
        (has("no_such_name") && has("another_node")).then_some(())
    });
    lost.shows("ALONE", 1, 5);
    assert!(lost.log().contains("no-such-host.invalid:7000"));
}

#[test]
fn nodes_of_another_network_are_no_neighbours() {
    let (ours, theirs) = (Testnet::up(1), Testnet::new());
    theirs.ok(&[
        "testnet",
        "up",
        "-d",
        "--validators",
        "1",
        "--epoch-blocks",
        "17",
    ]);
    let peer = listen_of(&theirs, "n1");
    let hand = Hand::new("astray", &genesis_of(&ours), &[&peer]).start(&ours);
    let astray = Places::by_hand(&ours, &hand);
    astray.shows("OTHER NETWORK", 7, 5);
    let failed = ours.told(&format!("peers --failed --node {}", astray.url()));
    let one = &failed["failed"][0];
    assert_eq!(
        (&one["code"], &one["target"]),
        (&"other_network".into(), &peer.into())
    );
    let reason = one["reason"].as_str().expect("a reason");
    let hash = |testnet: &Testnet| {
        let status = testnet.status_of("n1").expect("it answers");
        status["genesis"].as_str().expect("a hash")[..8].to_owned()
    };
    let whole = format!(
        "another network: it is on local {}, this node on local {}",
        hash(&theirs),
        hash(&ours)
    );
    assert_eq!(reason, whole);
    assert!(!astray.log().contains('?'), "{}", astray.log());
}

#[test]
fn blocks_that_every_neighbour_has_pruned_are_not_waited_for() {
    let testnet = Testnet::up_with(1, &["--epoch-blocks", "10"]);
    testnet.stop();
    let keeper = Hand::validator(&testnet, "n1", &[]).with(&["--keep-blocks", "128"]);
    let keeper = keeper.start(&testnet);
    let node = keeper.url().to_owned();
    wait_for("more blocks than are kept", || {
        testnet.told(&format!("load --count 300 --rate 60 --node {node}"));
        let (code, _) = testnet.envelope(&["block", "1", "--node", &node]);
        (code != 0).then_some(())
    });
    let peer = listen_at(&testnet, &node);
    let hand = Hand::new("late", &genesis_of(&testnet), &[&peer]).start(&testnet);
    let late = Places::by_hand(&testnet, &hand);
    late.shows("PRUNED", 1, 5);
    let log = late.log();
    assert!(log.contains("keep blocks from"), "{log}");
    assert!(
        !log.contains("caught up") && !log.contains("HALTED"),
        "{log}"
    );
}

#[test]
fn a_node_that_fetches_blocks_is_behind_until_it_has_them() {
    let testnet = Testnet::up(1);
    testnet.told("load --count 1800 --rate 60");
    let target = listen_of(&testnet, "n1");
    let narrow = Narrow::start(target.parse().expect("an address"), 20_000);
    let peer = narrow.address().to_string();
    let hand = Hand::new("new", &genesis_of(&testnet), &[&peer]).start(&testnet);
    let new = Places::by_hand(&testnet, &hand);
    new.shows("BEHIND", 1, 5);
    narrow.widen();
    new.shows_running();
    wait_for("its end in the log", || {
        new.log().contains("BEHIND is over").then_some(())
    });
}
