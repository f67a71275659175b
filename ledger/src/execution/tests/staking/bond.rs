//! Bonding: what is locked, whose a key is, and from when on both count.

use super::{BALANCE, BOND_MIN, STAKE, id, key, network, validator_key};
use crate::authority::Authority;
use crate::execution::ApplyError;
use crate::fixture::{FEE, Network, transfer};
use crate::keys::{Ed25519, SecretKey, Signature, Signer as _};
use crate::staking::{RELEASES_MAX, StakeStatus};
use crate::transaction::{Action, Transaction, TransactionError, possession_hash};

#[test]
fn a_bond_locks_the_amount_and_counts_from_the_next_epoch() {
    let mut network = network();
    network.act("p0", network.bond("p0", key("k0"), 5_000));
    assert_eq!(network.balance("p0"), BALANCE - FEE - 5_000);
    assert_eq!(network.totals().staked, 4 * STAKE + 5_000);
    let stake = network.stake("p0").unwrap();
    assert_eq!((stake.bonded, stake.status), (5_000, StakeStatus::Active));
    let owner = network.owner(&key("k0")).unwrap();
    assert_eq!(
        (owner.account, owner.from, owner.until),
        (id("p0"), 5, None)
    );
    assert_eq!(network.power("p0"), 0);
    network.go_to(4);
    assert_eq!(network.power("p0"), 5_000);
    network.check_supply();
}

#[test]
fn the_first_bond_makes_two_entries_and_another_key_one() {
    let mut network = network();
    let burned = |network: &mut Network, action: Action| {
        let before = network.totals().burned;
        let transaction = network.due("p0", vec![action]);
        network.commit(std::slice::from_ref(&transaction));
        let size = transaction.size_bytes() as u64;
        (network.totals().burned - before - 800 - size) / 10_000
    };
    let bond = |network: &Network, key_name, amount| network.bond("p0", key(key_name), amount);
    let first = bond(&network, "k0", 5_000);
    assert_eq!(burned(&mut network, first), 2);
    let more = bond(&network, "k0", 1);
    assert_eq!(burned(&mut network, more), 0);
    let other = bond(&network, "k1", 0);
    assert_eq!(burned(&mut network, other), 1);
    let back = bond(&network, "k0", 0);
    assert_eq!(burned(&mut network, back), 0);
}

#[test]
fn at_least_the_least_stake_has_to_be_bonded() {
    let mut network = network();
    let bond_min = BOND_MIN;
    for amount in [1, BOND_MIN - 1] {
        let refused = network.refused("p0", network.bond("p0", key("k0"), amount));
        let bonded = amount;
        assert_eq!(refused, ApplyError::BondMin { bonded, bond_min });
    }
    network.act("p0", network.bond("p0", key("k0"), BOND_MIN));
    network.act("p0", network.bond("p0", key("k0"), 1));
    assert_eq!(network.staked("p0").0, BOND_MIN + 1);
}

#[test]
fn a_bond_of_nothing_names_another_key_and_does_nothing_else() {
    let mut network = network();
    let nothing = network.bond("p0", key("k0"), 0);
    assert_eq!(network.refused("p0", nothing), ApplyError::ZeroAmount);
    let same = network.bond("n1", validator_key("n1"), 0);
    assert_eq!(network.refused("n1", same), ApplyError::ZeroAmount);
    network.act("n1", network.bond("n1", key("k1"), 0));
    assert_eq!(network.stake("n1").unwrap().consensus_key, key("k1"));
    assert_eq!(network.staked("n1").0, STAKE);
    let old = network.owner(&validator_key("n1")).unwrap();
    assert_eq!((old.from, old.until), (1, Some(4)));
    let new = network.owner(&key("k1")).unwrap();
    assert_eq!((new.from, new.until), (5, None));
    let signer = |network: &Network| {
        let mut members = network.tip.validators.members().iter();
        members
            .find(|member| member.account == id("n1"))
            .unwrap()
            .key
    };
    assert_eq!(signer(&network), validator_key("n1"));
    network.end_epoch();
    assert_eq!(signer(&network), key("k1"));
    network.end_epoch();
}

#[test]
fn a_key_belongs_to_the_account_that_named_it_first() {
    let mut network = network();
    let taken = network.refused("p0", network.bond("p0", validator_key("n1"), 5_000));
    let n1 = validator_key("n1");
    assert_eq!(taken, ApplyError::KeyTaken { key: n1 });
    network.act("n1", network.bond("n1", key("k1"), 0));
    network.end_epoch();
    let former = network.refused("p0", network.bond("p0", validator_key("n1"), 5_000));
    assert_eq!(former, ApplyError::KeyTaken { key: n1 });
    network.act("n1", network.bond("n1", n1, 0));
    let back = network.owner(&n1).unwrap();
    assert_eq!((back.from, back.until), (1, None));
    assert_eq!(network.owner(&key("k1")).unwrap().until, Some(8));
}

#[test]
fn two_bonds_of_one_key_in_one_block_go_to_the_first() {
    let network = network();
    let one = network.due("p0", vec![network.bond("p0", key("k0"), 5_000)]);
    let other = network.due("p1", vec![network.bond("p1", key("k0"), 9_000)]);
    let built = network.build(&[one, other.clone()]);
    let taken = ApplyError::KeyTaken { key: key("k0") };
    assert_eq!(built.skipped, [(other.wire_id(), taken)]);
}

#[test]
fn nobody_bonds_what_it_does_not_hold() {
    let network = network();
    let rest = BALANCE - FEE;
    let most = network.due("p0", vec![network.bond("p0", key("k0"), rest)]);
    assert_eq!(network.apply(&most), Ok(()));
    for amount in [rest + 1, 1 << 62, 1 << 63, u64::MAX] {
        let refused = network.refused("p0", network.bond("p0", key("k0"), amount));
        assert_eq!(refused.code(), "funds");
        let more = network.refused("n1", network.bond("n1", validator_key("n1"), amount));
        assert_eq!(more.code(), "funds");
    }
}

#[test]
fn the_proof_of_possession_binds_key_account_and_network() {
    let network = network();
    let genesis = network.tip.genesis_hash;
    let account = SecretKey::local("p0");
    let holder = SecretKey::local("k0");
    let verdict = |proof_of_possession: Signature| {
        let bond = Action::Bond {
            consensus_key: holder.public_key(),
            amount: 5_000,
            proof_of_possession,
        };
        let body = Network::body(0, vec![transfer("p1", 1), bond]);
        let transaction = Transaction {
            signatures: vec![account.sign(&body.id(&genesis, &id("p0")).0.0)],
            authority: Authority::Key(account.public_key()),
            body,
        };
        transaction.to_raw().verify(&Ed25519, &genesis).map(drop)
    };
    assert_eq!(
        verdict(holder.sign(&possession_hash(&genesis, &id("p0")).0)),
        Ok(())
    );
    let other_network = crate::hash::Hash([7; 32]);
    for wrong in [
        account.sign(&possession_hash(&genesis, &id("p0")).0),
        holder.sign(&possession_hash(&genesis, &id("p1")).0),
        holder.sign(&possession_hash(&other_network, &id("p0")).0),
        holder.sign(&genesis.0),
        Signature([0; 64]),
    ] {
        assert_eq!(verdict(wrong), Err(TransactionError::Possession));
    }
}

#[test]
fn a_top_up_leaves_what_is_being_released_alone() {
    let mut network = network();
    network.act("n1", Action::Unbond { amount: 4_000 });
    network.act("n1", network.bond("n1", validator_key("n1"), 500));
    assert_eq!(network.staked("n1"), (STAKE - 3_500, vec![(4_000, 0)]));
    network.end_epoch();
    assert_eq!(network.power("n1"), STAKE - 3_500);
    network.check_supply();
}

#[test]
fn a_full_unbond_ends_the_key_and_a_bond_of_it_begins_again() {
    let mut network = network();
    network.act("n1", Action::Unbond { amount: STAKE });
    assert_eq!(network.owner(&validator_key("n1")).unwrap().until, Some(4));
    network.end_epoch();
    network.end_epoch();
    assert_eq!(network.power("n1"), 0);
    network.act("n1", network.bond("n1", validator_key("n1"), 2_000));
    let owner = network.owner(&validator_key("n1")).unwrap();
    assert_eq!((owner.from, owner.until), (1, None));
    assert_eq!(network.staked("n1"), (2_000, vec![(STAKE, 0)]));
    network.end_epoch();
    assert_eq!(network.power("n1"), 2_000);
}

#[test]
fn bonding_anew_needs_room_for_one_more_release() {
    let mut network = network();
    let mut stake = network.stake("n1").unwrap();
    stake.bonded = 0;
    let release = |epoch| crate::staking::Release { amount: 1, epoch };
    stake.releases = (0..=RELEASES_MAX as u64).map(release).collect();
    let entry = (
        crate::state_key::StateKey::stake(&id("n1")),
        Some(stake.to_bytes()),
    );
    network.tip.state = network.tip.state.update(&[entry].into()).unwrap().state;
    let refused = network.refused("n1", network.bond("n1", validator_key("n1"), 5_000));
    assert_eq!(refused, ApplyError::ReleasesFull);
}
