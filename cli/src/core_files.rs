//! Keeping keys out of core files and away from other processes of the same user.
//!
//! A process that is killed by a fault, or by `kill -ABRT`, leaves its memory in a file, and with
//! it every key it has read; another process of the user that attaches to it reads them as well.
//! Every command forbids both before it does anything else: which commands read keys changes, this
//! rule does not. The limit alone would not do: a system may hand core files to a program, whatever
//! the limit says.
//!
//! Whoever debugs starts the program under the debugger, or attaches as root: both still work.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::error::{CliError, Outcome};
use crate::exit::Exit;

/// Forbids core files of this process and of those it starts, and its memory to everybody but root.
///
/// # Errors
/// [`Exit::Failure`] if the system refuses: no key is read then.
pub(crate) fn forbid() -> Outcome {
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .and_then(|()| setrlimit(Resource::Core, nothing))
        .map_err(|error| {
            let message =
                format!("the system does not let keys be kept out of core files: {error}");
            CliError::new(Exit::Failure, message).code("core_files")
        })
}
