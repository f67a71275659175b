//! Checksummed, length-prefixed frames: the file format of the consensus log and of the sign guard.
//!
//! A frame is a mark of 4 bytes, the length of its payload (`u32`, little-endian), the first 8
//! bytes of the payload's BLAKE3 hash, and the payload. Every write is one frame, synced before the
//! next begins, so that a crash can tear the last frame only. A bad frame with a good one behind it
//! is therefore no crash but damage, and an error.
//!
//! # Limits
//! A payload is at most [`MAX_PAYLOAD_BYTES`].

/// Most bytes of a payload: one block body at its limit, and the messages of a step.
pub const MAX_PAYLOAD_BYTES: usize = 8 << 20;
/// Begins every frame; the search for frames behind damage looks for it.
const MARK: [u8; 4] = *b"\xA5SLW";
const HEADER_BYTES: usize = 16;

/// Why a file of frames cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A bad frame stands before a good one.
    #[error("damaged at byte {offset}, with good records behind it")]
    Damaged {
        /// Where the bad frame begins.
        offset: usize,
    },
    /// A payload passes its checksum and yet does not decode.
    #[error("the record at byte {offset} is not readable: {reason}")]
    Content {
        /// Where the frame begins.
        offset: usize,
        /// What the decoder says.
        reason: String,
    },
}

/// The good frames of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames<'a> {
    /// Offset and payload of each, in order.
    pub payloads: Vec<(usize, &'a [u8])>,
    /// Where the good part ends; what follows is a torn tail, to be cut off.
    pub good_bytes: usize,
}

/// Appends a frame with `payload` to `out`.
///
/// # Panics
/// If the payload is longer than [`MAX_PAYLOAD_BYTES`].
pub fn append(out: &mut Vec<u8>, payload: &[u8]) {
    assert!(payload.len() <= MAX_PAYLOAD_BYTES, "a frame is bounded");
    let length = u32::try_from(payload.len()).expect("bounded above");
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(payload));
    out.extend_from_slice(payload);
}

/// Reads the frames of a file.
///
/// # Errors
/// [`FrameError::Damaged`] if a bad frame stands before a good one.
pub fn read(bytes: &[u8]) -> Result<Frames<'_>, FrameError> {
    let mut payloads = Vec::new();
    let mut offset = 0;
    while let Some(payload) = frame_at(bytes, offset, MAX_PAYLOAD_BYTES) {
        payloads.push((offset, payload));
        offset += HEADER_BYTES + payload.len();
    }
    let good = |later| frame_at(bytes, later, MAX_PAYLOAD_BYTES).is_some();
    let behind = (offset + 1..bytes.len()).any(good);
    if behind {
        return Err(FrameError::Damaged { offset });
    }
    Ok(Frames {
        payloads,
        good_bytes: offset,
    })
}

/// What is good of a file whose loss is an inconvenience and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvage<'a> {
    /// The payloads of all good frames, in order.
    pub payloads: Vec<&'a [u8]>,
    /// In how many places something bad stands before a good frame.
    pub damaged: usize,
    /// Where the last good frame ends; what follows is a torn tail.
    pub good_bytes: usize,
}

/// Reads the good frames of a file, of at most `payload_max` bytes each, and passes by what is bad.
///
/// What looks like a frame inside of a bad one is taken for one, so this is for content that is
/// checked again. `payload_max` bounds what a search costs, too: each place that looks like a frame
/// is hashed that far at most.
pub fn salvage(bytes: &[u8], payload_max: usize) -> Salvage<'_> {
    let mut found = Salvage {
        payloads: Vec::new(),
        damaged: 0,
        good_bytes: 0,
    };
    let good_at = |offset| frame_at(bytes, offset, payload_max);
    let mut offset = 0;
    while offset < bytes.len() {
        if let Some(payload) = good_at(offset) {
            found.payloads.push(payload);
            offset += HEADER_BYTES + payload.len();
            found.good_bytes = offset;
            continue;
        }
        match (offset + 1..bytes.len()).find(|later| good_at(*later).is_some()) {
            Some(later) => {
                found.damaged += 1;
                offset = later;
            }
            None => break,
        }
    }
    found
}

fn frame_at(bytes: &[u8], offset: usize, payload_max: usize) -> Option<&[u8]> {
    let rest = bytes.get(offset..)?;
    let rest = rest.strip_prefix(&MARK)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > payload_max {
        return None;
    }
    let payload = rest.get(..length)?;
    (checksum(payload) == *sum).then_some(payload)
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let hash = blake3::hash(payload);
    let (head, _) = hash
        .as_bytes()
        .split_first_chunk()
        .expect("a hash has 32 bytes");
    *head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in payloads {
            append(&mut bytes, payload);
        }
        bytes
    }

    #[test]
    fn cuts_a_torn_tail_at_every_length() {
        let whole = file(&[b"one", b"two", b"three"]);
        let two = file(&[b"one", b"two"]).len();
        for length in two..whole.len() {
            let frames = read(&whole[..length]).unwrap();
            assert_eq!(frames.payloads.len(), 2, "{length}");
            assert_eq!(frames.good_bytes, two);
        }
        assert_eq!(read(&whole).unwrap().payloads.len(), 3);
    }

    #[test]
    fn takes_zeros_at_the_end_for_a_torn_tail() {
        let mut bytes = file(&[b"one"]);
        let good = bytes.len();
        bytes.extend_from_slice(&[0; 512]);
        assert_eq!(read(&bytes).unwrap().good_bytes, good);
        assert_eq!(salvage(&bytes, 64).good_bytes, good);
    }

    #[test]
    fn salvages_what_stands_around_damage() {
        let whole = file(&[b"one", b"two", b"three"]);
        let (one, two) = (file(&[b"one"]).len(), file(&[b"one", b"two"]).len());
        for position in one..two {
            let mut bytes = whole.clone();
            bytes[position] ^= 1;
            let found = salvage(&bytes, 64);
            assert_eq!(found.payloads, [&b"one"[..], b"three"], "{position}");
            assert_eq!((found.damaged, found.good_bytes), (1, whole.len()));
            let torn = salvage(&bytes[..two], 64);
            assert_eq!((torn.damaged, torn.good_bytes), (0, one));
        }
        // A frame of more than the caller ever writes is no frame.
        assert_eq!(salvage(&whole, 4).payloads, [&b"one"[..], b"two"]);
    }

    #[test]
    fn refuses_damage_before_a_good_record() {
        let whole = file(&[b"one", b"two"]);
        let first = file(&[b"one"]).len();
        for position in 0..first {
            let mut bytes = whole.clone();
            bytes[position] ^= 1;
            assert_eq!(read(&bytes), Err(FrameError::Damaged { offset: 0 }));
        }
    }
}
