//! The entries of staking, and their keys.

use starling_ledger::address::AccountId;
use starling_ledger::codec::CodecError;
use starling_ledger::keys::PublicKey;
use starling_ledger::staking::{
    Candidates, ConsensusKey, EpochEnd, Presence, QueuedRelease, Release, Schedule, Stake,
    StakeStatus,
};
use starling_ledger::state_key::StateKey;

use super::state::state_key;
use super::{SMALL_BYTES_MAX, Sample, account, key, sample};

const FILE: &str = "staking.txt";

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = keys(key("bob"));
    samples.extend(stakes(key("bob")));
    samples.extend(lists(account("alice"), account("bob")));
    samples
}

fn keys(bob: PublicKey) -> Vec<Sample> {
    [
        ("key_of_validators", StateKey::Validators(1)),
        ("key_of_consensus_key", StateKey::ConsensusKey(bob)),
        ("key_of_candidates", StateKey::Candidates),
        ("key_of_presence", StateKey::Presence),
        ("key_of_schedule", StateKey::Schedule),
        ("key_of_release", StateKey::Release(0x0102_0304)),
        ("key_of_epoch_end", StateKey::EpochEnd(7)),
    ]
    .map(|(name, value)| state_key(FILE, name, value))
    .into()
}

fn stakes(bob: PublicKey) -> Vec<Sample> {
    let active = Stake {
        bonded: 1_000_000,
        ..Stake::new(bob)
    };
    let leaving = Stake {
        releases: [(250_000, 3), (1, 5)]
            .map(|(amount, epoch)| Release { amount, epoch })
            .into(),
        status: StakeStatus::SittingOut,
        ..active.clone()
    };
    let registered = ConsensusKey {
        account: account("bob"),
        from: 1,
        until: None,
        excluded: false,
    };
    let ended = ConsensusKey {
        until: Some(400),
        excluded: true,
        ..registered
    };
    vec![
        sample::<_, SMALL_BYTES_MAX>(FILE, "stake_active", &active),
        sample::<_, SMALL_BYTES_MAX>(FILE, "stake_leaving", &leaving),
        sample::<_, SMALL_BYTES_MAX>(FILE, "consensus_key_registered", &registered),
        sample::<_, SMALL_BYTES_MAX>(FILE, "consensus_key_excluded", &ended),
    ]
}

fn lists(alice: AccountId, bob: AccountId) -> Vec<Sample> {
    let mut candidates = Candidates::default();
    candidates.insert(1_000_000, bob);
    candidates.insert(2_000_000, alice);
    candidates.insert(1_000_000, alice);
    let presence = Presence {
        counted: 99,
        signed: vec![99, 0, 10],
    };
    let schedule = Schedule {
        release_first: 3,
        release_next: 5,
        epoch_first: 2,
    };
    let end = EpochEnd {
        time_ms: 1_767_225_600_123,
    };
    vec![
        listed("candidates", &candidates),
        sample::<_, SMALL_BYTES_MAX>(FILE, "presence", &presence),
        sample::<_, SMALL_BYTES_MAX>(FILE, "schedule", &schedule),
        sample::<_, SMALL_BYTES_MAX>(FILE, "release_queued", &QueuedRelease { account: bob }),
        sample::<_, SMALL_BYTES_MAX>(FILE, "epoch_end", &end),
    ]
}

/// The candidates, which have their own way to bytes.
fn listed(name: &'static str, value: &Candidates) -> Sample {
    let again = |bytes: &[u8]| -> Result<Vec<u8>, CodecError> {
        Candidates::from_bytes(bytes).map(|value| value.to_bytes())
    };
    Sample {
        file: FILE,
        name,
        kind: "Candidates",
        bytes: value.to_bytes(),
        again,
    }
}
