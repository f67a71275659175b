//! Comparing a neighbour's block with ours of the same height.

use std::sync::Arc;

use super::chain::*;
use crate::block::BlockHeader;
use crate::certificate::CommitCertificate;
use crate::hash::Hash;
use crate::keys::Ed25519;
use crate::light::{Compared, LightError, OwnBlock};

const HEIRS: &[Member] = &[("n5", "n5"), ("n6", "n6"), ("n7", "n7"), ("n8", "n8")];

fn signed(
    chain: &Chain,
    header: BlockHeader,
    members: &[Member],
) -> (BlockHeader, CommitCertificate) {
    let certificate = certify(&chain.genesis, &set(members), &header, 4);
    (header, certificate)
}

fn compare(
    chain: &Chain,
    theirs: (BlockHeader, CommitCertificate),
) -> Result<Compared, LightError> {
    let (header, certificate) = signed(chain, chain.header(7), FOUNDERS);
    let own = OwnBlock {
        header,
        certificate,
        validators: Arc::new(set(FOUNDERS)),
    };
    own.compare(&Ed25519, &chain.genesis.hash(), theirs)
}

fn other(chain: &Chain) -> BlockHeader {
    BlockHeader {
        state_root: Hash([6; 32]),
        ..chain.header(7)
    }
}

#[test]
fn the_same_another_and_one_that_our_validators_signed_as_well() {
    let chain = Chain::new(&[FOUNDERS]);
    let same = signed(&chain, chain.header(7), FOUNDERS);
    assert_eq!(compare(&chain, same), Ok(Compared::Same));
    let mut apart = other(&chain);
    apart.validators_hash = set(HEIRS).hash();
    let apart = signed(&chain, apart, HEIRS);
    assert_eq!(compare(&chain, apart), Ok(Compared::Apart));
    let both = signed(&chain, other(&chain), FOUNDERS);
    match compare(&chain, both.clone()) {
        Ok(Compared::Contradiction(conflict)) => {
            assert_eq!(conflict.trusted, Some(chain.header(7)));
            assert_eq!((conflict.other, conflict.certificate), both);
        }
        found => panic!("{found:?}"),
    }
}

#[test]
fn what_is_no_final_block_of_this_network_and_height_is_a_lie() {
    let chain = Chain::new(&[FOUNDERS]);
    let elsewhere = BlockHeader {
        genesis: Hash([1; 32]),
        ..other(&chain)
    };
    let elsewhere = signed(&chain, elsewhere, FOUNDERS);
    let higher = signed(&chain, chain.header(8), FOUNDERS);
    let foreign = (other(&chain), signed(&chain, chain.header(7), FOUNDERS).1);
    let mut unsigned = signed(&chain, other(&chain), FOUNDERS);
    unsigned.1.signatures.truncate(2);
    // Ours, by somebody else's keys.
    let forged = signed(&chain, other(&chain), HEIRS);
    for theirs in [elsewhere, higher, foreign, unsigned, forged] {
        compare(&chain, theirs).unwrap_err();
    }
}
