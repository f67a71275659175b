//! An errand: one transaction, brought to the ledger through nodes that may fall silent at any
//! moment.
//!
//! What to do next is decided by its [`Fate`]; here is what is asked, of whom, and how often.

use std::time::{Duration, Instant};

use serde_json::json;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::{TransactionId, WireId};

use crate::amount::first_amount;
use crate::desk::Desk;
use crate::duration;
use crate::error::{BEHIND, CliError, Outcome};
use crate::exit::Exit;
use crate::fate::{Call, End, Fate, Heard, Refusal, Sent, Step};
use crate::interrupt::{Farewell, interrupted};
use crate::key_file::hex;
use crate::life_line::{LifeLine, waiting_words};
use crate::order::Order;
use crate::output::Output;
use crate::rpc::reply;
use crate::verify::VerifiedHeader;

/// How often to ask a node that tells its events, and at the most one that does not.
const ASK_WITH_EVENTS: Duration = Duration::from_millis(500);
/// The first pause between two questions; each is twice as long as the one before.
const ASK_FIRST: Duration = Duration::from_millis(50);
/// How often to ask for the state of the node.
const ASK_STATUS: Duration = Duration::from_secs(1);
/// How long a node may have a transaction waiting before another one is asked too: the first may be
/// cut off.
const ASK_ELSEWHERE: Duration = Duration::from_secs(5);
/// How long the sender's turn is kept for a transaction that no node has taken in yet.
const HOLD: Duration = Duration::from_secs(5);
/// How often a transaction is signed again because another one has its nonce. Each time another
/// machine was quicker; so many in a row are no chance.
const TRIES_MAX: u32 = 64;

/// One transaction on its way.
pub(crate) struct Errand {
    /// The transaction.
    pub(crate) order: Order,
    /// What was seen of it.
    pub(crate) line: LifeLine,
    fate: Fate,
    call: Call,
    arrival: Option<Arrival>,
    /// The last refusal, and why nobody answered last.
    refusal: Option<CliError>,
    trouble: Option<CliError>,
    tries: u32,
    pace: Duration,
    asked_status: Instant,
    moved: Instant,
    /// Until when the sender's turn is kept, where it was taken to sign again.
    turn_until: Option<Instant>,
    farewell: Option<Farewell>,
    output: Output,
}

/// A transaction that is final.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// What the node said.
    pub(crate) told: reply::Transaction,
    /// The header of its block, proven; `None` without a genesis.
    pub(crate) header: Option<VerifiedHeader>,
}

/// What holds of a transaction that may have left, however the command ends.
pub(crate) fn may_become_final(id: &TransactionId) -> String {
    format!("transaction {id} may still become final, do not repeat it")
}

/// What Ctrl-C means for it.
pub(crate) fn farewell(id: &TransactionId) -> CliError {
    let words = interrupted(&may_become_final(id));
    words.of(id).next(format!("starling tx show {id}"))
}

impl Errand {
    /// Begins with a signed order, whose stages are shown on `line`.
    pub(crate) fn new(order: Order, output: Output, line: LifeLine) -> Self {
        let (fate, call) = match order.is_repeat {
            true => Fate::repeated(),
            false => Fate::fresh(),
        };
        let now = Instant::now();
        Self {
            order,
            line,
            fate,
            call,
            arrival: None,
            refusal: None,
            trouble: None,
            tries: 0,
            pace: ASK_FIRST,
            asked_status: now,
            moved: now,
            turn_until: None,
            farewell: None,
            output,
        }
    }

    /// Keeps what Ctrl-C says up to date.
    pub(crate) fn with_farewell(mut self, farewell: Farewell) -> Self {
        self.farewell = Some(farewell);
        self
    }

    /// Hands it to a node; who holds the sender's turn keeps it meanwhile, but not for ever.
    ///
    /// # Errors
    /// [`Exit::Rejected`] if it is refused, [`Exit::Verification`].
    pub(crate) fn hand_in(&mut self, desk: &mut Desk<'_>) -> Outcome {
        let patience = HOLD.min(desk.timeout());
        self.pursue(desk, Sent::Taken, Instant::now() + patience)?;
        self.note_handed_in(desk);
        Ok(())
    }

    /// Notes for whoever comes next which nonce is used. Whoever uses the same `--id` finds the
    /// bytes from now on, and may hand them in.
    fn note_handed_in(&mut self, desk: &mut Desk<'_>) {
        if self.fate.sent() > Sent::Never {
            desk.handed_in(self.order.draft.nonce);
        }
        if desk.terms.id.is_some() {
            self.fate.share();
        }
    }

    /// Waits until it is final.
    ///
    /// # Errors
    /// [`Exit::NotFinal`] or [`Exit::Halted`] when the time is over, [`Exit::Rejected`] where there
    /// is proof that it never can be.
    pub(crate) fn follow(&mut self, desk: &mut Desk<'_>, deadline: Instant) -> Outcome<Arrival> {
        if let Some(arrival) = self.pursue(desk, None, deadline)? {
            return Ok(arrival);
        }
        Err(self.out_of_time(desk))
    }

    /// Asks and asks until it is final, or has come as far as `goal`, or the time is over.
    fn pursue(
        &mut self,
        desk: &mut Desk<'_>,
        goal: impl Into<Option<Sent>>,
        deadline: Instant,
    ) -> Outcome<Option<Arrival>> {
        let goal = goal.into();
        loop {
            if self.arrival.is_some() || goal == Some(self.fate.sent()) {
                self.end_turn(desk);
                return Ok(self.arrival.clone());
            }
            let heard = self.ask(desk)?;
            match self.fate.hear(self.call, heard) {
                Step::Now(call) => self.call = call,
                Step::Later(call) => {
                    self.call = call;
                    if goal == Some(self.fate.sent()) {
                        continue;
                    }
                    if Instant::now() >= deadline {
                        self.end_turn(desk);
                        return Ok(None);
                    }
                    self.rest(desk, deadline);
                }
                Step::End(end) => self.end(desk, end)?,
            }
        }
    }

    /// Asks what is due.
    fn ask(&mut self, desk: &mut Desk<'_>) -> Outcome<Heard> {
        let heard = match self.call {
            Call::Submit => self.submit(desk),
            Call::Look => self.look(desk),
            Call::Prove => self.prove(desk),
        };
        match heard {
            Err(error) if error.may_pass() => {
                let may_be_heard = error.may_be_heard();
                self.trouble = Some(error);
                desk.move_on();
                Ok(Heard::Nothing { may_be_heard })
            }
            heard => {
                self.trouble = None;
                heard
            }
        }
    }

    fn submit(&mut self, desk: &Desk<'_>) -> Outcome<Heard> {
        let (id, raw) = self.order.signed()?;
        let call = json!({"transaction": hex(&raw.0)});
        let told: reply::Submitted = match desk.node.rpc.typed("submit", &call) {
            Err(error) if error.may_pass() => return Err(error),
            Err(error) if error.code == "known" => return Ok(Heard::Waits),
            Err(error) => {
                let refusal = Refusal::of(&error.code);
                self.refusal = Some(self.in_words(desk, error));
                return Ok(Heard::Refused(refusal));
            }
            Ok(told) => told,
        };
        if told.id != id.to_string() {
            let message = format!(
                "verification failed, the node lied: it took {id} for {}; {}",
                told.id,
                may_become_final(id)
            );
            return Err(CliError::new(Exit::Verification, message));
        }
        let wire_id = told.wire_id.and_then(|text| text.parse::<Hash>().ok());
        let is_ours = self.order.is(wire_id.map(WireId));
        let heard = match (told.status.as_str(), is_ours) {
            ("final", true) => return Ok(Heard::Final),
            ("final", false) => return Ok(Heard::OtherFinal),
            (_, false) => return Ok(Heard::OtherWaits),
            ("known", true) => "known already",
            (_, true) => "valid",
        };
        let name = &desk.node.name;
        self.line.stage("accepted", &format!("by {name}: {heard}"));
        if let (Some(sent), Some(all)) = (told.sent_to, told.neighbours)
            && sent > 0
        {
            let detail = format!("sent to {sent} of {all} neighbours");
            self.line.stage("gossiped", &detail);
        }
        Ok(Heard::Waits)
    }

    fn look(&mut self, desk: &Desk<'_>) -> Outcome<Heard> {
        let (id, _) = self.order.signed()?;
        let call = json!({"id": id.to_string()});
        let told: reply::Transaction = desk.node.rpc.typed("transaction", &call)?;
        let is_ours = self.order.is(told.wire_id()?);
        match told.status.as_str() {
            "final" => {
                let header = desk.proven(id, &told)?;
                if !is_ours {
                    return Ok(Heard::OtherFinal);
                }
                self.arrival = Some(Arrival { told, header });
                Ok(Heard::Final)
            }
            "pending" if is_ours => {
                let name = &desk.node.name;
                if self.order.is_repeat {
                    self.line.stage("accepted", &format!("by {name} before"));
                }
                Ok(Heard::Waits)
            }
            "pending" => Ok(Heard::OtherWaits),
            _ => Ok(Heard::Unknown),
        }
    }

    fn prove(&self, desk: &Desk<'_>) -> Outcome<Heard> {
        let past = match &self.order.signed {
            Some(signed) => desk.past_of(signed)?,
            None => None,
        };
        Ok(past.map_or(Heard::NoProof, Heard::Proof))
    }

    /// Pauses, and listens to events meanwhile.
    fn rest(&mut self, desk: &mut Desk<'_>, deadline: Instant) {
        if self.asked_status.elapsed() >= ASK_STATUS {
            self.look_around(desk);
        }
        if self.turn_until.is_some_and(|until| Instant::now() > until) {
            self.end_turn(desk);
        }
        let waits = self.call == Call::Look && self.trouble.is_none();
        if waits && self.moved.elapsed() > ASK_ELSEWHERE {
            desk.move_on();
            self.moved = Instant::now();
        }
        let patience = match waits && desk.hears_events() {
            true => ASK_WITH_EVENTS,
            false => self.pace,
        };
        self.pace = (self.pace * 2).min(ASK_WITH_EVENTS);
        let until = deadline.min(Instant::now() + patience);
        let Ok((id, _)) = self.order.signed() else {
            return;
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Some(event) = desk.next_event(left).filter(|_| !left.is_zero()) else {
                return;
            };
            if self.line.hear(&event, id, &desk.names) {
                return;
            }
        }
    }

    /// Looks whether there is a reason why no block comes.
    fn look_around(&mut self, desk: &Desk<'_>) {
        self.asked_status = Instant::now();
        if let Ok(status) = desk.node.rpc.status() {
            self.line.waits(&status, &desk.names);
        }
    }

    /// Takes note of an end, or begins anew.
    fn end(&mut self, desk: &mut Desk<'_>, end: End) -> Outcome {
        match end {
            End::Final => Ok(()),
            End::Lost => self.sign_again(desk),
            End::Refused => {
                let unknown = || CliError::new(Exit::Rejected, "rejected");
                Err(self.refusal.take().unwrap_or_else(unknown))
            }
            End::Expired => {
                let message = "expired: no block took it in time, and none can take it any more";
                let error = CliError::new(Exit::Rejected, message).code("expired");
                Err(error.next(match &desk.terms.id {
                    Some(id) => format!(
                        "the same command again: --id {id} is signed anew where the expiry is \
                         proven (--genesis FILE); nothing was paid"
                    ),
                    None if self.order.is_repeat => "build it again; nothing was paid".to_owned(),
                    None => "send it again; nothing was paid".to_owned(),
                }))
            }
        }
    }

    /// Takes the next nonce, since another transaction has this one's.
    fn sign_again(&mut self, desk: &mut Desk<'_>) -> Outcome {
        self.tries += 1;
        let taken = self.order.draft.nonce;
        if self.tries > TRIES_MAX {
            let message = format!(
                "rejected: others were quicker {TRIES_MAX} times, the last time with nonce \
                 {taken}; nothing was paid"
            );
            return Err(CliError::new(Exit::Rejected, message).code("nonce"));
        }
        if desk.sign_again(&mut self.order)? {
            self.turn_until = Some(Instant::now() + HOLD);
        }
        let (id, _) = self.order.signed()?;
        if let Some(known) = &self.farewell {
            known.change(farewell(id));
        }
        self.output.note(&format!(
            "transaction {id}   nonce {taken} is another transaction's: signed again with nonce {}",
            self.order.draft.nonce
        ));
        (self.fate, self.call) = match self.order.is_repeat {
            true => Fate::repeated(),
            false => Fate::fresh(),
        };
        self.line.restart();
        self.pace = ASK_FIRST;
        self.moved = Instant::now();
        Ok(())
    }

    /// Ends the turn that was taken to sign again.
    fn end_turn(&mut self, desk: &mut Desk<'_>) {
        if self.turn_until.take().is_some() {
            self.note_handed_in(desk);
            desk.end_turn();
        }
    }

    /// Says in the network's unit why a node refuses, and the most that could be sent.
    fn in_words(&self, desk: &Desk<'_>, error: CliError) -> CliError {
        let unit = &desk.network.unit;
        let mut message = unit.speak(&error.message);
        let draft = &self.order.draft;
        if error.code == "funds"
            && let Some(held) = first_amount(&error.message)
            && let Some(most) = draft.most(held)
        {
            message.push_str(&format!(
                "; the most that can be sent is {}",
                unit.full(most)
            ));
        }
        CliError { message, ..error }
    }

    /// Says what is known when the time is over.
    fn out_of_time(&mut self, desk: &Desk<'_>) -> CliError {
        let time = duration::show(desk.timeout());
        let Ok((id, _)) = self.order.signed() else {
            return CliError::new(Exit::NotFinal, format!("nothing was sent within {time}"));
        };
        let show = format!("starling tx show {id}");
        let trouble = self.trouble.take();
        if self.fate.sent() == Sent::Never {
            let error = trouble.or(self.refusal.take()).unwrap_or_else(|| {
                CliError::new(Exit::Failure, "no node takes it in").code(BEHIND)
            });
            let message = format!("{}; transaction {id} was not sent", error.message);
            return CliError { message, ..error };
        }
        let may = may_become_final(id);
        if let Some(trouble) = trouble {
            let message = format!("outcome unknown after {time}: {trouble}; {may}");
            return CliError::new(Exit::NotFinal, message)
                .code("unknown")
                .next(show);
        }
        let Ok(status) = desk.node.rpc.status() else {
            let message = format!("outcome unknown after {time}; {may}");
            return CliError::new(Exit::NotFinal, message)
                .code("unknown")
                .next(show);
        };
        let left_ms = self.order.draft.expires_at_ms;
        let left_s = left_ms.saturating_sub(status.head_time_ms) / 1_000;
        let waits = || {
            let words = waiting_words(&status, &desk.names);
            let name = &desk.node.name;
            format!(
                "accepted by {name}, waiting: {words}; it stays valid for {left_s} s of block time"
            )
        };
        if status.consensus.halted {
            let waits = waits();
            let message = format!("{waits} and will be final when validators return: {may}");
            return CliError::new(Exit::Halted, message).next(show);
        }
        if !status.state().ready && !status.state().is_running() {
            return CliError::new(Exit::NotFinal, format!("{}: {may}", waits())).next(show);
        }
        let left = self.line.left.as_ref();
        let left = left.map_or(String::new(), |why| format!(" ({why})"));
        let message =
            format!("not final yet after {time}{left}, valid for {left_s} s of block time: {may}");
        CliError::new(Exit::NotFinal, message).next(show)
    }
}
