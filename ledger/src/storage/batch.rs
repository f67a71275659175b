//! A batch of changes as plain data: built by pure code, applied by a storage.

use bytes::Bytes;

use super::Column;

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOperation {
    /// Sets the value of a key.
    Put {
        /// Where.
        column: Column,
        /// The key.
        key: Vec<u8>,
        /// Its new value.
        value: Bytes,
    },
    /// Removes a key; nothing happens where it is absent.
    Delete {
        /// Where.
        column: Column,
        /// The key.
        key: Vec<u8>,
    },
    /// Removes every key with `from <= key < to`; nothing happens where there is none.
    DeleteRange {
        /// Where.
        column: Column,
        /// The first key that goes.
        from: Vec<u8>,
        /// The first key that stays.
        to: Vec<u8>,
    },
}

/// Changes that become true together, in their order: of two changes of one key the later one
/// stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBatch {
    operations: Vec<WriteOperation>,
    size_bytes: usize,
}

impl WriteBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, column: Column, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.put_shared(column, key, value.into().into());
    }

    /// Sets `key` to `value`, which is not copied.
    pub fn put_shared(&mut self, column: Column, key: impl Into<Vec<u8>>, value: Bytes) {
        let key = key.into();
        self.size_bytes = self
            .size_bytes
            .saturating_add(key.len())
            .saturating_add(value.len());
        self.operations
            .push(WriteOperation::Put { column, key, value });
    }

    /// Removes `key`.
    pub fn delete(&mut self, column: Column, key: impl Into<Vec<u8>>) {
        let key = key.into();
        self.size_bytes = self.size_bytes.saturating_add(key.len());
        self.operations.push(WriteOperation::Delete { column, key });
    }

    /// Removes every key with `from <= key < to`, however many there are.
    pub fn delete_range(
        &mut self,
        column: Column,
        from: impl Into<Vec<u8>>,
        to: impl Into<Vec<u8>>,
    ) {
        let (from, to) = (from.into(), to.into());
        self.size_bytes = self
            .size_bytes
            .saturating_add(from.len())
            .saturating_add(to.len());
        self.operations
            .push(WriteOperation::DeleteRange { column, from, to });
    }

    /// Appends the changes of `other` after those of this batch.
    pub fn append(&mut self, other: Self) {
        self.size_bytes = self.size_bytes.saturating_add(other.size_bytes);
        self.operations.extend(other.operations);
    }

    /// Leaves out all changes of a column.
    pub fn leave_out(&mut self, column: Column) {
        let changes = std::mem::take(self).operations;
        for change in changes {
            match change {
                WriteOperation::Put { column: of, .. }
                | WriteOperation::Delete { column: of, .. }
                | WriteOperation::DeleteRange { column: of, .. }
                    if of == column => {}
                WriteOperation::Put { column, key, value } => {
                    self.put_shared(column, key, value);
                }
                WriteOperation::Delete { column, key } => self.delete(column, key),
                WriteOperation::DeleteRange { column, from, to } => {
                    self.delete_range(column, from, to);
                }
            }
        }
    }

    /// The changes in their order.
    #[must_use]
    pub fn operations(&self) -> &[WriteOperation] {
        &self.operations
    }

    /// Gives the changes away, in their order.
    #[must_use]
    pub fn into_operations(self) -> Vec<WriteOperation> {
        self.operations
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The bytes of all keys and values.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}
