//! O11: what waits at a node would go into the next block, and whoever was told that a transaction
//! is accepted hears how it ends.

use std::collections::{BTreeMap, BTreeSet};

use starling_ledger::certificate::CommitCertificate;
use starling_ledger::execution::{BlockLimits, BlockPlan, Tip, build};
use starling_ledger::transaction::TransactionId;
use starling_node::core::{Core, Event};
use starling_node::work::ExecutedBlock;

use super::Breach;

/// The transactions that each node accepted in this life, without their end.
#[derive(Default)]
pub struct Waiting {
    open: BTreeMap<usize, BTreeSet<TransactionId>>,
}

impl Waiting {
    /// A node begins anew.
    pub fn started(&mut self, node: usize) {
        self.open.remove(&node);
    }

    /// A node tells something.
    ///
    /// # Errors
    /// It tells the end of what it never accepted.
    pub fn told(&mut self, node: usize, event: &Event) -> Result<(), Breach> {
        let open = self.open.entry(node).or_default();
        match event {
            Event::Accepted(id) => {
                open.insert(*id);
            }
            Event::Left(left) if !open.remove(&left.id) => {
                let what = format!("node {} tells the end of {:?}", node + 1, left.id);
                return Err(Breach::new("O11", what));
            }
            _ => {}
        }
        Ok(())
    }

    /// A node took a block for final.
    pub fn decided(&mut self, node: usize, block: &ExecutedBlock) {
        let open = self.open.entry(node).or_default();
        for id in block.transaction_ids().iter() {
            open.remove(id);
        }
    }

    /// Judges what waits at a node after a block.
    ///
    /// # Errors
    /// Something that was accepted is neither here nor told of, or does not apply.
    pub fn check(&self, node: usize, core: &Core) -> Result<(), Breach> {
        let mut open = self.open.get(&node).into_iter().flatten();
        if let Some(id) = open.find(|id| !core.is_waiting(id)) {
            let what = format!("node {} lost {id:?} without a word", node + 1);
            return Err(Breach::new("O11", what));
        }
        for queue in core.mempool().settled() {
            let tip = core.tip();
            let plan = BlockPlan {
                round: 0,
                clock_ms: tip.time_ms.saturating_add(1),
                candidates: &queue,
                evidence: &[],
                parent_certificate: certificate(tip),
                limits: BlockLimits {
                    bytes_max: u32::MAX,
                    transactions_max: u32::MAX,
                },
            };
            let built = build(tip, plan).map_err(|error| Breach::new("O11", error.to_string()))?;
            if let Some((_, error)) = built.skipped.first() {
                let what = format!("node {} keeps what does not apply: {error}", node + 1);
                return Err(Breach::new("O11", what));
            }
        }
        Ok(())
    }
}

/// What stands for the certificate of a tip, whose signatures nobody looks at here.
fn certificate(tip: &Tip) -> Option<CommitCertificate> {
    let header = tip.header.as_ref()?;
    Some(CommitCertificate {
        height: tip.height,
        round: header.round,
        block: tip.hash,
        signatures: Vec::new(),
    })
}
