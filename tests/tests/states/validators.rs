//! Validators that do not count, while the network goes on.

use std::net::SocketAddr;
use std::time::Duration;

use starling_gossip::Lane;
use starling_gossip::message::{ConsensusFrame, ConsensusMessage, Hello, WIRE_VERSION};
use starling_gossip::transport::{Transport, TransportConfig, TransportEvent};
use starling_ledger::block::BlockHash;
use starling_ledger::evidence::Evidence;
use starling_ledger::genesis::local_consensus_key;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::vote::{Vote, VoteType};
use starling_tests::testnet::{Testnet, wait_for};

use crate::places::{Hand, Places, copy, genesis_of, listen_of};

/// Where validators of a testnet listen.
fn listens(testnet: &Testnet, nodes: &[&str]) -> Vec<String> {
    nodes.iter().map(|node| listen_of(testnet, node)).collect()
}

/// A node with a copy of the folder and the key of n4, made while that was stopped for a moment.
fn copy_of_n4(testnet: &Testnet) -> Hand {
    let folder = testnet.home().join("copy");
    testnet.ok(&["testnet", "kill", "n4"]);
    copy(&testnet.data_of("n4"), &folder);
    testnet.ok(&["testnet", "start", "n4", "--timeout", "60s"]);
    let peers = listens(testnet, &["n1", "n2", "n3"]);
    let peers: Vec<_> = peers.iter().map(String::as_str).collect();
    let key = testnet.folder().join("n4/validator.key");
    let key = key.to_str().expect("UTF-8");
    let hand = Hand::new("copy", &genesis_of(testnet), &peers);
    hand.with(&["--validator-key", key])
}

#[test]
fn a_copy_of_a_validator_watches_and_both_say_that_there_are_two() {
    let testnet = Testnet::up(4);
    let hand = copy_of_n4(&testnet).start(&testnet);
    let (copy, n4) = (Places::by_hand(&testnet, &hand), Places::of(&testnet, "n4"));
    copy.shows_and_pays("WATCHING");
    for place in [&copy, &n4] {
        let words = "another process runs with this validator's key";
        wait_for("the other process to be named", || {
            let status = place.status()?;
            let told = status["node"]["second_process"].as_str()?.to_owned();
            (told.contains(words) && place.log().contains(words)).then_some(())
        });
    }
    let status = n4.status().expect("it answers");
    assert_eq!(status["node"]["signing"], true, "the first one goes on");
}

#[test]
fn a_validator_that_was_away_for_an_epoch_is_jailed() {
    let testnet = Testnet::up_with(5, &["--epoch-blocks", "10"]);
    testnet.ok(&["testnet", "kill", "n5"]);
    wait_for("n5 to be left out", || {
        testnet.told("load --count 60 --rate 60");
        let status = testnet.status_of("n1")?;
        let all = status["consensus"]["validators"].as_array()?.len();
        (all == 4).then_some(())
    });
    // It comes back as a node that follows; whether that is what was waited for is not asked.
    let _ = testnet.run(&["testnet", "start", "n5", "--timeout", "60s"]);
    let n5 = Places::of(&testnet, "n5");
    n5.shows_and_pays("JAILED");
    assert_eq!(
        testnet.metric_of("n5", "starling_validator_jailed"),
        Some(1)
    );
    assert_eq!(
        testnet.metric_of("n1", "starling_validator_jailed"),
        Some(0)
    );
}

/// Shows a node that n4 voted for a block and for nil in one step of block 3: whoever has the key
/// can do that.
async fn accuse_n4(node: SocketAddr, genesis: Hash, network: &str) {
    let key = local_consensus_key("n4");
    let vote = |block| {
        let vote = Vote {
            vote_type: VoteType::Prevote,
            height: 3,
            round: 0,
            block,
            validator: key.public_key(),
        };
        vote.sign(&genesis, &key)
    };
    let evidence = Evidence::of_votes(vote(None), vote(Some(BlockHash(Hash([7; 32])))));
    let hello = Hello {
        version_from: WIRE_VERSION,
        version_to: WIRE_VERSION,
        features: 0,
        genesis,
        network: network.to_owned(),
        height: 0,
        listen: Vec::new(),
        salt: 1,
        instance: 2,
    };
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = TransportConfig::new(SecretKey::local("accuser").into(), here);
    let (transport, mut events) = Transport::bind(config).expect("a free port");
    transport.dial(node, None).expect("it can be dialed");
    while let Some(event) = events.next().await {
        let (link, frame, is_last) = match event {
            TransportEvent::Connected { link, .. } => {
                (link, ConsensusFrame::Hello(hello.clone()), false)
            }
            TransportEvent::Frame { link, .. } => {
                let evidence = ConsensusMessage::Evidence(Box::new(evidence));
                (link, ConsensusFrame::Message(evidence), true)
            }
            other => panic!("{other:?}"),
        };
        let sent = transport.send(link, Lane::Consensus, frame.encode());
        sent.expect("the link is there");
        if is_last {
            // Until it has arrived.
            tokio::time::sleep(Duration::from_secs(1)).await;
            return;
        }
    }
}

#[test]
fn a_validator_that_signed_twice_is_excluded() {
    let testnet = Testnet::up(4);
    wait_for("block 3", || (testnet.height_of("n1") > 3).then_some(()));
    let status = testnet.status_of("n1").expect("it answers");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let node = text(&status["node"]["listen"]).parse().expect("an address");
    let genesis = text(&status["genesis"]).parse().expect("a hash");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(accuse_n4(node, genesis, &text(&status["network"])));
    wait_for("the double signature to be punished", || {
        testnet.told("send alice bob 1");
        let excluded = testnet.metric_of("n4", "starling_validator_excluded");
        (excluded == Some(1)).then_some(())
    });
    Places::of(&testnet, "n4").shows_and_pays("EXCLUDED");
}
