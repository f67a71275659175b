//! Who signed in which epoch, of late: what evidence is held against before it is passed on.
//!
//! A set signs all heights of an epoch, so one entry per epoch is exact; what this node has not
//! followed (it fetched the blocks, or was off) is not here, and evidence of it is dropped without
//! blame.
//!
//! # Limits
//! [`MAX_EPOCHS`] sets, shared with their heights.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ledger::keys::PublicKey;
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::Height;

/// Most epochs remembered. Our choice: evidence travels within seconds; an epoch lasts hours where
/// blocks have value, and some seconds in tests.
pub(super) const MAX_EPOCHS: usize = 8;

/// The sets of recent epochs.
#[derive(Clone, Debug)]
pub(super) struct Epochs {
    blocks: u64,
    sets: BTreeMap<u64, Arc<ValidatorSet>>,
}

impl Epochs {
    /// Makes an empty memory; an epoch has `blocks` blocks.
    pub(super) fn new(blocks: u64) -> Self {
        Self {
            blocks: blocks.max(1),
            sets: BTreeMap::new(),
        }
    }

    /// Takes note of who signs a height.
    pub(super) fn note(&mut self, height: Height, set: &Arc<ValidatorSet>) {
        self.sets
            .entry(self.epoch(height))
            .or_insert_with(|| Arc::clone(set));
        if self.sets.len() > MAX_EPOCHS {
            self.sets.pop_first();
        }
    }

    /// Says whether `key` is known to sign at `height`.
    pub(super) fn signs(&self, height: Height, key: &PublicKey) -> bool {
        let set = self.sets.get(&self.epoch(height));
        height > 0 && set.is_some_and(|set| set.by_key(key).is_some())
    }

    const fn epoch(&self, height: Height) -> u64 {
        height.saturating_sub(1) / self.blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::tests::keyed::key;
    use starling_ledger::address::AccountId;
    use starling_ledger::validators::Validator;

    fn set(index: usize) -> Arc<ValidatorSet> {
        let member = Validator {
            account: AccountId([1; 32]),
            key: key(index),
            power: 1,
        };
        Arc::new(ValidatorSet::new(vec![member]).unwrap())
    }

    #[test]
    fn a_set_signs_exactly_the_heights_of_its_epoch() {
        let mut epochs = Epochs::new(10);
        epochs.note(3, &set(0));
        epochs.note(11, &set(1));
        for (height, signer) in [(1, 0), (10, 0), (11, 1), (20, 1)] {
            assert!(epochs.signs(height, &key(signer)), "{height}");
            assert!(!epochs.signs(height, &key(1 - signer)), "{height}");
        }
        assert!(!epochs.signs(0, &key(0)) && !epochs.signs(21, &key(1)));
    }

    #[test]
    fn an_epoch_that_was_not_followed_is_not_guessed() {
        let mut epochs = Epochs::new(10);
        epochs.note(1, &set(0));
        epochs.note(31, &set(1));
        assert!(!epochs.signs(15, &key(0)));
        for epoch in 0..20 {
            epochs.note(10 * epoch + 1, &set(0));
        }
        assert_eq!(epochs.sets.len(), MAX_EPOCHS);
        assert!(epochs.signs(200, &key(0)));
    }
}
