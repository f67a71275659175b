//! The chain as it is stored: blocks, certificates, indexes and the tip, over any storage.
//!
//! A final block arrives as one atomic batch: header, body, certificate, indexes, pages of the
//! state and the new tip. So block and state cannot part, whenever the machine stops. What was
//! received is stored in the same bytes: the raw block is the stored header followed by the stored
//! body, and a final block is that followed by the certificate.
//!
//! | column | key | value |
//! |---|---|---|
//! | header | 0, height | header |
//! | header | 1, block hash | height |
//! | body | height | transactions, evidence, certificate of the parent |
//! | certificate | height | the certificate seen for this block |
//! | validators | hash of the set | the set |
//! | transaction index | transaction id | height, position |
//! | account history | account, nonce | transaction id, history after it: optional |
//! | meta | `genesis` | genesis |
//! | meta | `tip` | height, block hash |
//! | meta | `history` | how far the optional index is |
//! | meta | `first` | lowest height whose block is kept; absent where all are |
//!
//! Heights and nonces in keys are eight bytes, big-endian, so that scans run in their order.
//!
//! # Invariants
//! - Every height from the first that is kept to the tip's has header, body and certificate. Below
//!   it no height has a body, and whoever asks is told "pruned", never "unknown". None is above the
//!   tip.
//! - The tip has header and certificate, also where no block is kept.
//! - The state stored is the one after the tip.
//! - Every set of validators that signed a block, or signs the next, is kept by its hash: the one
//!   of the genesis, and each that a header names as next for the first time.

mod check;
mod error;
mod history;
mod layout;
mod prune;
mod reader;
mod vouched;

use std::sync::Arc;

pub use check::{Check, CheckError, CheckReport, Depth};
pub use error::ChainError;
pub use history::{HISTORY_PAGE_MAX, HistoryEntry, HistoryIndex, HistoryPage};
pub use prune::{Pruned, Pruner, STEP_BLOCKS_MAX, keep_blocks_min};
pub use reader::{ChainReader, StoredTransaction};
pub use vouched::Vouched;

use crate::block::{Block, BlockHash, BlockHeader};
use crate::certificate::CommitCertificate;
use crate::codec::encode;
use crate::execution::{Executed, Tip};
use crate::genesis::Genesis;
use crate::state::{PAGE_CACHE_BYTES, State, StateUpdate};
use crate::state_key::StateKey;
use crate::storage::{Column, Storage, WriteBatch, schema};
use crate::validators::ValidatorSet;
use crate::vote::Height;

/// The chain of one network in one storage.
#[derive(Clone)]
pub struct ChainStore {
    storage: Arc<dyn Storage>,
    reader: ChainReader,
    /// Whether the index of histories is wanted.
    history: bool,
    /// Memory for pages of the state that were written lately.
    page_cache_bytes: usize,
}

impl ChainStore {
    /// Takes a storage, fresh or used.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        let reader = ChainReader::new(Arc::clone(&storage) as _);
        Self {
            storage,
            reader,
            history: true,
            page_cache_bytes: PAGE_CACHE_BYTES,
        }
    }

    /// Keeps the index of histories, or does not; it is kept if nothing is said. For a chain that
    /// has begun, [`ChainStore::settle_history`] makes it so.
    #[must_use]
    pub const fn with_history(mut self, history: bool) -> Self {
        self.history = history;
        self
    }

    /// Gives the state of [`ChainStore::tip`] so much memory for pages written lately.
    #[must_use]
    pub const fn with_page_cache(mut self, bytes: usize) -> Self {
        self.page_cache_bytes = bytes;
        self
    }

    /// Takes no more writes, and breaks off [`Pruner::reclaim`]: what is left is read.
    pub fn close(&self) {
        self.storage.close();
    }

    /// Returns the readers, over what the storage holds at each call.
    pub const fn read(&self) -> &ChainReader {
        &self.reader
    }

    /// Returns the readers over the storage as it is now.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn snapshot(&self) -> Result<ChainReader, ChainError> {
        Ok(ChainReader::new(self.storage.snapshot()?))
    }

    /// Begins the chain of `genesis` in a fresh storage; does nothing where it has begun.
    ///
    /// # Errors
    /// [`ChainError::OtherNetwork`] if the storage holds the chain of another genesis,
    /// [`ChainError::Genesis`] if the genesis is not valid, [`ChainError::Storage`].
    pub fn init_genesis(&self, genesis: &Genesis) -> Result<(), ChainError> {
        schema::prepare(self.storage.as_ref())?;
        if let Some(stored) = self.reader.genesis()? {
            let (stored, given) = (stored.hash(), genesis.hash());
            return match stored == given {
                true => Ok(()),
                false => Err(ChainError::OtherNetwork { stored, given }),
            };
        }
        genesis.check()?;
        let mut batch = WriteBatch::new();
        batch.append(self.birth(genesis)?.writes);
        let validators = genesis.validator_set()?;
        put_validators(&mut batch, &validators);
        batch.put(Column::Meta, layout::GENESIS, encode(genesis));
        if self.history {
            history::put_state(&mut batch, HistoryIndex::Complete);
        }
        put_tip(&mut batch, 0, BlockHash(genesis.hash()));
        Ok(self.storage.write(batch)?)
    }

    /// Returns where the chain goes on: the last final block and the state after it.
    ///
    /// Checks that header, certificate and state belong together; the signatures of the certificate
    /// were checked before it was written.
    ///
    /// # Errors
    /// [`ChainError::NoGenesis`] in a fresh storage; a corrupt [`ChainError::Storage`] if they do
    /// not belong together.
    pub fn tip(&self) -> Result<Tip, ChainError> {
        let reader = self.snapshot()?;
        let genesis = reader.genesis()?.ok_or(ChainError::NoGenesis)?;
        let (height, hash) = reader.tip()?.ok_or(ChainError::NoGenesis)?;
        let genesis_hash = genesis.hash();
        let state = State::open_within(&self.storage, self.page_cache_bytes)?;
        let (signed_by, validators) = current_sets(&state, &genesis, height)?;
        let header = match height {
            0 => None,
            _ => Some(reader.final_header(height, &genesis_hash, [&signed_by, &validators])?),
        };
        let (expected_root, time_ms, last) = match &header {
            None => (
                self.birth(&genesis)?.root,
                genesis.time_ms,
                BlockHash(genesis_hash),
            ),
            Some(header) => (header.state_root, header.time_ms, header.hash()),
        };
        if last != hash {
            return Err(corrupt(Column::Meta, "the tip is not the last block"));
        }
        if state.root() != expected_root {
            let reason = "the state is not the one after the last block";
            return Err(corrupt(Column::PageHash, reason));
        }
        Ok(Tip {
            header,
            hash,
            height,
            time_ms,
            signed_by,
            validators,
            state,
            genesis: Arc::new(genesis),
            genesis_hash,
        })
    }

    /// Returns the batch that makes `block` final: what [`ChainStore::append`] writes.
    ///
    /// # Errors
    /// [`ChainError::Mismatch`] if block, effects and certificate are not of one block.
    pub fn append_batch(
        block: &Block,
        executed: &Executed,
        certificate: &CommitCertificate,
    ) -> Result<WriteBatch, ChainError> {
        let (height, hash) = (block.header.height, executed.header_hash);
        let same = block.header.hash() == hash
            && block.transactions.len() == executed.transactions.len()
            && (certificate.height, certificate.block) == (height, hash);
        let next = block.header.next_validators_hash;
        let handed_over = next != block.header.validators_hash;
        if !same || (handed_over && next != executed.next_validators.hash()) {
            return Err(ChainError::Mismatch { height });
        }
        let mut batch = WriteBatch::new();
        batch.append(executed.state.writes.clone());
        if handed_over {
            put_validators(&mut batch, &executed.next_validators);
        }
        put_header(&mut batch, &block.header, certificate);
        batch.put(Column::Body, layout::number(height), layout::body(block));
        for (index, one) in (0u32..).zip(&executed.transactions) {
            let place = layout::Place { height, index };
            batch.put(Column::TransactionIndex, one.id.0.0, encode(&place));
            history::put_link(&mut batch, (&one.sender, one.nonce), one.id, one.history);
        }
        put_tip(&mut batch, height, hash);
        Ok(batch)
    }

    /// Notes in `batch` that no block below `first` is kept: for whoever removes them in that
    /// batch, or begins a ledger above block 1.
    pub fn put_first(batch: &mut WriteBatch, first: Height) {
        batch.put(Column::Meta, layout::FIRST, encode(&first));
    }

    /// Begins the chain of `genesis` after the block of `header`, whose state the storage holds
    /// already and of which no block is kept: a ledger that was restored from a snapshot. `sets`
    /// are the validators that signed that block and those that sign the next.
    ///
    /// # Errors
    /// [`ChainError::Mismatch`] if header and certificate are not of one block;
    /// [`ChainError::Storage`].
    pub fn begin_above(
        &self,
        genesis: &Genesis,
        header: &BlockHeader,
        certificate: &CommitCertificate,
        sets: [&ValidatorSet; 2],
    ) -> Result<(), ChainError> {
        let (height, hash) = (header.height, header.hash());
        if (certificate.height, certificate.block) != (height, hash) {
            return Err(ChainError::Mismatch { height });
        }
        schema::prepare(self.storage.as_ref())?;
        let mut batch = WriteBatch::new();
        batch.put(Column::Meta, layout::GENESIS, encode(genesis));
        put_header(&mut batch, header, certificate);
        for set in sets {
            put_validators(&mut batch, set);
        }
        Self::put_first(&mut batch, height.saturating_add(1));
        put_tip(&mut batch, height, hash);
        Ok(self.storage.write(batch)?)
    }

    /// Writes a batch of [`ChainStore::append_batch`], without the index of histories where it is
    /// not kept; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn append(&self, mut batch: WriteBatch) -> Result<(), ChainError> {
        if !self.history {
            batch.leave_out(Column::AccountHistory);
        }
        Ok(self.storage.write(batch)?)
    }

    /// Returns the first state of `genesis`.
    fn birth(&self, genesis: &Genesis) -> Result<StateUpdate, ChainError> {
        let empty = State::empty(self.storage.snapshot()?);
        Ok(empty.update(&genesis.state_entries()?)?)
    }
}

fn put_validators(batch: &mut WriteBatch, validators: &ValidatorSet) {
    let key = validators.hash().0;
    batch.put(Column::Validators, key, validators.to_bytes());
}

/// Reads the validators that signed the block at `height`, and those that sign the next.
fn current_sets(
    state: &State,
    genesis: &Genesis,
    height: Height,
) -> Result<(Arc<ValidatorSet>, Arc<ValidatorSet>), ChainError> {
    let read = |slot| {
        let bytes = state.get(&StateKey::validators(slot))?;
        let bytes = bytes.ok_or_else(|| corrupt(Column::State, "no validators in the state"))?;
        let set = ValidatorSet::from_bytes(&bytes);
        let set = set.map_err(|error| corrupt(Column::State, &error.to_string()))?;
        Ok::<_, ChainError>(Arc::new(set))
    };
    let slot = |height| genesis.parameters.validators_slot(height);
    let (last, next) = (slot(height), slot(height.saturating_add(1)));
    let signed_by = read(last)?;
    let validators = match next == last {
        true => Arc::clone(&signed_by),
        false => read(next)?,
    };
    Ok((signed_by, validators))
}

fn put_header(batch: &mut WriteBatch, header: &BlockHeader, certificate: &CommitCertificate) {
    let (height, number) = (header.height, layout::number(header.height));
    batch.put(Column::Header, layout::header(height), encode(header));
    batch.put(Column::Header, layout::header_of(&header.hash()), number);
    batch.put(Column::Certificate, number, encode(certificate));
}

fn put_tip(batch: &mut WriteBatch, height: Height, hash: BlockHash) {
    batch.put(Column::Meta, layout::TIP, encode(&(height, hash)));
}

fn corrupt(column: Column, reason: &str) -> ChainError {
    crate::storage::StorageError::corrupt(column, reason).into()
}

#[cfg(test)]
mod tests;
