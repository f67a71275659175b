//! Pruning: old blocks go, what proves the present stays.
//!
//! What goes of a block is its body, certificate, header and index entries. The last block of each
//! epoch keeps header and certificate, and every set of validators stays: with them anybody follows
//! the validators from the genesis to the tip, which is all that light verification needs. The
//! state is not touched. Evidence is judged from the state alone, so it needs no old block either.
//!
//! A step is one atomic batch, and carries the new first height: a crash between two steps leaves a
//! whole ledger that is pruned a little less. The disk has its space back after
//! [`Pruner::reclaim`].
//!
//! # Limits
//! A step removes at most [`STEP_BLOCKS_MAX`] blocks, and ends with the block that brings it above
//! [`STEP_BYTES`]: with blocks of 10,000 transactions that is 4 MiB of keys and one block of 2 MiB
//! in memory.

use super::layout;
use super::{ChainError, ChainStore, corrupt};
use crate::genesis::{Genesis, Parameters};
use crate::hash::Hash;
use crate::storage::{Column, WriteBatch};
use crate::vote::Height;

/// Most blocks that one step removes. Our choice: a range that neighbours ask for.
pub const STEP_BLOCKS_MAX: u64 = 64;
/// Bytes of a batch from which on a step takes no further block.
const STEP_BYTES: usize = 4 << 20;
/// Fewest blocks that are kept whatever the epochs are. Our choice: two ranges that a neighbour
/// asks for, so that one that missed a minute is helped by everybody.
const KEEP_BLOCKS_FLOOR: u64 = 128;

/// Removes old blocks from a chain.
#[derive(Clone)]
pub struct Pruner {
    chain: ChainStore,
    epoch_blocks: u64,
    genesis: Hash,
}

/// What one step removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The lowest height that was removed.
    pub from: Height,
    /// The lowest height that is kept now.
    pub first: Height,
    /// Transactions that were removed with their blocks.
    pub transactions: u64,
}

/// Returns the fewest blocks that a node of this network may keep: two epochs.
///
/// A snapshot is made at the end of an epoch, and who restores one needs the blocks from there to
/// the tip. With two epochs kept, the blocks after the last snapshot are there, and still are while
/// somebody fetches the one before.
#[must_use]
pub fn keep_blocks_min(parameters: &Parameters) -> u64 {
    parameters
        .epoch_blocks
        .saturating_mul(2)
        .max(KEEP_BLOCKS_FLOOR)
}

impl Pruner {
    /// Takes a chain that has begun.
    ///
    /// # Errors
    /// [`ChainError::NoGenesis`] if it has not, [`ChainError::Storage`].
    pub fn new(chain: ChainStore) -> Result<Self, ChainError> {
        let genesis: Genesis = chain.read().genesis()?.ok_or(ChainError::NoGenesis)?;
        Ok(Self {
            chain,
            epoch_blocks: genesis.parameters.epoch_blocks.max(1),
            genesis: genesis.hash(),
        })
    }

    /// Returns how many blocks are there beyond the last `keep_blocks`.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn excess(&self, keep_blocks: u64) -> Result<u64, ChainError> {
        let (first, below) = self.range(keep_blocks)?;
        Ok(below.saturating_sub(first))
    }

    /// Removes the lowest blocks that are not among the last `keep_blocks`, as many as one batch
    /// takes; `None` where there is none. The last block always stays.
    ///
    /// # Errors
    /// [`ChainError::Storage`]; nothing was removed then.
    pub fn step(&self, keep_blocks: u64) -> Result<Option<Pruned>, ChainError> {
        let (from, below) = self.range(keep_blocks)?;
        if from >= below {
            return Ok(None);
        }
        let mut batch = WriteBatch::new();
        let (mut first, mut transactions) = (from, 0);
        let last = below.min(from.saturating_add(STEP_BLOCKS_MAX));
        while first < last && batch.size_bytes() < STEP_BYTES {
            transactions += self.forget_keys(&mut batch, first)?;
            first = first.saturating_add(1);
        }
        self.forget_ranges(&mut batch, from, first);
        ChainStore::put_first(&mut batch, first);
        self.chain.append(batch)?;
        Ok(Some(Pruned {
            from,
            first,
            transactions,
        }))
    }

    /// Gives the disk back what the removed blocks took: all below the first that is kept.
    ///
    /// What an older snapshot of the storage can see keeps its space until a later call.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn reclaim(&self) -> Result<(), ChainError> {
        let first = layout::number(self.chain.read().first()?);
        for column in [Column::Body, Column::Certificate] {
            self.chain.storage.reclaim(column, &[], Some(&first))?;
        }
        // The keys of these are hashes, so what was removed is everywhere.
        for column in [
            Column::Header,
            Column::TransactionIndex,
            Column::AccountHistory,
        ] {
            self.chain.storage.reclaim(column, &[], None)?;
        }
        Ok(())
    }

    /// The first height that is there, and the first that has to stay.
    fn range(&self, keep_blocks: u64) -> Result<(Height, Height), ChainError> {
        let (tip, _) = self.chain.read().tip()?.ok_or(ChainError::NoGenesis)?;
        let below = tip.saturating_add(1).saturating_sub(keep_blocks).min(tip);
        Ok((self.chain.read().first()?, below))
    }

    /// Removes all that is stored by height in `from..to`, but for the ends of epochs.
    fn forget_ranges(&self, batch: &mut WriteBatch, from: Height, to: Height) {
        let number = layout::number;
        batch.delete_range(Column::Body, number(from), number(to));
        let mut start = from;
        while start < to {
            let epoch = start.div_ceil(self.epoch_blocks).max(1);
            let end = epoch.saturating_mul(self.epoch_blocks).min(to);
            if start < end {
                batch.delete_range(Column::Certificate, number(start), number(end));
                batch.delete_range(Column::Header, layout::header(start), layout::header(end));
            }
            start = end.saturating_add(1);
        }
    }

    /// Removes the keys of one block that are hashes; counts its transactions.
    fn forget_keys(&self, batch: &mut WriteBatch, height: Height) -> Result<u64, ChainError> {
        let read = self.chain.read();
        let missing = |column| corrupt(column, "a block that is kept is incomplete");
        if !height.is_multiple_of(self.epoch_blocks) {
            let header = read.header(height)?;
            let header = header.ok_or_else(|| missing(Column::Header))?;
            batch.delete(Column::Header, layout::header_of(&header.hash()));
        }
        let body = read.body(height)?;
        let body = body.ok_or_else(|| missing(Column::Body))?;
        let mut transactions = 0;
        for raw in &body.transactions {
            let transaction = raw.decode().map_err(|_| {
                let reason = "a transaction of a block that is kept does not decode";
                corrupt(Column::Body, reason)
            })?;
            let (sender, body) = (transaction.sender(), &transaction.body);
            let id = body.id(&self.genesis, &sender);
            batch.delete(Column::TransactionIndex, id.0.0);
            let key = layout::history(&sender, body.nonce);
            batch.delete(Column::AccountHistory, key);
            transactions += 1;
        }
        Ok(transactions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Network;
    use crate::genesis::{Genesis, local_account};
    use crate::storage::StorageError;

    /// Forty blocks of one payment each, in epochs of ten.
    fn network() -> (Network, Vec<crate::transaction::TransactionId>) {
        let mut genesis = Genesis::local("local", 1_000, 4);
        genesis.parameters.epoch_blocks = 10;
        let mut network = Network::with(&genesis);
        let mut ids = Vec::new();
        for nonce in 0..40 {
            let payment = network.pay("alice", nonce, "bob", 1);
            ids.push(payment.id());
            network.commit(&[payment]);
        }
        (network, ids)
    }

    fn count(network: &Network, column: Column) -> usize {
        let entries = network.storage.scan(column, &[], None, usize::MAX);
        entries.unwrap().len()
    }

    #[test]
    fn keeps_the_last_blocks_whole_and_the_ends_of_epochs_provable() {
        let (network, ids) = network();
        let pruner = Pruner::new(network.chain.clone()).unwrap();
        assert_eq!(pruner.excess(15), Ok(25));
        let pruned = pruner.step(15).unwrap().unwrap();
        let expected = Pruned {
            from: 1,
            first: 26,
            transactions: 25,
        };
        assert_eq!(pruned, expected);
        assert_eq!(pruner.step(15), Ok(None));
        pruner.reclaim().unwrap();
        let read = network.chain.read();
        assert_eq!(read.first(), Ok(26));
        for height in 1..=40 {
            let kept = height >= 26;
            let is_end = height % 10 == 0;
            assert_eq!(read.block(height).unwrap().is_some(), kept, "{height}");
            let header = read.header(height).unwrap();
            assert_eq!(header.is_some(), kept || is_end, "{height}");
            let certificate = read.certificate(height).unwrap();
            assert_eq!(certificate.is_some(), kept || is_end, "{height}");
            if let Some(header) = header {
                assert_eq!(read.height_of(&header.hash()), Ok(Some(height)));
            }
            let nonce = height - 1;
            let id = &ids[usize::try_from(nonce).unwrap()];
            assert_eq!(read.transaction(id).unwrap().is_some(), kept, "{height}");
            let alice = local_account("alice");
            let by_nonce = read.transaction_of(&alice, nonce).unwrap();
            assert_eq!(by_nonce.is_some(), kept, "{height}");
            assert_eq!(read.raw_final_block(height).unwrap().is_some(), kept);
        }
        // Kept: 15 blocks, and of the ends of epochs 10 and 20, each by height and by hash.
        assert_eq!(count(&network, Column::Header), 2 * 17);
        assert_eq!(count(&network, Column::Certificate), 17);
        assert_eq!(count(&network, Column::TransactionIndex), 15);
        assert_eq!(network.chain.tip().unwrap().height, 40);
    }

    #[test]
    fn the_last_block_stays_whatever_is_asked() {
        let (network, _) = network();
        let pruner = Pruner::new(network.chain.clone()).unwrap();
        while pruner.step(0).unwrap().is_some() {}
        assert_eq!(network.chain.read().first(), Ok(40));
        assert_eq!(network.chain.tip().unwrap().height, 40);
        assert!(network.chain.read().block(40).unwrap().is_some());
    }

    #[test]
    fn a_chain_goes_on_after_pruning() {
        let (mut network, _) = network();
        let pruner = Pruner::new(network.chain.clone()).unwrap();
        pruner.step(5).unwrap();
        network.commit(&[network.pay("alice", 40, "bob", 1)]);
        assert_eq!(network.chain.tip().unwrap().height, 41);
        assert_eq!(pruner.step(5).unwrap().unwrap().first, 37);
    }

    #[test]
    fn a_step_that_fails_removes_nothing() {
        let (mut network, _) = network();
        let storage = std::sync::Arc::new(crate::storage::MemoryStorage::new());
        network.storage = std::sync::Arc::clone(&storage) as _;
        network.chain = ChainStore::new(std::sync::Arc::clone(&network.storage));
        network.chain.init_genesis(&network.tip.genesis).unwrap();
        (network.tip, network.certificate) = (network.chain.tip().unwrap(), None);
        for _ in 0..3 {
            network.commit(&[]);
        }
        let pruner = Pruner::new(network.chain.clone()).unwrap();
        storage.fail_write(0, StorageError::ReadOnly);
        let refused = Err(ChainError::Storage(StorageError::ReadOnly));
        assert_eq!(pruner.step(1), refused);
        storage.crash(usize::MAX);
        assert_eq!(network.chain.read().first(), Ok(1));
        assert!(network.chain.read().block(1).unwrap().is_some());
        assert_eq!(pruner.step(1).unwrap().unwrap().first, 3);
    }

    #[test]
    fn a_step_is_bounded() {
        let mut network = Network::new();
        for _ in 0..STEP_BLOCKS_MAX + 10 {
            network.commit(&[]);
        }
        let pruner = Pruner::new(network.chain.clone()).unwrap();
        let firsts: Vec<_> = std::iter::from_fn(|| pruner.step(1).unwrap())
            .map(|step| step.first)
            .collect();
        assert_eq!(firsts, [STEP_BLOCKS_MAX + 1, STEP_BLOCKS_MAX + 10]);
    }

    #[test]
    fn a_node_keeps_two_epochs_at_least() {
        let mut parameters = Genesis::local("local", 1_000, 4).parameters;
        assert_eq!(keep_blocks_min(&parameters), 200);
        parameters.epoch_blocks = 1;
        assert_eq!(keep_blocks_min(&parameters), 128);
        parameters.epoch_blocks = u64::MAX;
        assert_eq!(keep_blocks_min(&parameters), u64::MAX);
    }
}
