//! From a trusted point to a later header: epoch by epoch, and skipping.

use super::chain::*;
use crate::block::{BlockHash, BlockHeader};
use crate::certificate::CertificateError;
use crate::hash::Hash;
use crate::keys::Ed25519;
use crate::light::{CLOCK_DRIFT_MS, Checkpoint, LightError, LightStep, SetRole, Trusted};

const ONE_NEW: &[Member] = &[("n2", "n2"), ("n3", "n3"), ("n4", "n4"), ("n5", "n5")];
const TWO_NEW: &[Member] = &[("n3", "n3"), ("n4", "n4"), ("n5", "n5"), ("n6", "n6")];
const ALL_NEW: &[Member] = &[("n5", "n5"), ("n6", "n6"), ("n7", "n7"), ("n8", "n8")];

fn advance(chain: &Chain, trusted: &Trusted, step: &LightStep) -> Result<Trusted, LightError> {
    trusted.advance(&Ed25519, step, chain.now_ms())
}

#[test]
fn follows_the_validators_epoch_by_epoch() {
    let chain = Chain::new(&[FOUNDERS, TWO_NEW, ALL_NEW, ALL_NEW]);
    let trusted = chain.walk(3).unwrap();
    assert_eq!(trusted.height(), 40);
    assert_eq!(trusted.hash(), chain.header(40).hash());
    assert_eq!(*trusted.next_validators(), set(ALL_NEW));
    assert_eq!(trusted.certificate().unwrap().height, 40);
}

#[test]
fn one_step_leads_through_all_epochs_in_which_nobody_came_or_went() {
    let chain = Chain::new(&[FOUNDERS; 4]);
    let trusted = advance(&chain, &chain.start(), &chain.step(0, 37)).unwrap();
    assert_eq!(
        (trusted.height(), trusted.time_ms()),
        (37, chain.header(37).time_ms)
    );
}

#[test]
fn skips_to_other_validators_when_two_thirds_of_the_trusted_power_signed() {
    let chain = Chain::new(&[FOUNDERS, ONE_NEW, ONE_NEW]);
    let trusted = advance(&chain, &chain.start(), &chain.step(0, 25)).unwrap();
    assert_eq!(
        (trusted.height(), trusted.next_validators()),
        (25, &set(ONE_NEW))
    );
}

#[test]
fn never_skips_with_two_thirds_or_less_of_the_trusted_power() {
    let chain = Chain::new(&[FOUNDERS, TWO_NEW, ALL_NEW]);
    let refused = advance(&chain, &chain.start(), &chain.step(0, 15)).unwrap_err();
    let LightError::TrustedPower { signed, total, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(signed * 2, total);
    // Two thirds exactly are too few.
    let three = set(&FOUNDERS[..3]);
    assert!(!three.is_quorum(three.total_power() / 3 * 2));
}

#[test]
fn a_skip_needs_two_thirds_of_the_own_set_too() {
    // All three of the founders that are left sign, of a set of six: half of it.
    let six: &[Member] = &[
        ("n1", "n1"),
        ("n2", "n2"),
        ("n3", "n3"),
        ("n5", "n5"),
        ("n6", "n6"),
        ("n7", "n7"),
    ];
    let chain = Chain::new(&[FOUNDERS, six]);
    let mut step = chain.step(0, 15);
    advance(&chain, &chain.start(), &step).unwrap();
    let founders = set(FOUNDERS);
    let members = set(six);
    step.certificate.signatures.retain(|signature| {
        let member = members.members()[usize::from(signature.validator)];
        founders.by_key(&member.key).is_some()
    });
    let refused = advance(&chain, &chain.start(), &step);
    assert!(matches!(
        refused,
        Err(LightError::Certificate(CertificateError::Power { .. }))
    ));
}

#[test]
fn a_validator_with_another_key_counts_for_nothing_in_a_skip() {
    let one_moved: &[Member] = &[("n1", "n1"), ("n2", "n2"), ("n3", "n3"), ("n4", "n9")];
    let chain = Chain::new(&[FOUNDERS, one_moved]);
    advance(&chain, &chain.start(), &chain.step(0, 15)).unwrap();
    // Two accounts keep their names under other keys, as an attacker would write it.
    let two_moved: &[Member] = &[("n1", "n1"), ("n2", "n2"), ("n3", "n8"), ("n4", "n9")];
    let chain = Chain::new(&[FOUNDERS, two_moved]);
    let refused = advance(&chain, &chain.start(), &chain.step(0, 15));
    assert!(
        matches!(refused, Err(LightError::TrustedPower { .. })),
        "{refused:?}"
    );
    // Epoch by epoch the handover itself is signed by the old keys.
    chain.walk(1).unwrap();
}

#[test]
fn a_signer_counts_once() {
    let chain = Chain::new(&[FOUNDERS, TWO_NEW]);
    let mut step = chain.step(0, 15);
    let twice = step.certificate.signatures[0];
    step.certificate.signatures.insert(0, twice);
    step.certificate.signatures.insert(0, twice);
    let refused = advance(&chain, &chain.start(), &step);
    let order = LightError::Certificate(CertificateError::Order);
    assert!(
        matches!(refused, Err(LightError::TrustedPower { .. })) || refused == Err(order),
        "{refused:?}"
    );
}

#[test]
fn refuses_too_few_and_wrong_signatures() {
    let chain = Chain::new(&[FOUNDERS]);
    let header = chain.header(5);
    let certify = |count| certify(&chain.genesis, chain.signers(5), &header, count);
    let check = |certificate| {
        let step = LightStep::plain(header.clone(), certificate);
        advance(&chain, &chain.start(), &step).map(drop)
    };
    assert_eq!(check(certify(3)), Ok(()));
    assert!(matches!(
        check(certify(2)),
        Err(LightError::Certificate(CertificateError::Power { .. }))
    ));
    let mut forged = certify(4);
    forged.signatures[3].signature.0[5] ^= 1;
    assert!(matches!(
        check(forged),
        Err(LightError::Certificate(CertificateError::Signature {
            index: 3
        }))
    ));
    let mut other = certify(4);
    other.block = BlockHash(Hash([1; 32]));
    assert!(matches!(
        check(other),
        Err(LightError::OtherBlock { height: 5, .. })
    ));
}

#[test]
fn refuses_other_networks_versions_and_times() {
    let chain = Chain::new(&[FOUNDERS]);
    let refused = |change: fn(&mut BlockHeader)| {
        let mut header = chain.header(5);
        change(&mut header);
        advance(&chain, &chain.start(), &chain.step_to(0, header)).unwrap_err()
    };
    let network = refused(|header| header.genesis = Hash([1; 32]));
    assert!(matches!(network, LightError::Network { .. }));
    let version = refused(|header| header.version += 1);
    assert_eq!(
        version,
        LightError::Version {
            height: 5,
            found: 2
        }
    );
    let time = refused(|header| header.time_ms = BIRTH_MS);
    assert!(matches!(time, LightError::Time { height: 5, .. }));
    let future = refused(|header| header.time_ms = BIRTH_MS + 12 * HOUR_MS);
    assert!(matches!(future, LightError::Future { height: 5, .. }));
    let mut header = chain.header(10);
    header.time_ms = chain.now_ms() + CLOCK_DRIFT_MS;
    advance(&chain, &chain.start(), &chain.step_to(0, header)).unwrap();
}

#[test]
fn within_an_epoch_nobody_comes_or_goes() {
    let chain = Chain::new(&[FOUNDERS, ONE_NEW]);
    let mut header = chain.header(5);
    header.next_validators_hash = set(ONE_NEW).hash();
    let mut step = chain.step_to(0, header.clone());
    step.next_validators = Some(set(ONE_NEW));
    let refused = advance(&chain, &chain.start(), &step);
    assert_eq!(refused, Err(LightError::Handover { height: 5 }));
    header.validators_hash = set(ONE_NEW).hash();
    step.certificate = certify(&chain.genesis, &set(ONE_NEW), &header, 4);
    (step.validators, step.next_validators) = (Some(set(ONE_NEW)), None);
    step.header = header;
    let refused = advance(&chain, &chain.start(), &step);
    assert_eq!(refused, Err(LightError::Validators { height: 5 }));
}

#[test]
fn sets_come_along_where_they_are_needed_and_nowhere_else() {
    let chain = Chain::new(&[FOUNDERS, ONE_NEW]);
    let refused = |step: &LightStep| advance(&chain, &chain.start(), step).unwrap_err();
    let (signing, next) = (SetRole::Signing, SetRole::Next);
    let mut step = chain.step(0, 10);
    step.validators = Some(set(FOUNDERS));
    let (role, height) = (signing, 10);
    assert_eq!(refused(&step), LightError::SetNeedless { role, height });
    step = chain.step(0, 10);
    let role = next;
    step.next_validators = Some(set(TWO_NEW));
    assert_eq!(refused(&step), LightError::SetHash { role, height });
    step.next_validators = None;
    assert_eq!(refused(&step), LightError::SetMissing { role, height });
    let height = 9;
    step = chain.step(0, height);
    step.next_validators = Some(set(FOUNDERS));
    assert_eq!(refused(&step), LightError::SetNeedless { role, height });
    let (role, height) = (signing, 15);
    step = chain.step(0, height);
    step.validators = Some(set(TWO_NEW));
    assert_eq!(refused(&step), LightError::SetHash { role, height });
    step.validators = None;
    assert_eq!(refused(&step), LightError::SetMissing { role, height });
}

#[test]
fn a_header_vouches_within_the_trust_period_only() {
    let chain = Chain::new(&[FOUNDERS, TWO_NEW, ALL_NEW]);
    let trusted = chain.walk(0).unwrap();
    let end = chain.header(10).time_ms + TRUST_PERIOD_MS;
    assert_eq!(trusted.vouches_until_ms(), Some(end));
    let step = chain.step(1, 20);
    trusted.advance(&Ed25519, &step, end - 1).unwrap();
    let refused = trusted.advance(&Ed25519, &step, end).unwrap_err();
    let age_ms = TRUST_PERIOD_MS;
    let trust_period_ms = TRUST_PERIOD_MS;
    assert_eq!(
        refused,
        LightError::Expired {
            height: 10,
            age_ms,
            trust_period_ms
        }
    );
    // The same header again needs nobody to vouch.
    let same = chain.step(0, 10);
    assert_eq!(trusted.advance(&Ed25519, &same, end), Ok(trusted.clone()));
}

#[test]
fn the_first_validators_are_vouched_for_until_they_hand_over() {
    let chain = Chain::new(&[FOUNDERS, FOUNDERS, ONE_NEW]);
    let years = chain.now_ms() + 1_000 * TRUST_PERIOD_MS;
    let at = |trusted: &Trusted, from, height| {
        trusted.advance(&Ed25519, &chain.step(from, height), years)
    };
    // Genesis and later headers that name the first validators count at any age, skips included.
    let trusted = at(&chain.start(), 0, 15).unwrap();
    assert_eq!(trusted.vouches_until_ms(), None);
    assert_eq!(at(&trusted, 0, 25).map(|point| point.height()), Ok(25));
    let handed_over = at(&trusted, 0, 20).unwrap();
    let refused = at(&handed_over, 2, 21).unwrap_err();
    assert!(
        matches!(refused, LightError::Expired { height: 20, .. }),
        "{refused}"
    );
}

#[test]
fn a_checkpoint_begins_where_somebody_vouches() {
    let chain = Chain::new(&[FOUNDERS, TWO_NEW, ALL_NEW]);
    let header = chain.header(20);
    let given = Checkpoint::of(&header);
    let begin = |given, header, next| Trusted::checkpoint(&chain.genesis, given, header, next);
    let trusted = begin(given, header.clone(), set(ALL_NEW)).unwrap();
    assert_eq!((trusted.height(), trusted.certificate()), (20, None));
    let trusted = advance(&chain, &trusted, &chain.step(2, 30)).unwrap();
    assert_eq!(trusted.height(), 30);
    let refused = begin(given, chain.header(19), set(TWO_NEW)).unwrap_err();
    assert!(matches!(refused, LightError::Checkpoint { .. }));
    let refused = begin(given, header.clone(), set(TWO_NEW)).unwrap_err();
    let (role, height) = (SetRole::Next, 20);
    assert_eq!(refused, LightError::SetHash { role, height });
    let mut foreign = header;
    foreign.genesis = Hash([1; 32]);
    let refused = begin(Checkpoint::of(&foreign), foreign, set(ALL_NEW)).unwrap_err();
    assert!(matches!(refused, LightError::Network { .. }));
}
