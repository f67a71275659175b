//! Unbonding, and the way of a release from the stake to the balance.

use super::{BOND_MIN, STAKE, id, network, validator_key};
use crate::execution::ApplyError;
use crate::fixture::Network;
use crate::staking::{QueuedRelease, RELEASES_MAX, RELEASES_PER_BLOCK_MAX, Release, Schedule};
use crate::state_key::StateKey;
use crate::transaction::{Action, Amount};

const fn unbond(amount: Amount) -> Action {
    Action::Unbond { amount }
}

#[test]
fn what_stays_is_nothing_or_the_least_stake() {
    let network = network();
    let refused = network.refused("n1", unbond(STAKE - BOND_MIN + 1));
    let (bonded, bond_min) = (BOND_MIN - 1, BOND_MIN);
    assert_eq!(refused, ApplyError::BondMin { bonded, bond_min });
    for amount in [STAKE - BOND_MIN, STAKE, 1] {
        let transaction = network.due("n1", vec![unbond(amount)]);
        assert_eq!(network.apply(&transaction), Ok(()));
    }
}

#[test]
fn nobody_unbonds_nothing_or_more_than_is_bonded() {
    let mut network = network();
    assert_eq!(network.refused("n1", unbond(0)), ApplyError::ZeroAmount);
    assert_eq!(network.refused("p0", unbond(1)), ApplyError::NoStake);
    let bonded = STAKE;
    for needed in [STAKE + 1, 1 << 63, u64::MAX] {
        let refused = network.refused("n1", unbond(needed));
        assert_eq!(refused, ApplyError::Stake { bonded, needed });
    }
    network.act("n1", unbond(STAKE));
    let (bonded, needed) = (0, 1);
    let twice = network.refused("n1", unbond(1));
    assert_eq!(twice, ApplyError::Stake { bonded, needed });
}

#[test]
fn power_stays_to_the_end_of_the_epoch() {
    let mut network = network();
    network.act("n1", unbond(4_000));
    assert_eq!(network.power("n1"), STAKE);
    network.go_to(3);
    assert_eq!(network.power("n1"), STAKE);
    network.go_to(4);
    assert_eq!(network.power("n1"), STAKE - 4_000);
}

#[test]
fn releases_of_one_epoch_are_one_and_a_ninth_is_refused() {
    let mut network = network();
    for epoch in 0..RELEASES_MAX as u64 {
        network.act("n1", unbond(1));
        network.act("n1", unbond(2));
        assert_eq!(network.staked("n1").1.last(), Some(&(3, epoch)));
        // The time stands still, so that none is paid.
        network.tip.genesis = {
            let mut genesis = network.tip.genesis.as_ref().clone();
            genesis.parameters.unbonding_ms = u64::MAX;
            genesis.into()
        };
        network.end_epoch();
    }
    assert_eq!(network.staked("n1").1.len(), RELEASES_MAX);
    assert_eq!(network.refused("n1", unbond(1)), ApplyError::ReleasesFull);
    assert_eq!(network.schedule().release_next, RELEASES_MAX as u64);
    network.check_supply();
}

#[test]
fn a_release_is_paid_by_itself_when_the_time_after_its_epoch_has_passed() {
    let mut network = network();
    network.act("n1", unbond(4_000));
    network.end_epoch();
    let due_ms = network.tip.time_ms + network.tip.genesis.parameters.unbonding_ms;
    network.commit_at(due_ms - 1);
    assert_eq!(network.staked("n1"), (STAKE - 4_000, vec![(4_000, 0)]));
    let (before, balance) = (network.totals(), network.balance("n1"));
    network.commit_at(due_ms);
    assert_eq!(network.staked("n1"), (STAKE - 4_000, vec![]));
    assert_eq!(network.balance("n1"), balance + 4_000);
    assert_eq!(network.totals().staked, before.staked - 4_000);
    assert_eq!(network.schedule().release_first, 1);
    assert_eq!(
        network.tip.state.get(&StateKey::Release(0).to_bytes()),
        Ok(None)
    );
    network.check_supply();
}

#[test]
fn a_payment_shows_in_the_touched_accounts() {
    let mut network = network();
    network.act("n1", unbond(4_000));
    network.end_epoch();
    let due_ms = network.tip.time_ms + 20_000;
    let plan = network.plan(due_ms, &[], &[]);
    let built = crate::execution::build(&network.tip, plan).unwrap();
    let touched: Vec<_> = built.executed.touched.iter().map(|(id, _)| *id).collect();
    assert_eq!(touched, [id("n1")]);
}

#[test]
fn a_stake_of_which_nothing_is_left_is_removed_and_its_key_is_not() {
    let mut network = network();
    network.act("n1", unbond(STAKE));
    network.end_epoch();
    let balance = network.balance("n1");
    network.commit_at(network.tip.time_ms + 20_000);
    assert_eq!(network.stake("n1"), None);
    assert_eq!(network.balance("n1"), balance + STAKE);
    let owner = network.owner(&validator_key("n1")).unwrap();
    assert_eq!((owner.account, owner.until), (id("n1"), Some(4)));
    assert_eq!(network.refused("n1", Action::Unjail), ApplyError::NoStake);
    network.check_supply();
}

#[test]
fn no_release_is_paid_before_its_epoch_ended() {
    let mut network = network();
    network.act("n1", unbond(4_000));
    network.commit_at(network.tip.time_ms + 1_000_000);
    assert_eq!(network.staked("n1").1, [(4_000, 0)]);
    network.end_epoch();
    assert_eq!(network.staked("n1").1, [(4_000, 0)]);
}

#[test]
fn releases_are_paid_in_the_order_of_the_queue_a_bounded_number_at_a_time() {
    let mut network = network();
    let count = RELEASES_PER_BLOCK_MAX as u64 + 3;
    let mut entries = std::collections::BTreeMap::new();
    let mut stake = network.stake("n1").unwrap();
    for number in 0..count {
        let account = crate::address::AccountId([u8::try_from(number).unwrap(); 32]);
        let queued = QueuedRelease { account };
        entries.insert(
            StateKey::Release(number).to_bytes(),
            Some(queued.to_bytes()),
        );
        stake.releases = vec![Release {
            amount: 1,
            epoch: 0,
        }];
        stake.bonded = 0;
        entries.insert(StateKey::stake(&account), Some(stake.to_bytes()));
        let account_entry = crate::account::Account::new(&account, 0).to_bytes();
        entries.insert(StateKey::account(&account), Some(account_entry));
    }
    let schedule = Schedule {
        release_next: count,
        epoch_first: 1,
        ..Schedule::default()
    };
    entries.insert(StateKey::Schedule.to_bytes(), Some(schedule.to_bytes()));
    let mut totals = network.totals();
    totals.staked += count;
    totals.supply += count;
    entries.insert(StateKey::totals(), Some(totals.to_bytes()));
    network.tip.state = network.tip.state.update(&entries).unwrap().state;
    let built = network.build(&[]);
    let paid: Vec<_> = built
        .executed
        .touched
        .iter()
        .map(|(id, _)| id.0[0])
        .collect();
    let first: Vec<_> = (0..100).collect();
    assert_eq!(paid, first);
}

#[test]
fn ends_of_epochs_are_forgotten_when_nothing_asks_for_them() {
    let mut network = network();
    for _ in 0..4 {
        network.end_epoch();
    }
    let kept = |network: &Network, epoch| {
        let key = StateKey::EpochEnd(epoch).to_bytes();
        network.tip.state.get(&key).unwrap().is_some()
    };
    assert_eq!(network.schedule().epoch_first, 0);
    assert!((0..4).all(|epoch| kept(&network, epoch)));
    assert!(!kept(&network, 4));
    // The end of epoch 0 was at 5,000 ms, that of epoch 3 at 17,000 ms.
    network.commit_at(5_000 + 20_000);
    assert_eq!(network.schedule().epoch_first, 0);
    network.commit_at(5_000 + 20_001);
    assert_eq!(network.schedule().epoch_first, 1);
    network.commit_at(1_000_000);
    assert_eq!(network.schedule().epoch_first, 3);
    network.commit_at(1_000_001);
    assert_eq!(network.schedule().epoch_first, 4);
    // That was the end of epoch 4.
    network.commit(&[]);
    assert_eq!(network.schedule().epoch_first, 4);
    assert!((0..4).all(|epoch| !kept(&network, epoch)));
    assert!(kept(&network, 4));
}
