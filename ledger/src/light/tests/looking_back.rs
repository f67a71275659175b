//! Blocks below the trusted one: by the validators of now, or by hashes.

use super::chain::*;
use crate::hash::Hash;
use crate::keys::Ed25519;
use crate::light::{LightError, LightStep, Trusted};

const ONE_NEW: &[Member] = &[("n2", "n2"), ("n3", "n3"), ("n4", "n4"), ("n5", "n5")];
const ALL_NEW: &[Member] = &[("n5", "n5"), ("n6", "n6"), ("n7", "n7"), ("n8", "n8")];

fn back(chain: &Chain, trusted: &Trusted, step: &LightStep) -> Result<(), LightError> {
    trusted.look_back(&Ed25519, step, chain.now_ms())
}

/// The step back from the set of epoch `from` to `height`; no next set comes along.
fn step(chain: &Chain, from: usize, height: u64) -> LightStep {
    LightStep {
        next_validators: None,
        ..chain.step(from, height)
    }
}

#[test]
fn the_validators_of_now_vouch_for_what_they_signed_before() {
    let chain = Chain::new(&[FOUNDERS, ONE_NEW, ONE_NEW]);
    let trusted = chain.walk(2).unwrap();
    for height in [29, 25, 11, 10, 9, 1] {
        assert_eq!(
            back(&chain, &trusted, &step(&chain, 2, height)),
            Ok(()),
            "{height}"
        );
    }
    // Without one of the three who are still there, half of the power of now is left.
    let mut few = step(&chain, 2, 9);
    let (now, members) = (set(ONE_NEW), set(FOUNDERS));
    let stays = |index: u16| {
        let key = members.members()[usize::from(index)].key;
        now.by_key(&key).is_some()
    };
    let signed = &mut few.certificate.signatures;
    let one = signed
        .iter()
        .position(|signature| stays(signature.validator))
        .unwrap();
    signed.remove(one);
    let refused = back(&chain, &trusted, &few);
    assert!(matches!(refused, Err(LightError::TrustedPower { .. })));
    for height in [30, 31] {
        let mut late = step(&chain, 2, 29);
        late.header.height = height;
        late.certificate = certify(&chain.genesis, &set(ONE_NEW), &late.header, 4);
        let refused = back(&chain, &trusted, &late);
        assert!(matches!(refused, Err(LightError::Time { .. })), "{height}");
    }
}

#[test]
fn validators_who_left_cannot_write_another_past() {
    let chain = Chain::new(&[FOUNDERS, ALL_NEW, ALL_NEW]);
    let trusted = chain.walk(2).unwrap();
    let mut forged = chain.header(5);
    forged.state_root = Hash([6; 32]);
    let forged = LightStep {
        next_validators: None,
        validators: Some(set(FOUNDERS)),
        ..chain.step_to(0, forged)
    };
    let refused = back(&chain, &trusted, &forged);
    assert!(matches!(
        refused,
        Err(LightError::TrustedPower { signed: 0, .. })
    ));
    let years = chain.now_ms() + TRUST_PERIOD_MS;
    let refused = trusted.look_back(&Ed25519, &step(&chain, 2, 25), years);
    assert!(matches!(
        refused,
        Err(LightError::Expired { height: 30, .. })
    ));
}

#[test]
fn ancestors_are_proven_by_hashes_alone() {
    let chain = Chain::new(&[FOUNDERS, ALL_NEW]);
    assert_eq!(chain.start().descent(), None);
    let trusted = chain.walk(1).unwrap();
    let mut descent = trusted.descent().unwrap();
    for height in (1..20).rev() {
        assert_eq!(descent.height(), height);
        let mut other = chain.header(height);
        other.state_root = Hash([6; 32]);
        assert_eq!(descent.take(&other), Err(LightError::Link { height }));
        if height > 1 {
            let skipped = descent.take(&chain.header(height - 1));
            assert_eq!(skipped, Err(LightError::Link { height }));
        }
        descent.take(&chain.header(height)).unwrap();
    }
    assert_eq!(
        descent.take(&chain.header(1)),
        Err(LightError::Link { height: 0 })
    );
}
