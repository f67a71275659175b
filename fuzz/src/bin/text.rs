//! What people type: hashes, keys, addresses, amounts, checkpoints.
#![no_main]

use starling_fuzz::{fuzz_target, round_trip};
use starling_gossip::PeerId;
use starling_ledger::address::{AccountId, NetworkKind};
use starling_ledger::block::BlockHash;
use starling_ledger::genesis::{format_amount, parse_amount};
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::light::Checkpoint;
use starling_node::api::{hex, unhex};

fuzz_target!(|text: &str| {
    round_trip(text, str::parse::<Hash>, Hash::to_string);
    round_trip(text, str::parse::<BlockHash>, BlockHash::to_string);
    round_trip(text, str::parse::<PublicKey>, PublicKey::to_string);
    round_trip(text, str::parse::<Checkpoint>, Checkpoint::to_string);
    round_trip(text, str::parse::<PeerId>, PeerId::to_string);
    round_trip(text, |text| unhex(text).ok_or(()), |bytes| hex(bytes));
    for decimals in [0, 6, 12] {
        let print = |amount: &_| format_amount(*amount, decimals);
        round_trip(text, |text| parse_amount(text, decimals), print);
    }
    let kinds = [NetworkKind::Main, NetworkKind::Test, NetworkKind::Local];
    let read = kinds.map(|kind| {
        let print = |account: &AccountId| account.to_address(kind);
        round_trip(text, |text| AccountId::from_address(text, kind), print)
    });
    assert!(
        read.iter().flatten().count() <= 1,
        "an address of two networks"
    );
});
