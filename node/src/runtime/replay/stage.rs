//! The first stage: reads blocks in groups and checks all that needs no state.

use std::ops::RangeInclusive;
use std::sync::{Arc, mpsc};

use starling_ledger::block::{BLOCK_BYTES_MAX, Block, FinalBlock};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::{ChainError, ChainReader};
use starling_ledger::codec::decode;
use starling_ledger::hash::Hash;
use starling_ledger::keys::Ed25519;
use starling_ledger::transaction::{
    AllVerified, RawTransaction, TransactionError, VerifiedTransaction,
};
use starling_ledger::vote::Height;

use super::{GROUP_BLOCKS_MAX, GROUP_BYTES_MAX, GROUPS_MAX, ReplayError, ReplayPlan};
use crate::runtime::threads::Thread;
use crate::runtime::workers::Pool;

/// A block whose parts are decoded and whose transactions are verified.
pub(super) struct Checked {
    pub(super) block: Block,
    pub(super) certificate: CommitCertificate,
    /// Its transactions, or the first that is wrong.
    pub(super) transactions: AllVerified<Arc<VerifiedTransaction>>,
}

/// Some blocks that follow each other, and why there is no next one, if that is so.
pub(super) struct Group {
    pub(super) blocks: Vec<Checked>,
    pub(super) failed: Option<ReplayError>,
}

/// The groups in the order of heights, each as soon as it is checked.
pub(super) struct Stage {
    groups: mpsc::Receiver<mpsc::Receiver<Group>>,
    _reader: Thread,
}

/// How the transactions of a network are checked.
#[derive(Clone, Copy)]
struct Rule {
    genesis: Hash,
    /// Up to here signatures are taken for right.
    trusted: Height,
}

impl Stage {
    /// Starts to read `heights`.
    ///
    /// # Errors
    /// An I/O error if a thread cannot be started.
    pub(super) fn start(
        source: ChainReader,
        genesis: Hash,
        heights: RangeInclusive<Height>,
        plan: &ReplayPlan,
    ) -> std::io::Result<Self> {
        let pool = Pool::start(plan.threads.max(1))?;
        let trusted = plan.checkpoint.map_or(0, |checkpoint| checkpoint.height);
        let rule = Rule { genesis, trusted };
        let (sender, groups) = mpsc::sync_channel(GROUPS_MAX);
        let reader = Thread::start("replay-read", move || {
            let mut heights = heights.peekable();
            while let Some(first) = heights.peek().copied() {
                let (raw, unread) = read_group(&source, &mut heights);
                let last = unread.is_some();
                let (result, group) = mpsc::sync_channel(1);
                if sender.send(group).is_err() {
                    return;
                }
                pool.spawn(move || {
                    // Nobody waits any more only if an earlier block was wrong.
                    let mut group = check_group(first, &raw, rule);
                    group.failed = group.failed.or(unread);
                    let _ = result.send(group);
                });
                if last {
                    return;
                }
            }
        })?;
        Ok(Self {
            groups,
            _reader: reader,
        })
    }
}

impl Iterator for Stage {
    type Item = Group;

    fn next(&mut self) -> Option<Group> {
        // Both channels end early only where a thread panicked, which has been reported.
        self.groups.recv().ok()?.recv().ok()
    }
}

/// Reads the encodings of the next final blocks, up to one that cannot be read.
fn read_group(
    source: &ChainReader,
    heights: &mut impl Iterator<Item = Height>,
) -> (Vec<Vec<u8>>, Option<ReplayError>) {
    let mut group = Vec::new();
    let mut size_bytes = 0;
    while size_bytes < GROUP_BYTES_MAX && group.len() < GROUP_BLOCKS_MAX {
        let Some(height) = heights.next() else {
            break;
        };
        match source.raw_final_block(height) {
            Ok(Some(raw)) => {
                size_bytes += raw.len();
                group.push(raw);
            }
            Ok(None) => return (group, Some(ReplayError::Missing { height })),
            Err(ChainError::Storage(error)) if error.is_corrupt() => {
                return (group, Some(ReplayError::Damaged { height, error }));
            }
            Err(error) => return (group, Some(ReplayError::Source(error))),
        }
    }
    (group, None)
}

/// Decodes blocks, up to one that does not decode, and verifies their transactions, all signatures
/// of the group together.
fn check_group(first: Height, group: &[Vec<u8>], rule: Rule) -> Group {
    let mut blocks = Vec::with_capacity(group.len());
    let mut failed = None;
    for (height, raw) in (first..).zip(group) {
        match decode::<FinalBlock, BLOCK_BYTES_MAX>(raw) {
            Ok(decoded) => blocks.push(decoded),
            Err(error) => {
                failed = Some(ReplayError::Codec { height, error });
                break;
            }
        }
    }
    let all: Vec<_> = (first..)
        .zip(&blocks)
        .filter(|(height, _)| *height > rule.trusted)
        .flat_map(|(_, one)| one.block.transactions.iter().cloned())
        .collect();
    let mut verified = RawTransaction::verify_each(&all, &Ed25519, &rule.genesis).into_iter();
    let checked = (first..).zip(blocks).map(|(height, one)| {
        let raws = &one.block.transactions;
        let transactions = if height > rule.trusted {
            all_right(verified.by_ref().take(raws.len()))
        } else {
            all_right(raws.iter().map(|raw| raw.trust(&rule.genesis)))
        };
        Checked {
            transactions,
            block: one.block,
            certificate: one.certificate,
        }
    });
    Group {
        blocks: checked.collect(),
        failed,
    }
}

fn all_right(
    results: impl Iterator<Item = Result<VerifiedTransaction, TransactionError>>,
) -> AllVerified<Arc<VerifiedTransaction>> {
    // Takes every result, also behind a wrong one: those behind it belong to other blocks.
    let mut wrong = None;
    let mut right = Vec::new();
    for (index, result) in results.enumerate() {
        match result {
            Ok(verified) => right.push(Arc::new(verified)),
            Err(error) => {
                wrong.get_or_insert((index, error));
            }
        }
    }
    wrong.map_or(Ok(right), Err)
}
