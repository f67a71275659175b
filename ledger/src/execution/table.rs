//! One kind of entry as a block sees it: read once, kept decoded, and taken back on demand.

use super::BlockError;
use super::entry::Entry;
use super::slots::Slots;
use super::source::Source;

/// The entries of one kind that a block has read or changed so far.
pub(super) struct Table<E: Entry> {
    slots: Slots<E::Key, Slot<E>>,
    undo: Vec<(E::Key, Slot<E>)>,
}

/// An entry as the block sees it.
#[derive(Clone)]
struct Slot<E> {
    value: Option<E>,
    changed: bool,
}

impl<E: Entry> Table<E> {
    /// Starts without having read any.
    pub(super) const fn new() -> Self {
        Self {
            slots: Slots::new(),
            undo: Vec::new(),
        }
    }

    /// Starts with entries that were read already.
    pub(super) fn of(read: impl Iterator<Item = (E::Key, Option<E>)>) -> Self {
        let slot = |value| Slot {
            value,
            changed: false,
        };
        Self {
            slots: read.map(|(key, value)| (key, slot(value))).collect(),
            undo: Vec::new(),
        }
    }

    /// Sets the mark to which [`Table::roll_back`] returns.
    pub(super) fn mark(&mut self) {
        self.undo.clear();
    }

    /// Takes back all changes since the mark.
    pub(super) fn roll_back(&mut self) {
        while let Some((key, slot)) = self.undo.pop() {
            self.slots.insert(key, slot);
        }
    }

    /// Returns an entry, if it exists.
    pub(super) fn get(
        &mut self,
        source: &dyn Source,
        key: E::Key,
    ) -> Result<Option<E>, BlockError> {
        Ok(self.slot(source, key)?.value.clone())
    }

    /// Changes, creates or removes an entry.
    pub(super) fn set(
        &mut self,
        source: &dyn Source,
        key: E::Key,
        value: Option<E>,
    ) -> Result<(), BlockError> {
        let slot = Slot {
            value,
            changed: true,
        };
        let before = std::mem::replace(self.slot(source, key)?, slot);
        self.undo.push((key, before));
        Ok(())
    }

    /// Returns the entries that changed, ascending by key.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&E::Key, Option<&E>)> {
        let changed = self.slots.iter().filter(|(_, slot)| slot.changed);
        changed.map(|(key, slot)| (key, slot.value.as_ref()))
    }

    fn slot(&mut self, source: &dyn Source, key: E::Key) -> Result<&mut Slot<E>, BlockError> {
        self.slots.get_or_make(key, || {
            let bytes = source.read(&E::state_key(&key))?;
            Ok(Slot {
                value: bytes.as_deref().map(E::from_bytes).transpose()?,
                changed: false,
            })
        })
    }
}
