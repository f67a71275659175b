//! The choice of the set at the end of an epoch.

use std::collections::BTreeMap;

use super::{BOND_MIN, STAKE, genesis, id, key, network, validator_key};
use crate::address::AccountId;
use crate::execution::{ApplyError, BlockError};
use crate::fixture::Network;
use crate::hash::Hash;
use crate::staking::{CANDIDATES_MAX, Candidates, Stake, StakeStatus};
use crate::state_key::StateKey;
use crate::storage::Column;
use crate::transaction::{Action, Amount};
use crate::validators::{TOTAL_POWER_MAX, ValidatorSet};

const ALL: Action = Action::Unbond { amount: STAKE };

fn names_of(network: &Network, names: &[&'static str]) -> Vec<&'static str> {
    let is_member = |name: &&str| network.power(name) > 0;
    names.iter().copied().filter(is_member).collect()
}

#[test]
fn only_the_last_block_of_an_epoch_hands_over() {
    let mut network = network();
    network.act("p0", network.bond("p0", key("k0"), 50_000));
    for height in 2..=4 {
        let header = network.commit(&[]).header;
        let handed_over = header.next_validators_hash != header.validators_hash;
        assert_eq!(handed_over, height == 4);
    }
    let header = network.commit(&[]).header;
    assert_eq!(header.next_validators_hash, header.validators_hash);
    assert_eq!(network.power("p0"), 50_000);
}

#[test]
fn a_header_that_names_other_next_validators_is_refused() {
    let mut network = network();
    network.act("p0", network.bond("p0", key("k0"), 50_000));
    network.go_to(3);
    let built = network.build(&[]);
    for found in [built.block.header.validators_hash, Hash([9; 32])] {
        let mut block = built.block.clone();
        block.header.next_validators_hash = found;
        let expected = built.executed.next_validators.hash();
        let error = network.execute(&block).unwrap_err();
        assert_eq!(error, BlockError::NextValidators { expected, found });
    }
}

#[test]
fn every_set_that_signs_is_kept_by_its_hash_and_the_tip_knows_both() {
    let mut network = network();
    let first = network.tip.validators.hash();
    network.act("p0", network.bond("p0", key("k0"), 50_000));
    network.go_to(4);
    let second = network.tip.validators.hash();
    let tip = network.chain.tip().unwrap();
    assert_eq!(
        (tip.signed_by.hash(), tip.validators.hash()),
        (first, second)
    );
    network.act("p0", Action::Unbond { amount: 50_000 });
    network.go_to(8);
    assert_eq!(network.tip.validators.hash(), first);
    for hash in [first, second] {
        let kept = network.chain.read().validators(&hash).unwrap().unwrap();
        assert_eq!(kept.hash(), hash);
    }
    for height in 8..12 {
        network.go_to(height);
        let tip = network.chain.tip().unwrap();
        assert_eq!(tip.signed_by, network.tip.signed_by);
        assert_eq!(tip.validators, network.tip.validators);
    }
    let stored = network.storage.scan(Column::Validators, &[], None, 9);
    assert_eq!(stored.unwrap().len(), 2);
}

#[test]
fn the_sets_in_the_state_are_those_of_the_last_and_the_next_block() {
    let mut network = network();
    network.act("p0", network.bond("p0", key("k0"), 50_000));
    for _ in 0..9 {
        network.commit(&[]);
        let parameters = network.tip.genesis.parameters;
        for (height, set) in [
            (network.tip.height, &network.tip.signed_by),
            (network.tip.height + 1, &network.tip.validators),
        ] {
            let key = StateKey::validators(parameters.validators_slot(height));
            let bytes = network.tip.state.get(&key).unwrap().unwrap();
            assert_eq!(ValidatorSet::from_bytes(&bytes).as_ref(), Ok(set.as_ref()));
        }
    }
}

#[test]
fn the_most_stake_is_chosen_and_ties_go_to_the_lower_account() {
    let mut document = genesis(4);
    document.parameters.validators_max = 5;
    let mut network = Network::with(&document);
    // All of them as rich as the last, and one richer.
    network.act("p0", network.bond("p0", key("k0"), STAKE));
    network.act("p1", network.bond("p1", key("k1"), STAKE));
    network.act("p2", network.bond("p2", key("k2"), STAKE + 1));
    network.end_epoch();
    let mut tied = ["n1", "n2", "n3", "n4", "p0", "p1"];
    tied.sort_unstable_by_key(|name| id(name));
    assert_eq!(network.tip.validators.members().len(), 5);
    assert_eq!(network.power("p2"), STAKE + 1);
    assert_eq!(names_of(&network, &tied), tied[..4]);
}

#[test]
fn a_set_is_one_epoch_old_at_least_before_another_replaces_it() {
    let mut document = genesis(4);
    document.parameters.epoch_blocks = 1;
    let mut network = Network::with(&document);
    network.act("p0", network.bond("p0", key("k0"), 50_000));
    assert_eq!(network.power("p0"), 50_000);
    assert_eq!(network.owner(&key("k0")).unwrap().from, 2);
    network.act("p0", Action::Unbond { amount: 50_000 });
    assert_eq!(network.power("p0"), 0);
    let tip = network.chain.tip().unwrap();
    assert_eq!(tip.signed_by, network.tip.signed_by);
    assert_ne!(tip.signed_by, tip.validators);
}

#[test]
fn when_all_leave_at_once_the_old_set_stays_and_is_not_paid_out() {
    let mut network = network();
    let old = network.tip.validators.hash();
    for name in ["n1", "n2", "n3"] {
        network.act(name, ALL);
    }
    // The last one, in the last block of the epoch.
    network.act("n4", ALL);
    assert_eq!(network.tip.validators.hash(), old);
    assert!(network.candidates().is_empty());
    for epoch in 1..4 {
        for name in ["n1", "n2", "n3", "n4"] {
            assert_eq!(network.staked(name), (0, vec![(STAKE, epoch)]));
            let until = network.owner(&validator_key(name)).unwrap().until;
            assert_eq!(until, Some(4 * epoch + 4));
        }
        network.commit_at(network.tip.time_ms + 1_000_000);
        network.end_epoch();
        assert_eq!(network.tip.validators.hash(), old);
    }
    network.act("p0", network.bond("p0", key("k0"), BOND_MIN));
    network.end_epoch();
    assert_eq!(network.tip.validators.members().len(), 1);
    assert_eq!(network.staked("n1"), (0, vec![(STAKE, 4)]));
    network.commit_at(network.tip.time_ms + 20_000);
    assert_eq!(network.stake("n1"), None);
    network.check_supply();
}

#[test]
fn who_was_kept_is_slashed_for_what_it_signs_after_it_left() {
    let mut network = network();
    for name in ["n1", "n2", "n3", "n4"] {
        network.act(name, ALL);
    }
    network.go_to(6);
    network.punish(network.double_vote(&validator_key("n1"), 6, 0));
    assert_eq!(network.staked("n1"), (0, vec![(STAKE - STAKE / 20, 1)]));
    network.check_supply();
}

#[test]
fn who_bonds_while_the_old_set_is_kept_is_chosen() {
    let mut network = network();
    for name in ["n1", "n2", "n3", "n4"] {
        network.act(name, ALL);
    }
    network.act("n2", network.bond("n2", validator_key("n2"), 2_000));
    assert_eq!(network.staked("n2"), (2_000, vec![(STAKE, 1)]));
    network.act("n2", Action::Unbond { amount: 1_000 });
    assert_eq!(network.staked("n2"), (1_000, vec![(STAKE + 1_000, 1)]));
    network.end_epoch();
    assert_eq!(names_of(&network, &["n1", "n2", "n3", "n4"]), ["n2"]);
    assert_eq!(network.power("n2"), 1_000);
}

#[test]
fn the_total_power_never_leaves_its_limit() {
    let mut network = network();
    let mut stake = network.stake("n1").unwrap();
    let mut candidates = Candidates::default();
    stake.bonded = 1 << 61;
    let mut entries = BTreeMap::new();
    for name in ["n1", "n2", "n3"] {
        stake.consensus_key = validator_key(name);
        candidates.insert(stake.bonded, id(name));
        entries.insert(StateKey::stake(&id(name)), Some(stake.to_bytes()));
    }
    let list = candidates.to_bytes();
    entries.insert(StateKey::Candidates.to_bytes(), Some(list));
    network.tip.state = network.tip.state.update(&entries).unwrap().state;
    network.tip.height = 3;
    network.tip.header = None;
    network.certificate = None;
    let built = network.build(&[]);
    let next = built.executed.next_validators;
    assert_eq!(next.total_power(), TOTAL_POWER_MAX);
    let mut powers: Vec<_> = next.members().iter().map(|one| one.power).collect();
    powers.sort_unstable();
    assert_eq!(powers, [(1 << 61) - 1, 1 << 61]);
}

/// A network whose list of candidates is full of accounts with these stakes.
fn full(least: Amount) -> (Network, AccountId) {
    let mut network = network();
    let mut entries = BTreeMap::new();
    let mut candidates = network.candidates();
    let numbered = |number: usize| {
        let mut id = [0xff; 32];
        id[30..].copy_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
        AccountId(id)
    };
    let mut totals = network.totals();
    for number in candidates.len()..CANDIDATES_MAX {
        let account = numbered(number);
        let bonded = if number == 77 { least } else { least + 1 };
        let stake = Stake {
            bonded,
            ..Stake::new(validator_key("n1"))
        };
        candidates.insert(bonded, account);
        entries.insert(StateKey::stake(&account), Some(stake.to_bytes()));
        totals.staked += bonded;
        totals.supply += bonded;
    }
    let list = candidates.to_bytes();
    entries.insert(StateKey::Candidates.to_bytes(), Some(list));
    entries.insert(StateKey::totals(), Some(totals.to_bytes()));
    network.tip.state = network.tip.state.update(&entries).unwrap().state;
    (network, numbered(77))
}

#[test]
fn a_newcomer_to_a_full_list_needs_more_than_the_last_of_it() {
    let (network, _) = full(3_000);
    for bonded in [BOND_MIN, 3_000] {
        let refused = network.refused("p0", network.bond("p0", key("k0"), bonded));
        let least = 3_000;
        assert_eq!(refused, ApplyError::CandidatesFull { bonded, least });
    }
    let enough = network.due("p0", vec![network.bond("p0", key("k0"), 3_001)]);
    assert_eq!(network.apply(&enough), Ok(()));
    // Who is in the list already may top up.
    let more = network.due("n1", vec![network.bond("n1", validator_key("n1"), 1)]);
    assert_eq!(network.apply(&more), Ok(()));
}

#[test]
fn the_last_of_a_full_list_leaves_and_its_whole_stake_is_released() {
    let (network, last) = full(3_000);
    let enough = network.due("p0", vec![network.bond("p0", key("k0"), 3_001)]);
    let executed = network.build(&[enough]).executed;
    let read = |key: Vec<u8>| executed.state.state.get(&key).unwrap().unwrap();
    let stake = Stake::from_bytes(&read(StateKey::stake(&last))).unwrap();
    assert_eq!(stake.bonded, 0);
    let releases: Vec<_> = stake
        .releases
        .iter()
        .map(|one| (one.amount, one.epoch))
        .collect();
    assert_eq!(releases, [(3_000, 0)]);
    let list = read(StateKey::Candidates.to_bytes());
    let candidates = Candidates::from_bytes(&list).unwrap();
    assert_eq!(candidates.len(), CANDIDATES_MAX);
    assert!(candidates.iter().all(|(_, account)| account != last));
    assert!(candidates.iter().any(|one| one == (3_001, id("p0"))));
}

#[test]
fn who_returns_to_a_full_list_needs_more_than_the_last_of_it_too() {
    let (mut network, _) = full(STAKE);
    let mut stake = network.stake("n1").unwrap();
    let mut candidates = network.candidates();
    candidates.remove(stake.bonded, id("n1"));
    candidates.insert(STAKE + 1, id("p9"));
    stake.status = StakeStatus::SittingOut;
    let set = |network: &mut Network, stake: &Stake, list: &Candidates| {
        let entries = [
            (StateKey::stake(&id("n1")), Some(stake.to_bytes())),
            (StateKey::Candidates.to_bytes(), Some(list.to_bytes())),
        ];
        network.tip.state = network.tip.state.update(&entries.into()).unwrap().state;
    };
    set(&mut network, &stake, &candidates);
    let (bonded, least) = (STAKE, STAKE);
    let refused = network.refused("n1", Action::Unjail);
    assert_eq!(refused, ApplyError::CandidatesFull { bonded, least });
    stake.bonded = STAKE + 1;
    set(&mut network, &stake, &candidates);
    let enough = network.due("n1", vec![Action::Unjail]);
    assert_eq!(network.apply(&enough), Ok(()));
}

#[test]
fn a_refused_newcomer_leaves_the_full_list_as_it_was() {
    let (network, _) = full(3_000);
    let actions = vec![network.bond("p0", key("k0"), 3_001), Action::Unjail];
    let failing = network.due("p0", actions);
    let good = network.pay("p1", 0, "p2", 1);
    let with = network.build(&[failing, good.clone()]);
    assert_eq!(with.skipped.len(), 1);
    assert_eq!(with.block, network.build(&[good]).block);
}
