//! O1, O3 and O5: one chain, the same everywhere, unbroken from the genesis.

use std::collections::BTreeMap;

use starling_ledger::block::BlockHash;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::TransactionId;
use starling_ledger::vote::Height;
use starling_node::work::ExecutedBlock;

use super::Breach;

/// The one chain, as the first node to decide each height sees it.
pub struct Chain {
    blocks: Vec<Decided>,
    transactions: BTreeMap<TransactionId, Height>,
    genesis: BlockHash,
    rounds_above_0: u64,
    time_ms: u64,
}

/// A block of the one chain.
#[derive(Clone, Copy, Debug)]
pub struct Decided {
    /// Its hash.
    pub hash: BlockHash,
    /// The root after it.
    pub state_root: Hash,
    /// Who decided it first.
    pub first: usize,
}

impl Chain {
    /// Begins with the genesis.
    #[must_use]
    pub const fn new(genesis: Hash) -> Self {
        Self {
            blocks: Vec::new(),
            transactions: BTreeMap::new(),
            genesis: BlockHash(genesis),
            rounds_above_0: 0,
            time_ms: 0,
        }
    }

    /// Returns the greatest height decided.
    #[must_use]
    pub fn height(&self) -> Height {
        u64::try_from(self.blocks.len()).unwrap_or(u64::MAX)
    }

    /// Returns the block at `height`.
    #[must_use]
    pub fn at(&self, height: Height) -> Option<&Decided> {
        self.blocks
            .get(usize::try_from(height.checked_sub(1)?).ok()?)
    }

    /// Returns the final transactions with their heights.
    #[must_use]
    pub const fn transactions(&self) -> &BTreeMap<TransactionId, Height> {
        &self.transactions
    }

    /// Returns the time of the last block, milliseconds since 1970; 0 before the first.
    #[must_use]
    pub const fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Returns how many blocks were made in a round above 0.
    #[must_use]
    pub const fn rounds_above_0(&self) -> u64 {
        self.rounds_above_0
    }

    /// Judges a block that `node` decided; says whether its height is new.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn decided(&mut self, node: usize, block: &ExecutedBlock) -> Result<bool, Breach> {
        let header = &block.block.header;
        let height = header.height;
        if let Some(known) = self.at(height) {
            if (known.hash, known.state_root) == (block.hash, header.state_root) {
                return Ok(false);
            }
            return Err(Breach::new(
                "O1",
                format!(
                    "height {height}: node {} decided {}, node {} decided {}",
                    known.first + 1,
                    known.hash,
                    node + 1,
                    block.hash
                ),
            ));
        }
        if height != self.height() + 1 {
            let what = format!(
                "node {} decided height {height} after {}",
                node + 1,
                self.height()
            );
            return Err(Breach::new("O3", what));
        }
        let parent = self
            .blocks
            .last()
            .map_or(self.genesis, |parent| parent.hash);
        if header.parent != parent || header.hash() != block.hash {
            let what = format!(
                "block {height} names parent {}, not {parent}",
                header.parent
            );
            return Err(Breach::new("O3", what));
        }
        if block.executed.state.root != header.state_root {
            let what = format!("block {height} was executed to another root than it names");
            return Err(Breach::new("O1", what));
        }
        self.blocks.push(Decided {
            hash: block.hash,
            state_root: header.state_root,
            first: node,
        });
        self.time_ms = header.time_ms;
        self.rounds_above_0 += u64::from(header.round > 0);
        for transaction in &block.executed.transactions {
            if let Some(before) = self.transactions.insert(transaction.id, height) {
                let what = format!(
                    "{} is final at {before} and again at {height}",
                    transaction.id
                );
                return Err(Breach::new("O5", what));
            }
        }
        Ok(true)
    }
}
