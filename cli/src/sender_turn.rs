//! The turn of one sender: commands of this machine that act for one account take turns between
//! asking for the next nonce and handing in what they signed with it.
//!
//! The file also tells which nonce was handed in last, and when: a node that has not heard of it
//! yet would give it away again.

use std::io::{Read as _, Seek as _, Write as _};
use std::time::Duration;

use starling_ledger::address::AccountId;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::Nonce;

use crate::args::Global;
use crate::error::{CliError, Outcome};
use crate::folders;
use crate::key_file::hex;
use crate::testnet::birth::now_ms;
use crate::turn::Turn;

/// How long a node may take to hear of what another one took. Our choice: far more than gossip
/// takes, and as long as nobody minds to wait for a payment that was lost.
const HEARSAY_MS: u64 = 2_000;
/// Most bytes of the word in the file: two numbers.
const WORD_BYTES_MAX: u64 = 64;

/// The turn, which ends when the value is dropped.
#[derive(Debug)]
pub(crate) struct SenderTurn {
    turn: Turn,
    last: Option<(Nonce, u64)>,
}

impl SenderTurn {
    /// Waits for the turn of `sender` on the network of `genesis`.
    ///
    /// # Errors
    /// [`Exit::Locked`](crate::exit::Exit::Locked) if it does not come within `patience`.
    pub(crate) fn wait(
        global: &Global,
        (genesis, sender): (&Hash, &AccountId),
        patience: Duration,
    ) -> Outcome<Self> {
        let name = format!("{genesis}.{}", hex(&sender.0));
        let path = folders::data(global)?.join("senders").join(name);
        let mut turn = Turn::wait(&path, patience).map_err(|error| CliError {
            message: format!("other commands send for this account; {}", error.message),
            ..error.next("try again; nothing was sent")
        })?;
        let mut word = String::new();
        // What cannot be read tells nothing: then the node alone is asked.
        let read = (&mut turn.file)
            .take(WORD_BYTES_MAX)
            .read_to_string(&mut word);
        let last = read.ok().and_then(|_| parse(&word));
        Ok(Self { turn, last })
    }

    /// Returns the nonce that was handed in last, as long as not all nodes need have heard of it.
    pub(crate) fn last(&self) -> Option<Nonce> {
        let (nonce, at_ms) = self.last?;
        let age_ms = now_ms().checked_sub(at_ms)?;
        (age_ms < HEARSAY_MS).then_some(nonce)
    }

    /// Notes what was handed in. Whoever cannot read it asks the node alone, so that nothing
    /// depends on the disk.
    pub(crate) fn handed_in(&mut self, nonce: Nonce) {
        let at_ms = now_ms();
        self.last = Some((nonce, at_ms));
        let file = &mut self.turn.file;
        let word = format!("{nonce} {at_ms}\n");
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(word.as_bytes()));
    }
}

fn parse(word: &str) -> Option<(Nonce, u64)> {
    let (nonce, at_ms) = word.trim().split_once(' ')?;
    Some((nonce.parse().ok()?, at_ms.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_next_reads_what_was_handed_in() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Turn::wait(&folder.path().join("lock"), Duration::from_secs(60)).unwrap();
        let mut first = SenderTurn {
            turn: open(),
            last: None,
        };
        for nonce in [1_000, 9] {
            first.handed_in(nonce);
        }
        assert_eq!(first.last(), Some(9));
        drop(first);
        let mut word = String::new();
        open().file.read_to_string(&mut word).unwrap();
        assert_eq!(parse(&word).map(|(nonce, _)| nonce), Some(9));
        for damaged in ["", "7", "x 7", "7 x", "-1 7"] {
            assert_eq!(parse(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn what_is_old_or_of_the_future_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |last| SenderTurn {
            turn: Turn::wait(&folder.path().join("lock"), Duration::from_secs(60)).unwrap(),
            last: Some((9, last)),
        };
        assert_eq!(at(now_ms() - HEARSAY_MS).last(), None);
        assert_eq!(at(now_ms() + 60_000).last(), None);
    }
}
