//! The stream of a lane, cut into frames: the same in whatever pieces it comes.
//!
//! The first byte names the lane, the second the size of the pieces.
#![no_main]

use starling_fuzz::fuzz_target;
use starling_gossip::Lane;
use starling_gossip::transport::probe::{read_lane, write_lane};

fuzz_target!(|bytes: &[u8]| {
    let [lane, piece_bytes, stream @ ..] = bytes else {
        return;
    };
    let Some(lane) = Lane::from_wire_byte(*lane) else {
        return;
    };
    let read = read_lane(lane, stream, usize::from(*piece_bytes));
    assert_eq!(read, read_lane(lane, stream, usize::MAX));
    let written = write_lane(read.frames.clone());
    assert!(stream.starts_with(&written));
    let complete = read.fault.is_none() && !read.inside;
    assert_eq!(complete, stream.len() == written.len());
});
