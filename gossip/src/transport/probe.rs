//! The readers of what comes before a link's frames are decoded, for fuzzing and tests alone.

use bytes::Bytes;

use super::frame::{Decoded, FrameDecoder, encode_batch};
use super::identity;
use crate::lane::Lane;
use crate::link::LinkFault;
use crate::peer_id::PeerId;

/// What the stream of a lane came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The frames that are complete.
    pub frames: Vec<Bytes>,
    /// What was wrong behind them.
    pub fault: Option<LinkFault>,
    /// Whether a frame has begun that is not complete.
    pub inside: bool,
}

/// Reads the stream of `lane` as it arrives in pieces of `piece_bytes`, at least one.
pub fn read_lane(lane: Lane, stream: &[u8], piece_bytes: usize) -> Stream {
    let mut decoder = FrameDecoder::new(lane);
    let (mut frames, mut fault) = (Vec::new(), None);
    for mut piece in stream.chunks(piece_bytes.max(1)) {
        while fault.is_none() {
            match decoder.step(&mut piece) {
                Ok(Decoded::Frame(frame)) => frames.push(frame),
                Ok(Decoded::Begins(_)) => {}
                Ok(Decoded::NeedMore) => break,
                Err(found) => fault = Some(found),
            }
        }
    }
    Stream {
        frames,
        inside: fault.is_none() && decoder.is_inside_frame(),
        fault,
    }
}

/// Returns the stream that `frames` are sent as.
pub fn write_lane(frames: Vec<Bytes>) -> Vec<u8> {
    encode_batch(frames).concat()
}

/// Returns the peer whose key a stranger shows in place of a certificate.
pub fn peer_of_spki(spki: &[u8]) -> Option<PeerId> {
    identity::peer_of_spki(spki)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stream_reads_the_same_in_all_pieces(
            sizes in vec(1..600usize, 0..20),
            cut in 0..40usize,
            piece_bytes in 1..50usize,
        ) {
            let frames: Vec<_> = sizes.iter().map(|size| vec![3; *size].into()).collect();
            let mut stream = write_lane(frames.clone());
            let whole = read_lane(Lane::Sync, &stream, piece_bytes);
            prop_assert_eq!(whole, Stream { frames, fault: None, inside: false });
            stream.truncate(stream.len().saturating_sub(cut));
            let at_once = read_lane(Lane::Sync, &stream, usize::MAX);
            prop_assert_eq!(read_lane(Lane::Sync, &stream, piece_bytes), at_once);
        }
    }
}
