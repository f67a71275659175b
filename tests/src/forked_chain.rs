//! A network whose validators all change, and the chains that those who left could write.
//!
//! The founders sign the first two blocks; in block 3 four others bond more than they have, and
//! sign from block 5 on. A chain of any other kind parts from that one where a test wants it.

use std::sync::Arc;

use starling_ledger::address::NetworkKind;
use starling_ledger::genesis::local_consensus_key;
use starling_ledger::genesis::{Genesis, GenesisAccount, LOCAL_STAKE, local_account};
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::light::Checkpoint;
use starling_ledger::storage::{MemoryStorage, Storage};
use starling_ledger::transaction::{Action, RawTransaction, possession_hash};
use starling_ledger::vote::Height;

use crate::local_chain::{HEIRS, LocalChain, VALIDATORS};

/// When the network was born: 2026-01-01.
pub const BIRTH_MS: u64 = 1_767_225_600_000;
/// The height in which the heirs bond.
pub const BONDING: Height = 3;
/// The first block that the heirs sign.
pub const HANDOVER: Height = 5;
/// What a bond or transfer offers.
const FEE: u64 = 1_000_000;

/// Which chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// The one that everybody knows.
    Main,
    /// One that parts from it at this height, and in which nobody bonds after that.
    From(Height),
}

/// The network; a block vouches for its validators for `trust_period_ms`.
#[must_use]
pub fn genesis(trust_period_ms: u64) -> Genesis {
    let mut genesis = Genesis::local("forked", BIRTH_MS, VALIDATORS);
    genesis.kind = NetworkKind::Test;
    let heir = |name| GenesisAccount {
        account: local_account(name),
        balance: 20 * LOCAL_STAKE,
    };
    genesis.accounts = HEIRS.map(heir).into();
    genesis.accounts.sort_unstable_by_key(|one| one.account);
    let parameters = &mut genesis.parameters;
    parameters.epoch_blocks = 4;
    parameters.validators_max = u32::from(VALIDATORS);
    parameters.trust_period_ms = trust_period_ms;
    parameters.evidence_age_ms = trust_period_ms + 1;
    parameters.unbonding_ms = trust_period_ms + 1;
    genesis
}

/// Makes a chain of `height` blocks, on a disk that holds nothing else.
///
/// # Panics
/// If a block does not apply: these are all made to.
#[must_use]
pub fn chain(genesis: &Genesis, branch: Branch, height: Height) -> Arc<MemoryStorage> {
    let storage = Arc::new(MemoryStorage::new());
    write(Arc::clone(&storage) as _, genesis, (branch, height));
    storage
}

/// Writes such a chain into a storage that is fresh.
///
/// # Panics
/// As [`chain`].
pub fn write(storage: Arc<dyn Storage>, genesis: &Genesis, (branch, height): (Branch, Height)) {
    let mut chain = LocalChain::new(storage, genesis);
    for height in 1..=height {
        let parted = matches!(branch, Branch::From(from) if height >= from);
        let transactions = match (parted, height) {
            (false, BONDING) => bonds(&chain),
            (true, _) => vec![payment(&chain, branch, height)],
            _ => Vec::new(),
        };
        let (built, certificate) = chain.build(&transactions);
        let batch = chain.take(&built, certificate);
        chain.write(batch);
    }
}

/// The block of a chain at a height, as somebody vouches for it.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn checkpoint(storage: &Arc<MemoryStorage>, height: Height) -> Checkpoint {
    let chain = starling_ledger::chain::ChainStore::new(Arc::clone(storage) as Arc<dyn Storage>);
    let header = chain.read().header(height).expect("readable");
    Checkpoint::of(&header.expect("a block"))
}

fn bonds(chain: &LocalChain) -> Vec<RawTransaction> {
    let bond = |name: &str| {
        let key = local_consensus_key(name);
        let message = possession_hash(&chain.tip.genesis_hash, &local_account(name));
        let bond = Action::Bond {
            consensus_key: key.public_key(),
            amount: 10 * LOCAL_STAKE,
            proof_of_possession: key.sign(&message.0),
        };
        chain.signed((&SecretKey::local(name), 0), bond, FEE)
    };
    HEIRS.map(bond).into()
}

/// What makes a block differ: alice pays somebody.
fn payment(chain: &LocalChain, branch: Branch, height: Height) -> RawTransaction {
    let (Branch::From(from), to) = (branch, local_account("nobody")) else {
        unreachable!("only a branch parts");
    };
    let bonded = u64::from(from > BONDING);
    let nonce = bonded + (height - from);
    chain.transfer((&SecretKey::local("alice"), nonce), to, FEE)
}
