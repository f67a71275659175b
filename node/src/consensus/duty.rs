//! What a node does as a validator at the height at hand, for `status` and for people.

use starling_gossip::Instant;
use starling_ledger::validators::VotingPower;

use super::Consensus;
use super::height::HeightState;
use super::watch::Watching;

/// What the node does as a validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It is no validator at this height.
    Follows,
    /// It signs.
    Signs,
    /// It waits until enough of the others are heard.
    Waits {
        /// Power of those that answered, and its own.
        heard: VotingPower,
    },
    /// It watches, and signs nothing.
    Watches(Watching),
    /// It signs nothing at this height: it may have done so before, or its engine failed.
    SkipsHeight,
}

impl Consensus {
    /// Says what the node does at the height of `state`.
    pub(super) fn duty(&self, state: &HeightState) -> Duty {
        let Some(key) = self.own_key(state) else {
            return Duty::Follows;
        };
        if let Some(watching) = self.watch.describe() {
            return Duty::Watches(watching);
        }
        if self.roll.is_open() {
            let (set, here) = (state.store.validators(), (state.height(), Instant::START));
            let heard = self.roll.power(set, &key, here);
            return Duty::Waits { heard };
        }
        match state.spectator {
            true => Duty::SkipsHeight,
            false => Duty::Signs,
        }
    }
}
