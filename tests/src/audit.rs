//! Reads what a stopped node left on disk, without the node: each block, each transaction, and
//! whether the money adds up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use starling_ledger::chain::ChainReader;
use starling_ledger::hash::Hash;
use starling_ledger::state::State;
use starling_ledger::storage::Storage;
use starling_ledger::supply::{Totals, check_supply};
use starling_ledger::transaction::TransactionId;
use starling_store::{OpenOptions, RocksStorage};

use crate::testnet::Testnet;

/// What lies in a node's folder.
pub struct Audit {
    /// Block hashes and state roots of heights 1, 2, ….
    pub chain: Vec<(Hash, Hash)>,
    /// All final transactions.
    pub transactions: BTreeSet<TransactionId>,
    /// The memos of all final transactions, and how often each stands there.
    pub memos: BTreeMap<String, u32>,
    /// What the state says of all units, after adding up every entry.
    pub totals: Totals,
    /// What the genesis gave out.
    pub supply: u64,
}

impl Audit {
    /// Reads the ledger in `data`, the data folder of a node that does not run.
    ///
    /// # Panics
    /// If anything cannot be read, a transaction is in the chain twice, or the sum of all balances,
    /// stakes and burned fees is not the supply.
    pub fn of(data: &Path) -> Self {
        let ledger = data.join("ledger");
        let storage = RocksStorage::open_read_only(&ledger, &OpenOptions::default());
        let storage = storage.unwrap_or_else(|error| panic!("{}: {error}", ledger.display()));
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let reader = ChainReader::new(storage.snapshot().expect("a snapshot"));
        let genesis = reader.genesis().expect("readable").expect("a genesis");
        let (height, _) = reader.tip().expect("readable").expect("a tip");
        let mut chain = Vec::new();
        let mut transactions = BTreeSet::new();
        let mut memos = BTreeMap::new();
        for height in 1..=height {
            let block = reader.block(height).expect("readable").expect("no gap");
            chain.push((block.header.hash().0, block.header.state_root));
            for raw in &block.transactions {
                let transaction = raw.decode().expect("final transactions are well-formed");
                let sender = transaction.sender();
                let id = transaction.body.id(&block.header.genesis, &sender);
                assert!(transactions.insert(id), "{id} is in the chain twice");
                *memos.entry(transaction.body.memo).or_default() += 1;
            }
        }
        let state = State::open(&storage).expect("a state");
        if let Some((_, root)) = chain.last() {
            assert_eq!(state.root(), *root, "the state is that of the last block");
        }
        Self {
            chain,
            transactions,
            memos,
            totals: check_supply(&state).expect("the money adds up"),
            supply: genesis.supply().expect("a supply"),
        }
    }

    /// Reads the ledgers of these nodes of a stopped testnet.
    ///
    /// # Panics
    /// As [`Audit::of`].
    pub fn of_all(testnet: &Testnet, nodes: &[&str]) -> Vec<Self> {
        let one = |node: &&str| Self::of(&testnet.data_of(node));
        nodes.iter().map(one).collect()
    }

    /// Says that all have the same chain as far as they go, and that nothing was made or lost.
    /// Returns the length of the shortest.
    ///
    /// # Panics
    /// If not, or if there is none.
    pub fn agree(all: &[Self]) -> usize {
        let lengths = all.iter().map(|one| one.chain.len());
        let shortest = lengths.min().expect("at least one");
        let (first, others) = all.split_first().expect("at least one");
        for one in all {
            assert_eq!(one.totals.supply, one.supply, "the supply never changes");
        }
        for other in others {
            let pairs = first.chain.iter().zip(&other.chain);
            let differs = pairs.clone().position(|(left, right)| left != right);
            assert_eq!(differs, None, "two blocks of one height (counted from 0)");
        }
        shortest
    }
}
