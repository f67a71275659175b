//! Rebuilding: the blocks of one storage, executed again into another.
//!
//! Nothing of the source is believed: each block is checked by every rule, each signature verified,
//! and indexes and state are made anew from what the blocks do. So the result is whole up to the
//! block where the source is not, and is the same ledger, because there is only one. `db resync`
//! keeps that, `db rollback` stops earlier, `db check --full` throws it away.
//!
//! Blocks are executed again from block 1, so a source that was pruned cannot be rebuilt.
//!
//! # Limits
//! Blocks are written in batches of at most [`BATCH_BLOCKS`] and about [`BATCH_BYTES`]; their pages
//! are in memory until then.

use std::sync::Arc;

use super::{ChainError, ChainReader, ChainStore, corrupt};
use crate::certificate::CommitCertificate;
use crate::execution::{BlockError, Checks, Tip, execute};
use crate::hash::Hash;
use crate::keys::SignatureScheme;
use crate::storage::{Column, WriteBatch};
use crate::transaction::RawTransaction;
use crate::vote::Height;

/// Most blocks of one batch. Our choice: one synced write for each epoch or so.
const BATCH_BLOCKS: usize = 64;
/// Bytes from which on a batch is written.
const BATCH_BYTES: usize = 8 << 20;

/// What the next block came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// It is part of the new ledger.
    Block(Height),
    /// The source has no further block.
    End,
    /// The source has a block that is damaged or breaks a rule; the new ledger ends below it.
    Bad {
        /// Its height.
        height: Height,
        /// What is wrong.
        reason: String,
    },
}

/// A ledger that is being rebuilt.
pub struct Rebuild {
    source: ChainReader,
    target: ChainStore,
    scheme: Arc<dyn SignatureScheme>,
    tip: Tip,
    /// The certificate of the tip, whose signatures were verified.
    certificate: Option<Hash>,
    batch: WriteBatch,
    blocks: usize,
}

impl Rebuild {
    /// Begins in `target`, where the same network has begun and may have gone on.
    ///
    /// # Errors
    /// [`ChainError`] of the target.
    pub fn begin(
        source: ChainReader,
        target: ChainStore,
        scheme: Arc<dyn SignatureScheme>,
    ) -> Result<Self, ChainError> {
        let tip = target.tip()?;
        Ok(Self {
            source,
            target,
            scheme,
            tip,
            certificate: None,
            batch: WriteBatch::new(),
            blocks: 0,
        })
    }

    /// Returns the height of the new ledger.
    pub const fn height(&self) -> Height {
        self.tip.height
    }

    /// Returns the last block of the new ledger and the state after it.
    pub const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Executes the next block of the source.
    ///
    /// # Errors
    /// [`ChainError`] of the target, or of a source that cannot be read for another reason than
    /// damage.
    pub fn step(&mut self) -> Result<Rebuilt, ChainError> {
        let height = self.tip.height.saturating_add(1);
        let bad = |reason: String| Rebuilt::Bad { height, reason };
        let found = self.source.block(height).and_then(|block| {
            let certificate = self.source.certificate(height)?;
            Ok((block, certificate))
        });
        let (block, certificate) = match found {
            Ok((Some(block), Some(certificate))) => (block, certificate),
            Ok((None, None)) => return Ok(Rebuilt::End),
            Ok(_) => return Ok(bad("it is incomplete".to_owned())),
            Err(ChainError::Storage(error)) if error.is_corrupt() => {
                return Ok(bad(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let genesis = self.tip.genesis_hash;
        let verify = |raw: &[RawTransaction]| {
            RawTransaction::verify_all(raw, self.scheme.as_ref(), &genesis)
        };
        let checks = Checks {
            scheme: self.scheme.as_ref(),
            transactions: &|raw| Ok(verify(raw)?.into_iter().map(Arc::new).collect()),
            verified_certificate: self.certificate,
        };
        let executed = match execute(&self.tip, &block, &checks) {
            Ok(executed) => executed,
            Err(error) if error.is_deterministic() => return Ok(bad(error.to_string())),
            Err(BlockError::State(error)) => return Err(error.into()),
            Err(error) => return Err(corrupt(Column::State, &error.to_string())),
        };
        if let Err(reason) = self.check_certificate(&certificate, executed.header_hash.0) {
            return Ok(bad(reason));
        }
        let batch = ChainStore::append_batch(&block, &executed, &certificate)?;
        self.tip = self.tip.child(&executed, &block.header);
        self.certificate = Some(certificate.hash());
        self.batch.append(batch);
        self.blocks += 1;
        if self.blocks >= BATCH_BLOCKS || self.batch.size_bytes() >= BATCH_BYTES {
            self.write()?;
        }
        Ok(Rebuilt::Block(height))
    }

    /// Writes what is not written yet.
    ///
    /// # Errors
    /// [`ChainError`] of the target.
    pub fn write(&mut self) -> Result<(), ChainError> {
        if self.blocks > 0 {
            self.target.append(std::mem::take(&mut self.batch))?;
            self.blocks = 0;
            let view = self.target.storage.snapshot()?;
            self.tip.state = self.tip.state.settled(view);
        }
        Ok(())
    }

    /// Checks the certificate of the block after the tip.
    fn check_certificate(
        &self,
        certificate: &CommitCertificate,
        block: Hash,
    ) -> Result<(), String> {
        let height = self.tip.height.saturating_add(1);
        if (certificate.height, certificate.block.0) != (height, block) {
            return Err("its certificate is of another block".to_owned());
        }
        let (scheme, signers) = (self.scheme.as_ref(), &self.tip.validators);
        let checked = certificate.verify(scheme, &self.tip.genesis_hash, signers);
        checked.map(drop).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::layout;
    use crate::fixture::Network;
    use crate::keys::Ed25519;
    use crate::storage::{MemoryStorage, Storage};

    /// A chain of `blocks` payments.
    fn network(blocks: u64) -> Network {
        let mut network = Network::new();
        for nonce in 0..blocks {
            network.commit(&[network.pay("alice", nonce, "bob", 1)]);
        }
        network
    }

    fn begin(network: &Network) -> (Rebuild, Arc<dyn Storage>) {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let target = ChainStore::new(Arc::clone(&storage));
        target.init_genesis(&network.tip.genesis).unwrap();
        let source = network.chain.snapshot().unwrap();
        let rebuild = Rebuild::begin(source, target, Arc::new(Ed25519)).unwrap();
        (rebuild, storage)
    }

    /// Goes on to the end, and returns what it was.
    fn run(rebuild: &mut Rebuild) -> Rebuilt {
        loop {
            match rebuild.step().unwrap() {
                Rebuilt::Block(_) => {}
                end => {
                    rebuild.write().unwrap();
                    return end;
                }
            }
        }
    }

    #[test]
    fn a_rebuilt_ledger_is_the_same_in_every_column() {
        let network = network(BATCH_BLOCKS as u64 + 5);
        let (mut rebuild, storage) = begin(&network);
        assert_eq!(run(&mut rebuild), Rebuilt::End);
        for column in Column::ALL {
            let all = |storage: &Arc<dyn Storage>| storage.scan(column, &[], None, usize::MAX);
            assert_eq!(all(&storage), all(&network.storage), "{column}");
        }
    }

    #[test]
    fn a_rebuilt_ledger_ends_below_the_first_bad_block() {
        let network = network(8);
        let other = network.chain.read().block(4).unwrap().unwrap();
        let certificate = network.chain.read().certificate(4).unwrap().unwrap();
        let key = layout::number(5);
        let damages = [
            (Column::Body, layout::body(&other)),
            (Column::Body, vec![1, 2, 3]),
            (Column::Certificate, crate::codec::encode(&certificate)),
        ];
        for (column, value) in damages {
            let before = network.storage.get(column, &key).unwrap().unwrap();
            let put = |value: Vec<u8>| {
                let mut batch = WriteBatch::new();
                batch.put(column, key, value);
                network.storage.write(batch).unwrap();
            };
            put(value);
            let (mut rebuild, _) = begin(&network);
            let end = run(&mut rebuild);
            assert!(matches!(end, Rebuilt::Bad { height: 5, .. }), "{end:?}");
            assert_eq!(rebuild.height(), 4);
            assert_eq!(rebuild.target.tip().unwrap().height, 4);
            put(before);
        }
    }

    #[test]
    fn a_rebuild_goes_on_where_it_ended() {
        let network = network(6);
        let (mut rebuild, storage) = begin(&network);
        for _ in 0..3 {
            rebuild.step().unwrap();
        }
        rebuild.write().unwrap();
        let target = ChainStore::new(storage);
        let source = network.chain.snapshot().unwrap();
        let mut rebuild = Rebuild::begin(source, target, Arc::new(Ed25519)).unwrap();
        assert_eq!(rebuild.height(), 3);
        assert_eq!(run(&mut rebuild), Rebuilt::End);
        assert_eq!(rebuild.tip().state.root(), network.tip.state.root());
    }

    #[test]
    fn a_pruned_ledger_has_nothing_to_rebuild() {
        let network = network(6);
        let pruner = crate::chain::Pruner::new(network.chain.clone()).unwrap();
        pruner.step(2).unwrap();
        let (mut rebuild, _) = begin(&network);
        assert_eq!(run(&mut rebuild), Rebuilt::End);
        assert_eq!(rebuild.height(), 0);
    }
}
