//! Ctrl-C and the other ways to ask a process to end.

use std::fs::{self, File};
use std::future::pending;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::output::Output;

/// Its number on Linux, everywhere.
const SIGHUP: u32 = 1;

/// Calls `action` in a thread of its own, with the name of the signal, at each that asks a process
/// to end: SIGINT, SIGTERM, and SIGHUP where it means that the terminal is gone.
///
/// A process without a terminal is told by SIGHUP to open its files anew, and has none: it goes on.
/// One that was started with SIGHUP ignored (`nohup`) goes on ignoring it.
///
/// # Errors
/// If the system refuses.
pub(crate) fn on_request(mut action: impl FnMut(&'static str) + Send + 'static) -> Outcome {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .exit(Exit::Io)?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).exit(Exit::Io)?;
    let mut terminate = signal(SignalKind::terminate()).exit(Exit::Io)?;
    let hang_up = (!is_ignored(SIGHUP)).then(|| signal(SignalKind::hangup()));
    let mut hang_up = hang_up.transpose().exit(Exit::Io)?;
    drop(entered);
    // Asked now: a terminal that is gone cannot be opened.
    let has_terminal = File::open("/dev/tty").is_ok();
    let wait = move || {
        loop {
            let hung_up = async {
                match &mut hang_up {
                    Some(signal) => signal.recv().await,
                    None => pending().await,
                }
            };
            let name = runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                    _ = hung_up => "SIGHUP",
                }
            });
            if name == "SIGHUP" && !has_terminal {
                tracing::info!("SIGHUP: nothing is to be opened anew");
            } else {
                action(name);
            }
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).exit(Exit::Io)?;
    Ok(())
}

/// Says whether this process was started with a signal ignored.
fn is_ignored(signal: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// What Ctrl-C means at the moment.
#[derive(Clone, Debug)]
pub(crate) struct Farewell(Arc<Mutex<CliError>>);

impl Farewell {
    /// Ends the process at Ctrl-C, with a sentence on what that means.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn begin(output: Output, words: CliError) -> Outcome<Self> {
        let farewell = Self(Arc::new(Mutex::new(words)));
        let told = farewell.clone();
        on_request(move |_| {
            output.error(&told.0.lock().unwrap_or_else(PoisonError::into_inner));
            process::exit(i32::from(Exit::Interrupted.number()));
        })?;
        Ok(farewell)
    }

    /// Says what it means from now on.
    pub(crate) fn change(&self, words: CliError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }
}

/// Makes the error that Ctrl-C ends with.
pub(crate) fn interrupted(message: &str) -> CliError {
    CliError::new(Exit::Interrupted, format!("interrupted; {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_signals_are_ignored() {
        let (pipe, kill) = (13, 9);
        // Rust ignores the first in every program, and nobody can ignore the other.
        assert!(is_ignored(pipe));
        assert!(!is_ignored(kill));
    }
}
