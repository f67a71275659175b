//! Who sits out for absence, and how many at most.

use super::{STAKE, genesis, id, key, network};
use crate::address::AccountId;
use crate::fixture::Network;
use crate::genesis::Genesis;
use crate::staking::Presence;
use crate::state_key::StateKey;
use crate::transaction::Action;
use crate::validators::Validator;

fn presence(network: &Network) -> Presence {
    let bytes = network.tip.state.get(&StateKey::Presence.to_bytes());
    Presence::from_bytes(&bytes.unwrap().unwrap()).unwrap()
}

fn away(network: &mut Network, names: &[&str]) {
    network.away = names.iter().map(|name| id(name)).collect();
}

fn seated(network: &Network) -> usize {
    network.tip.validators.members().len()
}

#[test]
fn only_certificates_of_this_epoch_are_counted() {
    let mut network = network();
    away(&mut network, &["n1"]);
    let position = network
        .tip
        .validators
        .members()
        .iter()
        .position(|member| member.account == id("n1"))
        .unwrap();
    for counted in [0, 1, 2] {
        network.commit(&[]);
        let presence = presence(&network);
        assert_eq!(presence.counted, counted);
        for (index, signed) in presence.signed.into_iter().enumerate() {
            assert_eq!(signed, if index == position { 0 } else { counted });
        }
    }
    // The last block of the epoch starts over, and the first of the next counts nothing.
    for counted in [0, 0, 1] {
        network.commit(&[]);
        assert_eq!(presence(&network).counted, counted);
    }
}

#[test]
fn who_signs_nothing_for_an_epoch_sits_out_and_keeps_its_stake() {
    let mut network = Network::with(&genesis(5));
    away(&mut network, &["n1"]);
    network.go_to(3);
    assert!(!network.sits_out("n1"));
    network.go_to(4);
    assert!(network.sits_out("n1"));
    assert_eq!(network.power("n1"), 0);
    assert_eq!(network.staked("n1"), (STAKE, vec![]));
    assert_eq!(seated(&network), 4);
    network.end_epoch();
    assert_eq!(network.power("n1"), 0);
    network.check_supply();
}

#[test]
fn never_fewer_than_four_candidates_are_left() {
    let mut network = network();
    away(&mut network, &["n1"]);
    network.end_epoch();
    network.end_epoch();
    assert!(!network.sits_out("n1"));
    assert_eq!(network.power("n1"), STAKE);
    // A fifth candidate is a replacement, though it is not in the set yet.
    network.act("p0", network.bond("p0", key("k0"), STAKE));
    network.end_epoch();
    assert!(network.sits_out("n1"));
    assert_eq!(seated(&network), 4);
}

#[test]
fn never_more_than_a_third_of_the_power_sits_out_in_one_epoch() {
    // Two of seven are less than a third.
    let mut network = Network::with(&genesis(7));
    away(&mut network, &["n1", "n2"]);
    network.end_epoch();
    assert!(network.sits_out("n1") && network.sits_out("n2"));
    assert_eq!(seated(&network), 5);
}

/// Who is left after an epoch in which these signed so many of 22 certificates, and all others all.
///
/// No chain can have certificates that lack more than a third of the power, so they are counted by
/// hand.
fn seats_after(mut document: Genesis, counts: &[(&str, u32)]) -> Vec<AccountId> {
    document.parameters.epoch_blocks = 24;
    let mut network = Network::with(&document);
    network.go_to(23);
    let mut presence = presence(&network);
    presence.counted = 22;
    let count = |member: &Validator| {
        let mut counts = counts.iter().filter(|(name, _)| id(name) == member.account);
        counts.next().map_or(22, |(_, count)| *count)
    };
    presence.signed = network.tip.validators.members().iter().map(count).collect();
    let entry = (StateKey::Presence.to_bytes(), Some(presence.to_bytes()));
    network.tip.state = network.tip.state.update(&[entry].into()).unwrap().state;
    // The last block adds the certificate of the one before, which all signed: of 23, a tenth is
    // three.
    let next = network.build(&[]).executed.next_validators;
    next.members().iter().map(|member| member.account).collect()
}

#[test]
fn a_third_exactly_may_sit_out_and_the_fewest_signatures_go_first() {
    let left = seats_after(genesis(6), &[("n1", 1), ("n2", 0), ("n3", 1), ("n4", 2)]);
    let is_left = |name: &str| left.contains(&id(name));
    let (first, second) = if id("n1") < id("n3") {
        ("n1", "n3")
    } else {
        ("n3", "n1")
    };
    assert!(!is_left("n2") && !is_left(first));
    // Ties by account; the fourth signed three with the certificate of the last block.
    assert!(is_left(second) && is_left("n4"));
    assert_eq!(left.len(), 4);
}

#[test]
fn one_that_is_too_heavy_is_passed_over() {
    let mut document = genesis(7);
    for validator in &mut document.validators {
        // 25 of 85: together with n2 more than a third, which n2 and n3 are not.
        if validator.account == id("n1") {
            validator.stake = 25_000;
        }
    }
    let left = seats_after(document, &[("n1", 1), ("n2", 0), ("n3", 1)]);
    let is_left = |name: &str| left.contains(&id(name));
    assert!(is_left("n1") && !is_left("n2") && !is_left("n3"));
}

#[test]
fn who_left_by_itself_does_not_sit_out_as_well() {
    let mut network = Network::with(&genesis(5));
    away(&mut network, &["n1"]);
    network.act("n1", Action::Unbond { amount: STAKE });
    network.end_epoch();
    assert!(!network.sits_out("n1"));
}

#[test]
fn an_epoch_of_one_block_lets_nobody_sit_out() {
    let mut document = genesis(5);
    document.parameters.epoch_blocks = 1;
    let mut network = Network::with(&document);
    away(&mut network, &["n1"]);
    network.go_to(6);
    assert!(!network.sits_out("n1"));
}

#[test]
fn who_re_keyed_in_the_epoch_is_judged_by_the_key_that_had_the_seat() {
    let mut network = Network::with(&genesis(5));
    away(&mut network, &["n1"]);
    network.act("n1", network.bond("n1", key("k1"), 0));
    network.end_epoch();
    assert!(network.sits_out("n1"));
}
