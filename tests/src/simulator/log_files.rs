//! The consensus log and the sign guard of a simulated node: the bytes that the product keeps in
//! two files.
//!
//! Formats and recovery are the product's own functions; this is only the disk under them: what was
//! not synced is lost in a crash, but for a torn beginning of the write under way.

use std::collections::VecDeque;

use starling_ledger::hash::Hash;
use starling_ledger::vote::Height;
use starling_node::consensus::guard::{self, FolderId, GuardState, Home};
use starling_node::consensus::recovery::{self, Files, GuardNext, Opened, Owner};
use starling_node::consensus::{PersistId, wal};
use starling_node::core::LogWrite;

use super::chance::Chance;

/// Size from which the log is rewritten: far less than in the product, so that it happens in a run.
const LOG_REWRITE_BYTES: usize = 64 << 10;
/// Size from which the guard is rewritten, as above.
const GUARD_REWRITE_BYTES: usize = 8 << 10;

/// How far apart the numbers of a file and of its copies are.
const COPY: u64 = 1 << 32;

/// Two files.
#[derive(Clone, Debug, Default)]
pub struct LogFiles {
    log: Vec<u8>,
    guard: Vec<u8>,
    /// Which file the guard is.
    file: u64,
    genesis: Hash,
    /// Writes under way, the oldest first.
    writes: VecDeque<Write>,
    /// Sizes at the last honest sync, for [`LogFiles::lie`].
    durable: Option<(Vec<u8>, Vec<u8>)>,
}

#[derive(Clone, Debug)]
struct Write {
    id: PersistId,
    height: Height,
    log: Vec<u8>,
    guard: Vec<u8>,
}

impl LogFiles {
    /// Begins a write; returns its bytes for the trace.
    pub fn begin(&mut self, write: &LogWrite) -> &[u8] {
        self.writes.push_back(Write {
            id: write.id,
            height: write.height,
            log: wal::encode(&write.records),
            guard: write
                .guard
                .as_ref()
                .map(guard::encode_record)
                .unwrap_or_default(),
        });
        self.writes.back().map_or(&[], |write| &write.log)
    }

    /// Says whether the guard knows what its key has signed, if anything.
    #[must_use]
    pub fn remembers(&self) -> bool {
        guard::decode(&self.guard).is_ok_and(|(state, _)| state.height() > 0)
    }

    /// Returns how many writes are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.writes.len()
    }

    /// Syncs the oldest write.
    ///
    /// # Errors
    /// What the product would stop with: a file that it has written does not read back.
    pub fn finish(&mut self) -> Result<Option<PersistId>, String> {
        let Some(write) = self.writes.pop_front() else {
            return Ok(None);
        };
        if self.log.len() > LOG_REWRITE_BYTES {
            let kept = wal::retain(&self.log, write.height).map_err(|error| error.to_string())?;
            self.log = kept;
        }
        self.log.extend_from_slice(&write.log);
        self.guard.extend_from_slice(&write.guard);
        if self.guard.len() > GUARD_REWRITE_BYTES {
            let (state, _) = guard::decode(&self.guard).map_err(|error| error.to_string())?;
            self.replace_guard(&state);
        }
        Ok(Some(write.id))
    }

    /// From now on nothing is synced, although all is reported as if it were: a planted bug.
    pub fn lie(&mut self) {
        self.durable
            .get_or_insert_with(|| (self.log.clone(), self.guard.clone()));
    }

    /// Loses power: of the write under way a drawn beginning survives, of later ones nothing.
    pub fn crash(&mut self, chance: &mut Chance) {
        if let Some(write) = self.writes.pop_front() {
            let whole = write.log.len() + write.guard.len();
            let kept = chance.position(whole + 1);
            let in_log = kept.min(write.log.len());
            self.log.extend_from_slice(&write.log[..in_log]);
            self.guard.extend_from_slice(&write.guard[..kept - in_log]);
        }
        self.writes.clear();
        if let Some((log, guard)) = self.durable.take() {
            (self.log, self.guard) = (log, guard);
        }
    }

    /// Returns a copy, as a backup or another machine has it: what was durable, in other files.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            log: self.log.clone(),
            guard: self.guard.clone(),
            file: self.file + COPY,
            ..Self::default()
        }
    }

    /// Puts the content of an earlier copy back into these files, as a snapshot of a disk does: all
    /// is as it was, which file it is as well.
    pub fn roll_back(&mut self, earlier: &Self) {
        let file = earlier.file.saturating_sub(COPY);
        *self = Self {
            file,
            ..earlier.clone()
        };
    }

    /// Loses the guard and nothing else.
    pub fn lose_guard(&mut self) {
        self.guard.clear();
    }

    /// Reads the files as the product does at start: cuts off what a crash tore, and writes a guard
    /// anew that is no memory of these files.
    ///
    /// # Errors
    /// What the product would refuse to start with.
    pub fn recover(&mut self, owner: Owner) -> Result<Opened, String> {
        let files = Files {
            log: &self.log,
            guard: &self.guard,
            folder: self.folder(),
        };
        let opened = recovery::open(files, owner).map_err(|error| error.to_string())?;
        self.genesis = owner.genesis;
        self.log.truncate(opened.log_bytes);
        match &opened.guard {
            GuardNext::Leave => {}
            GuardNext::Cut(bytes) => self.guard.truncate(*bytes),
            GuardNext::Replace(state) => self.replace_guard(state),
        }
        Ok(opened)
    }

    /// Writes the guard anew, which makes it another file.
    fn replace_guard(&mut self, state: &GuardState) {
        self.file += 1;
        self.guard = Home::new(self.genesis, self.folder()).file(state);
    }

    fn folder(&self) -> FolderId {
        let mut id = [0; 24];
        id[..8].copy_from_slice(&self.file.to_le_bytes());
        FolderId(id)
    }
}
