//! Reading the stored chain.

use std::sync::Arc;

use bincode::Decode;

use super::layout::{self, Place};
use super::{ChainError, corrupt};
use crate::block::{BLOCK_BYTES_MAX, Block, BlockBody, BlockHash, BlockHeader};
use crate::certificate::CommitCertificate;
use crate::codec::decode;
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::merkle::{ListProof, prove};
use crate::storage::{Column, View};
use crate::transaction::{RawTransaction, TransactionId};
use crate::validators::{VALIDATOR_SET_BYTES_MAX, ValidatorSet};
use crate::vote::Height;

/// Readers over a storage or a snapshot of it. Cloning is cheap.
///
/// All return `None` for what is not there, and a corrupt [`ChainError::Storage`] for what is
/// there and not what was written.
#[derive(Clone)]
pub struct ChainReader {
    pub(super) view: Arc<dyn View>,
}

/// A final transaction, with the proof that its block holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTransaction {
    /// The header of its block.
    pub header: BlockHeader,
    /// Its position in the block.
    pub index: u32,
    /// The transaction.
    pub raw: RawTransaction,
    /// Proof that `header` commits to its wire id.
    pub proof: ListProof,
}

impl ChainReader {
    /// Reads from `view`.
    pub const fn new(view: Arc<dyn View>) -> Self {
        Self { view }
    }

    /// Returns the genesis of the chain that is stored.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn genesis(&self) -> Result<Option<Genesis>, ChainError> {
        self.value::<_, { layout::GENESIS_BYTES_MAX }>(Column::Meta, layout::GENESIS)
    }

    /// Returns height and hash of the last final block; height 0 is the genesis.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn tip(&self) -> Result<Option<(Height, BlockHash)>, ChainError> {
        self.value::<_, 64>(Column::Meta, layout::TIP)
    }

    /// Returns the lowest height whose block is kept: 1, unless lower ones were pruned or never
    /// came, because the ledger began with a snapshot. One above the tip where no block is kept.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn first(&self) -> Result<Height, ChainError> {
        match self.value::<Height, 8>(Column::Meta, layout::FIRST)? {
            Some(0) => Err(corrupt(Column::Meta, "the first block kept is block 0")),
            first => Ok(first.unwrap_or(1)),
        }
    }

    /// Says whether the network has a block at `height` that is no longer, or was never, kept here.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn is_pruned(&self, height: Height) -> Result<bool, ChainError> {
        Ok(height >= 1 && height < self.first()?)
    }

    /// Returns the header at `height`.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn header(&self, height: Height) -> Result<Option<BlockHeader>, ChainError> {
        let key = layout::header(height);
        let header: Option<BlockHeader> =
            self.value::<_, { layout::HEADER_BYTES_MAX }>(Column::Header, &key)?;
        match header {
            Some(header) if header.height != height => {
                Err(corrupt(Column::Header, "a header stands at another height"))
            }
            header => Ok(header),
        }
    }

    /// Returns the height of the final block with this hash.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn height_of(&self, hash: &BlockHash) -> Result<Option<Height>, ChainError> {
        let bytes = self.view.get(Column::Header, &layout::header_of(hash))?;
        let bytes = bytes.map(|bytes| <[u8; 8]>::try_from(bytes.as_slice()));
        bytes
            .transpose()
            .map(|bytes| bytes.map(Height::from_be_bytes))
            .map_err(|_| corrupt(Column::Header, "a height is not eight bytes"))
    }

    /// Returns the certificate that this node saw for the block at `height`.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn certificate(&self, height: Height) -> Result<Option<CommitCertificate>, ChainError> {
        let key = layout::number(height);
        self.value::<_, { layout::CERTIFICATE_BYTES_MAX }>(Column::Certificate, &key)
    }

    /// Returns the set of validators with this hash, of those that signed a block or sign the next.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn validators(&self, hash: &Hash) -> Result<Option<ValidatorSet>, ChainError> {
        let set: Option<ValidatorSet> =
            self.value::<_, VALIDATOR_SET_BYTES_MAX>(Column::Validators, &hash.0)?;
        match set {
            Some(set) if set.hash() != *hash => {
                let reason = "validators stand under another hash";
                Err(corrupt(Column::Validators, reason))
            }
            set => Ok(set),
        }
    }

    /// Returns the encoding of the block at `height`.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn raw_block(&self, height: Height) -> Result<Option<Vec<u8>>, ChainError> {
        let header = self.view.get(Column::Header, &layout::header(height))?;
        let body = self.view.get(Column::Body, &layout::number(height))?;
        self.join((height, Column::Body), header, body)
    }

    /// Returns the block at `height`.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn block(&self, height: Height) -> Result<Option<Block>, ChainError> {
        let (header, body) = (self.header(height)?, self.body(height)?);
        Ok(header.zip(body).map(|(header, body)| Block {
            header,
            transactions: body.transactions,
            evidence: body.evidence,
            parent_certificate: body.parent_certificate,
        }))
    }

    /// Returns the encoding of the [`FinalBlock`](crate::block::FinalBlock) at `height`.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn raw_final_block(&self, height: Height) -> Result<Option<Vec<u8>>, ChainError> {
        let block = self.raw_block(height)?;
        if block.is_none() {
            return Ok(None);
        }
        let certificate = self
            .view
            .get(Column::Certificate, &layout::number(height))?;
        self.join((height, Column::Certificate), block, certificate)
    }

    /// Returns a final transaction.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<StoredTransaction>, ChainError> {
        let place = self.value::<Place, 64>(Column::TransactionIndex, &id.0.0)?;
        let Some(Place { height, index }) = place else {
            return Ok(None);
        };
        let missing = || corrupt(Column::Body, "an indexed transaction is not in its block");
        let header = self.header(height)?.ok_or_else(missing)?;
        let body = self.body(height)?.ok_or_else(missing)?;
        let position = usize::try_from(index).map_err(|_| missing())?;
        let raw = body.transactions.get(position).ok_or_else(missing)?;
        let ids: Vec<_> = body
            .transactions
            .iter()
            .map(|raw| raw.wire_id().0)
            .collect();
        let proof = prove(&ids, position)
            .filter(|proof| proof.verify(&header.transaction_root, &raw.wire_id().0))
            .ok_or_else(missing)?;
        Ok(Some(StoredTransaction {
            header,
            index,
            raw: raw.clone(),
            proof,
        }))
    }

    /// Returns height and position of a final transaction, without reading its block.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn place(&self, id: &TransactionId) -> Result<Option<(Height, u32)>, ChainError> {
        let place = self.value::<Place, 64>(Column::TransactionIndex, &id.0.0)?;
        Ok(place.map(|Place { height, index }| (height, index)))
    }

    /// Returns the header at `height`, having checked that it is of this network, signed by the
    /// first of these sets and handing over to the second, and that its certificate is of it and
    /// names enough power.
    pub(super) fn final_header(
        &self,
        height: Height,
        genesis: &Hash,
        [signed_by, next]: [&ValidatorSet; 2],
    ) -> Result<BlockHeader, ChainError> {
        let missing = |column| corrupt(column, "the last block is incomplete");
        let header = self.header(height)?;
        let header = header.ok_or_else(|| missing(Column::Header))?;
        let certificate = self.certificate(height)?;
        let certificate = certificate.ok_or_else(|| missing(Column::Certificate))?;
        let power = certificate.signed_power(signed_by).unwrap_or_default();
        if (certificate.height, certificate.block) != (height, header.hash())
            || !signed_by.is_quorum(power)
        {
            let reason = "the last certificate does not certify the last block";
            return Err(corrupt(Column::Certificate, reason));
        }
        let sets = (header.validators_hash, header.next_validators_hash);
        if header.genesis != *genesis || sets != (signed_by.hash(), next.hash()) {
            let reason = "the last block is of another network or other validators";
            return Err(corrupt(Column::Header, reason));
        }
        Ok(header)
    }

    pub(super) fn body(&self, height: Height) -> Result<Option<BlockBody>, ChainError> {
        self.value::<_, BLOCK_BYTES_MAX>(Column::Body, &layout::number(height))
    }

    /// Joins two parts of a block that are stored together, and are only both there or both not.
    /// The exception is what a pruned block leaves.
    fn join(
        &self,
        (height, column): (Height, Column),
        first: Option<Vec<u8>>,
        second: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, ChainError> {
        match (first, second) {
            (Some(first), Some(second)) => Ok(Some([first, second].concat())),
            (None, None) => Ok(None),
            _ if self.is_pruned(height)? => Ok(None),
            _ => Err(corrupt(column, "a block is incomplete")),
        }
    }

    pub(super) fn value<T: Decode<()>, const LIMIT: usize>(
        &self,
        column: Column,
        key: &[u8],
    ) -> Result<Option<T>, ChainError> {
        let bytes = self.view.get(column, key)?;
        bytes
            .map(|bytes| decode::<_, LIMIT>(&bytes))
            .transpose()
            .map_err(|error| corrupt(column, &error.to_string()))
    }
}
