//! What of a stake is compared between what is told and what is proven.

use starling_ledger::staking::{Stake, StakeStatus};

use crate::rpc::reply;

/// Key, bonded, whether it is active, releases with their epochs.
pub(super) type Facts = (Option<String>, u64, bool, Vec<(u64, u64)>);

/// Returns what a node tells; `None` for no stake.
pub(super) fn told(answer: &reply::Stake) -> Option<Facts> {
    let releases = answer.releases.iter();
    let releases = releases.map(|release| (release.amount_base, release.epoch));
    let is_active = answer.status.as_deref() == Some("active");
    let key = answer.consensus_key.clone();
    let facts = (key, answer.bonded_base, is_active, releases.collect());
    answer.exists.then_some(facts)
}

/// Returns what an entry of the state says.
pub(super) fn proven(stake: &Stake) -> Facts {
    let releases = stake.releases.iter();
    let releases = releases.map(|release| (release.amount, release.epoch));
    let is_active = stake.status == StakeStatus::Active;
    let key = Some(stake.consensus_key.to_string());
    (key, stake.bonded, is_active, releases.collect())
}
