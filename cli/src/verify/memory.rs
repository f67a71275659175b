//! The memory of what was verified: per network, the last header, so that nobody leads back.
//!
//! One small file per network in the data folder, named after the genesis. It is written all or
//! nothing. Commands that run at once take turns, and the highest block stays.
//!
//! # Invariants
//! - The height that is remembered never falls.
//! - A damaged file is set aside, with a warning that nothing silences, and the checks begin at
//!   the genesis again.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::light::{Conflict, SAVED_BYTES_MAX, Trusted};
use starling_node::api::ConflictReply;

use crate::args::Global;
use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::folders;
use crate::output::Output;
use crate::turn::Turn;

/// How long to wait for a turn at the file: a disk may take its time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The file of one network.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    folder: Option<PathBuf>,
    network: Hash,
}

impl Memory {
    /// Names the file of `network`; a user may have no place for one. Nothing is read yet.
    pub(super) fn open(global: &Global, network: Hash) -> Self {
        let folder = folders::of_data(global, "verified");
        Self { folder, network }
    }

    fn folder(&self) -> Outcome<&Path> {
        let folder = self.folder.as_deref();
        folder.ok_or_else(|| folders::no_home("XDG_DATA_HOME"))
    }

    fn path(&self, ending: &str) -> Outcome<PathBuf> {
        Ok(self.folder()?.join(format!("{}.{ending}", self.network)))
    }

    /// Returns the last point that was verified; `None` where there is none, or a damaged one.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(super) fn recall(&self, genesis: &Genesis, output: Output) -> Outcome<Option<Trusted>> {
        if self.folder.is_none() {
            return Ok(None);
        }
        let path = self.path("head")?;
        let Some(bytes) = read(&path).on("read", &path)? else {
            return Ok(None);
        };
        let reason = match Trusted::from_bytes(genesis, &bytes) {
            Ok(Ok(trusted)) => return Ok(Some(trusted)),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let aside = self.path("damaged")?;
        let kept = match fs::rename(&path, &aside) {
            Ok(()) => format!("it is set aside as {}", aside.display()),
            Err(error) => format!("it cannot be set aside: {error}"),
        };
        output.warn(&format!(
            "{} cannot be used: {reason}; {kept}. What was verified before is forgotten: this \
             check begins at the genesis again",
            path.display()
        ));
        Ok(None)
    }

    /// Remembers `trusted`, unless a later block is remembered already.
    ///
    /// # Errors
    /// If the file cannot be written; [`Exit::Verification`] if another command verified another
    /// block of this height.
    pub(super) fn keep(&self, genesis: &Genesis, trusted: &Trusted) -> Outcome {
        let Some(bytes) = trusted.to_bytes() else {
            return Ok(());
        };
        let _turn = Turn::wait(&self.path("lock")?, PATIENCE)?;
        let path = self.path("head")?;
        let known = read(&path).on("read", &path)?;
        let known = known.and_then(|known| Trusted::from_bytes(genesis, &known).ok()?.ok());
        if let Some(known) = known {
            if known.height() > trusted.height() || known.hash() == trusted.hash() {
                return Ok(());
            }
            if known.height() == trusted.height() {
                let message = format!(
                    "verification failed: two certified blocks at height {}: {} and {}",
                    known.height(),
                    known.hash(),
                    trusted.hash()
                );
                return Err(CliError::new(Exit::Verification, message).code("conflict"));
            }
        }
        folders::write_private(&path, &bytes)
    }

    /// Writes down two certified blocks that contradict each other, and says where.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn evidence(&self, conflict: &Conflict) -> Outcome<PathBuf> {
        folders::create_private(self.folder()?)?;
        let path = self.path(&format!("conflict-{}.json", conflict.other.height))?;
        let text = serde_json::json!(ConflictReply::new(&self.network, conflict));
        folders::write_private(&path, text.to_string().as_bytes())?;
        Ok(path)
    }
}

/// Reads a file of this kind; one that is too large is cut, and so found damaged.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(SAVED_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use starling_ledger::block::{BlockHash, BlockHeader};
    use starling_ledger::light::Checkpoint;
    use starling_ledger::validators::ValidatorSet;

    use super::*;

    /// A block that somebody vouches for.
    fn point(genesis: &Genesis, height: u64, state: u8) -> Trusted {
        let set = genesis.validator_set().unwrap();
        let header = BlockHeader {
            version: 1,
            upgrade_signal: 1,
            genesis: genesis.hash(),
            height,
            round: 0,
            parent: BlockHash(Hash::ZERO),
            time_ms: height,
            proposer: set.members()[0].account,
            transaction_root: Hash::ZERO,
            transaction_count: 0,
            state_root: Hash([state; 32]),
            validators_hash: set.hash(),
            next_validators_hash: set.hash(),
            evidence_root: Hash::ZERO,
            evidence_count: 0,
            parent_certificate_hash: Hash::ZERO,
        };
        let next = ValidatorSet::clone(&set);
        Trusted::checkpoint(genesis, Checkpoint::of(&header), header, next).unwrap()
    }

    fn memory(folder: &Path, genesis: &Genesis) -> Memory {
        Memory {
            folder: Some(folder.join("verified")),
            network: genesis.hash(),
        }
    }

    fn height(memory: &Memory, genesis: &Genesis) -> Option<u64> {
        let found = memory.recall(genesis, Output::unparsed(false)).unwrap();
        found.map(|trusted| trusted.height())
    }

    #[test]
    fn the_highest_block_stays_also_when_many_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let genesis = Genesis::local("local", 1, 4);
        let memory = memory(folder.path(), &genesis);
        assert_eq!(height(&memory, &genesis), None);
        std::thread::scope(|scope| {
            for number in 1..=8 {
                let (memory, genesis) = (&memory, &genesis);
                scope.spawn(move || {
                    memory.keep(genesis, &point(genesis, number, 0)).unwrap();
                });
            }
        });
        assert_eq!(height(&memory, &genesis), Some(8));
        memory.keep(&genesis, &point(&genesis, 3, 0)).unwrap();
        assert_eq!(height(&memory, &genesis), Some(8));
    }

    #[test]
    fn another_block_of_the_same_height_is_a_conflict() {
        let folder = tempfile::tempdir().unwrap();
        let genesis = Genesis::local("local", 1, 4);
        let memory = memory(folder.path(), &genesis);
        memory.keep(&genesis, &point(&genesis, 8, 0)).unwrap();
        memory.keep(&genesis, &point(&genesis, 8, 0)).unwrap();
        let refused = memory.keep(&genesis, &point(&genesis, 8, 1)).unwrap_err();
        assert_eq!(
            (refused.exit, refused.code.as_str()),
            (Exit::Verification, "conflict")
        );
    }

    #[test]
    fn a_network_never_sees_the_memory_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| Genesis::local(name, 1, 4));
        let first = memory(folder.path(), &one);
        first.keep(&one, &point(&one, 8, 0)).unwrap();
        assert_eq!(height(&memory(folder.path(), &other), &other), None);
        // A file in the wrong place is set aside.
        let second = memory(folder.path(), &other);
        fs::copy(first.path("head").unwrap(), second.path("head").unwrap()).unwrap();
        assert_eq!(height(&second, &other), None);
        assert!(second.path("damaged").unwrap().exists());
    }
}
