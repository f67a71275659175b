//! The birth document of a local network: `n1`, `n2`, … agree, `alice` and `bob` have something to
//! spend.
//!
//! Its rules are those of `genesis/local.toml`; validators and time are its own.

use std::time::{SystemTime, UNIX_EPOCH};

use starling_ledger::genesis::Genesis;

use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::names;

/// Makes the genesis of a local network with this many validators, born now.
///
/// # Errors
/// A usage error if the name or the number is out of range.
pub(crate) fn local(name: &str, validators: u16) -> Outcome<Genesis> {
    if !(1..=names::VALIDATORS_MAX).contains(&validators) {
        return Err(CliError::usage(format!(
            "{validators} validators, expected 1 to {}",
            names::VALIDATORS_MAX
        )));
    }
    let genesis = Genesis::local(name, now_ms(), validators);
    genesis.check().exit(Exit::Usage)?;
    Ok(genesis)
}

/// Returns the time of this machine, milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, crate::duration::as_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_makes_a_valid_network() {
        for validators in [1, 4, names::VALIDATORS_MAX] {
            let genesis = local("local", validators).unwrap();
            assert_eq!(genesis.validators.len(), usize::from(validators));
            assert_eq!(Genesis::from_toml(&genesis.to_toml()), Ok(genesis));
        }
        assert!(local("local", 0).is_err());
        assert!(local("local", names::VALIDATORS_MAX + 1).is_err());
    }
}
