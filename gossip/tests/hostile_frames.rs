//! Frames that a hostile peer could send: each has one encoding or none.
//!
//! One frame of every kind is changed in every way that has fooled a decoder somewhere. A frame of
//! an unknown kind is skipped, which is neither.

#[path = "hostile_frames/frames.rs"]
mod frames;

use frames::{BOMBS, again, frames};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use starling_gossip::Lane;

fn has_one_encoding_or_none(lane: Lane, bytes: &[u8]) -> bool {
    match again(lane, bytes) {
        Ok(Some(encoded)) => encoded == bytes,
        Ok(None) | Err(_) => true,
    }
}

#[test]
fn every_frame_decodes_to_itself() {
    for (lane, bytes) in frames() {
        assert_eq!(again(lane, &bytes), Ok(Some(bytes)), "{lane}");
    }
}

#[test]
fn refuses_frames_cut_anywhere_or_followed_by_more() {
    for (lane, bytes) in frames() {
        for end in 0..bytes.len() {
            again(lane, &bytes[..end]).unwrap_err();
        }
        for count in 1..=64 {
            for byte in [0, 1, 0xff] {
                again(lane, &[&bytes[..], &vec![byte; count]].concat()).unwrap_err();
            }
        }
    }
}

#[test]
fn a_length_bomb_is_refused_or_no_length() {
    for (lane, bytes) in frames() {
        for bomb in BOMBS {
            for at in 0..bytes.len().saturating_sub(7) {
                let mut bytes = bytes.clone();
                bytes[at..at + 8].copy_from_slice(&bomb.to_le_bytes());
                assert!(has_one_encoding_or_none(lane, &bytes), "{lane} at {at}");
            }
        }
    }
}

/// Bincode's variable widths and LEB128, in the place of every byte.
#[test]
fn numbers_of_variable_width_are_refused_or_other_values() {
    let forms: [&[u8]; 5] = [
        &[251, 1, 0],
        &[252, 1, 0, 0, 0],
        &[253, 1, 0, 0, 0, 0, 0, 0, 0],
        &[0x81, 0x00],
        &[0x80, 0x80, 0x00],
    ];
    for (lane, bytes) in frames() {
        for at in 0..bytes.len() {
            for form in forms {
                for removed in [1, 2, 4, 8] {
                    let end = (at + removed).min(bytes.len());
                    let bytes = [&bytes[..at], form, &bytes[end..]].concat();
                    assert!(has_one_encoding_or_none(lane, &bytes), "{lane} at {at}");
                }
            }
        }
    }
}

/// Every byte in the place of every byte: unknown tags, bools of two, bad UTF-8, wrong order.
#[test]
fn every_value_of_every_byte_has_one_encoding_or_none() {
    for (lane, bytes) in frames() {
        for at in 0..bytes.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = bytes.clone();
                bytes[at] = byte;
                assert!(
                    has_one_encoding_or_none(lane, &bytes),
                    "{lane} at {at}: {byte}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_have_one_encoding_or_none(bytes in vec(any::<u8>(), 0..400)) {
        for lane in Lane::ALL {
            prop_assert!(has_one_encoding_or_none(lane, &bytes));
        }
    }

    #[test]
    fn bytes_of_small_numbers_have_one_encoding_or_none(bytes in vec(0u8..4, 0..400)) {
        for lane in Lane::ALL {
            prop_assert!(has_one_encoding_or_none(lane, &bytes));
        }
    }

    #[test]
    fn two_frames_crossed_have_one_encoding_or_none(
        one in any::<Index>(),
        other in any::<Index>(),
        cut in any::<Index>(),
        join in any::<Index>(),
    ) {
        let frames = frames();
        let (lane, first) = &frames[one.index(frames.len())];
        let (_, second) = &frames[other.index(frames.len())];
        let (cut, join) = (cut.index(first.len()), join.index(second.len()));
        let bytes = [&first[..cut], &second[join..]].concat();
        prop_assert!(has_one_encoding_or_none(*lane, &bytes));
    }
}
