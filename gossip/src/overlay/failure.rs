//! Why an address led to no link, for people and for the state of the node.

use std::fmt;

use crate::link::{DialFailure, DisconnectReason};
use crate::message::Hello;

/// Begins what a node of another network is told; the rest names both networks.
const YOU_ARE_ON: &str = "you are on ";
const THIS_IS: &str = ", this is ";

/// Why a dial, or a link that it became, was of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There was no link.
    Dial(DialFailure),
    /// Whoever is there is on another network.
    OtherNetwork {
        /// Theirs, in words.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// The link ended before it was of use.
    Ended(String),
    /// Nothing was heard of the dial.
    Unheard,
    /// The name of the host is not found.
    NoSuchName(String),
}

impl Failure {
    /// Says that `theirs` is on another network than `ours`.
    pub(super) fn other_network(theirs: &Hello, ours: &Hello) -> Self {
        Self::OtherNetwork {
            theirs: theirs.network_in_words(),
            ours: ours.network_in_words(),
        }
    }

    /// Takes the reason of a link's end. A peer may say first that it is on another network.
    pub(super) fn of_end(reason: &DisconnectReason) -> Self {
        let told = match reason {
            DisconnectReason::Remote { text } => networks(text),
            _ => None,
        };
        told.unwrap_or_else(|| Self::Ended(reason.to_string()))
    }

    /// Says whether somebody of another network was met.
    pub const fn is_other_network(&self) -> bool {
        matches!(self, Self::OtherNetwork { .. })
    }

    /// Returns a stable word for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Dial(DialFailure::Unreachable) => "unreachable",
            Self::Dial(DialFailure::TimedOut) | Self::Unheard => "timed_out",
            Self::Dial(DialFailure::WrongKey { .. }) => "another_node",
            Self::Dial(DialFailure::Refused | DialFailure::Busy) => "refused",
            Self::Dial(_) => "failed",
            Self::OtherNetwork { .. } => "other_network",
            Self::Ended(_) => "closed",
            Self::NoSuchName(_) => "no_such_name",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(reason) => reason.fmt(f),
            Self::OtherNetwork { theirs, ours } => {
                write!(f, "another network: it is on {theirs}, this node on {ours}")
            }
            Self::Ended(reason) => f.write_str(reason),
            Self::Unheard => f.write_str("nothing was heard of the dial"),
            Self::NoSuchName(reason) => write!(f, "the name is not found: {reason}"),
        }
    }
}

/// Writes what a node of another network is told.
pub(super) fn told_other_network(theirs: &Hello, ours: &Hello) -> String {
    let (theirs, ours) = (theirs.network_in_words(), ours.network_in_words());
    format!("{YOU_ARE_ON}{theirs}{THIS_IS}{ours}")
}

/// Reads the same from the other side: there it is we who are spoken to.
fn networks(text: &str) -> Option<Failure> {
    let (ours, theirs) = text.strip_prefix(YOU_ARE_ON)?.split_once(THIS_IS)?;
    Some(Failure::OtherNetwork {
        theirs: theirs.to_owned(),
        ours: ours.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use starling_ledger::hash::Hash;

    use super::*;
    use crate::message::WIRE_VERSION;

    fn hello(network: &str, byte: u8) -> Hello {
        Hello {
            version_from: WIRE_VERSION,
            version_to: WIRE_VERSION,
            features: 0,
            genesis: Hash([byte; 32]),
            network: network.to_owned(),
            height: 0,
            listen: Vec::new(),
            salt: 0,
            instance: 0,
        }
    }

    #[test]
    fn both_sides_tell_the_same_whoever_speaks_first() {
        let (here, there) = (hello("local", 0xc1), hello("devnet", 0x7f));
        let seen = Failure::other_network(&there, &here);
        let text = told_other_network(&here, &there);
        assert!(text.is_ascii() && text.len() <= 120, "{text}");
        assert_eq!(Failure::of_end(&DisconnectReason::Remote { text }), seen);
        assert_eq!(
            seen.to_string(),
            "another network: it is on devnet 7f7f7f7f, this node on local c1c1c1c1"
        );
    }

    #[test]
    fn the_longest_names_are_told_whole() {
        let (here, there) = (hello(&"a".repeat(32), 1), hello(&"b".repeat(32), 2));
        assert!(told_other_network(&here, &there).len() <= 120);
    }
}
