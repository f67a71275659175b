//! Asking before something that cannot be taken back.

use std::io::{self, IsTerminal as _, Write as _};

use crate::context::Context;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;

/// Lets the user type `words`, unless `agreed` by a flag.
///
/// # Errors
/// A usage error if something else was typed, or there is nobody to ask.
pub(crate) fn confirm(context: &Context, agreed: bool, words: &str) -> Outcome {
    if agreed {
        return Ok(());
    }
    let nobody = context.global.no_input || context.output.is_json() || !io::stdin().is_terminal();
    if nobody {
        let message = "nothing was done: this has to be confirmed, and there is nobody to ask";
        return Err(CliError::usage(message).code("confirm").next("add --yes"));
    }
    let mut stderr = io::stderr();
    let _ = write!(stderr, "type \"{words}\" to go on: ");
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).exit(Exit::Io)?;
    if answer.trim() == words {
        return Ok(());
    }
    Err(CliError::usage("nothing was done").code("confirm"))
}
