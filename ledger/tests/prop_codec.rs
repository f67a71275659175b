//! Properties of the encoding: one value has one encoding, and hostile bytes are refused cheaply.
//!
//! Every type of the format is tried by way of its golden sample.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "golden/samples.rs"]
mod samples;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use samples::{Sample, all};
use starling_ledger::address::AccountId;
use starling_ledger::codec::{CodecError, decode, encode};
use starling_ledger::hash::Hash;
use starling_ledger::transaction::{ACTIONS_MAX, Action, Body, TRANSACTION_BYTES_MAX};

/// Lengths no value has, from one that fits into 32 bits to the sign bit of 64.
const BOMBS: [u64; 4] = [1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63];

/// Says that `bytes` are refused, or are the one encoding of what they decode to.
fn has_one_encoding(sample: &Sample, bytes: &[u8]) -> bool {
    (sample.again)(bytes).is_ok_and(|again| again == bytes) || (sample.again)(bytes).is_err()
}

fn body() -> impl Strategy<Value = Body> {
    let transfer = (any::<[u8; 32]>(), any::<u64>()).prop_map(|(to, amount)| Action::Transfer {
        to: AccountId(to),
        amount,
    });
    let record = (any::<[u8; 32]>(), ".{0,40}").prop_map(|(digest, note)| Action::Record {
        digest: Hash(digest),
        note,
    });
    let unbond = any::<u64>().prop_map(|amount| Action::Unbond { amount });
    let action = prop_oneof![transfer, record, unbond, Just(Action::Unjail)];
    let numbers = any::<(Option<[u8; 32]>, u64, u64, u64)>();
    (numbers, ".{0,60}", vec(action, 0..=ACTIONS_MAX)).prop_map(|(numbers, memo, actions)| {
        let (sender, nonce, fee, expires_at_ms) = numbers;
        Body {
            sender: sender.map(AccountId),
            nonce,
            fee,
            expires_at_ms,
            memo,
            actions,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_encoded_decodes_to_itself(body in body()) {
        prop_assert_eq!(decode::<Body, TRANSACTION_BYTES_MAX>(&encode(&body)), Ok(body));
    }

    #[test]
    fn random_bytes_have_one_encoding_or_none(bytes in vec(any::<u8>(), 0..600)) {
        for sample in all() {
            prop_assert!(has_one_encoding(sample, &bytes), "{sample}");
        }
    }

    /// Small numbers in place of random ones, so that tags and lengths are often valid.
    #[test]
    fn bytes_of_small_numbers_have_one_encoding_or_none(bytes in vec(0u8..3, 0..600)) {
        for sample in all() {
            prop_assert!(has_one_encoding(sample, &bytes), "{sample}");
        }
    }

    #[test]
    fn mutated_encodings_have_one_encoding_or_none(
        at in any::<Index>(),
        byte in any::<u8>(),
        kind in 0u8..4,
    ) {
        for sample in all() {
            let mut bytes = sample.bytes.clone();
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
            prop_assert!(has_one_encoding(sample, &bytes), "{sample}");
        }
    }
}

#[test]
fn refuses_an_encoding_cut_anywhere() {
    for sample in all() {
        for end in 0..sample.bytes.len() {
            let cut = (sample.again)(&sample.bytes[..end]);
            assert!(
                matches!(cut, Err(CodecError::Malformed { .. })),
                "{sample} at {end}"
            );
        }
    }
}

#[test]
fn refuses_one_to_sixty_four_trailing_bytes() {
    for sample in all() {
        for count in 1..=64 {
            for byte in [0, 1, 0xff] {
                let bytes = [&sample.bytes[..], &vec![byte; count]].concat();
                assert!((sample.again)(&bytes).is_err(), "{sample}, {count}");
            }
        }
    }
}

/// Written over every offset, and so over every length. Where one were believed, this would ask for
/// gigabytes and be killed; where it lands in a number or a hash, the value is another one.
#[test]
fn a_length_bomb_is_refused_or_no_length() {
    for sample in all() {
        for bomb in BOMBS {
            for at in 0..sample.bytes.len().saturating_sub(7) {
                let mut bytes = sample.bytes.clone();
                bytes[at..at + 8].copy_from_slice(&bomb.to_le_bytes());
                assert!(has_one_encoding(sample, &bytes), "{sample} at {at}");
            }
        }
    }
}

/// The last list of each of these types ends the encoding, so that its length stands at a known
/// place.
#[test]
fn refuses_a_length_bomb_in_a_list() {
    let places = [
        ("key_transaction", 64 + 8),
        ("policy_transaction", 2 * 64 + 8),
        ("certificate", 2 * 66 + 8),
        ("validator_set", 2 * 72 + 8),
        ("genesis", 72 + 8),
    ];
    for (name, from_end) in places {
        let sample = all().iter().find(|sample| sample.name == name).unwrap();
        let at = sample.bytes.len() - from_end;
        let length = u64::from_le_bytes(sample.bytes[at..at + 8].try_into().unwrap());
        assert!((1..=2).contains(&length), "{name}");
        for bomb in BOMBS {
            let mut bytes = sample.bytes.clone();
            bytes[at..at + 8].copy_from_slice(&bomb.to_le_bytes());
            assert!((sample.again)(&bytes).is_err(), "{name}");
        }
    }
}
