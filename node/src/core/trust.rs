//! What a node takes on whose word: the checkpoint that a person gave it, and how long validators
//! are believed.
//!
//! The block at the height of the checkpoint has its hash, or the node stops before it keeps it.
//! What lies below is vouched for with it.
//!
//! Validators who have left may lie without loss once their stake is released. So a block vouches
//! for those after it only for the trust period; a node that goes on from an older one (because it
//! is new, or slept) says so once, and in its status, and goes on: it cannot know better, and who
//! starts it can. The rule is that of [`starling_ledger::light`], where the command line refuses.

use starling_ledger::address::NetworkKind;
use starling_ledger::block::BlockHash;
use starling_ledger::execution::Tip;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::light::Checkpoint;
use starling_ledger::vote::Height;

use super::HaltReason;

/// A day, for people.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// An hour, for people.
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// What is believed, and until when.
pub(super) struct Trust {
    checkpoint: Option<Checkpoint>,
    /// The hash of the first validators, whom the genesis names at any age.
    first_set: Hash,
    genesis_ms: u64,
    period_ms: u64,
    is_local: bool,
    /// The block from which on nobody vouches for what this node follows, and its age then.
    doubt: Option<Doubt>,
}

/// A step that nobody vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Doubt {
    /// The height of the block that is too old; 0 is the genesis.
    from: Height,
    age_ms: u64,
}

impl Trust {
    pub(super) fn new(genesis: &Genesis, checkpoint: Option<Checkpoint>) -> Self {
        let first = genesis.validator_set();
        Self {
            checkpoint,
            first_set: first.map_or(Hash::ZERO, |set| set.hash()),
            genesis_ms: genesis.time_ms,
            period_ms: genesis.parameters.trust_period_ms,
            is_local: genesis.kind == NetworkKind::Local,
            doubt: None,
        }
    }

    /// Says whether signatures over a block of this time still count against their makers.
    pub(super) const fn counts(&self, time_ms: u64, now_ms: u64) -> bool {
        now_ms < time_ms.saturating_add(self.period_ms)
    }

    /// Checks a final block against the checkpoint, before it is kept.
    ///
    /// # Errors
    /// [`HaltReason::Checkpoint`] where it is another one.
    pub(super) fn check(&self, height: Height, found: BlockHash) -> Result<(), HaltReason> {
        match self.checkpoint {
            Some(given) if given.height == height && given.hash != found => {
                Err(HaltReason::Checkpoint { given, found })
            }
            _ => Ok(()),
        }
    }

    /// Notes that the chain goes on from `parent`; returns what is to be said, the first time that
    /// nobody vouches for who signs the next block.
    pub(super) fn go_on(&mut self, parent: &Tip, now_ms: u64) -> Option<String> {
        if self.doubt.is_some() || self.vouched(parent, now_ms) {
            return None;
        }
        self.doubt = Some(Doubt {
            from: parent.height,
            age_ms: now_ms.saturating_sub(parent.time_ms),
        });
        self.words()
    }

    /// Says what is in doubt, if anything is.
    pub(super) fn words(&self) -> Option<String> {
        let Doubt { from, age_ms } = self.doubt?;
        let (age, period) = (lasting(age_ms), lasting(self.period_ms));
        Some(match from {
            0 => format!(
                "this node follows the network for the first time, against a genesis that is {age} \
                 old; --checkpoint HEIGHT:HASH, from somebody you trust, rules out a history that \
                 its first validators wrote later"
            ),
            _ => format!(
                "block {from} vouches for its validators no longer: it was {age} old when this \
                 node went on from it, the trust period is {period}; --checkpoint HEIGHT:HASH, \
                 from somebody you trust, rules out a history that validators wrote who have left"
            ),
        })
    }

    fn vouched(&self, parent: &Tip, now_ms: u64) -> bool {
        if self
            .checkpoint
            .is_some_and(|given| given.height > parent.height)
        {
            return true;
        }
        let Some(header) = &parent.header else {
            // A network whose first validators stayed needs no more than its genesis, says the
            // light client, and cautions who comes for the first time.
            return self.is_local || self.counts(self.genesis_ms, now_ms);
        };
        header.next_validators_hash == self.first_set || self.counts(header.time_ms, now_ms)
    }
}

fn lasting(ms: u64) -> String {
    match ms {
        DAY_MS.. => format!("{} days", ms / DAY_MS),
        HOUR_MS.. => format!("{} hours", ms / HOUR_MS),
        _ => format!("{} s", ms / 1_000),
    }
}
