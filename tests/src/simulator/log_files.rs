//! The consensus log and the sign guard of a simulated node: the bytes that the product keeps in
//! two files.
//!
//! Formats and recovery are the product's own functions; this is only the disk under them: what was
//! not synced is lost in a crash, but for a torn beginning of the write under way.

use std::collections::VecDeque;
use std::sync::Arc;

use starling_ledger::keys::PublicKey;
use starling_ledger::vote::Height;
use starling_node::consensus::guard::{self, GuardState};
use starling_node::consensus::wal::{self, LogEntry};
use starling_node::consensus::{PersistId, Recovered};
use starling_node::core::LogWrite;

use super::chance::Chance;

/// Size from which the log is rewritten: far less than in the product, so that it happens in a run.
const LOG_REWRITE_BYTES: usize = 64 << 10;
/// Size from which the guard is rewritten, as above.
const GUARD_REWRITE_BYTES: usize = 8 << 10;

/// Two files.
#[derive(Clone, Debug, Default)]
pub struct LogFiles {
    log: Vec<u8>,
    guard: Vec<u8>,
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

/// What a node finds in its files.
pub struct Found {
    /// For consensus.
    pub consensus: Recovered,
    /// Bodies of blocks above the tip.
    pub bodies: Vec<Arc<[u8]>>,
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
            self.guard = state.encode();
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

    /// Reads the files as the product does at start, cutting off what a crash tore.
    ///
    /// # Errors
    /// What the product would refuse to start with.
    pub fn recover(&mut self, height: Height, key: Option<PublicKey>) -> Result<Found, String> {
        let log = wal::decode(&self.log).map_err(|error| format!("consensus log: {error}"))?;
        self.log.truncate(log.good_bytes);
        let new_node = height == 0 && self.log.is_empty();
        let guard = match key {
            Some(key) => self.open_guard(key, new_node)?,
            None => None,
        };
        let (mut records, mut bodies) = (Vec::new(), Vec::new());
        for record in log
            .records
            .into_iter()
            .filter(|record| record.height > height)
        {
            match record.entry {
                LogEntry::Body { raw, .. } => bodies.push(raw.into()),
                _ => records.push(record),
            }
        }
        Ok(Found {
            consensus: Recovered {
                log: records,
                guard,
            },
            bodies,
        })
    }

    fn open_guard(&mut self, key: PublicKey, new: bool) -> Result<Option<GuardState>, String> {
        if self.guard.is_empty() {
            if !new {
                return Ok(None);
            }
            self.guard = GuardState::new(key).encode();
        }
        let (state, good_bytes) = guard::decode(&self.guard).map_err(|error| error.to_string())?;
        self.guard.truncate(good_bytes);
        Ok(Some(state))
    }
}
