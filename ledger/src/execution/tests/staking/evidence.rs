//! Which offences are punished, and what that does.

use super::{BOND_MIN, STAKE, genesis, key, network, validator_key};
use crate::block::BlockHash;
use crate::evidence::Evidence;
use crate::execution::{ApplyError, BlockError, EvidenceRefusal};
use crate::fixture::{Network, consensus_key};
use crate::hash::Hash;
use crate::transaction::Action;
use crate::vote::Proposal;

/// A twentieth.
const SLASHED: u64 = STAKE / 20;

/// What the next block says to an offence.
fn refusal(network: &Network, key: &crate::keys::PublicKey, height: u64) -> EvidenceRefusal {
    let evidence = network.double_vote(key, height, 0);
    let built = network.build_with(&[], &[evidence]);
    assert!(built.block.evidence.is_empty());
    let [(hash, refusal)] = built.refused_evidence[..] else {
        panic!("one piece of evidence, refused once");
    };
    assert_eq!(hash, evidence.hash());
    // Somebody puts it in all the same.
    let mut block = built.block;
    block.header.evidence_count = 1;
    block.evidence = vec![evidence];
    block.header.evidence_root = crate::block::Block::evidence_root(&block.evidence);
    let (index, error) = (0, refusal);
    let refused = network.execute(&block).unwrap_err();
    assert_eq!(refused, BlockError::EvidenceRefused { index, error });
    assert!(refused.is_deterministic());
    refusal
}

#[test]
fn an_offence_burns_a_part_of_all_stake_rounded_up_and_excludes_the_key() {
    let mut network = network();
    network.act("n1", network.bond("n1", validator_key("n1"), 1));
    network.act("n1", Action::Unbond { amount: 3_010 });
    let before = network.totals();
    network.punish(network.double_vote(&validator_key("n1"), 2, 0));
    // 6,991 bonded and 3,010 being released: a twentieth of each, rounded up.
    assert_eq!(network.staked("n1"), (6_991 - 350, vec![(3_010 - 151, 0)]));
    let after = network.totals();
    assert_eq!(after.burned, before.burned + 350 + 151);
    assert_eq!(after.staked, before.staked - 350 - 151);
    let owner = network.owner(&validator_key("n1")).unwrap();
    assert!(owner.excluded);
    assert!(network.sits_out("n1"));
    assert_eq!(network.power("n1"), STAKE);
    network.check_supply();
    network.end_epoch();
    assert_eq!(network.power("n1"), 0);
}

#[test]
fn a_key_is_punished_once_whatever_else_it_signed() {
    let mut network = network();
    let n1 = validator_key("n1");
    let both = [0, 1].map(|seed| network.double_vote(&n1, 1, seed));
    let built = network.build_with(&[], &both);
    assert_eq!(built.block.evidence.len(), 1);
    let [(_, refusal_of_second)] = built.refused_evidence[..] else {
        panic!("the second is refused");
    };
    assert_eq!(refusal_of_second, EvidenceRefusal::Punished);
    network.finish(&built);
    assert_eq!(network.staked("n1"), (STAKE - SLASHED, vec![]));
    assert_eq!(refusal(&network, &n1, 1), EvidenceRefusal::Punished);
    assert_eq!(refusal(&network, &n1, 2), EvidenceRefusal::Punished);
}

#[test]
fn the_same_evidence_twice_in_a_plan_is_one() {
    let network = network();
    let one = network.double_vote(&validator_key("n1"), 1, 0);
    let built = network.build_with(&[], &[one, one]);
    assert_eq!(built.block.evidence, [one]);
    assert_eq!(built.refused_evidence, []);
    network.execute(&built.block).unwrap();
}

#[test]
fn two_keys_are_punished_in_one_block_in_the_order_of_the_hashes() {
    let mut network = network();
    let both = ["n1", "n2"].map(|name| network.double_vote(&validator_key(name), 1, 0));
    let built = network.build_with(&[], &both);
    assert_eq!(built.block.evidence.len(), 2);
    let reversed = network.build_with(&[], &[both[1], both[0]]);
    assert_eq!(reversed.block, built.block);
    network.finish(&built);
    assert!(network.sits_out("n1") && network.sits_out("n2"));
    network.check_supply();
}

#[test]
fn a_key_that_nobody_named_is_not_punished() {
    let refused = refusal(&network(), &key("k0"), 1);
    assert_eq!(refused, EvidenceRefusal::UnknownKey);
}

#[test]
fn an_offence_of_a_height_to_come_waits() {
    let network = network();
    let refused = refusal(&network, &validator_key("n1"), 2);
    assert_eq!(refused, EvidenceRefusal::Future { height: 2 });
    assert!(refused.may_pass());
    let built = network.build_with(&[], &[network.double_vote(&validator_key("n1"), 1, 0)]);
    assert_eq!(built.block.evidence.len(), 1);
}

#[test]
fn a_key_answers_from_its_first_height_to_its_last() {
    let mut network = network();
    network.act("p0", network.bond("p0", key("k0"), 50_000));
    network.go_to(5);
    network.act("p0", network.bond("p0", key("k1"), 0));
    network.go_to(10);
    for height in [4, 9] {
        let inactive = EvidenceRefusal::Inactive { height };
        assert_eq!(refusal(&network, &key("k0"), height), inactive);
    }
    let before_k1 = EvidenceRefusal::Inactive { height: 8 };
    assert_eq!(refusal(&network, &key("k1"), 8), before_k1);
    let nothing = EvidenceRefusal::Inactive { height: 0 };
    assert_eq!(refusal(&network, &validator_key("n1"), 0), nothing);
    for (key, height) in [(key("k0"), 5), (key("k0"), 8), (key("k1"), 9)] {
        let built = network.build_with(&[], &[network.double_vote(&key, height, 0)]);
        assert_eq!(built.refused_evidence, [], "{height}");
    }
}

#[test]
fn an_offence_is_punished_up_to_its_age_and_not_after() {
    let mut network = network();
    network.go_to(4);
    let ended_ms = network.tip.time_ms;
    network.commit_at(ended_ms + 12_000 - 1_000);
    let evidence = network.double_vote(&validator_key("n1"), 1, 0);
    let built = network.build_with(&[], &[evidence]);
    assert_eq!(built.block.header.time_ms, ended_ms + 12_000);
    assert_eq!(built.refused_evidence, []);
    network.commit_at(ended_ms + 12_000);
    assert_eq!(
        refusal(&network, &validator_key("n1"), 1),
        EvidenceRefusal::TooOld
    );
    // Also when the end of its epoch is forgotten.
    network.commit_at(ended_ms + 1_000_000);
    network.end_epoch();
    assert!(network.schedule().epoch_first > 0);
    assert_eq!(
        refusal(&network, &validator_key("n1"), 1),
        EvidenceRefusal::TooOld
    );
}

#[test]
fn re_keying_in_the_epoch_of_the_offence_saves_neither_stake_nor_seat() {
    let mut network = network();
    network.act("n1", network.bond("n1", key("k1"), 0));
    network.punish(network.double_vote(&validator_key("n1"), 2, 0));
    assert_eq!(network.staked("n1"), (STAKE - SLASHED, vec![]));
    assert!(network.sits_out("n1"));
    assert!(!network.owner(&key("k1")).unwrap().excluded);
    network.end_epoch();
    assert_eq!(network.power("n1"), 0);
    network.act("n1", Action::Unjail);
    network.end_epoch();
    assert_eq!(network.power("n1"), STAKE - SLASHED);
}

#[test]
fn re_keying_in_the_block_of_the_evidence_saves_nothing_either() {
    let mut network = network();
    let rekey = network.due("n1", vec![network.bond("n1", key("k1"), 0)]);
    let evidence = network.double_vote(&validator_key("n1"), 1, 0);
    let built = network.build_with(&[rekey], &[evidence]);
    assert_eq!((built.skipped.len(), built.refused_evidence.len()), (0, 0));
    network.finish(&built);
    assert_eq!(network.staked("n1"), (STAKE - SLASHED, vec![]));
    network.end_epoch();
    assert_eq!(network.power("n1"), 0);
}

#[test]
fn unbonding_everything_does_not_save_the_stake() {
    let mut network = network();
    network.act("n1", Action::Unbond { amount: STAKE });
    network.end_epoch();
    network.punish(network.double_vote(&validator_key("n1"), 4, 0));
    assert_eq!(network.staked("n1"), (0, vec![(STAKE - SLASHED, 0)]));
    network.commit_at(network.tip.time_ms + 20_000);
    assert_eq!(network.stake("n1"), None);
    network.check_supply();
}

#[test]
fn what_was_paid_out_before_is_out_of_reach_and_the_key_is_excluded_all_the_same() {
    let mut document = genesis(4);
    document.parameters.evidence_age_ms = 20_000;
    let mut network = Network::with(&document);
    network.act("n1", Action::Unbond { amount: STAKE });
    network.go_to(4);
    let due_ms = network.tip.time_ms + 20_000;
    // Evidence comes before releases, so the last moment counts.
    let last = network.double_vote(&validator_key("n1"), 4, 0);
    let plan = network.plan(due_ms, &[], std::slice::from_ref(&last));
    let built = crate::execution::build(&network.tip, plan).unwrap();
    assert_eq!(built.refused_evidence, []);
    let before = network.balance("n1");
    network.finish(&built);
    assert_eq!(network.balance("n1"), before + STAKE - SLASHED);
    assert!(network.owner(&validator_key("n1")).unwrap().excluded);
    network.check_supply();
}

#[test]
fn a_stake_below_the_least_after_a_slash_can_only_grow_or_leave() {
    let mut document = genesis(4);
    document.parameters.slash_equivocation_permille = 950;
    let mut network = Network::with(&document);
    network.punish(network.double_vote(&validator_key("n1"), 1, 0));
    let bonded = STAKE / 20;
    assert_eq!(network.staked("n1").0, bonded);
    let bond_min = BOND_MIN;
    network.act("n1", network.bond("n1", key("k1"), BOND_MIN - bonded));
    let part = network.refused("n1", Action::Unbond { amount: 1 });
    let left = ApplyError::BondMin {
        bonded: BOND_MIN - 1,
        bond_min,
    };
    assert_eq!(part, left);
    let leave = network.due("n1", vec![Action::Unbond { amount: BOND_MIN }]);
    assert_eq!(network.apply(&leave), Ok(()));
    network.act("n1", Action::Unjail);
    network.check_supply();
}

#[test]
fn a_slash_of_everything_removes_the_stake_and_pays_nothing() {
    let mut document = genesis(4);
    document.parameters.slash_equivocation_permille = 1_000;
    let mut network = Network::with(&document);
    network.act("n2", Action::Unbond { amount: 4_000 });
    let both = ["n1", "n2"].map(|name| network.double_vote(&validator_key(name), 1, 0));
    let built = network.build_with(&[], &both);
    network.finish(&built);
    assert_eq!(network.stake("n1"), None);
    assert_eq!(network.owner(&validator_key("n1")).unwrap().until, Some(4));
    assert_eq!(network.staked("n2"), (0, vec![(0, 0)]));
    network.end_epoch();
    let before = network.balance("n2");
    network.commit_at(network.tip.time_ms + 20_000);
    assert_eq!((network.stake("n2"), network.balance("n2")), (None, before));
    network.check_supply();
}

#[test]
fn a_network_may_choose_not_to_slash_and_still_exclude() {
    let mut document = genesis(4);
    document.parameters.slash_equivocation_permille = 0;
    let mut network = Network::with(&document);
    network.punish(network.double_vote(&validator_key("n1"), 1, 0));
    assert_eq!(network.staked("n1").0, STAKE);
    assert!(network.sits_out("n1"));
    network.check_supply();
}

#[test]
fn two_proposals_of_one_round_are_an_offence_like_two_votes() {
    let mut network = network();
    let proposer = validator_key("n1");
    let [one, other] = [1, 2].map(|byte| {
        let proposal = Proposal {
            height: 1,
            round: 0,
            block: BlockHash(Hash([byte; 32])),
            pol_round: None,
            proposer,
        };
        proposal.sign(&network.tip.genesis_hash, consensus_key(&proposer))
    });
    network.punish(Evidence::of_proposals(one, other));
    assert!(network.sits_out("n1"));
    assert_eq!(refusal(&network, &proposer, 1), EvidenceRefusal::Punished);
    network.check_supply();
}

#[test]
fn who_offended_with_two_keys_pays_for_each() {
    let mut network = network();
    network.act("n1", network.bond("n1", key("k1"), 0));
    network.go_to(5);
    let both = [(validator_key("n1"), 3), (key("k1"), 5)];
    let both = both.map(|(key, height)| network.double_vote(&key, height, 0));
    let built = network.build_with(&[], &both);
    assert_eq!(built.block.evidence.len(), 2);
    network.finish(&built);
    assert_eq!(network.staked("n1").0, STAKE - 500 - 475);
    let refused = network.refused("n1", Action::Unjail);
    assert_eq!(refused, ApplyError::KeyExcluded { key: key("k1") });
    network.check_supply();
}
