//! Ctrl-C and the other ways to ask a process to end.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::output::Output;

/// Calls `action` in a thread of its own at the first SIGINT or SIGTERM, and at each later one.
///
/// # Errors
/// If the system refuses.
pub(crate) fn on_request(mut action: impl FnMut() + Send + 'static) -> Outcome {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .exit(Exit::Io)?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).exit(Exit::Io)?;
    let mut terminate = signal(SignalKind::terminate()).exit(Exit::Io)?;
    drop(entered);
    let wait = move || {
        loop {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            action();
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).exit(Exit::Io)?;
    Ok(())
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
        on_request(move || {
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
