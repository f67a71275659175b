//! A point that was saved is the point that is read.

use super::chain::*;
use crate::keys::Ed25519;
use crate::light::{Checkpoint, FileError, LightError, Trusted};

const HEIRS: &[Member] = &[("n2", "n2"), ("n3", "n3"), ("n4", "n4"), ("n5", "n5")];

#[test]
fn a_saved_point_is_read_as_it_was() {
    let chain = Chain::new(&[FOUNDERS, HEIRS]);
    assert_eq!(chain.start().to_bytes(), None);
    let header = chain.header(7);
    let given = Checkpoint::of(&header);
    let vouched = Trusted::checkpoint(&chain.genesis, given, header, set(FOUNDERS)).unwrap();
    for point in [vouched, chain.walk(0).unwrap(), chain.walk(1).unwrap()] {
        let bytes = point.to_bytes().unwrap();
        assert_eq!(Trusted::from_bytes(&chain.genesis, &bytes), Ok(Ok(point)));
    }
}

#[test]
fn a_damaged_point_and_one_of_another_network_are_told_apart() {
    let chain = Chain::new(&[FOUNDERS]);
    let step = chain.step(0, 7);
    let point = chain
        .start()
        .advance(&Ed25519, &step, chain.now_ms())
        .unwrap();
    let bytes = point.to_bytes().unwrap();
    let mut other = chain.genesis.clone();
    other.name = "other".to_owned();
    let read = Trusted::from_bytes(&other, &bytes).unwrap();
    assert!(matches!(read, Err(LightError::Network { .. })));
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        Trusted::from_bytes(&chain.genesis, &flipped).unwrap_err();
    }
    let empty = Trusted::from_bytes(&chain.genesis, &[]);
    assert_eq!(empty, Err(FileError::Magic));
}
