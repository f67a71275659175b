//! A node between two chains of its network: running, after a long sleep, and new, with a
//! checkpoint and without. The other chain is one that validators wrote who had left, or who sign
//! both.

use std::time::Duration;

use starling_ledger::block::BlockHash;
use starling_ledger::genesis::Genesis;
use starling_ledger::light::Conflict;
use starling_ledger::vote::Height;
use starling_node::core::HaltReason;
use starling_tests::forked_chain::{BONDING, Branch, HANDOVER, chain, checkpoint, genesis};
use starling_tests::simulator::stage::{Player, Stage};

/// The nodes' clocks show an hour after the genesis, and blocks are a second apart.
const LONG_MS: u64 = 2 * 60 * 60 * 1_000;
/// All blocks are older than this.
const SHORT_MS: u64 = 10 * 60 * 1_000;
/// Enough for a chain of any length here to be fetched and looked through.
const A_WHILE: Duration = Duration::from_secs(30);
/// The tip of the main chain.
const TIP: Height = 12;

fn player(genesis: &Genesis, branch: Branch, height: Height) -> Player {
    Player {
        disk: chain(genesis, branch, height),
        checkpoint: None,
        is_liar: false,
    }
}

fn hash(genesis: &Genesis, branch: Branch, height: Height) -> BlockHash {
    checkpoint(&chain(genesis, branch, height), height).hash
}

fn play(genesis: &Genesis, players: Vec<Player>) -> Stage {
    let mut stage = Stage::new(genesis, players);
    stage.run_for(A_WHILE);
    stage
}

fn conflict(stage: &Stage) -> &Conflict {
    match &stage.told(0).halted {
        Some(HaltReason::Fork(conflict)) => conflict,
        other => panic!("{other:?}"),
    }
}

fn says(stage: &Stage, words: &str) -> usize {
    let warnings = stage.told(0).warnings.iter();
    warnings.filter(|warning| warning.contains(words)).count()
}

/// Where the other chain parts, and how long it is: shorter, as long, and longer.
const OTHERS: [(Height, Height); 9] = [
    (2, 9),
    (2, TIP),
    (2, 15),
    (BONDING, 9),
    (BONDING, TIP),
    (BONDING, 15),
    (HANDOVER + 2, 9),
    (HANDOVER + 2, TIP),
    (HANDOVER + 2, 15),
];

#[test]
fn a_running_node_that_meets_another_chain_stops_with_a_block_of_each() {
    let genesis = genesis(LONG_MS);
    for (from, height) in OTHERS {
        let branch = Branch::From(from);
        let other = Player {
            is_liar: true,
            ..player(&genesis, branch, height)
        };
        let stage = play(&genesis, vec![player(&genesis, Branch::Main, TIP), other]);
        let found = conflict(&stage);
        let ours = found.trusted.as_ref().expect("a block of ours");
        let at = ours.height;
        assert!(at >= from && at == found.other.height, "{from}, {height}");
        assert_eq!(ours.hash(), hash(&genesis, Branch::Main, at));
        assert_eq!(found.other.hash(), hash(&genesis, branch, at));
        assert!(found.trusted_certificate.is_some());
        assert_eq!(found.certificate.block, found.other.hash());
        // Nothing that was stored changed, and nothing came.
        assert_eq!(stage.tip(0).hash, hash(&genesis, Branch::Main, TIP));
    }
}

#[test]
fn a_chain_that_only_ends_earlier_or_later_stops_nobody() {
    let genesis = genesis(LONG_MS);
    for height in [1, 4, TIP, 15] {
        let other = player(&genesis, Branch::Main, height);
        let stage = play(&genesis, vec![player(&genesis, Branch::Main, TIP), other]);
        for index in 0..2 {
            assert!(stage.told(index).halted.is_none());
            assert_eq!(stage.tip(index).height, height.max(TIP));
        }
        assert_eq!(stage.peers(0), [1].into());
    }
}

/// Former validators have nothing to lose: their keys may not stop who knows a later chain.
#[test]
fn keys_of_long_ago_stop_nobody_and_are_told_of_once() {
    let genesis = genesis(SHORT_MS);
    for (from, height) in OTHERS {
        let other = || Player {
            is_liar: true,
            ..player(&genesis, Branch::From(from), height)
        };
        let players = vec![
            player(&genesis, Branch::Main, TIP),
            other(),
            other(),
            player(&genesis, Branch::Main, TIP + 2),
        ];
        let stage = play(&genesis, players);
        assert!(stage.told(0).halted.is_none(), "{from}, {height}");
        let reached = stage.tip(0);
        let main = hash(&genesis, Branch::Main, TIP + 2);
        assert_eq!(
            (reached.height, reached.hash),
            (TIP + 2, main),
            "{from}, {height}"
        );
        assert_eq!(
            says(&stage, "keys that may have left"),
            1,
            "{from}, {height}"
        );
        let ended = stage.told(0).ended.iter();
        let let_go = ended
            .filter(|reason| reason.contains("another chain"))
            .count();
        assert!(let_go >= 2, "{from}, {height}: {:?}", stage.told(0).ended);
        // Whoever was let go dials again, and is told that it is not welcome.
        assert!(stage.peers(0).contains(&3), "{from}, {height}");
        assert_eq!(stage.neighbours(0), 1, "{from}, {height}");
    }
}

#[test]
fn a_node_that_slept_longer_than_the_trust_period_says_so_and_goes_on() {
    let genesis = genesis(SHORT_MS);
    let sleeper = |vouched: Option<Height>| Player {
        checkpoint: vouched.map(|height| checkpoint(&chain(&genesis, Branch::Main, TIP), height)),
        ..player(&genesis, Branch::Main, 8)
    };
    let words = "vouches for its validators no longer";
    for (vouched, said) in [(None, 1), (Some(10), 1), (Some(TIP), 0)] {
        let players = vec![sleeper(vouched), player(&genesis, Branch::Main, TIP)];
        let stage = play(&genesis, players);
        assert!(stage.told(0).halted.is_none());
        assert_eq!(stage.tip(0).height, TIP);
        assert_eq!(says(&stage, words), said, "{vouched:?}");
        let status = stage.trust_warning(0);
        assert_eq!(status.is_some_and(|shown| shown.contains(words)), said == 1);
    }
    // Within the period nobody says anything.
    let young = self::genesis(LONG_MS);
    let players = vec![
        player(&young, Branch::Main, 8),
        player(&young, Branch::Main, TIP),
    ];
    let stage = play(&young, players);
    assert_eq!(
        (stage.tip(0).height, stage.told(0).warnings.len()),
        (TIP, 0)
    );
}

/// What a sleeper followed is evidence like any other once it meets the right chain.
#[test]
fn a_node_that_slept_and_follows_former_validators_is_stopped_by_the_checkpoint() {
    let genesis = genesis(SHORT_MS);
    let right = checkpoint(&chain(&genesis, Branch::Main, TIP), 9);
    let sleeper = Player {
        checkpoint: Some(right),
        ..player(&genesis, Branch::Main, 6)
    };
    let stage = play(
        &genesis,
        vec![sleeper, player(&genesis, Branch::From(7), TIP)],
    );
    let found = hash(&genesis, Branch::From(7), 9);
    let expected = HaltReason::Checkpoint {
        given: right,
        found,
    };
    assert_eq!(stage.told(0).halted, Some(expected));
    assert_eq!(stage.tip(0).height, 8);
}

#[test]
fn a_new_node_follows_whom_it_meets_and_says_what_that_is_worth() {
    let old = genesis(SHORT_MS);
    let nothing = |genesis: &Genesis| player(genesis, Branch::Main, 0);
    let stage = play(
        &old,
        vec![nothing(&old), player(&old, Branch::From(2), TIP)],
    );
    assert!(stage.told(0).halted.is_none());
    assert_eq!(stage.tip(0).hash, hash(&old, Branch::From(2), TIP));
    assert_eq!(says(&stage, "for the first time, against a genesis"), 1);
    assert!(stage.trust_warning(0).is_some());
    let young = genesis(LONG_MS);
    let stage = play(
        &young,
        vec![nothing(&young), player(&young, Branch::Main, TIP)],
    );
    assert_eq!(stage.tip(0).height, TIP);
    assert!(stage.told(0).warnings.is_empty());
}

#[test]
fn a_new_node_with_a_checkpoint_keeps_nothing_of_another_chain_from_there_on() {
    for trust_ms in [SHORT_MS, LONG_MS] {
        let genesis = genesis(trust_ms);
        let main = chain(&genesis, Branch::Main, TIP);
        for at in [1, 2, 5, 9, TIP] {
            let given = checkpoint(&main, at);
            let new = || Player {
                checkpoint: Some(given),
                ..player(&genesis, Branch::Main, 0)
            };
            // Alone with the other chain.
            let stage = play(
                &genesis,
                vec![new(), player(&genesis, Branch::From(1), TIP)],
            );
            let found = hash(&genesis, Branch::From(1), at);
            let expected = HaltReason::Checkpoint { given, found };
            assert_eq!(stage.told(0).halted, Some(expected), "{at}");
            assert_eq!(stage.tip(0).height, at - 1);
            // Beside somebody honest: it may stop, but it never keeps the wrong block.
            let players = vec![
                new(),
                player(&genesis, Branch::From(1), TIP),
                player(&genesis, Branch::From(2), TIP + 3),
                player(&genesis, Branch::Main, TIP),
            ];
            let stage = play(&genesis, players);
            let tip = stage.tip(0);
            if tip.height >= at {
                assert_eq!(tip.hash, hash(&genesis, Branch::Main, tip.height), "{at}");
            } else if trust_ms == SHORT_MS {
                // Else the others may have stopped before they gave it anything.
                assert!(stage.told(0).halted.is_some(), "{at}");
            }
        }
    }
}
