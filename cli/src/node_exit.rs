//! From what stops a node to the exit code and the next step.

use std::io;

use starling_gossip::transport::BindError;
use starling_ledger::chain::{ChainError, ChainStore, Vouched};
use starling_ledger::light::Checkpoint;
use starling_ledger::state::StateError;
use starling_ledger::storage::StorageError;
use starling_node::core::HaltReason;
use starling_node::runtime::{FileError, LogError, RuntimeError};

use crate::error::{CliError, Outcome};
use crate::exit::Exit;

/// What to do about a ledger that a checkpoint contradicts.
const OTHER_HISTORY: &str = "ask whoever gave you the checkpoint; if it is right, move the data \
                             folder away and begin with an empty one and other neighbours";
/// What to do about two chains.
const TWO_CHAINS: &str = "show the file to everybody, and decide together which chain goes on; \
                          move the file away to start this node on the one it has";

/// Explains why a node stopped, or did not start.
pub(crate) fn of(error: &RuntimeError) -> CliError {
    match error {
        RuntimeError::Chain(error) => chain(error),
        RuntimeError::Log(error) => log(error),
        RuntimeError::Journal(error) => file(error),
        RuntimeError::Bind(BindError::InUse { .. }) => port(error.to_string(), "--listen"),
        RuntimeError::Http { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
            port(error.to_string(), "--http")
        }
        RuntimeError::KeepBlocks { min, .. } => CliError::new(Exit::Config, error.to_string())
            .next(format!(
                "set keep_blocks to {min} or more, or leave it out to keep all"
            )),
        RuntimeError::Checkpoint { .. } => CliError::new(Exit::Verification, error.to_string())
            .code("checkpoint")
            .next(OTHER_HISTORY),
        RuntimeError::CheckpointGone { first, .. } => {
            CliError::new(Exit::Verification, error.to_string())
                .code("checkpoint")
                .next(format!("name block {first} or a later one"))
        }
        RuntimeError::Forked { .. } => CliError::new(Exit::Divergence, error.to_string())
            .code("fork")
            .next(TWO_CHAINS),
        RuntimeError::Halted(reason) => halted(reason),
        _ => CliError::new(Exit::Io, error.to_string()),
    }
}

/// Compares a stored chain with a checkpoint.
///
/// # Errors
/// [`Exit::Verification`] where the block of its height is another one, is not kept, or has not
/// come.
pub(crate) fn vouched(chain: &ChainStore, given: Checkpoint) -> Outcome {
    let reader = chain.read();
    let error = match reader.vouched(given).map_err(|error| self::chain(&error))? {
        Vouched::Holds => return Ok(()),
        Vouched::Differs { found } => RuntimeError::Checkpoint { given, found },
        Vouched::Gone { first } => RuntimeError::CheckpointGone { given, first },
        Vouched::Ahead => {
            let message = format!("this ledger ends below the checkpoint {given}");
            return Err(CliError::new(Exit::Verification, message).code("checkpoint"));
        }
    };
    Err(of(&error))
}

/// Explains an error of the store.
pub(crate) fn storage(error: &StorageError) -> CliError {
    let message = error.to_string();
    match error {
        StorageError::NoSpace { .. } => CliError::new(Exit::DiskFull, message)
            .next("make room and start again; nothing that was acknowledged is lost"),
        StorageError::Corrupt { .. } => CliError::new(Exit::Corrupt, message)
            .next("move the folder away and start with an empty one: it is fetched again"),
        StorageError::Locked { .. } => CliError::new(Exit::Locked, message)
            .next("stop the other node, or name another --data-dir"),
        StorageError::Schema { .. } | StorageError::OldSchema { .. } => {
            CliError::new(Exit::Config, message)
        }
        StorageError::Missing { .. } => {
            CliError::new(Exit::Config, message).next("name the folder of a node with --data-dir")
        }
        _ => CliError::new(Exit::Io, message),
    }
}

/// Explains an error of the chain.
pub(crate) fn chain(error: &ChainError) -> CliError {
    let message = error.to_string();
    match error {
        ChainError::Storage(error) | ChainError::State(StateError::Storage(error)) => {
            storage(error)
        }
        ChainError::OtherNetwork { .. } => CliError::new(Exit::WrongNetwork, message)
            .next("name the genesis of that network, or another --data-dir"),
        ChainError::Genesis(_) => {
            CliError::new(Exit::Config, message).next("starling genesis check FILE")
        }
        _ => CliError::new(Exit::Corrupt, message),
    }
}

/// Explains an error of consensus log and sign guard.
pub(crate) fn log(error: &LogError) -> CliError {
    let message = error.to_string();
    match error {
        LogError::Io { source, .. } => refused(source, message),
        LogError::Log { .. } => CliError::new(Exit::Corrupt, message),
        LogError::Foreign { .. } => CliError::new(Exit::SignGuard, message)
            .next("use the folder of this key and network, or an empty one"),
        LogError::Guard { .. } => CliError::new(Exit::SignGuard, message)
            .next("start the node: it keeps the damaged guard aside, and watches before it signs"),
        _ => CliError::new(Exit::Failure, message),
    }
}

/// Explains what the file system refuses of the journal of submissions.
fn file(error: &FileError) -> CliError {
    refused(&error.source, error.to_string())
}

fn refused(source: &io::Error, message: String) -> CliError {
    match source.kind() {
        io::ErrorKind::StorageFull => CliError::new(Exit::DiskFull, message),
        _ => CliError::new(Exit::Io, message),
    }
}

fn halted(reason: &HaltReason) -> CliError {
    let message = reason.to_string();
    match reason {
        HaltReason::Divergence { .. } => CliError::new(Exit::Divergence, message)
            .next("keep the folder as evidence, and compare versions with other operators"),
        HaltReason::Checkpoint { .. } => CliError::new(Exit::Verification, message)
            .code("checkpoint")
            .next(OTHER_HISTORY),
        HaltReason::Fork(_) => CliError::new(Exit::Divergence, message)
            .code("fork")
            .next(TWO_CHAINS),
        HaltReason::Storage { .. } => CliError::new(storage_exit(&message), message),
        _ => CliError::new(Exit::Failure, message),
    }
}

/// The store's reason comes as a text; the words are those of [`StorageError`].
fn storage_exit(message: &str) -> Exit {
    if message.contains("no space left") {
        Exit::DiskFull
    } else if message.contains("corrupt data") {
        Exit::Corrupt
    } else {
        Exit::Io
    }
}

fn port(message: String, flag: &str) -> CliError {
    CliError::new(Exit::PortInUse, message).next(format!("choose another with {flag}"))
}

#[cfg(test)]
mod tests {
    use starling_ledger::hash::Hash;
    use starling_ledger::storage::StorageOperation;

    use super::*;

    #[test]
    fn each_way_to_stop_has_its_code() {
        let full = StorageError::NoSpace {
            operation: StorageOperation::Write,
            reason: String::new(),
        };
        let stop = HaltReason::Storage {
            reason: full.to_string(),
        };
        assert_eq!(halted(&stop).exit, Exit::DiskFull);
        assert_eq!(storage(&full).exit, Exit::DiskFull);
        let other = ChainError::OtherNetwork {
            stored: Hash([1; 32]),
            given: Hash([2; 32]),
        };
        assert_eq!(of(&RuntimeError::Chain(other)).exit, Exit::WrongNetwork);
        let address = "127.0.0.1:7100".parse().unwrap();
        let source = io::Error::from(io::ErrorKind::AddrInUse);
        let http = RuntimeError::Http { address, source };
        assert_eq!(of(&http).exit, Exit::PortInUse);
        let diverged = HaltReason::Divergence {
            height: 5,
            reason: String::new(),
        };
        assert_eq!(of(&RuntimeError::Halted(diverged)).exit, Exit::Divergence);
    }
}
