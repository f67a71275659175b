//! The way from a trusted block to another, asked of a node page by page and checked step by step.

use std::time::Duration;

use serde_json::json;
use starling_ledger::block::BlockHeader;
use starling_ledger::codec::decode;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{Checkpoint, LightError, LightStep, Trusted};
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::Height;

use super::failure::{lied, unbelieved};
use super::piece;
use crate::duration;
use crate::error::{CliError, Outcome};
use crate::rpc::{Rpc, reply};
use crate::testnet::birth::now_ms;

/// Most bytes of an encoded step: two sets and a certificate of a thousand.
const STEP_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of an encoded set or header.
const SET_BYTES_MAX: usize = 128 * 1024;
/// Most answers that one way may take: a node could lead on for ever.
const PAGES_MAX: u32 = 256;
/// Most headers between a trusted block and an ancestor. Our choice: 30 MB, and at one block in ten
/// seconds more than the trust period of 14 days.
const DESCENT_MAX: Height = 128 * 1024;
/// Headers asked for at a time.
const HEADERS: u64 = 1_000;

/// Asks a node for the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LightWay<'a> {
    /// The node.
    pub(crate) rpc: &'a Rpc,
}

/// Why the goal was not reached.
#[derive(Debug)]
pub(crate) enum Astray {
    /// The call failed, or the answer is none.
    Call(CliError),
    /// A step is not believed.
    Step(LightError),
}

impl Astray {
    /// Puts it in words; `say` does so for a step that is not believed.
    pub(crate) fn into_cli(self, say: impl FnOnce(LightError) -> CliError) -> CliError {
        match self {
            Self::Call(error) => error,
            Self::Step(error) => say(error),
        }
    }
}

impl From<CliError> for Astray {
    fn from(error: CliError) -> Self {
        Self::Call(error)
    }
}

impl LightWay<'_> {
    /// Follows the steps to the block at `goal`.
    ///
    /// # Errors
    /// Those of the call, and [`Exit::Verification`](crate::exit::Exit::Verification).
    pub(super) fn walk(self, from: &Trusted, goal: Height) -> Outcome<Trusted> {
        let reached = self.walk_counting(from, goal);
        let reached = reached.map_err(|error| error.into_cli(|error| unbelieved(&error)));
        reached.map(|(trusted, _)| trusted)
    }

    /// Follows the steps to the block at `goal`; returns also how many could have signed it.
    pub(super) fn walk_counting(
        self,
        from: &Trusted,
        goal: Height,
    ) -> Result<(Trusted, usize), Astray> {
        let mut total = 0;
        let trusted = self.collect(from, goal, |before, step| {
            let signers = step.validators.as_ref().unwrap_or(before.next_validators());
            total = signers.members().len();
        })?;
        Ok((trusted, total))
    }

    /// Follows the steps to the block at `goal`, and shows each to `see` after it was checked, with
    /// the point before it.
    pub(crate) fn collect(
        self,
        from: &Trusted,
        goal: Height,
        mut see: impl FnMut(&Trusted, &LightStep),
    ) -> Result<Trusted, Astray> {
        let mut trusted = from.clone();
        let mut pages = 0;
        while trusted.height() < goal {
            pages += 1;
            let parameters = json!({"from": trusted.height(), "to": goal});
            let told: reply::LightSteps = self.rpc.typed("light_steps", &parameters)?;
            if told.steps.is_empty() || pages > PAGES_MAX {
                return Err(lied("its steps do not lead to the block of its answer").into());
            }
            for text in &told.steps {
                let step: LightStep = piece("step", text, decode::<_, STEP_BYTES_MAX>)?;
                if step.header.height > goal {
                    return Err(lied("its steps lead past the block of its answer").into());
                }
                let next = trusted.advance(&Ed25519, &step, now_ms());
                let next = next.map_err(Astray::Step)?;
                if next.height() == trusted.height() {
                    return Err(lied("its steps do not lead forward").into());
                }
                see(&trusted, &step);
                trusted = next;
            }
        }
        Ok(trusted)
    }

    /// Begins at a block that somebody vouches for.
    ///
    /// # Errors
    /// Those of the call, and [`Exit::Verification`](crate::exit::Exit::Verification) if the node
    /// has another block there.
    pub(crate) fn checkpoint(self, genesis: &Genesis, given: Checkpoint) -> Outcome<Trusted> {
        let (header, next) = self.header(given.height)?;
        Trusted::checkpoint(genesis, given, header, next).map_err(|error| unbelieved(&error))
    }

    /// Asks for a header and the validators after it; neither is checked.
    pub(crate) fn header(self, height: Height) -> Outcome<(BlockHeader, ValidatorSet)> {
        let told: reply::LightHeader =
            self.rpc.typed("light_header", &json!({"height": height}))?;
        let header = piece("header", &told.header, decode::<_, SET_BYTES_MAX>)?;
        let next = &told.next_validators;
        Ok((header, piece("set", next, decode::<_, SET_BYTES_MAX>)?))
    }

    /// Asks for the validators that signed an older header: the next ones of the block before it.
    /// Whoever uses them checks their hash.
    pub(super) fn signers(self, header: &BlockHeader) -> Outcome<ValidatorSet> {
        let parameters = json!({"hash": header.validators_hash.to_string()});
        let told: reply::LightValidators = self.rpc.typed("light_validators", &parameters)?;
        piece("set", &told.validators, decode::<_, SET_BYTES_MAX>)
    }

    /// Checks that `header` is an ancestor of the trusted one, by the hashes of all between.
    pub(super) fn descend(self, trusted: &Trusted, header: &BlockHeader) -> Outcome {
        let distance = trusted.height().saturating_sub(header.height);
        let missing = || lied("the genesis has no ancestor");
        if distance > DESCENT_MAX {
            let message = format!(
                "block {} is too far below block {} to be verified: other validators signed it, \
                 and {distance} headers lie between",
                header.height,
                trusted.height()
            );
            return Err(CliError::new(crate::exit::Exit::Verification, message).code("too_old"));
        }
        let mut descent = trusted.descent().ok_or_else(missing)?;
        while descent.height() >= header.height {
            let from = descent.height();
            let count = HEADERS.min(from - header.height + 1);
            let parameters = json!({"from": from, "count": count});
            let told: reply::LightHeaders = self.rpc.typed("light_headers", &parameters)?;
            if u64::try_from(told.headers.len()) != Ok(count) {
                return Err(lied("headers are missing on the way down"));
            }
            for text in &told.headers {
                let found: BlockHeader = piece("header", text, decode::<_, SET_BYTES_MAX>)?;
                descent.take(&found).map_err(|error| unbelieved(&error))?;
                if found.height == header.height && found != *header {
                    return Err(lied("the block is no ancestor of the last verified one"));
                }
            }
        }
        Ok(())
    }
}

/// Writes how long ago something was: `12 s`, `3 min`, `5 h`, `12 days`.
pub(crate) fn age(age_ms: u64) -> String {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    match age_ms {
        0..1_000 => "less than 1 s".to_owned(),
        1_000..120_000 => format!("{} s", age_ms / 1_000),
        120_000..7_200_000 => duration::show(Duration::from_millis(age_ms)),
        _ if age_ms < 48 * HOUR_MS => format!("{} h", age_ms / HOUR_MS),
        _ => format!("{} days", age_ms / HOUR_MS / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_as_coarse_as_they_are_long() {
        let hour = 60 * 60 * 1000;
        for (age_ms, text) in [
            (5, "less than 1 s"),
            (61_000, "61 s"),
            (180_000, "3 min"),
            (3 * hour, "3 h"),
            (100 * hour, "4 days"),
        ] {
            assert_eq!(age(age_ms), text);
        }
    }
}
