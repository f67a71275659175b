//! Nonce, expiry and signatures, at the sender's turn.

use std::time::{Duration, Instant};

use starling_ledger::address::AccountId;
use starling_ledger::transaction::Nonce;

use super::Desk;
use crate::command::account::ask;
use crate::draft::Signed;
use crate::duration;
use crate::error::{BEHIND, CliError, Outcome};
use crate::exit::Exit;
use crate::order::Order;
use crate::sender_turn::SenderTurn;
use crate::testnet::birth::now_ms;

/// How long to wait for a turn when the user says nothing: two hundred that come at once all get
/// theirs, also on a slow machine.
const TURN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

impl Desk<'_> {
    /// Returns how long to wait for a turn.
    pub(super) fn patience_for_turn(&self) -> Duration {
        self.context.global.timeout.unwrap_or(TURN)
    }

    /// Waits for the turn of `sender`, unless it is held; says whether it was not.
    ///
    /// # Errors
    /// [`Exit::Locked`] if it does not come in time.
    pub(crate) fn take_turn(&mut self, sender: &AccountId) -> Outcome<bool> {
        if self.turn.is_some() {
            return Ok(false);
        }
        let whose = (&self.network.genesis_hash, sender);
        let patience = self.patience_for_turn();
        self.turn = Some(SenderTurn::wait(&self.context.global, whose, patience)?);
        Ok(true)
    }

    /// Ends the turns of the sender and of the name.
    pub(crate) fn end_turn(&mut self) {
        self.turn = None;
        if let Some((journal, _)) = &mut self.journal {
            journal.unlock();
        }
    }

    /// Notes which nonce a node has taken in.
    pub(crate) fn handed_in(&mut self, nonce: Nonce) {
        if let Some(turn) = &mut self.turn {
            turn.handed_in(nonce);
        }
    }

    /// Signs what is not signed yet, with consecutive nonces, and writes it down under its name.
    /// The turn of the sender is held from here on.
    ///
    /// # Errors
    /// Those of the calls, and [`Exit::Key`].
    pub(crate) fn sign(&mut self, orders: &mut [Order]) -> Outcome {
        let mut open: Vec<_> = orders
            .iter_mut()
            .filter(|order| order.signed.is_none())
            .collect();
        let Some(sender) = open.first().map(|order| order.draft.sender) else {
            return Ok(());
        };
        self.take_turn(&sender)?;
        let mut nonce = self.due(&sender)?;
        let expires_at_ms = self.expiry();
        for order in &mut open {
            order.sign(&self.network.genesis_hash, nonce, expires_at_ms)?;
            nonce = nonce.saturating_add(1);
        }
        if let Some((journal, intent)) = &self.journal {
            let all: Vec<Signed> = orders
                .iter()
                .flat_map(|order| order.signed.clone())
                .collect();
            journal.store(intent, &all)?;
        }
        Ok(())
    }

    /// Signs `order` again, whose nonce is another's, with the next one; or takes over what another
    /// command under the same `--id` has signed by now. Says whether the turn of the sender was
    /// taken for it.
    ///
    /// # Errors
    /// Those of [`Desk::sign`]; [`Exit::Rejected`] if it cannot be signed here.
    pub(crate) fn sign_again(&mut self, order: &mut Order) -> Outcome<bool> {
        let now = match &mut self.journal {
            None => None,
            Some((journal, intent)) => {
                journal.lock()?;
                journal.find(intent)?
            }
        };
        let known = now.as_ref().and_then(|all| all.get(order.place));
        if let (Some(known), Some(own)) = (known, &order.signed)
            && known.raw != own.raw
        {
            *order = Order::repeated(known.clone(), order.place)?;
            if self.turn.is_none() {
                self.end_turn();
            }
            return Ok(false);
        }
        if !order.can_be_signed() {
            let message = format!(
                "rejected: nonce {} was used by another transaction; this one was not paid, and \
                 never will be",
                order.draft.nonce
            );
            let error = CliError::new(Exit::Rejected, message).code("nonce");
            return Err(error.next(match self.terms.id {
                Some(_) => "the same command again: it is signed anew under the same --id",
                None => "build it again: starling tx build --help",
            }));
        }
        let is_taken = self.take_turn(&order.draft.sender)?;
        let nonce = self.due(&order.draft.sender)?;
        order.sign(&self.network.genesis_hash, nonce, self.expiry())?;
        order.is_repeat = false;
        if let (Some(mut all), Some((journal, intent)), Some(signed)) =
            (now, &self.journal, &order.signed)
        {
            if let Some(entry) = all.get_mut(order.place) {
                entry.clone_from(signed);
            }
            journal.store(intent, &all)?;
        }
        Ok(is_taken)
    }

    /// Asks for the sender's next nonce, what waits counted: of a node that has caught up, and that
    /// has heard of what this machine handed in last. It is the node's word: a wrong one is
    /// refused.
    ///
    /// # Errors
    /// Those of the call.
    pub(super) fn due(&mut self, sender: &AccountId) -> Outcome<Nonce> {
        let patience = self.timeout();
        let begun = Instant::now();
        loop {
            let seen = self.seen;
            let told = self.persistently(|desk| {
                let told = ask(&desk.node, &desk.network, sender)?;
                if told.at.height < seen && begun.elapsed() < patience {
                    let message = format!(
                        "{} is at block {}, and block {seen} is verified already",
                        desk.node.name, told.at.height
                    );
                    return Err(CliError::new(Exit::Failure, message).code(BEHIND));
                }
                Ok(told)
            })?;
            let next = told.next_nonce.max(told.nonce);
            let last = self.turn.as_ref().and_then(SenderTurn::last);
            if last.is_none_or(|last| next > last) {
                return Ok(next);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns until when a transaction that is signed now may be included.
    pub(super) fn expiry(&self) -> u64 {
        let now = now_ms().max(self.node.status.head_time_ms);
        now.saturating_add(duration::as_ms(self.terms.expires))
    }
}
