//! Two histories: what a verifier makes of validators that turn on the network.

use super::chain::*;
use crate::block::BlockHeader;
use crate::hash::Hash;
use crate::keys::Ed25519;
use crate::light::{Checkpoint, Conflict, LightError, LightStep, Trusted};

const HEIRS: &[Member] = &[("n5", "n5"), ("n6", "n6"), ("n7", "n7"), ("n8", "n8")];

fn conflict(result: Result<Trusted, LightError>) -> Conflict {
    match result {
        Err(LightError::Conflict(conflict)) => *conflict,
        other => panic!("{other:?}"),
    }
}

fn other(chain: &Chain, height: u64) -> BlockHeader {
    let mut header = chain.header(height);
    header.state_root = Hash([6; 32]);
    header
}

#[test]
fn two_certified_blocks_of_one_height_are_evidence() {
    let chain = Chain::new(&[FOUNDERS]);
    let advance =
        |trusted: &Trusted, step: &LightStep| trusted.advance(&Ed25519, step, chain.now_ms());
    let first = chain.step(0, 7);
    let trusted = advance(&chain.start(), &first).unwrap();
    let second = chain.step_to(0, other(&chain, 7));
    let found = conflict(advance(&trusted, &second));
    assert_eq!(found.trusted, Some(first.header));
    assert_eq!(found.trusted_certificate, Some(first.certificate));
    assert_eq!(
        (found.other, found.certificate),
        (second.header.clone(), second.certificate)
    );
    // What nobody signed is no evidence.
    let mut unsigned = chain.step_to(0, other(&chain, 7));
    unsigned.certificate.signatures.truncate(2);
    let refused = advance(&trusted, &unsigned);
    assert!(matches!(refused, Err(LightError::Certificate(_))));
}

#[test]
fn two_certified_blocks_are_evidence_also_at_a_handover() {
    let chain = Chain::new(&[FOUNDERS, HEIRS]);
    let trusted = chain.walk(0).unwrap();
    let mut step = chain.step_to(0, other(&chain, 10));
    // The point knows the heirs only, so those who signed come along.
    step.validators = Some(set(FOUNDERS));
    let now_ms = chain.now_ms();
    let found = conflict(trusted.advance(&Ed25519, &step, now_ms));
    assert_eq!(found.other.hash(), step.header.hash());
    // Heirs cannot contradict their forerunners.
    step.header.validators_hash = set(HEIRS).hash();
    step.certificate = certify(&chain.genesis, &set(HEIRS), &step.header, 4);
    step.validators = None;
    let refused = trusted.advance(&Ed25519, &step, now_ms);
    assert_eq!(refused, Err(LightError::Validators { height: 10 }));
}

#[test]
fn a_certified_child_of_another_parent_is_evidence() {
    let chain = Chain::new(&[FOUNDERS]);
    let now_ms = chain.now_ms();
    let mut header = chain.header(1);
    header.parent.0 = Hash([6; 32]);
    let step = chain.step_to(0, header);
    let found = conflict(chain.start().advance(&Ed25519, &step, now_ms));
    assert_eq!(found.trusted, None);
    let trusted = chain
        .start()
        .advance(&Ed25519, &chain.step(0, 6), now_ms)
        .unwrap();
    let mut header = chain.header(7);
    header.parent.0 = Hash([6; 32]);
    let found = conflict(trusted.advance(&Ed25519, &chain.step_to(0, header), now_ms));
    assert_eq!(found.trusted, Some(chain.header(6)));
    assert!(found.to_string().contains("another parent"));
}

#[test]
fn never_goes_back() {
    let chain = Chain::new(&[FOUNDERS]);
    let now_ms = chain.now_ms();
    let trusted = chain
        .start()
        .advance(&Ed25519, &chain.step(0, 7), now_ms)
        .unwrap();
    let refused = trusted.advance(&Ed25519, &chain.step(0, 6), now_ms);
    let (trusted, found) = (7, 6);
    assert_eq!(refused, Err(LightError::Behind { trusted, found }));
    let mut zero = chain.header(1);
    zero.height = 0;
    let mut step = chain.step(0, 1);
    step.certificate = certify(&chain.genesis, chain.signers(1), &zero, 4);
    step.header = zero;
    let refused = chain.start().advance(&Ed25519, &step, now_ms);
    let (trusted, found) = (0, 0);
    assert_eq!(refused, Err(LightError::Behind { trusted, found }));
}

/// The founders left long ago, their stake was released, and their keys were sold.
#[test]
fn former_validators_fool_nobody_who_was_recently_online_or_has_a_checkpoint() {
    let chain = Chain::new(&[FOUNDERS, HEIRS, HEIRS]);
    let later = chain.now_ms() + 10 * TRUST_PERIOD_MS;
    // Another history, in which they never left.
    let mut forged = Chain::new(&[FOUNDERS; 3]).header(30);
    forged.time_ms = later;
    let certificate = certify(&chain.genesis, &set(FOUNDERS), &forged, 4);
    let step = LightStep::plain(forged, certificate);
    let known = chain.walk(0).unwrap();
    let refused = known.advance(&Ed25519, &step, later);
    assert!(
        matches!(refused, Err(LightError::Expired { .. })),
        "{refused:?}"
    );
    let mut told = step.clone();
    told.validators = Some(set(FOUNDERS));
    let (header, next) = (chain.header(29), set(HEIRS));
    let given = Checkpoint::of(&header);
    let known = Trusted::checkpoint(&chain.genesis, given, header, next).unwrap();
    let refused = known.advance(&Ed25519, &told, chain.header(29).time_ms + HOUR_MS);
    assert!(refused.is_err(), "{refused:?}");
    // The true history is refused as well when all that is known is the genesis: it says that its
    // validators handed over too long ago.
    let trusted = chain
        .start()
        .advance(&Ed25519, &chain.step(0, 10), later)
        .unwrap();
    let refused = trusted.advance(&Ed25519, &chain.step(1, 30), later);
    assert!(matches!(
        refused,
        Err(LightError::Expired { height: 10, .. })
    ));
}
