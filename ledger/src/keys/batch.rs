//! Many Ed25519 signatures at once: less than half the work, and the same verdict for each.
//!
//! A batch asks whether *all* of its signatures are right: it adds up their equations, each times a
//! coefficient of 128 bits. Under ZIP-215 every single equation is multiplied by the cofactor, and
//! so is the sum. A batch of right signatures therefore holds for any coefficients, and one with a
//! wrong signature holds for one choice of that signature's coefficient in 2^128.
//!
//! # Coefficients
//! They must not be known before the batch is: whoever knows them can make two wrong signatures
//! that cancel out. This crate has no source of chance, and needs none. The coefficients are the
//! output stream of BLAKE3 over everything in the batch (how many, and of each the key, the
//! signature, the length of the message and the message), which commits to the batch before they
//! exist, as Fiat and Shamir turn a verifier's coins into a hash. Who changes one byte gets other
//! coefficients for all; who tries 2^64 batches has a chance of 2^-64 to pass a wrong one. The
//! verifier hands them out in an order of its own, which changes nothing in this argument.
//!
//! # A batch that fails
//! It is split to find what is wrong. As long as the fault is on one side only, that side is halved
//! again; where both sides are at fault, or few are left, the rest is checked one by one. So of one
//! wrong signature the others are cleared by halves, and many wrong ones do not cost a batch per
//! level each.
//!
//! # Limits
//! A batch has at most [`BATCH_MAX`] signatures. For each signature asked about, at most
//! [`LOOKS_MAX`] are looked at, in batches and alone taken together, whatever is wrong with them:
//! splitting a set looks once at each of its members, half of which at most are looked at again
//! (n + n + n/2 + …), and going over to single checks ends it.

use std::convert::Infallible;

use ed25519_zebra::batch::{Item, Verifier};
use rand_core::{TryCryptoRng, TryRng};

use super::SignatureCheck;

/// Most signatures of one batch. Larger ones are a little quicker when all is right and lose more
/// when one is wrong. Measured: docs/performance.md.
pub const BATCH_MAX: usize = 256;
/// Most signatures looked at for each one that is asked about.
pub const LOOKS_MAX: usize = 3;
/// Fewer are checked one by one. Measured: two together already cost less than two alone.
const BATCH_MIN: usize = 2;

/// Separates these hashes from all others; they never leave the process.
const SEED_CONTEXT: &str = "starling v1 signature batch";

/// Gives the verdict on each check, in order.
pub(super) fn verify_each(checks: &[SignatureCheck<'_>]) -> Vec<bool> {
    let mut verdicts = Vec::with_capacity(checks.len());
    for checks in checks.chunks(BATCH_MAX) {
        let mut batch = Batch {
            items: checks.iter().map(item).collect(),
            checks,
        };
        verdicts.extend(sort_out(checks.len(), &mut batch));
    }
    verdicts
}

/// The signatures of a batch, hashed once for all looks at them.
struct Batch<'a> {
    checks: &'a [SignatureCheck<'a>],
    items: Vec<Item>,
}

/// What can be asked about a numbered list of signatures.
trait Looks {
    /// Whether all from `from` on, `count` of them, are right.
    fn all(&mut self, from: usize, count: usize) -> bool;
    /// Whether the one at `index` is right.
    fn one(&mut self, index: usize) -> bool;
}

/// Finds out which of `count` signatures are right.
fn sort_out(count: usize, looks: &mut impl Looks) -> Vec<bool> {
    let mut verdicts = vec![true; count];
    if count >= BATCH_MIN && looks.all(0, count) {
        return verdicts;
    }
    // Something is wrong between `from` and `from + left`, and nothing outside.
    let (mut from, mut left) = (0, count);
    while left / 2 >= BATCH_MIN {
        let half = left / 2;
        let first = looks.all(from, half);
        if first {
            (from, left) = (from + half, left - half);
        } else if looks.all(from + half, left - half) {
            left = half;
        } else {
            break;
        }
    }
    for (index, verdict) in verdicts.iter_mut().enumerate().skip(from).take(left) {
        *verdict = looks.one(index);
    }
    verdicts
}

fn item(check: &SignatureCheck<'_>) -> Item {
    let key = ed25519_zebra::VerificationKeyBytes::from(*check.key.as_bytes());
    let signature = ed25519_zebra::Signature::from(check.signature.0);
    Item::from((key, signature, check.message))
}

impl Looks for Batch<'_> {
    fn all(&mut self, from: usize, count: usize) -> bool {
        let mut verifier = Verifier::new();
        for item in self.items.iter().skip(from).take(count) {
            verifier.queue(item.clone());
        }
        let checks = self.checks.iter().skip(from).take(count);
        verifier.verify(Coefficients::of(checks)).is_ok()
    }

    fn one(&mut self, index: usize) -> bool {
        self.items
            .get(index)
            .is_some_and(|item| item.clone().verify_single().is_ok())
    }
}

/// The coefficients of one batch: BLAKE3's output stream over all that is in it.
struct Coefficients(blake3::OutputReader);

impl Coefficients {
    fn of<'a>(checks: impl ExactSizeIterator<Item = &'a SignatureCheck<'a>>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(SEED_CONTEXT);
        hasher.update(&length(checks.len()));
        for check in checks {
            hasher.update(check.key.as_bytes());
            hasher.update(&check.signature.0);
            hasher.update(&length(check.message.len()));
            hasher.update(check.message);
        }
        Self(hasher.finalize_xof())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }
}

fn length(length: usize) -> [u8; 8] {
    u64::try_from(length)
        .expect("memory has fewer than 2^64 bytes")
        .to_le_bytes()
}

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Ed25519, PublicKey, SecretKey, Signature, SignatureScheme, Signer};

    /// Counts the looks at signatures of which some are wrong.
    struct Counted {
        wrong: Vec<bool>,
        looks: usize,
    }

    impl Looks for Counted {
        fn all(&mut self, from: usize, count: usize) -> bool {
            self.looks += count;
            !self.wrong[from..from + count].contains(&true)
        }

        fn one(&mut self, index: usize) -> bool {
            self.looks += 1;
            !self.wrong[index]
        }
    }

    fn look(wrong: Vec<bool>) -> usize {
        let mut counted = Counted { wrong, looks: 0 };
        let verdicts = sort_out(counted.wrong.len(), &mut counted);
        let right: Vec<_> = counted.wrong.iter().map(|wrong| !wrong).collect();
        assert_eq!(verdicts, right);
        assert!(counted.looks <= LOOKS_MAX * counted.wrong.len());
        counted.looks
    }

    #[test]
    fn finds_whatever_is_wrong_within_the_bound() {
        for count in 0..=12 {
            for pattern in 0u32..1 << count {
                look((0..count).map(|at| pattern & (1 << at) != 0).collect());
            }
        }
        for count in [64, 100, BATCH_MAX] {
            assert_eq!(look(vec![false; count]), count);
            for at in 0..count {
                look((0..count).map(|index| index == at).collect());
                look((0..count).map(|index| index % (at + 1) == at).collect());
                look((0..count).map(|index| index >= at).collect());
            }
        }
    }

    #[test]
    fn one_wrong_signature_does_not_bring_back_single_checks() {
        let mut singles = 0;
        for at in 0..BATCH_MAX {
            let mut wrong = vec![false; BATCH_MAX];
            wrong[at] = true;
            let mut counted = Counted { wrong, looks: 0 };
            struct Alone<'a>(&'a mut Counted, usize);
            impl Looks for Alone<'_> {
                fn all(&mut self, from: usize, count: usize) -> bool {
                    self.0.all(from, count)
                }
                fn one(&mut self, index: usize) -> bool {
                    self.1 += 1;
                    self.0.one(index)
                }
            }
            let mut alone = Alone(&mut counted, 0);
            sort_out(BATCH_MAX, &mut alone);
            singles = singles.max(alone.1);
        }
        assert!(singles < 2 * BATCH_MIN, "{singles}");
    }

    fn signed(count: usize) -> Vec<(PublicKey, Vec<u8>, Signature)> {
        let sign = |index: usize| {
            let key = SecretKey::local(&format!("key {}", index % 40));
            let message = vec![7; index % 100];
            let signature = key.sign(&message);
            (key.public_key(), message, signature)
        };
        (0..count).map(sign).collect()
    }

    fn checks(signed: &[(PublicKey, Vec<u8>, Signature)]) -> Vec<SignatureCheck<'_>> {
        let check = |(key, message, signature)| SignatureCheck {
            key,
            message,
            signature,
        };
        signed
            .iter()
            .map(|(key, message, signature)| check((key, message.as_slice(), signature)))
            .collect()
    }

    #[test]
    fn says_of_each_what_is_said_of_it_alone() {
        for count in [0, 1, 2, 3, 64, BATCH_MAX, BATCH_MAX + 1, 2 * BATCH_MAX + 3] {
            for every in [usize::MAX, 1, 2, 17, 300] {
                let mut signed = signed(count);
                for (index, one) in signed.iter_mut().enumerate() {
                    if index % every == every - 1 {
                        one.2.0[index % 64] ^= 1;
                    }
                }
                let checks = checks(&signed);
                let alone = |check: &SignatureCheck<'_>| {
                    Ed25519.verify(check.key, check.message, check.signature)
                };
                let expected: Vec<_> = checks.iter().map(alone).collect();
                assert_eq!(Ed25519.verify_each(&checks), expected);
            }
        }
    }

    /// Who moves a part of one S into another leaves the plain sum of the equations as it was.
    #[test]
    fn wrong_signatures_that_cancel_out_in_the_sum_are_found() {
        let mut signed = signed(64);
        signed[3].2.0[32] = signed[3].2.0[32].wrapping_add(1);
        signed[4].2.0[32] = signed[4].2.0[32].wrapping_sub(1);
        let verdicts = Ed25519.verify_each(&checks(&signed));
        let wrong: Vec<_> = (0..64).filter(|at| !verdicts[*at]).collect();
        assert_eq!(wrong, [3, 4]);
    }

    #[test]
    fn coefficients_depend_on_every_byte_and_on_the_order() {
        let stream = |signed: &[(PublicKey, Vec<u8>, Signature)]| {
            Coefficients::of(checks(signed).iter()).array::<64>()
        };
        let original = signed(3);
        let mut seen = vec![stream(&original), stream(&original[..2])];
        let mut swapped = original.clone();
        swapped.swap(0, 1);
        seen.push(stream(&swapped));
        let mut other = original.clone();
        other[0].0 = SecretKey::local("other").public_key();
        seen.push(stream(&other));
        for at in 0..64 {
            let mut changed = original.clone();
            changed[2].2.0[at] ^= 0x80;
            seen.push(stream(&changed));
        }
        // A byte that moves from one message to the start of what follows it.
        let mut changed = original.clone();
        changed[1].1.push(0);
        seen.push(stream(&changed));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}
