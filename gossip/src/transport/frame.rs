//! Frames on a lane's stream: a length of four bytes, little-endian, and that many bytes.
//!
//! The decoder takes the stream in whatever pieces it comes in. It is told apart from the reading
//! so that it can be tested byte by byte.
//!
//! # Invariants
//! - Nothing is allocated for a frame before its length has passed the lane's limit.
//! - Memory grows with what has arrived, not with what was announced.

use bytes::{Bytes, BytesMut};

use crate::lane::Lane;
use crate::link::LinkFault;

/// Bytes of a frame's header.
pub(super) const HEADER_BYTES: usize = 4;

/// The first piece of memory for a frame; larger frames double it as they arrive.
const BODY_FIRST_BYTES: usize = 16 << 10;

/// Frames up to this size are copied next to their header, so that many small ones become few
/// writes; larger ones are handed on without a copy. Our choice: some packets' worth.
const COPY_BYTES_MAX: usize = 8 << 10;

/// What came out of one step of a [`FrameDecoder`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// The input is used up.
    NeedMore,
    /// A header was read; the body of so many bytes follows.
    Begins(u32),
    /// A frame is complete.
    Frame(Bytes),
}

/// Cuts the stream of one lane into frames.
#[derive(Debug)]
pub(super) struct FrameDecoder {
    lane: Lane,
    state: State,
}

#[derive(Debug)]
enum State {
    Header {
        bytes: [u8; HEADER_BYTES],
        have: usize,
    },
    Body {
        length: usize,
        bytes: Vec<u8>,
    },
}

const START: State = State::Header {
    bytes: [0; HEADER_BYTES],
    have: 0,
};

impl FrameDecoder {
    /// Starts at the beginning of a frame.
    pub(super) fn new(lane: Lane) -> Self {
        Self { lane, state: START }
    }

    /// Returns whether a frame has begun and is not complete.
    pub(super) fn is_inside_frame(&self) -> bool {
        !matches!(self.state, State::Header { have: 0, .. })
    }

    /// Returns how much memory the frame that has begun takes.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.state {
            State::Header { .. } => 0,
            State::Body { bytes, .. } => bytes.capacity(),
        }
    }

    /// Takes one step and removes what it used from `input`.
    ///
    /// # Errors
    /// [`LinkFault::FrameTooLarge`] and [`LinkFault::EmptyFrame`]; the stream is of no use then.
    pub(super) fn step(&mut self, input: &mut &[u8]) -> Result<Decoded, LinkFault> {
        match &mut self.state {
            State::Header { bytes, have } => {
                let taken = take(input, HEADER_BYTES - *have);
                bytes[*have..*have + taken.len()].copy_from_slice(taken);
                *have += taken.len();
                if *have < HEADER_BYTES {
                    return Ok(Decoded::NeedMore);
                }
                let announced = u32::from_le_bytes(*bytes);
                let length = self.checked_length(announced)?;
                self.state = State::Body {
                    length,
                    bytes: Vec::new(),
                };
                Ok(Decoded::Begins(announced))
            }
            State::Body { length, bytes } => {
                let taken = take(input, *length - bytes.len());
                grow(bytes, taken.len(), *length);
                bytes.extend_from_slice(taken);
                if bytes.len() < *length {
                    return Ok(Decoded::NeedMore);
                }
                let frame = Bytes::from(std::mem::take(bytes));
                self.state = START;
                Ok(Decoded::Frame(frame))
            }
        }
    }

    fn checked_length(&self, announced: u32) -> Result<usize, LinkFault> {
        let lane = self.lane;
        let too_large = LinkFault::FrameTooLarge {
            lane,
            bytes: announced.into(),
        };
        match usize::try_from(announced) {
            Ok(0) => Err(LinkFault::EmptyFrame { lane }),
            Ok(length) if length <= lane.frame_bytes_max() => Ok(length),
            _ => Err(too_large),
        }
    }
}

/// Makes room for `more` bytes: doubling, but never beyond the frame's end.
fn grow(bytes: &mut Vec<u8>, more: usize, length: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let target = needed
            .max(2 * bytes.capacity())
            .max(BODY_FIRST_BYTES)
            .min(length);
        bytes.reserve_exact(target - bytes.len());
    }
}

fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    taken
}

/// Puts headers before frames, ready to be written: as few pieces as copying only small frames
/// allows.
pub(super) fn encode_batch(frames: Vec<Bytes>) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut small = BytesMut::new();
    for frame in frames {
        let length = u32::try_from(frame.len()).expect("the lane's limit is below 4 GiB");
        small.extend_from_slice(&length.to_le_bytes());
        if frame.len() <= COPY_BYTES_MAX {
            small.extend_from_slice(&frame);
        } else {
            pieces.push(small.split().freeze());
            pieces.push(frame);
        }
    }
    if !small.is_empty() {
        pieces.push(small.freeze());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Bytes> {
        let sizes = [1, 2, 300, COPY_BYTES_MAX, COPY_BYTES_MAX + 1, 40_000, 7];
        sizes
            .iter()
            .zip(1u8..)
            .map(|(size, byte)| vec![byte; *size].into())
            .collect()
    }

    fn decode_in_pieces(stream: &[u8], piece_bytes: usize) -> Vec<Bytes> {
        let mut decoder = FrameDecoder::new(Lane::Transactions);
        let mut out = Vec::new();
        for piece in stream.chunks(piece_bytes) {
            let mut input = piece;
            loop {
                match decoder.step(&mut input).expect("the stream is valid") {
                    Decoded::NeedMore => break,
                    Decoded::Begins(_) => {}
                    Decoded::Frame(frame) => out.push(frame),
                }
            }
        }
        assert!(!decoder.is_inside_frame());
        out
    }

    #[test]
    fn pieces_of_any_size_give_the_same_frames() {
        let stream = encode_batch(frames()).concat();
        for piece_bytes in [1, 2, 3, 4, 5, 1200, 16_384, stream.len()] {
            assert_eq!(
                decode_in_pieces(&stream, piece_bytes),
                frames(),
                "{piece_bytes}"
            );
        }
    }

    #[test]
    fn small_frames_are_written_as_one_piece_and_large_ones_are_not_copied() {
        let small = encode_batch(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        assert_eq!(small, [&b"\x03\0\0\0one\x03\0\0\0two"[..]]);
        let large = Bytes::from(vec![9; COPY_BYTES_MAX + 1]);
        let pieces = encode_batch(vec![large.clone()]);
        assert_eq!(pieces[1].as_ptr(), large.as_ptr());
    }

    #[test]
    fn refuses_a_length_above_the_limit_before_allocating() {
        for lane in Lane::ALL {
            let max = u32::try_from(lane.frame_bytes_max()).expect("limits are small");
            let mut decoder = FrameDecoder::new(lane);
            assert_eq!(
                decoder.step(&mut &max.to_le_bytes()[..]),
                Ok(Decoded::Begins(max))
            );
            assert!(matches!(&decoder.state, State::Body { bytes, .. } if bytes.capacity() == 0));

            let above = (max + 1).to_le_bytes();
            let fault = LinkFault::FrameTooLarge {
                lane,
                bytes: u64::from(max) + 1,
            };
            assert_eq!(FrameDecoder::new(lane).step(&mut &above[..]), Err(fault));
        }
    }

    #[test]
    fn refuses_an_empty_frame() {
        let lane = Lane::Address;
        let result = FrameDecoder::new(lane).step(&mut &[0; 4][..]);
        assert_eq!(result, Err(LinkFault::EmptyFrame { lane }));
    }

    #[test]
    fn memory_follows_what_arrived_and_never_passes_the_announced_length() {
        let mut decoder = FrameDecoder::new(Lane::Blocks);
        let announced = 3_u32 << 20;
        let length = usize::try_from(announced).expect("a small constant");
        decoder
            .step(&mut &announced.to_le_bytes()[..])
            .expect("below the limit");
        for arrived in (1000..length).step_by(1000) {
            decoder.step(&mut &[1; 1000][..]).expect("inside the body");
            let State::Body { bytes, .. } = &decoder.state else {
                panic!("inside the body")
            };
            let most = (2 * arrived).max(BODY_FIRST_BYTES).min(length);
            assert!(
                bytes.capacity() <= most,
                "{} after {arrived}",
                bytes.capacity()
            );
        }
    }
}
