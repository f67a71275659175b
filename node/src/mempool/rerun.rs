//! Running anew what waits of a sender, where a block or a replacement changed what it builds on.

use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::execution::{ApplyError, BlockError, NextBlock, PendingChain, ReadSet, Tip};
use starling_ledger::transaction::VerifiedTransaction;

/// A queue that has to be run anew.
#[derive(Clone, Debug)]
pub struct StaleQueue {
    /// Whose it is.
    pub sender: AccountId,
    /// Which state of it.
    pub version: u64,
    /// What waits, in order.
    pub transactions: Vec<Arc<VerifiedTransaction>>,
}

/// A queue that was run.
#[derive(Clone, Debug)]
pub struct RanQueue {
    /// Whose it is.
    pub sender: AccountId,
    /// Which state of it.
    pub version: u64,
    /// Those that apply.
    pub chain: PendingChain,
    /// Why the first that does not does not. What comes behind it cannot.
    pub refused: Option<ApplyError>,
}

/// Runs queues on what is read of the tip: the work that [`Mempool::take_stale`] asks for.
///
/// # Errors
/// A state that cannot be read.
///
/// [`Mempool::take_stale`]: super::Mempool::take_stale
pub fn rerun(tip: &Tip, queues: Vec<StaleQueue>) -> Result<Vec<RanQueue>, BlockError> {
    queues.into_iter().map(|queue| run(tip, &queue)).collect()
}

fn run(tip: &Tip, queue: &StaleQueue) -> Result<RanQueue, BlockError> {
    let StaleQueue {
        sender, version, ..
    } = *queue;
    let reads = ReadSet::of_each(tip, &queue.transactions)?;
    let account = reads.first().and_then(|reads| reads.account(&sender));
    let mut chain = PendingChain::new(sender, account);
    let mut refused = None;
    let next = NextBlock::after(tip);
    for (transaction, reads) in queue.transactions.iter().zip(&reads) {
        match chain.run(transaction, reads, &next)? {
            Ok(step) => chain.put(transaction.body().nonce, step),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    Ok(RanQueue {
        sender,
        version,
        chain,
        refused,
    })
}
