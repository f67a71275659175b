//! O8: what a node reads never goes backwards, not even over a crash.

use std::collections::BTreeMap;

use starling_ledger::vote::Height;

use super::Breach;

/// The last height that each node showed.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    shown: BTreeMap<usize, Height>,
}

impl Reads {
    /// Judges the height of a block that `node` calls final and readable.
    ///
    /// # Errors
    /// The gap, or the step back.
    pub fn shown(&mut self, node: usize, height: Height) -> Result<(), Breach> {
        let before = self.shown.insert(node, height).unwrap_or_default();
        if height <= before {
            let what = format!("node {} showed height {before} and then {height}", node + 1);
            return Err(Breach::new("O8", what));
        }
        Ok(())
    }

    /// Notes that `node` has lost its disk.
    pub fn wiped(&mut self, node: usize) {
        self.shown.remove(&node);
    }

    /// Judges the tip from which `node` starts, given the last height its disk called durable.
    ///
    /// # Errors
    /// The heights that are lost.
    pub fn started(&mut self, node: usize, tip: Height, durable: Height) -> Result<(), Breach> {
        let shown = self.shown.get(&node).copied().unwrap_or_default();
        if tip < shown.max(durable) {
            let what = format!(
                "node {} starts at height {tip}, had shown {shown} and stored {durable}",
                node + 1
            );
            return Err(Breach::new("O8", what));
        }
        // A block can be on the disk without having been shown.
        self.shown.insert(node, tip);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_may_lose_nothing_that_was_durable() {
        let mut reads = Reads::default();
        assert_eq!(reads.shown(0, 1), Ok(()));
        assert_eq!(reads.started(0, 2, 1), Ok(()));
        assert!(reads.started(0, 1, 1).is_err());
        assert!(reads.shown(0, 1).is_err());
    }
}
