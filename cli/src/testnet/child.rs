//! One node as a child process of the supervisor.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// How long a node may take to stop in good order.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);
const STOP_POLL: Duration = Duration::from_millis(10);
/// Settings from the environment that all nodes may share.
const SHARED_VARIABLES: [&str; 3] = [
    "STARLING_LOG",
    "STARLING_MEMORY_MIB",
    "STARLING_SNAPSHOT_EPOCHS",
];

/// How to start a node.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Where its output goes, appended.
    pub(crate) log: PathBuf,
}

/// What became of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It runs.
    Running,
    /// It is frozen, and goes on where it was.
    Paused,
    /// It was killed on request.
    Killed,
    /// It was stopped in good order on request.
    Stopped,
    /// It ended by itself.
    Ended,
}

/// A node and its process.
#[derive(Debug)]
pub(crate) struct NodeProcess {
    recipe: Recipe,
    child: Option<Child>,
    state: State,
    exit: Option<u8>,
}

impl NodeProcess {
    /// Knows how to start a node, and does not yet.
    pub(crate) fn new(recipe: Recipe) -> Self {
        Self {
            recipe,
            child: None,
            state: State::Stopped,
            exit: None,
        }
    }

    /// Returns what became of it.
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Returns the exit code of a node that ended by itself, where it had one.
    pub(crate) const fn exit(&self) -> Option<u8> {
        self.exit
    }

    /// Returns where its output goes.
    pub(crate) const fn log(&self) -> &PathBuf {
        &self.recipe.log
    }

    /// Returns its process id, while it has one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it. Its input is a pipe that nobody writes to: when it closes, the supervisor is
    /// gone.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.recipe.log)?;
        // A group of its own, so that Ctrl-C on the terminal reaches the supervisor alone.
        let mut command = Command::new(&self.recipe.program);
        // What the user set for one node must not reach all of them, but for what may be alike.
        for (name, _) in std::env::vars_os() {
            let ours = name.as_encoded_bytes().starts_with(b"STARLING_");
            if ours && !SHARED_VARIABLES.iter().any(|shared| name == *shared) {
                command.env_remove(name);
            }
        }
        let child = command
            .args(&self.recipe.arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        self.child = Some(child);
        self.state = State::Running;
        self.exit = None;
        Ok(())
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        self.state = State::Killed;
        Ok(())
    }

    /// Freezes it.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        self.signal(Signal::STOP)?;
        self.state = State::Paused;
        Ok(())
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        self.signal(Signal::CONT)?;
        self.state = State::Running;
        Ok(())
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn ask_to_stop(&mut self) {
        // A frozen process would not hear it; one that is gone needs nothing.
        let _ = self.signal(Signal::CONT);
        let _ = self.signal(Signal::TERM);
    }

    /// Waits until it has stopped; kills it when it takes too long.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn wait_stopped(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + STOP_TIMEOUT;
        while let Some(child) = &mut self.child {
            if child.try_wait()?.is_some() {
                self.child = None;
            } else if Instant::now() > deadline {
                return self.kill();
            } else {
                thread::sleep(STOP_POLL);
            }
        }
        self.state = State::Stopped;
        Ok(())
    }

    /// Looks whether it ended by itself since the last look.
    pub(crate) fn look(&mut self) -> bool {
        let Some(child) = &mut self.child else {
            return false;
        };
        let Ok(Some(status)) = child.try_wait() else {
            return false;
        };
        self.child = None;
        self.state = State::Ended;
        let code = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal));
        self.exit = code.and_then(|code| u8::try_from(code).ok());
        true
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.child {
            Some(child) => Ok(kill_process(Pid::from_child(child), signal)?),
            None => Ok(()),
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(script: &str, folder: &std::path::Path) -> NodeProcess {
        NodeProcess::new(Recipe {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            log: folder.join("log"),
        })
    }

    #[test]
    fn stops_in_good_order_even_when_frozen() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = process("exec cat", folder.path());
        node.start().unwrap();
        node.pause().unwrap();
        assert_eq!(node.state(), State::Paused);
        node.ask_to_stop();
        node.wait_stopped().unwrap();
        assert_eq!((node.state(), node.pid()), (State::Stopped, None));
    }

    #[test]
    fn notices_an_end_by_itself_with_its_code() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = process("exit 69", folder.path());
        node.start().unwrap();
        while !node.look() {
            thread::sleep(STOP_POLL);
        }
        assert_eq!((node.state(), node.exit()), (State::Ended, Some(69)));
    }

    #[test]
    fn process_ends_when_its_pipe_closes() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = process("cat; echo over", folder.path());
        node.start().unwrap();
        drop(node.child.as_mut().unwrap().stdin.take());
        while !node.look() {
            thread::sleep(STOP_POLL);
        }
        assert_eq!(
            std::fs::read_to_string(folder.path().join("log")).unwrap(),
            "over\n"
        );
    }
}
