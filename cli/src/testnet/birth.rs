//! The birth document of a local network: `n1`, `n2`, … agree, `alice` and `bob` have something to
//! spend.
//!
//! Its rules are those of `genesis/local.toml`; validators and time are its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use starling_ledger::genesis::{Genesis, Parameters};

use crate::duration;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::names;

/// How quickly validators change, where the user wants it otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Pace {
    /// Blocks of an epoch: validators change at its end only [default: 100].
    #[arg(long, value_name = "N")]
    pub(crate) epoch_blocks: Option<u64>,
    /// Time from the end of an epoch to the release of stake [default: 504h].
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) unbonding: Option<Duration>,
}

impl Pace {
    /// Returns the rules with what the user wants. Evidence counts as long as stake is locked, and
    /// a header vouches for validators two thirds of that time.
    pub(crate) fn applied(self, rules: Parameters) -> Parameters {
        let mut rules = rules;
        if let Some(blocks) = self.epoch_blocks {
            rules.epoch_blocks = blocks;
        }
        if let Some(unbonding) = self.unbonding {
            rules.unbonding_ms = duration::as_ms(unbonding);
            rules.evidence_age_ms = rules.unbonding_ms;
            rules.trust_period_ms = rules.unbonding_ms / 3 * 2;
        }
        rules
    }
}

/// Makes the genesis of a local network with this many validators, born now.
///
/// # Errors
/// A usage error if the name, the number or the pace is out of range.
pub(crate) fn local(name: &str, validators: u16, pace: Pace) -> Outcome<Genesis> {
    if !(1..=names::VALIDATORS_MAX).contains(&validators) {
        return Err(CliError::usage(format!(
            "{validators} validators, expected 1 to {}",
            names::VALIDATORS_MAX
        )));
    }
    let mut genesis = Genesis::local(name, now_ms(), validators);
    genesis.parameters = pace.applied(genesis.parameters);
    genesis.check().exit(Exit::Usage)?;
    Ok(genesis)
}

/// Returns the time of this machine, milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, duration::as_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_makes_a_valid_network() {
        for validators in [1, 4, names::VALIDATORS_MAX] {
            let genesis = local("local", validators, Pace::default()).unwrap();
            assert_eq!(genesis.validators.len(), usize::from(validators));
            assert_eq!(Genesis::from_toml(&genesis.to_toml()), Ok(genesis));
        }
        assert!(local("local", 0, Pace::default()).is_err());
        assert!(local("local", names::VALIDATORS_MAX + 1, Pace::default()).is_err());
    }

    #[test]
    fn quick_networks_keep_the_order_of_their_periods() {
        let pace = |epoch_blocks, seconds| Pace {
            epoch_blocks: Some(epoch_blocks),
            unbonding: Some(Duration::from_secs(seconds)),
        };
        let rules = local("local", 4, pace(5, 20)).unwrap().parameters;
        assert_eq!((rules.epoch_blocks, rules.unbonding_ms), (5, 20_000));
        assert!(rules.trust_period_ms < rules.evidence_age_ms);
        for wrong in [pace(0, 20), pace(5, 0)] {
            assert!(local("local", 4, wrong).is_err());
        }
    }
}
