//! Validators that do not keep the rules: the product's core, with what it says and hears tampered
//! with.
//!
//! Each adversary has a file of its own.

pub mod equivocator;
pub mod mutator;
pub mod withholder;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use starling_gossip::{Lane, LinkId};
use starling_ledger::hash::Hash;
use starling_ledger::keys::Signer;

use equivocator::Equivocator;
use mutator::Mutator;
use withholder::Withholder;

/// Stands between a core and its network.
pub trait Adversary {
    /// Returns what goes out in place of a frame, in order.
    fn outgoing(&mut self, link: LinkId, lane: Lane, bytes: Bytes) -> Vec<Bytes>;

    /// Says whether the core hears a frame.
    fn hears(&mut self, lane: Lane, bytes: &Bytes) -> bool;

    /// Returns for how many steps it has signed two values.
    fn offences(&self) -> u64 {
        0
    }
}

/// The kinds of adversaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Signs two values for every step.
    Equivocator,
    /// Sends garbled frames beside good ones.
    Mutator,
    /// Hands out no block.
    Withholder,
}

impl Role {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Equivocator, Self::Mutator, Self::Withholder];

    /// Makes the adversary of validator `index` of the run `seed`.
    #[must_use]
    pub fn adversary(
        self,
        (seed, index): (u64, usize),
        signer: Arc<dyn Signer>,
        genesis: Hash,
    ) -> Box<dyn Adversary> {
        match self {
            Self::Equivocator => Box::new(Equivocator::new(seed, index, signer, genesis)),
            Self::Mutator => Box::new(Mutator::new(seed, index)),
            Self::Withholder => Box::new(Withholder),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equivocator => "equivocator",
            Self::Mutator => "mutator",
            Self::Withholder => "withholder",
        })
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.to_string() == text);
        found.ok_or_else(|| "expected equivocator, mutator or withholder".to_owned())
    }
}
