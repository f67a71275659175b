//! What asks a node to stop, and how long that takes.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::info;

use crate::error::{ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::interrupt;

/// The way to stop the node of this process; the first who asks stops it.
#[derive(Clone)]
pub(super) struct Stop(Arc<Mutex<Asked>>);

struct Asked {
    sender: Option<oneshot::Sender<()>>,
    at: Option<Instant>,
}

impl Stop {
    /// Listens to signals and, where that is wanted, for the end of the parent.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn listen(exit_with_parent: bool) -> Outcome<(Self, oneshot::Receiver<()>)> {
        let (sender, stopped) = oneshot::channel();
        let stop = Self(Arc::new(Mutex::new(Asked {
            sender: Some(sender),
            at: None,
        })));
        let signalled = stop.clone();
        interrupt::on_request(move |name| signalled.ask(name))?;
        if exit_with_parent {
            stop.clone().follow_parent()?;
        }
        Ok((stop, stopped))
    }

    /// Says in the log that the node has stopped, where it was asked to.
    pub(super) fn tell_end(&self) {
        let taken = self.lock().at.map(|at| at.elapsed());
        let milliseconds = taken.as_ref().map_or(0, Duration::as_millis);
        info!(milliseconds, "stopped");
    }

    fn follow_parent(self) -> Outcome {
        let watch = move || {
            let mut buffer = [0; 64];
            // Nobody writes to this pipe; it ends when its other side is gone.
            while matches!(io::stdin().lock().read(&mut buffer), Ok(count) if count > 0) {}
            self.ask("the parent has ended");
        };
        let thread = thread::Builder::new().name("parent".to_owned());
        thread.spawn(watch).exit(Exit::Io)?;
        Ok(())
    }

    fn ask(&self, why: &str) {
        let mut asked = self.lock();
        if let Some(sender) = asked.sender.take() {
            info!(why, "stopping");
            asked.at = Some(Instant::now());
            // A node that has ended already needs no word.
            let _ = sender.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
