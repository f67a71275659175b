//! The last look: every node's store, read from the beginning and compared with the one chain.

use starling_ledger::account::Account;
use starling_ledger::chain::{ChainError, ChainReader, ChainStore};
use starling_ledger::state_key::StateKey;

use super::{Breach, Oracles};

/// Most transactions looked up on each node; they are the latest.
const LOOKUPS_MAX: usize = 64;

/// Judges the store of `node`: hash chain, certificates, transactions and every account.
///
/// # Errors
/// The rule that is broken.
pub fn audit(oracles: &Oracles, node: usize, store: &ChainStore) -> Result<(), Breach> {
    let reader = store.read();
    let tip = store.tip().map_err(|error| damaged(node, &error))?;
    let mut parent = starling_ledger::block::BlockHash(tip.genesis_hash);
    for height in 1..=tip.height {
        let header = reader
            .header(height)
            .map_err(|error| damaged(node, &error))?;
        let certificate = reader
            .certificate(height)
            .map_err(|error| damaged(node, &error))?;
        let (Some(header), Some(certificate)) = (header, certificate) else {
            return Err(Breach::new(
                "O3",
                format!("node {} has no block {height}", node + 1),
            ));
        };
        let known = oracles.chain.at(height).map(|block| block.hash);
        let signers = reader
            .validators(&header.validators_hash)
            .map_err(|error| damaged(node, &error))?;
        if signers.as_ref() != oracles.staking.signers(height).map(|set| &**set) {
            let what = format!("node {} stores other validators of {height}", node + 1);
            return Err(Breach::new("O2", what));
        }
        let unbroken = header.parent == parent && certificate.block == header.hash();
        if !unbroken || known != Some(header.hash()) {
            let what = format!("node {} stores another block {height}", node + 1);
            return Err(Breach::new("O3", what));
        }
        parent = header.hash();
    }
    transactions(oracles, node, reader, tip.height)?;
    if tip.height == oracles.chain.height() {
        accounts(oracles, node, &tip.state)?;
    }
    Ok(())
}

fn transactions(
    oracles: &Oracles,
    node: usize,
    reader: &ChainReader,
    tip: starling_ledger::vote::Height,
) -> Result<(), Breach> {
    let known = oracles
        .chain
        .transactions()
        .iter()
        .filter(|(_, height)| **height <= tip);
    for (id, height) in known.take(LOOKUPS_MAX) {
        let found = reader
            .transaction(id)
            .map_err(|error| damaged(node, &error))?;
        if found.map(|found| found.header.height) != Some(*height) {
            let what = format!("node {} does not have {id} at height {height}", node + 1);
            return Err(Breach::new("O5", what));
        }
    }
    Ok(())
}

fn accounts(
    oracles: &Oracles,
    node: usize,
    state: &starling_ledger::state::State,
) -> Result<(), Breach> {
    for (id, account) in oracles.ledger.accounts() {
        let entry = state.get(&StateKey::account(id));
        let stored = entry
            .ok()
            .flatten()
            .and_then(|bytes| Account::from_bytes(&bytes).ok());
        if stored.as_ref() != Some(account) {
            let what = format!(
                "node {} stores {stored:?} for {id:?}, not {account:?}",
                node + 1
            );
            return Err(Breach::new("O4", what));
        }
    }
    Ok(())
}

fn damaged(node: usize, error: &ChainError) -> Breach {
    Breach::new("O3", format!("the store of node {}: {error}", node + 1))
}
