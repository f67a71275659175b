//! The state of a node, in one word and a reason: what `status`, `/readyz`, the log, the metrics
//! and whoever waits for a payment tell.
//!
//! It is computed in one place, by [`NodeState::judge`], from what the core knows. The word is that
//! of the first trouble that explains the others: a node without neighbours hears no validator, and
//! that is not the network's halt. The order:
//!
//! 1. `OTHER NETWORK`, `ALONE`: nothing is known of the network.
//! 2. `CLOCK`, where no block can come before some clock has caught up.
//! 3. `PRUNED`, `BEHIND`: the network is heard, and is further than this node.
//! 4. `HALTED`: this node is where the others are, and too little power is there.
//! 5. `EXCLUDED`, `JAILED`, `WATCHING`: this validator does not count, and the network goes on.
//! 6. `CLOCK`, where a clock is wrong that stops nobody: this node's, then another validator's.
//! 7. `RUNNING`.
//!
//! States of 1 to 4 are those in which a node is not ready.

use std::fmt;
use std::time::Duration;

use starling_gossip::overlay::{FailedPeer, Failure};
use starling_ledger::vote::Height;

use crate::share::NEEDED;

/// How far a block's time may be ahead of this clock to be voted for, and so how far clocks may
/// differ. Our choice: good NTP is within 50 ms.
pub const DRIFT_MAX_MS: u64 = 500;
/// Most failed dials that a reason names.
const NAMED_MAX: usize = 4;

/// The state in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateWord {
    /// All is well.
    Running,
    /// No neighbour.
    Alone,
    /// Nobody but nodes of another network.
    OtherNetwork,
    /// A clock is wrong: this machine's, that of whoever made the chain, or a validator's.
    Clock,
    /// The neighbours no longer keep the blocks that are needed next.
    Pruned,
    /// Blocks are being fetched.
    Behind,
    /// Too little voting power is there: the network stands still.
    Halted,
    /// This validator's key was punished, and never counts again.
    Excluded,
    /// This validator sits out.
    Jailed,
    /// This validator watches before it signs.
    Watching,
}

/// The state, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// In a word.
    pub word: StateWord,
    /// Whether the node has what the network has, and the network goes on.
    pub ready: bool,
    /// Why, in a sentence without the word.
    pub reason: String,
}

/// Too little power is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// The share that is there.
    pub share: String,
    /// Who is not.
    pub silent: Vec<String>,
}

/// What the ledger says of this node's key as a validator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It signed twice, and never counts again.
    pub excluded: bool,
    /// Its stake sits out until it asks to return.
    pub jailed: bool,
}

/// By how much clocks are wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockFacts {
    /// By how much this one is ahead of most neighbours', if that is too much; negative is behind.
    pub own_ms: Option<i64>,
    /// Neighbours who told their time.
    pub told: usize,
    /// A validator whose proposals come too early, and by how much.
    pub theirs: Option<(String, u64)>,
}

/// What a state is judged from.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// This machine's clock, milliseconds since 1970.
    pub wall_ms: u64,
    /// Neighbours that are up and were heard of late.
    pub neighbours: usize,
    /// Links that are up, also those on which nothing comes.
    pub links: usize,
    /// This node's own power is a quorum: it needs nobody.
    pub suffices: bool,
    /// What was tried to get neighbours.
    pub failed: Vec<FailedPeer>,
    /// The last block.
    pub height: Height,
    /// Its time.
    pub head_time_ms: u64,
    /// The highest block that a neighbour claims.
    pub best_height: Height,
    /// Whether blocks are being fetched.
    pub syncing: bool,
    /// The highest block that a neighbour claims, believed or not, where fetched blocks came of
    /// late: who delivers slowly is not believed in between.
    pub lags: Option<Height>,
    /// Blocks a second of late.
    pub pace: u64,
    /// From which block on the neighbours keep blocks, if that is too late.
    pub pruned_from: Option<Height>,
    /// Since when, and how, the network stands still.
    pub halt: Option<Halt>,
    /// Validators that are heard, and all.
    pub heard: (usize, usize),
    /// Whether those heard are enough.
    pub quorum: bool,
    /// What the ledger says of this validator.
    pub standing: Standing,
    /// Why this validator watches, and until when.
    pub watching: Option<String>,
    /// By how much clocks are wrong.
    pub clock: ClockFacts,
}

impl StateWord {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Running,
        Self::Alone,
        Self::OtherNetwork,
        Self::Clock,
        Self::Pruned,
        Self::Behind,
        Self::Halted,
        Self::Excluded,
        Self::Jailed,
        Self::Watching,
    ];

    /// Returns the word as people read it, everywhere the same.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Alone => "ALONE",
            Self::OtherNetwork => "OTHER NETWORK",
            Self::Clock => "CLOCK",
            Self::Pruned => "PRUNED",
            Self::Behind => "BEHIND",
            Self::Halted => "HALTED",
            Self::Excluded => "EXCLUDED",
            Self::Jailed => "JAILED",
            Self::Watching => "WATCHING",
        }
    }
}

impl fmt::Display for StateWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word, self.reason)
    }
}

impl NodeState {
    /// Judges what is known.
    pub fn judge(facts: &Facts) -> Self {
        let is_stopped = |word: &StateWord| *word != StateWord::Clock || facts.stands_still();
        let (word, reason) = facts.first();
        let ready = match word {
            StateWord::Running => facts.quorum,
            StateWord::Excluded | StateWord::Jailed | StateWord::Watching => true,
            word => !is_stopped(&word),
        };
        Self {
            word,
            ready,
            reason,
        }
    }
}

impl Facts {
    /// Finds the first trouble; the module says why in this order.
    fn first(&self) -> (StateWord, String) {
        let validator = || self.validator();
        let wrong_clock = || self.wrong_clock().map(|words| (StateWord::Clock, words));
        let network = self.without_network().or_else(|| self.waiting_for_time());
        let trouble = network.or_else(|| self.without_blocks());
        let trouble = trouble.or_else(|| {
            let halt = self.halt.as_ref()?;
            Some((StateWord::Halted, halt.words()))
        });
        let trouble = trouble.or_else(validator).or_else(wrong_clock);
        trouble.unwrap_or_else(|| {
            let (heard, all) = self.heard;
            let words = format!("{heard} of {all} validators are heard");
            (StateWord::Running, words)
        })
    }

    fn without_network(&self) -> Option<(StateWord, String)> {
        if self.neighbours > 0 || self.suffices {
            return None;
        }
        let stranger = |one: &&FailedPeer| one.failure.is_other_network();
        if let Some(stranger) = self.failed.iter().find(stranger) {
            return Some((StateWord::OtherNetwork, named(stranger)));
        }
        let shown = self.failed.iter().take(NAMED_MAX).map(named);
        let shown: Vec<_> = shown.collect();
        let more = self.failed.len().saturating_sub(NAMED_MAX);
        let reason = match (shown.is_empty(), more) {
            (true, _) if self.links > 0 => format!("none of {} neighbours answers", self.links),
            (true, _) => "no neighbour, and no dial has failed yet".to_owned(),
            (false, 0) => format!("no neighbour; {}", shown.join("; ")),
            (false, more) => format!("no neighbour; {}; and {more} more", shown.join("; ")),
        };
        Some((StateWord::Alone, reason))
    }

    /// Says whether the last block, or the genesis, is of a time that this clock has not reached.
    /// Where most neighbours' clocks have, it is this one that is wrong, and blocks go on; a
    /// validator that needs nobody's vote waits for no clock.
    fn stands_still(&self) -> bool {
        let is_ahead = self.head_time_ms > self.wall_ms.saturating_add(DRIFT_MAX_MS);
        is_ahead && self.clock.own_ms.is_none() && !self.suffices
    }

    fn waiting_for_time(&self) -> Option<(StateWord, String)> {
        if !self.stands_still() {
            return None;
        }
        let ahead = self.head_time_ms.saturating_sub(self.wall_ms);
        let what = match self.height {
            0 => "the genesis is".to_owned(),
            height => format!("the chain's time, of block {height}, is"),
        };
        let wait = duration(ahead.saturating_sub(DRIFT_MAX_MS));
        let reason = format!(
            "{what} {} ahead of this clock; the next block comes in {wait}",
            duration(ahead)
        );
        Some((StateWord::Clock, reason))
    }

    fn without_blocks(&self) -> Option<(StateWord, String)> {
        let height = self.height;
        if let Some(first) = self.pruned_from {
            let reason = format!(
                "this node has block {height}, and its neighbours keep blocks from {first} on: \
                 restore a snapshot (starling snapshot restore), or name a neighbour that keeps all"
            );
            return Some((StateWord::Pruned, reason));
        }
        let believed = Some(self.best_height).filter(|best| self.syncing && *best > height);
        let slow = self.lags.filter(|claimed| *claimed > height + 1);
        let best = believed.or(slow)?;
        let pace = match self.pace {
            0 => String::new(),
            pace => format!(", {pace} blocks a second"),
        };
        let reason = format!("at block {height} of {best}{pace}");
        Some((StateWord::Behind, reason))
    }

    fn validator(&self) -> Option<(StateWord, String)> {
        if self.standing.excluded {
            let reason =
                "this key signed two values for one step, was punished, and never votes again";
            return Some((StateWord::Excluded, reason.to_owned()));
        }
        if self.standing.jailed {
            let reason = "this validator was absent for most of an epoch and sits out; it returns \
                          with starling stake unjail";
            return Some((StateWord::Jailed, reason.to_owned()));
        }
        let watching = self.watching.clone()?;
        Some((StateWord::Watching, watching))
    }

    fn wrong_clock(&self) -> Option<String> {
        if let Some(ms) = self.clock.own_ms {
            let by = duration(ms.unsigned_abs());
            let side = if ms > 0 { "ahead of" } else { "behind" };
            return Some(match self.clock.told {
                1 => {
                    format!("this clock is {by} {side} the only neighbour's: one of them is wrong")
                }
                told => format!("this clock is {by} {side} those of {told} neighbours"),
            });
        }
        let (who, ms) = self.clock.theirs.as_ref()?;
        let by = duration(*ms);
        Some(format!(
            "the clock of {who} is {by} ahead: its blocks have to wait"
        ))
    }
}

impl Halt {
    fn words(&self) -> String {
        let silent = self.silent.join(", ");
        let share = &self.share;
        format!("{share} of voting power, needs {NEEDED}; silent: {silent}")
    }
}

/// Names what was tried, and why it failed.
fn named(failed: &FailedPeer) -> String {
    match &failed.failure {
        Failure::OtherNetwork { theirs, ours } => {
            format!("{} is on {theirs}, this node on {ours}", failed.target)
        }
        failure => format!("{}: {failure}", failed.target),
    }
}

/// Writes a duration as people say it.
fn duration(ms: u64) -> String {
    let seconds = Duration::from_millis(ms).as_secs();
    match seconds {
        0..10 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use starling_gossip::Instant;
    use starling_gossip::link::DialFailure;

    use super::*;

    /// A node that is well.
    fn well() -> Facts {
        Facts {
            wall_ms: 1_000_000,
            neighbours: 3,
            height: 9,
            head_time_ms: 999_000,
            best_height: 9,
            heard: (4, 4),
            quorum: true,
            ..Facts::default()
        }
    }

    fn failed(target: &str, failure: Failure) -> FailedPeer {
        FailedPeer {
            target: target.to_owned(),
            peer: None,
            failures: 1,
            at: Instant::START,
            failure,
        }
    }

    fn stranger() -> FailedPeer {
        let network = |name: &str| name.to_owned();
        let failure = Failure::OtherNetwork {
            theirs: network("devnet 7f3a91c2"),
            ours: network("local c19e12ab"),
        };
        failed("127.0.0.1:7202", failure)
    }

    fn halted(facts: Facts) -> Facts {
        let silent = vec!["n2".to_owned(), "n3".to_owned()];
        let share = "50.0 %".to_owned();
        let halt = Some(Halt { share, silent });
        Facts { halt, ..facts }
    }

    fn told(facts: &Facts) -> (&'static str, bool, String) {
        let state = NodeState::judge(facts);
        (state.word.text(), state.ready, state.reason)
    }

    #[test]
    fn a_node_that_is_well_is_running() {
        let words = "4 of 4 validators are heard".to_owned();
        assert_eq!(told(&well()), ("RUNNING", true, words));
        let few = Facts {
            heard: (2, 4),
            quorum: false,
            ..well()
        };
        assert!(!NodeState::judge(&few).ready, "before the halt is declared");
    }

    #[test]
    fn without_a_neighbour_it_is_alone_and_not_halted() {
        let refused = failed("127.0.0.1:7202", Failure::Dial(DialFailure::TimedOut));
        let lost = failed("n9:7000", Failure::NoSuchName("no such host".to_owned()));
        let alone = Facts {
            neighbours: 0,
            failed: vec![refused, lost],
            ..halted(well())
        };
        let reason = "no neighbour; 127.0.0.1:7202: nobody answered in time; n9:7000: the name is \
                      not found: no such host";
        assert_eq!(told(&alone), ("ALONE", false, reason.to_owned()));
        let unplugged = Facts {
            links: 3,
            failed: Vec::new(),
            ..alone.clone()
        };
        let reason = "none of 3 neighbours answers".to_owned();
        assert_eq!(told(&unplugged), ("ALONE", false, reason));
        let suffices = Facts {
            suffices: true,
            halt: None,
            ..alone
        };
        assert_eq!(told(&suffices).0, "RUNNING");
    }

    #[test]
    fn among_nodes_of_another_network_it_says_so() {
        let astray = Facts {
            neighbours: 0,
            failed: vec![failed("n9:7000", Failure::Unheard), stranger()],
            ..halted(well())
        };
        let reason = "127.0.0.1:7202 is on devnet 7f3a91c2, this node on local c19e12ab";
        assert_eq!(told(&astray), ("OTHER NETWORK", false, reason.to_owned()));
        let met = Facts {
            failed: vec![stranger()],
            ..well()
        };
        assert_eq!(told(&met).0, "RUNNING", "it has neighbours of its own");
    }

    #[test]
    fn a_time_to_come_is_waited_for() {
        let born = Facts {
            height: 0,
            head_time_ms: 1_090_000,
            ..halted(well())
        };
        let reason = "the genesis is 90 s ahead of this clock; the next block comes in 89 s";
        assert_eq!(told(&born), ("CLOCK", false, reason.to_owned()));
        let back = Facts {
            head_time_ms: 4_600_000,
            ..well()
        };
        let reason = "the chain's time, of block 9, is 60 min ahead of this clock; the next block \
                      comes in 59 min";
        assert_eq!(told(&back), ("CLOCK", false, reason.to_owned()));
    }

    #[test]
    fn who_needs_nobody_waits_for_no_clock() {
        let born = Facts {
            height: 0,
            head_time_ms: 1_090_000,
            suffices: true,
            neighbours: 0,
            ..well()
        };
        assert_eq!(told(&born).0, "RUNNING");
    }

    #[test]
    fn a_wrong_clock_is_named_and_stops_nobody() {
        let clock = |own_ms, told, theirs: Option<(&str, u64)>| Facts {
            clock: ClockFacts {
                own_ms,
                told,
                theirs: theirs.map(|(who, ms)| (who.to_owned(), ms)),
            },
            ..well()
        };
        let own = told(&clock(Some(5_040), 3, Some(("n1", 5_000))));
        let words = "this clock is 5.0 s ahead of those of 3 neighbours";
        assert_eq!(own, ("CLOCK", true, words.to_owned()));
        let own = told(&clock(Some(-5_000), 1, None));
        let words = "this clock is 5.0 s behind the only neighbour's: one of them is wrong";
        assert_eq!(own, ("CLOCK", true, words.to_owned()));
        let theirs = told(&clock(None, 3, Some(("n3", 5_000))));
        let words = "the clock of n3 is 5.0 s ahead: its blocks have to wait";
        assert_eq!(theirs, ("CLOCK", true, words.to_owned()));
        // The others' blocks seem to come from the future to a clock that is behind.
        let late = Facts {
            head_time_ms: 1_005_000,
            ..clock(Some(-5_000), 3, Some(("n3", 5_000)))
        };
        assert!(told(&late).2.starts_with("this clock is 5.0 s behind"));
        assert_eq!(told(&halted(late)).0, "HALTED");
    }

    #[test]
    fn blocks_that_nobody_keeps_are_told_apart_from_those_on_their_way() {
        let behind = Facts {
            syncing: true,
            best_height: 500,
            pace: 35,
            ..well()
        };
        let words = "at block 9 of 500, 35 blocks a second";
        assert_eq!(told(&behind), ("BEHIND", false, words.to_owned()));
        let slow = Facts {
            syncing: false,
            best_height: 9,
            lags: Some(500),
            ..behind.clone()
        };
        assert_eq!(told(&slow).2, words, "its neighbour is slow");
        let pruned = Facts {
            pruned_from: Some(120),
            ..halted(behind)
        };
        let (word, ready, reason) = told(&pruned);
        assert_eq!((word, ready), ("PRUNED", false));
        assert!(reason.contains("keep blocks from 120 on"), "{reason}");
    }

    #[test]
    fn a_halt_is_told_with_its_arithmetic() {
        let words = "50.0 % of voting power, needs more than 66.7 %; silent: n2, n3";
        assert_eq!(told(&halted(well())), ("HALTED", false, words.to_owned()));
    }

    #[test]
    fn a_validator_that_does_not_count_follows_and_is_ready() {
        let watching = Facts {
            watching: Some("its sign guard is gone".to_owned()),
            ..well()
        };
        assert_eq!(told(&watching).0, "WATCHING");
        let of = |excluded, jailed| Facts {
            standing: Standing { excluded, jailed },
            ..watching.clone()
        };
        assert_eq!(told(&of(false, true)).0, "JAILED");
        assert_eq!(told(&of(true, true)).0, "EXCLUDED");
        assert!(told(&of(true, true)).1 && told(&watching).1);
        assert_eq!(told(&halted(of(true, true))).0, "HALTED");
    }

    #[test]
    fn each_state_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = StateWord::ALL.map(StateWord::text).into();
        assert_eq!(words.len(), StateWord::ALL.len());
    }
}
