//! Signing and verifying.

use std::hint::black_box;

use starling_ledger::keys::{
    BATCH_MAX, Ed25519, PublicKey, SecretKey, Signature, SignatureCheck, SignatureScheme, Signer,
};

use crate::table::{Unit, rounds};

const ROUNDS: usize = 60;
const COUNT: usize = BATCH_MAX;

struct Signed {
    key: PublicKey,
    message: [u8; 32],
    signature: Signature,
}

impl Signed {
    fn check(&self) -> SignatureCheck<'_> {
        SignatureCheck {
            key: &self.key,
            message: &self.message,
            signature: &self.signature,
        }
    }
}

fn signed(keys: usize) -> Vec<Signed> {
    let sign = |index: usize| {
        let secret = SecretKey::local(&format!("key {}", index % keys));
        let mut message = [5; 32];
        message[..8].copy_from_slice(&index.to_le_bytes());
        Signed {
            key: secret.public_key(),
            signature: secret.sign(&message),
            message,
        }
    };
    (0..COUNT).map(sign).collect()
}

fn checks(signed: &[Signed]) -> Vec<SignatureCheck<'_>> {
    signed.iter().map(Signed::check).collect()
}

/// Prints the table.
pub(crate) fn run(unit: &Unit) {
    println!("signatures, each:");
    let secret = SecretKey::local("signer");
    let figure = rounds(ROUNDS, COUNT, || {
        for number in 0..COUNT {
            black_box(secret.sign(&number.to_le_bytes()));
        }
    });
    unit.print("sign", figure, None);
    let signed_all = signed(COUNT);
    let figure = rounds(ROUNDS, COUNT, || {
        for one in &signed_all {
            black_box(PublicKey::from_bytes(*one.key.as_bytes())).unwrap();
        }
    });
    unit.print("decode a public key", figure, None);
    let all = checks(&signed_all);
    let figure = rounds(ROUNDS, COUNT, || {
        for check in &all {
            assert!(Ed25519.verify(check.key, check.message, check.signature));
        }
    });
    unit.print("verify one by one", figure, None);
    for size in [2, 4, 8, 16, 32, 64, 128, BATCH_MAX] {
        let figure = rounds(ROUNDS, COUNT, || batches(&all, size, 0));
        let goal = (size >= 64).then_some(0.5);
        unit.print(&format!("verify in batches of {size}"), figure, goal);
    }
    let few = signed(16);
    let figure = rounds(ROUNDS, COUNT, || batches(&checks(&few), 64, 0));
    unit.print("verify in batches of 64, of 16 keys", figure, None);
    wrong(unit, signed_all);
}

/// Batches with one and with all signatures wrong: what a hostile sender can cost.
fn wrong(unit: &Unit, mut signed: Vec<Signed>) {
    for size in [64, BATCH_MAX] {
        for one in signed.iter_mut().step_by(size) {
            one.signature.0[33] ^= 1;
        }
        let figure = rounds(ROUNDS, COUNT, || batches(&checks(&signed), size, 1));
        unit.print(&format!("batches of {size} with one wrong"), figure, None);
        for one in signed.iter_mut().step_by(size) {
            one.signature.0[33] ^= 1;
        }
    }
    for one in &mut signed {
        one.signature.0[33] ^= 1;
    }
    let figure = rounds(ROUNDS, COUNT, || batches(&checks(&signed), 64, 64));
    unit.print("batches of 64, all wrong", figure, None);
}

/// Checks all in batches of `size`, in each of which `wrong` are wrong.
fn batches(checks: &[SignatureCheck<'_>], size: usize, wrong: usize) {
    for batch in checks.chunks(size) {
        let verdicts = Ed25519.verify_each(black_box(batch));
        assert_eq!(verdicts.iter().filter(|right| !**right).count(), wrong);
    }
}
