//! Other nodes, where one falls silent or is behind.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use starling_ledger::address::AccountId;

use super::Desk;
use crate::command::account::{Holding, known};
use crate::context::Node;
use crate::error::{BEHIND, Outcome};
use crate::rpc::Rpc;
use crate::rpc::events::{self, Event};

/// How long to wait for anything of a transaction when the user says nothing.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// How long to ask on while nobody answers: nothing has left yet, or all is final already.
const SILENCE: Duration = Duration::from_secs(5);
/// How long another node may take to say how it is.
const REACH: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

impl Desk<'_> {
    /// Returns how long to wait for a transaction.
    pub(crate) fn timeout(&self) -> Duration {
        self.context.global.timeout.unwrap_or(TIMEOUT)
    }

    /// Asks, and asks again, here and of other nodes, while nobody answers or whoever does is
    /// behind what this machine has seen.
    ///
    /// # Errors
    /// Those of `ask`.
    pub(crate) fn persistently<T>(&mut self, ask: impl Fn(&Self) -> Outcome<T>) -> Outcome<T> {
        let begun = Instant::now();
        loop {
            let error = match ask(self) {
                Err(error) if error.may_pass() => error,
                result => return result,
            };
            let patience = match error.code == BEHIND {
                true => self.timeout(),
                false => self.timeout().min(SILENCE),
            };
            if begun.elapsed() >= patience {
                return Err(error);
            }
            if !self.move_on() {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Goes to the next node of this network that answers; says whether there is one.
    pub(crate) fn move_on(&mut self) -> bool {
        for _ in 0..self.others.len() {
            let Some((url, name)) = self.others.pop_front() else {
                return false;
            };
            let found = Rpc::new(&url, Some(REACH));
            let found = found.and_then(|rpc| self.context.reach(rpc, name.clone()));
            match (found, Rpc::new(&url, None)) {
                (Ok(found), Ok(rpc)) if found.status.genesis == self.node.status.genesis => {
                    let folder = self.node.folder.take();
                    let next = Node {
                        rpc,
                        folder,
                        ..found
                    };
                    let last = std::mem::replace(&mut self.node, next);
                    self.others
                        .push_back((last.rpc.url().to_owned(), last.name));
                    if self.is_listening {
                        self.listen();
                    }
                    return true;
                }
                _ => self.others.push_back((url, name)),
            }
        }
        false
    }

    /// Listens to the events of the node, if it tells them.
    pub(crate) fn listen(&mut self) {
        self.is_listening = true;
        self.events = events::open(self.node.rpc.url());
    }

    /// Says whether the node tells its events.
    pub(crate) const fn hears_events(&self) -> bool {
        self.events.is_some()
    }

    /// Waits for the next event; `None` if none came.
    pub(crate) fn next_event(&mut self, patience: Duration) -> Option<Event> {
        let Some(events) = &self.events else {
            std::thread::sleep(patience);
            return None;
        };
        match events.recv_timeout(patience) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                self.events = None;
                None
            }
        }
    }

    /// Returns what an account holds once the node that is asked serves the state after `height`;
    /// `None`, with a note, if none does so in time: what is final is so all the same.
    ///
    /// # Errors
    /// [`Exit::Verification`](crate::exit::Exit::Verification) if a node's proof does not hold.
    pub(crate) fn held_after(
        &mut self,
        account: &AccountId,
        height: u64,
    ) -> Outcome<Option<Holding>> {
        self.afterwards(|desk| {
            let deadline = Instant::now() + SILENCE;
            loop {
                let (_, held) = known(&desk.node, &desk.network, account)?;
                if held.height >= height || Instant::now() > deadline {
                    return Ok(held);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        })
        .map(|held| held.filter(|held| held.height >= height))
    }

    /// Asks for what is good to know after a transaction is final; `None`, with a note, if nobody
    /// tells it in time.
    ///
    /// # Errors
    /// Those that another node or moment would not cure.
    pub(crate) fn afterwards<T>(
        &mut self,
        ask: impl Fn(&Self) -> Outcome<T>,
    ) -> Outcome<Option<T>> {
        match self.persistently(ask) {
            Err(error) if error.may_pass() => {
                let words = format!("it is final; what holds after it is not known: {error}");
                self.context.output.note(&words);
                Ok(None)
            }
            result => result.map(Some),
        }
    }
}
