//! The history as a file: genesis, then each block with all accounts after it.

use bincode::Encode;
use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::block::Block;
use starling_ledger::codec::encode;
use starling_ledger::genesis::Genesis;

use super::network::Network;
use super::wishes::Crowd;

/// The genesis and what followed, in the one encoding.
#[derive(Encode)]
pub(crate) struct Export {
    genesis: Genesis,
    heights: Vec<(Block, Vec<(AccountId, Account)>)>,
}

impl Export {
    pub(crate) fn new(network: &Network) -> Self {
        Self {
            genesis: Genesis::clone(&network.tip.genesis),
            heights: Vec::new(),
        }
    }

    /// Adds a block and the accounts after it.
    pub(crate) fn add(&mut self, block: &Block, network: &Network, crowd: &Crowd) {
        let accounts = crowd
            .accounts()
            .filter_map(|id| Some((id, network.account(&id)?)));
        self.heights.push((block.clone(), accounts.collect()));
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}
