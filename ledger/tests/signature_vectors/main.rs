//! The rule of signature validity, held against public vectors.
//!
//! Two verdicts are pinned for each vector: that of the ZIP-215 equation alone, and that of the
//! ledger, which refuses keys of small order before it comes to the equation. Each is asked for
//! alone and in batches, and then on every path of the ledger that checks signatures. Where the
//! sources and their licences are is in `vectors/ed25519/README.md`.
//!
//! `cargo test --release -p starling-ledger --test signature_vectors -- --nocapture` prints the
//! tables of verdicts.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads the vectors from files"
)]

mod chance;
mod domains;
mod malleability;
mod paths;
mod small_order;
mod vectors;

use chance::{Chance, partners};
use starling_ledger::keys::{
    Ed25519, KeyError, PublicKey, SecretKey, Signature, SignatureCheck, SignatureScheme, Signer,
};
use vectors::{TABLE, Vector, all, rfc8032};

/// The verdict of the equation, whatever the order of the key.
fn equation(vector: &Vector) -> bool {
    let Ok(signature) = ed25519_zebra::Signature::from_slice(&vector.signature) else {
        return false;
    };
    ed25519_zebra::VerificationKey::try_from(vector.key)
        .is_ok_and(|key| key.verify(&signature, &vector.message).is_ok())
}

/// The verdict of the equation on a batch of the vector and valid partners: theirs, if it is valid.
fn equation_in_a_batch(vector: &Vector, chance: &mut Chance) -> bool {
    let Ok(signature) = ed25519_zebra::Signature::from_slice(&vector.signature) else {
        return false;
    };
    let mut batch = ed25519_zebra::batch::Verifier::new();
    for partner in partners(chance).iter().filter(|partner| partner.valid) {
        let signature = ed25519_zebra::Signature::from(partner.signature.0);
        batch.queue((
            (*partner.key.as_bytes()).into(),
            signature,
            &partner.message[..],
        ));
    }
    batch.queue((vector.key.into(), signature, &vector.message[..]));
    batch.verify(chance).is_ok()
}

/// The verdict of the ledger.
fn ledger(vector: &Vector) -> bool {
    let Ok(signature) = <[u8; 64]>::try_from(vector.signature.as_slice()) else {
        return false;
    };
    PublicKey::from_bytes(vector.key)
        .is_ok_and(|key| Ed25519.verify(&key, &vector.message, &Signature(signature)))
}

/// The verdict of the ledger in a batch with partners, right and wrong, which get theirs.
fn ledger_in_a_batch(vector: &Vector, chance: &mut Chance) -> bool {
    let signature = <[u8; 64]>::try_from(vector.signature.as_slice());
    let (Ok(key), Ok(signature)) = (PublicKey::from_bytes(vector.key), signature) else {
        return false;
    };
    let partners = partners(chance);
    let mut checks: Vec<_> = partners.iter().map(chance::Partner::check).collect();
    let place = chance.below(checks.len() + 1);
    let signature = Signature(signature);
    checks.insert(
        place,
        SignatureCheck {
            key: &key,
            message: &vector.message,
            signature: &signature,
        },
    );
    let mut verdicts = Ed25519.verify_each(&checks);
    let verdict = verdicts.remove(place);
    assert!(
        verdicts
            .into_iter()
            .eq(partners.iter().map(|one| one.valid))
    );
    verdict
}

/// Prints the verdicts by set and compares the counts with the table; `expected` picks its column.
fn tally(
    name: &str,
    expected: fn(&(vectors::Set, usize, usize, usize)) -> usize,
    mut verdict: impl FnMut(&Vector) -> bool,
) {
    let all = all();
    for row in &TABLE {
        let (set, count, ..) = *row;
        let of_set = all.iter().filter(|vector| vector.set == set);
        let valid = of_set.filter(|vector| verdict(vector)).count();
        println!("{name:<44} {set:?}: {valid} of {count}");
        assert_eq!(valid, expected(row), "{name}: {set:?}");
    }
}

#[test]
fn signs_as_rfc_8032_prescribes() {
    for signed in rfc8032() {
        let (secret, vector) = (SecretKey::from_bytes(&signed.secret), signed.vector);
        assert_eq!(*secret.public_key().as_bytes(), vector.key);
        assert_eq!(secret.sign(&vector.message).0[..], vector.signature);
        let mut other = vector.clone();
        other.message.push(b'!');
        assert!(ledger(&vector) && !ledger(&other));
    }
}

#[test]
fn the_equation_alone_has_the_verdicts_of_the_sources() {
    let pinned = |verdict: bool, vector: &Vector| {
        assert_eq!(verdict, vector.valid, "{vector:?}");
        verdict
    };
    tally(
        "equation, alone",
        |row| row.2,
        |vector| pinned(equation(vector), vector),
    );
    let mut chance = Chance::new(1);
    tally(
        "equation, in batches",
        |row| row.2,
        |vector| pinned(equation_in_a_batch(vector, &mut chance), vector),
    );
}

#[test]
fn the_ledger_refuses_keys_of_small_order_besides() {
    let pinned = |verdict: bool, vector: &Vector| {
        let small = PublicKey::from_bytes(vector.key) == Err(KeyError::SmallOrder);
        assert_eq!(verdict, vector.valid && !small, "{vector:?}");
        verdict
    };
    tally(
        "ledger's rule, alone",
        |row| row.3,
        |vector| pinned(ledger(vector), vector),
    );
    let mut chance = Chance::new(2);
    tally(
        "ledger's rule, in batches",
        |row| row.3,
        |vector| pinned(ledger_in_a_batch(vector, &mut chance), vector),
    );
}

#[test]
fn speccheck_names_the_cases_that_are_valid() {
    let all = all();
    let cases = all.iter().filter(|one| one.set == vectors::Set::Speccheck);
    let cases: Vec<_> = cases.collect();
    let valid = |check: fn(&Vector) -> bool| -> Vec<usize> {
        (0..cases.len()).filter(|at| check(cases[*at])).collect()
    };
    assert_eq!(valid(equation), [0, 1, 2, 3, 4, 5, 9, 10, 11]);
    assert_eq!(valid(ledger), [2, 3, 4, 5, 9]);
}

/// The encodings of p to 2^255 - 1 stand for 0 to 18, with either sign.
#[test]
fn a_key_whose_encoding_is_not_canonical_is_a_key_where_its_point_is() {
    let mut accepted = 0;
    for y in 0..19u8 {
        for sign in [0, 0x80] {
            let mut canonical = [0; 32];
            canonical[0] = y;
            canonical[31] = sign;
            let mut other = [0xff; 32];
            other[0] = 0xed + y;
            other[31] = 0x7f | sign;
            let verdict = PublicKey::from_bytes(canonical).map(|_| ());
            assert_eq!(PublicKey::from_bytes(other).map(|_| ()), verdict, "{y}");
            let point = ed25519_zebra::VerificationKey::try_from(other).is_ok();
            assert_eq!(point, verdict != Err(KeyError::NotAPoint), "{y}");
            accepted += usize::from(verdict.is_ok());
        }
    }
    assert!(accepted > 0);
}
