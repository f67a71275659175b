//! What people type: hashes, keys, addresses, checkpoints, peers, amounts.
#![no_main]

use starling_gossip::PeerId;
use starling_ledger::address::{AccountId, NetworkKind};
use starling_ledger::block::BlockHash;
use starling_ledger::genesis::parse_amount;
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::light::Checkpoint;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let small = text.to_lowercase();
    if let Ok(hash) = text.parse::<Hash>() {
        assert_eq!(hash.to_string(), small);
    }
    if let Ok(block) = text.parse::<BlockHash>() {
        assert_eq!(block.to_string(), small);
    }
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string(), small);
    }
    if let Ok(peer) = text.parse::<PeerId>() {
        assert_eq!(peer.to_string().parse(), Ok(peer));
    }
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
    }
    for kind in [NetworkKind::Main, NetworkKind::Test, NetworkKind::Local] {
        if let Ok(account) = AccountId::from_address(text, kind) {
            assert_eq!(account.to_address(kind), small);
        }
    }
    let _ = parse_amount(text, 6);
});
