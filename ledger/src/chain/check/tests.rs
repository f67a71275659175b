//! What a check finds, and where.

use super::*;
use crate::chain::Pruner;
use crate::codec::encode;
use crate::fixture::Network;
use crate::genesis::Genesis;
use crate::keys::Ed25519;
use crate::storage::WriteBatch;

/// Where, what stands there instead, and a word of what is said of it.
type Damage = (Column, Vec<u8>, Option<Vec<u8>>, &'static str);

/// Thirty blocks of one payment each, in epochs of ten.
fn network() -> Network {
    let mut genesis = Genesis::local("local", 1_000, 4);
    genesis.parameters.epoch_blocks = 10;
    let mut network = Network::with(&genesis);
    for nonce in 0..30 {
        network.commit(&[network.pay("alice", nonce, "bob", 1)]);
    }
    network
}

fn check(network: &Network, depth: Depth) -> Result<(CheckReport, Totals), CheckError> {
    let mut check = Check::begin(network.chain.clone(), Arc::new(Ed25519), depth)?;
    while check.step()?.is_some() {}
    check.finish()
}

/// Checks that the first bad height is this one, and what is said.
fn finds(network: &Network, expected: Height, words: &str) {
    match check(network, Depth::Signatures) {
        Err(CheckError::Fault { height, reason }) => {
            assert!(reason.contains(words), "{words}: {reason}");
            assert_eq!(height, expected, "{reason}");
        }
        other => panic!("{words}: {other:?}"),
    }
}

fn change(network: &Network, column: Column, key: &[u8], value: Option<Vec<u8>>) {
    let mut batch = WriteBatch::new();
    match value {
        Some(value) => batch.put(column, key, value),
        None => batch.delete(column, key),
    }
    network.storage.write(batch).unwrap();
}

#[test]
fn a_whole_ledger_is_whole_at_every_depth() {
    let network = network();
    for depth in [Depth::Quick, Depth::Signatures] {
        let (report, totals) = check(&network, depth).unwrap();
        assert_eq!((report.first, report.tip, report.blocks), (1, 30, 30));
        assert_eq!((report.transactions, report.epoch_ends), (30, 0));
        assert!(report.from_genesis);
        assert_eq!(totals, network.totals());
    }
}

#[test]
fn a_pruned_ledger_is_whole_and_followed_from_the_genesis() {
    let network = network();
    let pruner = Pruner::new(network.chain.clone()).unwrap();
    while pruner.step(5).unwrap().is_some() {}
    let (report, _) = check(&network, Depth::Signatures).unwrap();
    assert_eq!((report.first, report.tip, report.blocks), (26, 30, 5));
    assert_eq!((report.epoch_ends, report.from_genesis), (2, true));
    let key = layout::number(10);
    change(&network, Column::Certificate, &key, None);
    finds(&network, 10, "certificate is missing");
}

/// What can be wrong with block 7.
fn damages(network: &Network) -> Vec<Damage> {
    let read = network.chain.read();
    let mut moved = read.header(7).unwrap().unwrap();
    let hash = moved.hash();
    moved.time_ms += 1;
    let alien = read.certificate(8).unwrap().unwrap();
    let mut unsigned = read.certificate(7).unwrap().unwrap();
    let mut forged = unsigned.clone();
    unsigned.signatures.truncate(2);
    forged.signatures[0].signature = forged.signatures[1].signature;
    let block = read.block(8).unwrap().unwrap();
    let id = network.pay("alice", 6, "bob", 1).id();
    let alice = crate::genesis::local_account("alice");
    let (header, seven) = (layout::header(7), layout::number(7));
    let lost = |column, key: &[u8], words| (column, key.to_vec(), None, words);
    let other = |column, key: &[u8], value, words| (column, key.to_vec(), Some(value), words);
    let by_hash = layout::header_of(&hash);
    let history = layout::history(&alice, 6);
    vec![
        lost(Column::Header, &header, "header is missing"),
        other(Column::Header, &header, encode(&moved), "found by its hash"),
        other(Column::Header, &header, vec![1], "corrupt"),
        lost(Column::Header, &by_hash, "found by its hash"),
        lost(Column::Certificate, &seven, "certificate is missing"),
        other(Column::Certificate, &seven, encode(&alien), "another block"),
        other(Column::Certificate, &seven, encode(&unsigned), "power"),
        other(Column::Certificate, &seven, encode(&forged), "signature"),
        lost(Column::Body, &seven, "body is missing"),
        other(Column::Body, &seven, layout::body(&block), "of its header"),
        lost(Column::TransactionIndex, &id.0.0, "not found by its id"),
        lost(Column::AccountHistory, &history, "history"),
    ]
}

#[test]
fn the_first_bad_block_is_named_whatever_is_wrong_with_it() {
    let network = network();
    for (column, key, value, words) in damages(&network) {
        let before = network.storage.get(column, &key).unwrap();
        assert!(before.is_some(), "{words}");
        change(&network, column, &key, value);
        finds(&network, 7, words);
        change(&network, column, &key, before);
    }
    check(&network, Depth::Signatures).unwrap();
}

#[test]
fn what_belongs_to_no_block_is_found() {
    let network = network();
    let strays = [
        (
            Column::Body,
            layout::number(31).to_vec(),
            31,
            "outside the chain",
        ),
        (
            Column::Certificate,
            layout::number(40).to_vec(),
            40,
            "outside the chain",
        ),
        (Column::Header, layout::header(31), 31, "outside the chain"),
        (Column::Header, vec![1; 33], 30, "entries"),
        (Column::TransactionIndex, vec![9; 32], 30, "entries"),
        (Column::AccountHistory, vec![9; 40], 30, "entries"),
    ];
    for (column, key, height, words) in strays {
        change(&network, column, &key, Some(vec![0; 8]));
        finds(&network, height, words);
        change(&network, column, &key, None);
    }
}

#[test]
fn a_state_that_is_another_is_found_at_the_tip() {
    let network = network();
    let pages = network.storage.scan(Column::State, &[], None, 1).unwrap();
    let (key, value) = pages.into_iter().next().unwrap();
    let mut other = value.clone();
    *other.last_mut().unwrap() ^= 1;
    change(&network, Column::State, &key, Some(other));
    finds(&network, 30, "page");
    change(&network, Column::State, &key, None);
    finds(&network, 30, "page");
    change(&network, Column::State, &key, Some(value));
    check(&network, Depth::Quick).unwrap();
}

#[test]
fn a_ledger_that_began_with_a_snapshot_has_no_past_and_is_whole() {
    let network = network();
    let pruner = Pruner::new(network.chain.clone()).unwrap();
    while pruner.step(5).unwrap().is_some() {}
    for height in [10, 20] {
        let hash = network.chain.read().header(height).unwrap().unwrap().hash();
        change(&network, Column::Header, &layout::header(height), None);
        change(&network, Column::Header, &layout::header_of(&hash), None);
        let key = layout::number(height);
        change(&network, Column::Certificate, &key, None);
    }
    let (report, _) = check(&network, Depth::Signatures).unwrap();
    assert_eq!((report.epoch_ends, report.from_genesis), (0, false));
}
