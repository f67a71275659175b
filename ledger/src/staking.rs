//! Staking: who may become a validator, who is one, and what its stake answers for.
//!
//! This text is the specification; the types beside it are the entries of the state it speaks of,
//! and [`execution`](crate::execution) carries it out.
//!
//! # Epochs
//! Epoch `e` is the heights `e × epoch_blocks + 1` to `(e + 1) × epoch_blocks`. Its last block
//! chooses the set of the next epoch, and no other block changes it. What is bonded, unbonded,
//! re-keyed or slashed within an epoch changes no power before its end. The state holds the set
//! that signed the last block and the one that signs the next, at slot `epoch % 2`.
//!
//! # Stake
//! - `Bond` locks funds and names a consensus key. Afterwards at least `bond_min` is bonded. An
//!   amount of zero is allowed to name another key, and for nothing else. The key's signature over
//!   [`possession_hash`](crate::transaction::possession_hash) is part of the transaction's form.
//! - A key belongs for ever to the account that named it first. That account may return to it,
//!   unless it was excluded. It counts from the first height of the next epoch to the last height
//!   of the epoch in which it is replaced or its stake is fully unbonded.
//! - `Unbond` starts a release. What stays is nothing or at least `bond_min`. Releases that start
//!   within one epoch are one release; there are at most [`RELEASES_MAX`].
//! - A release is paid to the account by itself, in the order of the queue, by the first block
//!   whose time is `unbonding_ms` or more after the end of the last epoch with that power, at most
//!   [`RELEASES_PER_BLOCK_MAX`] in one block. A stake that holds nothing any more is removed.
//!
//! # Candidates
//! Active accounts with something bonded are candidates, at most [`CANDIDATES_MAX`], in the order
//! of stake descending, then account ascending. Whoever would be one more must have more bonded
//! than the last, all of whose stake then begins to be released; else it is refused.
//!
//! # The choice of the set
//! The first `validators_max` candidates, each with its stake as power. What would bring the total
//! above [`TOTAL_POWER_MAX`](crate::validators::TOTAL_POWER_MAX) is cut off: the supply may be one
//! unit above it.
//!
//! Without candidates the old set stays for another epoch, with its old powers, and is chosen anew
//! at the end of that one. Its members then have power for one epoch longer: those of their
//! releases that were to count from this epoch count from the next, and those of their keys that
//! were to end with this epoch end with the next. So nobody is paid out while it can still sign.
//!
//! # Presence
//! The certificate of the parent that a block carries is counted if both are of one epoch: one for
//! the total, one for each member that signed. At the end of the epoch members that signed less
//! than a tenth ([`PRESENCE_PERCENT_MIN`]) of the total sit out, the fewest signatures first, ties
//! by account, as long as
//! - three times the power of all that sit out at this end is at most the power of the set, and
//! - at least [`CANDIDATES_LEFT_MIN`] candidates are left.
//!
//! One that does not fit is passed over, and the next is looked at. Only candidates sit out: who
//! left by itself or was slashed is no longer one.
//!
//! Who sits out keeps its stake and is no candidate until `Unjail`, which needs a key that is not
//! excluded, at least `bond_min`, and a place among the candidates. It counts at the next choice.
//!
//! # Evidence
//! Evidence is judged from the state after the transactions of its block, so that a node that has
//! dropped old blocks judges alike. It is punishable if its key is registered and not excluded, the
//! height of the offence is not above the block's and inside the key's interval, and the epoch of
//! the offence is the current one or ended at most `evidence_age_ms` ago. Evidence that is not
//! makes a block invalid.
//!
//! Of what the account of the key has bonded and of each of its releases
//! `slash_equivocation_permille` are burned, rounded up. The key is excluded for good, so it is
//! punished once, whatever else it signed. The account sits out, whichever key it has by then: it
//! re-enters by `Unjail`, if its key is not the excluded one. So re-keying within the epoch of the
//! offence neither saves the stake nor keeps the seat. Until the end of the epoch the excluded key
//! keeps its power, as all power lasts to the end of an epoch.
//!
//! # Invariants
//! - An account is among the candidates exactly if its stake is active and something is bonded, and
//!   then at least `bond_min` is.
//! - [`Totals::staked`](crate::supply::Totals::staked) is the sum of all that is bonded and being
//!   released.
//! - An account has as many entries in the queue as releases, in the same order.

mod candidates;
mod consensus_key;
mod epoch;
mod presence;
mod schedule;
mod stake;

pub use candidates::{CANDIDATES_BYTES_MAX, CANDIDATES_MAX, Candidates};
pub use consensus_key::{CONSENSUS_KEY_BYTES, ConsensusKey};
pub use epoch::{EPOCH_END_BYTES, Epoch, EpochEnd};
pub use presence::{
    CANDIDATES_LEFT_MIN, PRESENCE_BYTES_MAX, PRESENCE_PERCENT_MIN, Presence, PresenceError,
};
pub use schedule::{
    EPOCH_ENDS_PER_BLOCK_MAX, QUEUED_RELEASE_BYTES, QueuedRelease, RELEASES_PER_BLOCK_MAX,
    SCHEDULE_BYTES, Schedule,
};
pub use stake::{RELEASES_MAX, Release, STAKE_BYTES_MAX, Stake, StakeStatus};
