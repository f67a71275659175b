//! The stake of an account, who may be chosen, and whose a consensus key is.

use serde::Serialize;
use starling_ledger::genesis::Parameters;
use starling_ledger::keys::PublicKey;
use starling_ledger::staking::{Candidates, ConsensusKey, Release, Stake, StakeStatus};

use super::{Names, ProofReply};

/// The answer to `candidates`, as of one final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidatesReply {
    /// The block whose state this is.
    pub height: u64,
    /// Most members of a set.
    pub validators_max: u32,
    /// How many candidates there are.
    pub total: usize,
    /// The first of them, the most stake first.
    pub candidates: Vec<CandidateReply>,
}

/// One who may be chosen at the end of the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidateReply {
    /// The account whose stake it is.
    pub account: String,
    /// The name it goes by on local networks.
    pub name: Option<String>,
    /// What it has bonded: its voting power, if it is chosen.
    pub bonded_base: u64,
    /// The same, as text.
    pub bonded_base_text: String,
    /// Whether it would be chosen now.
    pub chosen: bool,
}

/// The answer to `stake`, as of one final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StakeReply {
    /// The address asked for.
    pub address: String,
    /// Whether the account has a stake, bonded or being released.
    pub exists: bool,
    /// The key that votes for it.
    pub consensus_key: Option<String>,
    /// What is bonded.
    pub bonded_base: u64,
    /// The same, as text.
    pub bonded_base_text: String,
    /// `active` or `sitting_out`.
    pub status: Option<&'static str>,
    /// What is being released, the first to be paid first.
    pub releases: Vec<ReleaseReply>,
    /// What proves it, but for the times at which releases are due.
    #[serde(flatten)]
    pub proof: ProofReply,
}

/// The answer to `consensus_key`, as of one final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsensusKeyReply {
    /// The key asked for.
    pub key: String,
    /// Whether an account ever named it.
    pub exists: bool,
    /// The account that named it first, and to which it belongs.
    pub account: Option<String>,
    /// The first height at which it could sign.
    pub from: Option<u64>,
    /// The last height at which it could, if it was replaced or its stake left.
    pub until: Option<u64>,
    /// Whether it signed two values for one step, and never counts again.
    pub excluded: bool,
    /// What proves it.
    #[serde(flatten)]
    pub proof: ProofReply,
}

/// Stake on its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseReply {
    /// How much.
    pub amount_base: u64,
    /// The same, as text.
    pub amount_base_text: String,
    /// The last epoch in which it has power.
    pub epoch: u64,
    /// The last height of that epoch.
    pub last_height: u64,
    /// From which block time on it is paid, once that epoch has ended.
    pub due_ms: Option<u64>,
}

impl CandidatesReply {
    /// Describes the first `most` of the candidates after the block at `height`.
    pub fn new(
        (height, rules): (u64, &Parameters),
        candidates: &Candidates,
        most: usize,
        names: &Names,
    ) -> Self {
        let places = usize::try_from(rules.validators_max).unwrap_or(usize::MAX);
        let shown = candidates.iter().take(most).enumerate();
        let shown = shown.map(|(place, (bonded, account))| CandidateReply {
            account: names.address(account),
            name: names.validator(&account),
            bonded_base: bonded,
            bonded_base_text: bonded.to_string(),
            chosen: place < places,
        });
        Self {
            height,
            validators_max: rules.validators_max,
            total: candidates.len(),
            candidates: shown.collect(),
        }
    }
}

impl StakeReply {
    /// Describes an entry of the state, or that there is none.
    pub fn new(
        address: String,
        stake: Option<&Stake>,
        releases: Vec<ReleaseReply>,
        proof: ProofReply,
    ) -> Self {
        let bonded = stake.map_or(0, |stake| stake.bonded);
        Self {
            address,
            exists: stake.is_some(),
            consensus_key: stake.map(|stake| stake.consensus_key.to_string()),
            bonded_base: bonded,
            bonded_base_text: bonded.to_string(),
            status: stake.map(|stake| status(stake.status)),
            releases,
            proof,
        }
    }
}

impl ConsensusKeyReply {
    /// Describes an entry of the state, or that there is none.
    pub fn new(
        key: &PublicKey,
        entry: Option<ConsensusKey>,
        names: &Names,
        proof: ProofReply,
    ) -> Self {
        Self {
            key: key.to_string(),
            exists: entry.is_some(),
            account: entry.map(|entry| names.address(entry.account)),
            from: entry.map(|entry| entry.from),
            until: entry.and_then(|entry| entry.until),
            excluded: entry.is_some_and(|entry| entry.excluded),
            proof,
        }
    }
}

impl ReleaseReply {
    /// Describes a release; `ended_ms` is when its epoch ended, if it has.
    pub fn new(release: &Release, rules: &Parameters, ended_ms: Option<u64>) -> Self {
        Self {
            amount_base: release.amount,
            amount_base_text: release.amount.to_string(),
            epoch: release.epoch,
            last_height: rules.epoch_last(release.epoch),
            due_ms: ended_ms.map(|ended| ended.saturating_add(rules.unbonding_ms)),
        }
    }
}

const fn status(status: StakeStatus) -> &'static str {
    match status {
        StakeStatus::Active => "active",
        StakeStatus::SittingOut => "sitting_out",
    }
}
