//! What becomes of one transaction, and what to do next, by what nodes say of it.
//!
//! The one question is whether it may be signed again, or told as not paid. It may if it never
//! left, or if there is proof that no block can take it any more: that it expired with its nonce
//! unused, or that another transaction has its nonce. As long as neither is known it is submitted
//! and asked for again, the same bytes, here and elsewhere: the ledger takes it at most once.
//!
//! | asked | heard | if it never left | else |
//! |---|---|---|---|
//! | submit | it waits | look later | look later |
//! | submit | its nonce is another's | sign again | look for proof, later |
//! | submit | refused | refused | look for proof, later |
//! | submit | the node is behind | submit later | submit later |
//! | submit | nothing | submit later | look later |
//! | look | final, with proof | final | final |
//! | look | unknown | look for proof | look for proof |
//! | proof | expired, or another has its nonce | – | expired, or sign again |
//! | proof | none | submit | submit |
//!
//! # Invariants
//! Whatever follows a submission waits a moment: no node makes a client spin.
//!
//! [`End::Expired`] and [`End::Lost`] are told only of what never left or is proven dead;
//! [`End::Refused`] only of what never left.

use starling_ledger::light::Past;

/// How far the bytes have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sent {
    /// No node has them: each that they were handed to has refused them.
    Never,
    /// A node may have them: what was handed in was not answered.
    Maybe,
    /// A node said that it has them.
    Taken,
}

/// What may be asked of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// To take the transaction.
    Submit,
    /// Where it stands.
    Look,
    /// What its sender's history proves.
    Prove,
}

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It waits there.
    Waits,
    /// It is in a block: proven, where a look was asked for.
    Final,
    /// The same under other signatures, by somebody else, waits there.
    OtherWaits,
    /// The same under other signatures, by somebody else, is in a block.
    OtherFinal,
    /// The node does not know it.
    Unknown,
    /// It is refused.
    Refused(Refusal),
    /// What is proven of it.
    Proof(Past),
    /// Nothing can be proven.
    NoProof,
    /// No answer that counts; whether the call may have been heard all the same.
    Nothing {
        /// Whether it may.
        may_be_heard: bool,
    },
}

/// Why a node does not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another transaction has its nonce, or it is none that is due.
    Nonce,
    /// The node does not know yet what it builds upon.
    Behind,
    /// Anything else.
    Other,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask at once.
    Now(Call),
    /// Ask after a pause.
    Later(Call),
    /// Nothing more is to be asked.
    End(End),
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is final.
    Final,
    /// It was refused, and no node has it.
    Refused,
    /// It expired: no block can take it any more.
    Expired,
    /// Another transaction has its nonce: no block can take it any more, or it never left.
    Lost,
}

/// What is known of one transaction's way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    sent: Sent,
}

impl Refusal {
    /// Reads the node's word.
    pub(crate) fn of(code: &str) -> Self {
        match code {
            "nonce" | "nonce_used" | "underpriced" => Self::Nonce,
            "unknown_sender" | "nonce_gap" => Self::Behind,
            _ => Self::Other,
        }
    }
}

impl Fate {
    /// Begins with bytes that were just signed.
    pub(crate) const fn fresh() -> (Self, Call) {
        (Self { sent: Sent::Never }, Call::Submit)
    }

    /// Begins with bytes that may have been sent before.
    pub(crate) const fn repeated() -> (Self, Call) {
        (Self { sent: Sent::Maybe }, Call::Look)
    }

    /// Returns how far the bytes have come.
    pub(crate) const fn sent(&self) -> Sent {
        self.sent
    }

    /// Notes that a node may have the bytes, or gets them from others on this machine.
    pub(crate) fn share(&mut self) {
        self.sent = self.sent.max(Sent::Maybe);
    }

    /// Takes what was heard after `call`, and says what to do next.
    pub(crate) fn hear(&mut self, call: Call, heard: Heard) -> Step {
        let never_left = self.sent == Sent::Never;
        match (call, heard) {
            (_, Heard::Waits) => {
                self.sent = Sent::Taken;
                Step::Later(Call::Look)
            }
            (Call::Submit | Call::Prove, Heard::Final | Heard::OtherFinal) => {
                Step::Later(Call::Look)
            }
            (Call::Look, Heard::Final) => Step::End(End::Final),
            (Call::Look, Heard::OtherFinal) => Step::End(End::Lost),
            (Call::Submit, Heard::OtherWaits | Heard::Refused(Refusal::Nonce)) if never_left => {
                Step::End(End::Lost)
            }
            (_, Heard::OtherWaits) => Step::Later(Call::Look),
            (_, Heard::Refused(Refusal::Behind)) => Step::Later(Call::Submit),
            (_, Heard::Refused(Refusal::Other)) if never_left => Step::End(End::Refused),
            (_, Heard::Refused(_)) => Step::Later(Call::Prove),
            (Call::Submit, Heard::Nothing { may_be_heard }) => {
                if may_be_heard {
                    self.share();
                }
                Step::Later(match self.sent {
                    Sent::Never => Call::Submit,
                    Sent::Maybe | Sent::Taken => Call::Look,
                })
            }
            (_, Heard::Nothing { .. }) => Step::Later(call),
            (_, Heard::Unknown) => Step::Now(Call::Prove),
            (_, Heard::Proof(Past::Happened)) => Step::Later(Call::Look),
            (_, Heard::Proof(Past::Expired { .. })) => Step::End(End::Expired),
            (_, Heard::Proof(Past::Replaced { .. })) => Step::End(End::Lost),
            (_, Heard::Proof(Past::Open { .. }) | Heard::NoProof) => Step::Now(Call::Submit),
        }
    }
}

#[cfg(test)]
mod tests;
