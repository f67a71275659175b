//! The journal of submissions and the file of waiting transactions of a simulated node: the bytes
//! that the product keeps in two files.
//!
//! Formats, rewriting and recovery are the product's own functions; this is only the disk under
//! them. What comes while a sync is under way goes into the next one, as in the product.

use std::collections::VecDeque;

use starling_ledger::hash::Hash;
use starling_ledger::transaction::RawTransaction;
use starling_node::core::{KeepId, KeepWrite, Restored};
use starling_node::mempool::{Journal, JournalWrite, file};

use super::chance::Chance;

/// By how much the journal may be larger than twice what is open: far less than in the product, so
/// that it is rewritten in a run.
const REWRITE_BYTES: usize = 4 << 10;

/// Two files.
#[derive(Clone, Debug, Default)]
pub struct MempoolFiles {
    journal: Vec<u8>,
    dump: Vec<u8>,
    /// The journal as this life of the node knows it.
    open: Option<Journal>,
    /// Writes that wait for the next sync.
    waiting: VecDeque<KeepWrite>,
    /// The sync under way.
    sync: Option<(KeepId, JournalWrite)>,
    /// The journal at the last honest sync, for [`MempoolFiles::lie`].
    durable: Option<Vec<u8>>,
}

impl MempoolFiles {
    /// Takes in a write; says whether a sync begins with it.
    pub fn begin(&mut self, write: KeepWrite) -> bool {
        self.waiting.push_back(write);
        self.sync.is_none() && self.begin_sync()
    }

    fn begin_sync(&mut self) -> bool {
        let batch: Vec<_> = self.waiting.drain(..).collect();
        let journal = self.open.as_mut();
        self.sync = batch
            .last()
            .zip(journal)
            .map(|(last, journal)| (last.id, journal.write(&batch)));
        self.sync.is_some()
    }

    /// Ends the sync under way; returns what it made durable, and whether the next one begins.
    pub fn finish(&mut self) -> Option<(KeepId, bool)> {
        let (up_to, write) = self.sync.take()?;
        match write {
            JournalWrite::Append(bytes) => self.journal.extend(bytes),
            JournalWrite::Replace(bytes) => self.journal = bytes,
        }
        Some((up_to, self.begin_sync()))
    }

    /// Returns how many writes are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.waiting.len() + usize::from(self.sync.is_some())
    }

    /// From now on nothing is synced, although all is reported as if it were: a planted bug.
    pub fn lie(&mut self) {
        self.durable.get_or_insert_with(|| self.journal.clone());
    }

    /// Stops in good order: all that waits is written beside the old file, and renamed.
    pub fn dump(&mut self, genesis: Hash, waiting: &[RawTransaction]) {
        self.dump = [file::header(genesis), file::encode(waiting)].concat();
    }

    /// Loses power: of an append under way a drawn beginning survives, of a new file all or
    /// nothing, of later writes nothing.
    pub fn crash(&mut self, chance: &mut Chance) {
        match self.sync.take() {
            Some((_, JournalWrite::Append(bytes))) => {
                let kept = chance.position(bytes.len() + 1);
                self.journal.extend_from_slice(&bytes[..kept]);
            }
            Some((_, JournalWrite::Replace(bytes))) if chance.percent(50) => self.journal = bytes,
            _ => {}
        }
        self.waiting.clear();
        self.open = None;
        if let Some(durable) = self.durable.take() {
            self.journal = durable;
        }
    }

    /// Reads the files as the product does at start, cutting off what a crash tore.
    ///
    /// # Errors
    /// What the product never refuses to start with, but no crash leaves behind.
    pub fn recover(&mut self, genesis: Hash) -> Result<Restored, String> {
        let read = |bytes: &[u8], name: &str| {
            let contents = file::decode(bytes, &genesis);
            let contents = contents.map_err(|error| format!("{name}: {error}"))?;
            match contents.damaged {
                0 => Ok(contents),
                places => Err(format!("{name} is damaged in {places} places")),
            }
        };
        let contents = read(&self.journal, "the journal of submissions")?;
        let others = read(&self.dump, "the file of waiting transactions")?.transactions;
        self.journal.truncate(contents.good_bytes);
        let journal = Journal::new(genesis, &contents.transactions, contents.good_bytes);
        let journal = journal.rewritten_at(REWRITE_BYTES);
        let own = journal.open().cloned().collect();
        self.open = Some(journal);
        Ok(Restored { own, others })
    }
}
