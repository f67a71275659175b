//! The journal of own submissions: what this node's users were promised, and is still open.
//!
//! A write appends what was submitted; what has left the mempool is only remembered as gone, and
//! vanishes when the file is rewritten. That happens when the gone outweigh what still waits, so
//! that rewriting costs no more than appending did.
//!
//! These are pure functions over bytes: the shell appends or replaces, syncs, and reports.
//!
//! # Invariants
//! `open_bytes` is the sum over `open`, which holds every submission that was written and not said
//! to be gone, in the order of their writes.
//!
//! # Limits
//! The core lets no more wait than its mempool holds, 64 MiB; the file is at most twice that and
//! [`REWRITE_BYTES`], and once more what waits while it is rewritten.

use std::collections::BTreeMap;

use starling_ledger::hash::Hash;
use starling_ledger::transaction::{RawTransaction, WireId};

use super::file;
use crate::core::KeepWrite;

/// By how much the file may be larger than twice what waits. Our choice: some thousand transfers,
/// which a start checks in a tenth of a second.
const REWRITE_BYTES: usize = 1 << 20;

/// What is done to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalWrite {
    /// These bytes are appended.
    Append(Vec<u8>),
    /// These bytes take the place of all others.
    Replace(Vec<u8>),
}

/// What the file holds.
#[derive(Clone, Debug)]
pub struct Journal {
    genesis: Hash,
    open: BTreeMap<u64, RawTransaction>,
    places: BTreeMap<WireId, u64>,
    next_place: u64,
    open_bytes: usize,
    file_bytes: usize,
    rewrite_bytes: usize,
}

impl Journal {
    /// Begins with what an existing file of `file_bytes` holds; a new one has none.
    pub fn new(genesis: Hash, found: &[RawTransaction], file_bytes: usize) -> Self {
        let mut journal = Self {
            genesis,
            open: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
            open_bytes: 0,
            file_bytes,
            rewrite_bytes: REWRITE_BYTES,
        };
        found.iter().for_each(|raw| journal.insert(raw));
        journal
    }

    /// Replaces the size from which a journal is rewritten, for simulations that are too short for
    /// it.
    #[must_use]
    pub fn rewritten_at(self, rewrite_bytes: usize) -> Self {
        Self {
            rewrite_bytes,
            ..self
        }
    }

    /// Takes in writes that become durable together, and says what is done to the file.
    pub fn write(&mut self, batch: &[KeepWrite]) -> JournalWrite {
        for write in batch {
            write.gone.iter().for_each(|gone| self.remove(gone));
            self.insert(&write.transaction);
        }
        let appended = file::encode(batch.iter().map(|write| &write.transaction));
        let grown = self.file_bytes.saturating_add(appended.len());
        if self.file_bytes == 0 || grown > 2 * self.open_bytes + self.rewrite_bytes {
            let whole = self.whole();
            self.file_bytes = whole.len();
            return JournalWrite::Replace(whole);
        }
        self.file_bytes = grown;
        JournalWrite::Append(appended)
    }

    /// Returns what was submitted and is not gone, in the order of submission.
    pub fn open(&self) -> impl Iterator<Item = &RawTransaction> {
        self.open.values()
    }

    /// Returns the file as it is when it is rewritten.
    pub fn whole(&self) -> Vec<u8> {
        [file::header(self.genesis), file::encode(self.open())].concat()
    }

    fn insert(&mut self, raw: &RawTransaction) {
        let wire_id = raw.wire_id();
        self.remove(&wire_id);
        self.open_bytes += file::entry_bytes(raw);
        self.open.insert(self.next_place, raw.clone());
        self.places.insert(wire_id, self.next_place);
        self.next_place += 1;
    }

    fn remove(&mut self, wire_id: &WireId) {
        let place = self.places.remove(wire_id);
        if let Some(raw) = place.and_then(|place| self.open.remove(&place)) {
            self.open_bytes -= file::entry_bytes(&raw);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::KeepId;

    const GENESIS: Hash = Hash([7; 32]);

    fn raw(number: u64) -> RawTransaction {
        RawTransaction([number.to_le_bytes(); 25].concat().into())
    }

    fn keep(number: u64, gone: &[u64]) -> KeepWrite {
        KeepWrite {
            id: KeepId(number),
            transaction: raw(number),
            gone: gone.iter().map(|gone| raw(*gone).wire_id()).collect(),
        }
    }

    /// A disk that does what it is told.
    fn apply(file: &mut Vec<u8>, write: JournalWrite) {
        match write {
            JournalWrite::Append(bytes) => file.extend(bytes),
            JournalWrite::Replace(bytes) => *file = bytes,
        }
    }

    fn read(file: &[u8]) -> Vec<RawTransaction> {
        file::decode(file, &GENESIS).unwrap().transactions
    }

    #[test]
    fn what_is_submitted_together_is_one_write() {
        let (mut journal, mut file) = (Journal::new(GENESIS, &[], 0), Vec::new());
        apply(&mut file, journal.write(&[keep(0, &[]), keep(1, &[])]));
        let second = journal.write(&[keep(2, &[0]), keep(3, &[])]);
        assert!(matches!(&second, JournalWrite::Append(bytes) if bytes.len() < 500));
        apply(&mut file, second);
        assert_eq!(
            read(&file),
            [0, 1, 2, 3].map(raw),
            "what is gone stays in the file"
        );
        assert_eq!(
            journal.open().cloned().collect::<Vec<_>>(),
            [1, 2, 3].map(raw)
        );
        assert_eq!(read(&journal.whole()), [1, 2, 3].map(raw));
    }

    #[test]
    fn the_file_stays_small_and_never_lacks_what_is_open() {
        let bound = 4_096;
        let mut journal = Journal::new(GENESIS, &[], 0).rewritten_at(bound);
        let (mut file, mut rewritten, mut written) = (Vec::new(), 0, 0);
        for number in 0..2_000u64 {
            // At most nine are open.
            let gone = number.checked_sub(9).map_or(Vec::new(), |gone| vec![gone]);
            let write = journal.write(&[keep(number, &gone)]);
            if let JournalWrite::Replace(_) = &write {
                rewritten += 1;
            }
            let (JournalWrite::Append(bytes) | JournalWrite::Replace(bytes)) = &write;
            written += bytes.len();
            apply(&mut file, write);
            assert!(
                file.len() <= 2 * 9 * 208 + bound + 500,
                "{} bytes",
                file.len()
            );
            let found = read(&file);
            assert!(journal.open().all(|open| found.contains(open)));
        }
        assert!((10..400).contains(&rewritten), "{rewritten}");
        assert!(
            written < 2 * 2_000 * 250,
            "{written} bytes for 2,000 submissions"
        );
    }

    #[test]
    fn what_is_submitted_again_after_it_was_gone_is_kept_again() {
        let mut journal = Journal::new(GENESIS, &[raw(0), raw(1)], 1_000);
        journal.write(&[keep(0, &[0, 1])]);
        assert_eq!(journal.open().cloned().collect::<Vec<_>>(), [raw(0)]);
    }

    #[test]
    fn one_that_the_file_holds_twice_is_found_once() {
        let found = [raw(0), raw(1), raw(0)];
        let journal = Journal::new(GENESIS, &found, 1_000);
        assert_eq!(
            journal.open().cloned().collect::<Vec<_>>(),
            [raw(1), raw(0)]
        );
        assert_eq!(journal.open_bytes, 2 * 208);
    }
}
