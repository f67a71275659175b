//! What a node does as a validator, in words.

use serde::Serialize;

use crate::consensus::Duty;
use crate::core::Status;
use crate::share::percent;

/// What a node does as a validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DutyReply {
    /// `follows`, `signs`, `waits`, `watches`, `skips_height` or `excluded`.
    pub state: &'static str,
    /// A stable word for the reason of a watch.
    pub reason: Option<&'static str>,
    /// Why it does not sign.
    pub why: Option<String>,
    /// When it will.
    pub until: Option<String>,
}

impl DutyReply {
    /// Describes a node.
    pub fn new(status: &Status) -> Self {
        let of = |state| Self {
            state,
            reason: None,
            why: None,
            until: None,
        };
        if status.standing.excluded {
            let why =
                "this key signed two values for one step, was punished, and never votes again";
            return Self {
                why: Some(why.to_owned()),
                ..of("excluded")
            };
        }
        let consensus = &status.consensus;
        match &consensus.duty {
            Duty::Follows => of("follows"),
            Duty::Signs => of("signs"),
            Duty::Waits { heard } => Self {
                why: Some(format!(
                    "{} of voting power has answered, more than two thirds are needed",
                    percent(*heard, consensus.total_power)
                )),
                ..of("waits")
            },
            Duty::Watches(watching) => Self {
                reason: Some(watching.doubt.word()),
                why: Some(watching.doubt.to_string()),
                until: Some(watching.until(status.now.instant)),
                ..of("watches")
            },
            Duty::SkipsHeight => Self {
                why: Some("it may have signed at this height before".to_owned()),
                ..of("skips_height")
            },
        }
    }
}
