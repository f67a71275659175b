//! The way back of who sits out.

use super::{BOND_MIN, STAKE, genesis, id, key, network, validator_key};
use crate::execution::ApplyError;
use crate::fixture::Network;
use crate::transaction::Action;

/// A network of five in which n1 sits out.
fn without_n1() -> Network {
    let mut network = Network::with(&genesis(5));
    network.away = [id("n1")].into();
    network.end_epoch();
    assert!(network.sits_out("n1"));
    network
}

#[test]
fn who_returns_is_chosen_at_the_next_end_of_an_epoch() {
    let mut network = without_n1();
    network.act("n1", Action::Unjail);
    assert!(!network.sits_out("n1"));
    assert_eq!(network.power("n1"), 0);
    network.end_epoch();
    assert_eq!(network.power("n1"), STAKE);
}

#[test]
fn only_who_sits_out_returns_and_once() {
    let mut network = without_n1();
    assert_eq!(
        network.refused("n2", Action::Unjail),
        ApplyError::NotSittingOut
    );
    assert_eq!(network.refused("p0", Action::Unjail), ApplyError::NoStake);
    let twice = network.due("n1", vec![Action::Unjail, Action::Unjail]);
    assert_eq!(network.apply(&twice), Err(ApplyError::NotSittingOut));
    network.act("n1", Action::Unjail);
    assert_eq!(
        network.refused("n1", Action::Unjail),
        ApplyError::NotSittingOut
    );
}

#[test]
fn bonding_more_does_not_end_the_sitting_out() {
    let mut network = without_n1();
    network.act("n1", network.bond("n1", validator_key("n1"), 5_000));
    network.act("n1", network.bond("n1", key("k1"), 0));
    network.end_epoch();
    assert!(network.sits_out("n1"));
    assert_eq!(network.power("n1"), 0);
    network.act("n1", Action::Unjail);
    network.end_epoch();
    assert_eq!(network.power("n1"), STAKE + 5_000);
}

#[test]
fn unbonding_does_not_end_the_sitting_out() {
    let mut network = without_n1();
    network.act("n1", Action::Unbond { amount: STAKE });
    let (bonded, bond_min) = (0, BOND_MIN);
    let refused = network.refused("n1", Action::Unjail);
    assert_eq!(refused, ApplyError::BondMin { bonded, bond_min });
    network.act("n1", network.bond("n1", validator_key("n1"), 5_000));
    network.end_epoch();
    assert_eq!(network.power("n1"), 0);
    network.check_supply();
}

#[test]
fn an_excluded_key_keeps_its_account_out_until_another_is_named() {
    let mut network = network();
    network.punish(network.double_vote(&validator_key("n1"), 1, 0));
    let excluded = validator_key("n1");
    let refused = network.refused("n1", Action::Unjail);
    assert_eq!(refused, ApplyError::KeyExcluded { key: excluded });
    let again = network.refused("n1", network.bond("n1", excluded, 5_000));
    assert_eq!(again, ApplyError::KeyExcluded { key: excluded });
    let actions = vec![network.bond("n1", key("k1"), 0), Action::Unjail];
    network.commit(&[network.due("n1", actions)]);
    network.end_epoch();
    assert_eq!(network.power("n1"), STAKE - STAKE / 20);
    let back = network.refused("n1", network.bond("n1", excluded, 0));
    assert_eq!(back, ApplyError::KeyExcluded { key: excluded });
}
