//! Checking a stored chain: every promise that the columns make to each other, block by block from
//! below, so that the first bad height is named.
//!
//! Of each block: its header stands under its height and its hash and names its parent; more than
//! two thirds of its validators signed it; its body is the one the header commits to; each of its
//! transactions is found by its id and by its sender's nonce. Then: nothing is stored above the tip
//! or below the first block that is kept; no index has an entry too many; the state is the one
//! after the tip, page by page; and balances, stakes and burned fees make the supply.
//!
//! What this does not show is that every block follows the rules of execution: a replay does.

use std::sync::Arc;

use super::layout;
use super::{ChainError, ChainReader, ChainStore, HistoryIndex};
use crate::address::AccountId;
use crate::block::{Block, BlockHash, BlockHeader};
use crate::certificate::CommitCertificate;
use crate::evidence::Evidence;
use crate::hash::Hash;
use crate::keys::SignatureScheme;
use crate::merkle::list_root;
use crate::state::StateError;
use crate::storage::{Column, StorageError};
use crate::supply::{SupplyError, Totals, check_supply};
use crate::transaction::{Nonce, TransactionId};
use crate::validators::ValidatorSet;
use crate::vote::Height;

/// Entries counted at a time. Our choice: a few MiB.
const COUNT_ENTRIES: usize = 4_096;

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Signatures of the last block of each epoch and of the tip alone: each header names its
    /// parent, so they vouch for all others.
    Quick,
    /// The signatures of every certificate.
    Signatures,
}

/// Why a check did not come to a good end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// What is stored is wrong, and this is the lowest height where it is.
    #[error("block {height}: {reason}")]
    Fault {
        /// The height.
        height: Height,
        /// What is wrong.
        reason: String,
    },
    /// The chain cannot be read at all.
    #[error(transparent)]
    Chain(ChainError),
}

/// What a check has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The first block that is kept.
    pub first: Height,
    /// The last block.
    pub tip: Height,
    /// Blocks that were checked whole.
    pub blocks: u64,
    /// Ends of epochs below them, of which header and certificate are kept.
    pub epoch_ends: u64,
    /// Their transactions.
    pub transactions: u64,
    /// Whether the validators were followed from the genesis without a gap; a ledger that began
    /// with a snapshot may have one.
    pub from_genesis: bool,
}

/// A check under way.
pub struct Check {
    chain: ChainStore,
    reader: ChainReader,
    scheme: Arc<dyn SignatureScheme>,
    depth: Depth,
    genesis: Hash,
    epoch_blocks: u64,
    next: Height,
    /// The block before, if it was seen.
    parent: Option<(BlockHeader, BlockHash)>,
    /// The validators that sign the next block, as far as they are known from below.
    validators: Option<Arc<ValidatorSet>>,
    headers: u64,
    history: HistoryIndex,
    report: CheckReport,
}

impl Check {
    /// Begins at the lowest block.
    ///
    /// # Errors
    /// [`CheckError::Chain`] if there is no chain, or what begins it cannot be read.
    pub fn begin(
        chain: ChainStore,
        scheme: Arc<dyn SignatureScheme>,
        depth: Depth,
    ) -> Result<Self, CheckError> {
        let reader = chain.snapshot().map_err(CheckError::Chain)?;
        let read = || {
            let genesis = reader.genesis()?.ok_or(ChainError::NoGenesis)?;
            let (tip, _) = reader.tip()?.ok_or(ChainError::NoGenesis)?;
            let history = reader.history_index()?;
            Ok((genesis, tip, reader.first()?, history))
        };
        let (genesis, tip, first, history) = read().map_err(CheckError::Chain)?;
        let validators = genesis.validator_set().map_err(|error| {
            let reason = format!("the validators of the genesis: {error}");
            CheckError::Fault { height: 0, reason }
        })?;
        let epoch_blocks = genesis.parameters.epoch_blocks.max(1);
        if first > tip.saturating_add(1) {
            let reason = format!("the first block kept is {first}, above the tip, {tip}");
            return Err(CheckError::Fault {
                height: tip,
                reason,
            });
        }
        let report = CheckReport {
            first,
            tip,
            from_genesis: true,
            ..CheckReport::default()
        };
        Ok(Self {
            genesis: genesis.hash(),
            next: if first > 1 { epoch_blocks } else { 1 },
            chain,
            reader,
            scheme,
            depth,
            epoch_blocks,
            parent: None,
            validators: Some(validators),
            headers: 0,
            history,
            report,
        })
    }

    /// Returns the lowest and the highest height that is kept whole.
    pub const fn range(&self) -> (Height, Height) {
        (self.report.first, self.report.tip)
    }

    /// Checks the next block; `None` after the last.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn step(&mut self) -> Result<Option<Height>, CheckError> {
        let height = self.next;
        if height > self.report.tip {
            return Ok(None);
        }
        let first = self.report.first;
        if height < first {
            self.epoch_end(height)?;
            self.next = height.saturating_add(self.epoch_blocks).min(first);
        } else {
            self.block(height).map_err(|fault| fault.at(height))?;
            self.next = height.saturating_add(1);
        }
        Ok(Some(height))
    }

    /// Checks what no single block shows: that nothing is left over, the state, and the supply.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn finish(self) -> Result<(CheckReport, Totals), CheckError> {
        self.nothing_elsewhere()?;
        let at_tip = |reason: String| CheckError::Fault {
            height: self.report.tip,
            reason,
        };
        let tip = self.chain.tip().map_err(|error| match Fault::from(error) {
            Fault::Chain(error) => CheckError::Chain(error),
            Fault::Wrong(reason) => at_tip(reason),
        })?;
        let totals = check_supply(&tip.state).map_err(|error| match error {
            SupplyError::State(StateError::Storage(error)) if !error.is_corrupt() => {
                CheckError::Chain(error.into())
            }
            error => at_tip(format!("the state after it: {error}")),
        })?;
        Ok((self.report, totals))
    }

    /// Checks the last block of an epoch whose body is no longer kept.
    fn epoch_end(&mut self, height: Height) -> Result<(), CheckError> {
        let header = self.reader.header(height).map_err(Fault::from);
        let Some(header) = header.map_err(|fault| fault.at(height))? else {
            // A ledger that began with a snapshot has none of before.
            self.parent = None;
            self.validators = None;
            self.report.from_genesis = false;
            return Ok(());
        };
        self.report.epoch_ends += 1;
        self.header(header, true).map_err(|fault| fault.at(height))
    }

    /// Checks one block with all that belongs to it.
    fn block(&mut self, height: Height) -> Result<(), Fault> {
        let header = self.reader.header(height)?;
        let header = header.ok_or_else(|| wrong("its header is missing"))?;
        let is_end = height.is_multiple_of(self.epoch_blocks) || height == self.report.tip;
        let with_signatures = self.depth == Depth::Signatures || is_end;
        self.header(header.clone(), with_signatures)?;
        let block = self.reader.block(height)?;
        let block = block.ok_or_else(|| wrong("its body is missing"))?;
        check_body(&block)?;
        self.indexes(&block)?;
        self.report.blocks += 1;
        self.report.transactions += u64::from(header.transaction_count);
        Ok(())
    }

    /// Checks a header against what is below it, and its certificate.
    fn header(&mut self, header: BlockHeader, with_signatures: bool) -> Result<(), Fault> {
        let (height, hash) = (header.height, header.hash());
        if header.genesis != self.genesis {
            return Err(wrong("it is of another network"));
        }
        if self.reader.height_of(&hash)? != Some(height) {
            return Err(wrong("it is not found by its hash"));
        }
        let parent = match &self.parent {
            Some((parent, hash)) if parent.height.checked_add(1) == Some(height) => {
                if header.time_ms <= parent.time_ms {
                    return Err(wrong("its time is not after its parent's"));
                }
                Some(*hash)
            }
            _ if height == 1 => Some(BlockHash(self.genesis)),
            _ => None,
        };
        if parent.is_some_and(|parent| parent != header.parent) {
            return Err(wrong("it does not name the block before it as its parent"));
        }
        let signers = self.signers(&header)?;
        let certificate = self.reader.certificate(height)?;
        let certificate = certificate.ok_or_else(|| wrong("its certificate is missing"))?;
        self.certificate(&certificate, (height, hash), &signers, with_signatures)?;
        self.validators = match header.next_validators_hash == header.validators_hash {
            true => Some(signers),
            false => Some(self.set(&header.next_validators_hash)?),
        };
        self.headers += 1;
        self.parent = Some((header, hash));
        Ok(())
    }

    /// The validators that had to sign a block.
    fn signers(&self, header: &BlockHeader) -> Result<Arc<ValidatorSet>, Fault> {
        match &self.validators {
            Some(known) if known.hash() == header.validators_hash => Ok(Arc::clone(known)),
            Some(_) => Err(wrong("it is not signed by the validators whose turn it is")),
            None => self.set(&header.validators_hash),
        }
    }

    fn set(&self, hash: &Hash) -> Result<Arc<ValidatorSet>, Fault> {
        let set = self.reader.validators(hash)?;
        set.map(Arc::new)
            .ok_or_else(|| wrong("validators that it names are missing"))
    }

    fn certificate(
        &self,
        certificate: &CommitCertificate,
        block: (Height, BlockHash),
        signers: &ValidatorSet,
        with_signatures: bool,
    ) -> Result<(), Fault> {
        if (certificate.height, certificate.block) != block {
            return Err(wrong("its certificate is of another block"));
        }
        let checked = if with_signatures {
            let scheme = self.scheme.as_ref();
            certificate
                .verify(scheme, &self.genesis, signers)
                .map(|_| true)
        } else {
            let power = certificate.signed_power(signers);
            power.map(|power| signers.is_quorum(power))
        };
        match checked {
            Ok(true) => Ok(()),
            Ok(false) => Err(wrong("its certificate names too little voting power")),
            Err(error) => Err(Fault::Wrong(error.to_string())),
        }
    }

    /// Checks that each transaction of a block is found.
    fn indexes(&self, block: &Block) -> Result<(), Fault> {
        for (index, raw) in (0u32..).zip(&block.transactions) {
            let transaction = raw.decode();
            let transaction = transaction.map_err(|error| {
                Fault::Wrong(format!("its transaction {index} is malformed: {error}"))
            })?;
            let (sender, body) = (transaction.sender(), &transaction.body);
            let id = body.id(&self.genesis, &sender);
            if self.reader.place(&id)? != Some((block.header.height, index)) {
                let reason = format!("its transaction {index} is not found by its id, {id}");
                return Err(Fault::Wrong(reason));
            }
            if self.history == HistoryIndex::Complete {
                self.history(&sender, body.nonce, &id)?;
            }
        }
        Ok(())
    }

    fn history(&self, sender: &AccountId, nonce: Nonce, id: &TransactionId) -> Result<(), Fault> {
        match self.reader.transaction_of(sender, nonce)? {
            Some(found) if found == *id => Ok(()),
            _ => {
                let reason = format!("transaction {id} is not in its sender's history");
                Err(Fault::Wrong(reason))
            }
        }
    }

    /// Checks that there is nothing below the first block, above the tip, or in an index, that
    /// belongs to no block.
    fn nothing_elsewhere(&self) -> Result<(), CheckError> {
        let (first, tip) = (self.report.first, self.report.tip);
        let fault = |height, reason: &str| CheckError::Fault {
            height,
            reason: reason.to_owned(),
        };
        let number = layout::number;
        let above = tip.saturating_add(1);
        let stray = [
            (Column::Body, Vec::new(), Some(number(first).to_vec())),
            (Column::Body, number(above).to_vec(), None),
            (Column::Certificate, number(above).to_vec(), None),
            (Column::Header, layout::header(above), Some(vec![1])),
        ];
        for (column, from, to) in stray {
            let found = self.reader.view.scan(column, &from, to.as_deref(), 1);
            if let Some((key, _)) = found.map_err(unreadable)?.first() {
                let height = layout::number_in(key).unwrap_or(above);
                return Err(fault(height, &format!("{column} stored outside the chain")));
            }
        }
        let transactions = self.report.transactions;
        let history = match self.history {
            HistoryIndex::Complete => Some(transactions),
            HistoryIndex::Off => Some(0),
            HistoryIndex::Building { .. } => None,
        };
        let counts = [
            (Column::Header, Some(self.headers.saturating_mul(2))),
            (Column::Certificate, Some(self.headers)),
            (Column::TransactionIndex, Some(transactions)),
            (Column::AccountHistory, history),
        ];
        for (column, expected) in counts {
            let Some(expected) = expected else {
                continue;
            };
            let found = self.count(column)?;
            if found != expected {
                let reason = format!("column {column} has {found} entries, expected {expected}");
                return Err(fault(tip, &reason));
            }
        }
        Ok(())
    }

    fn count(&self, column: Column) -> Result<u64, CheckError> {
        let (mut from, mut count) = (Vec::new(), 0u64);
        loop {
            let found = self.reader.view.scan(column, &from, None, COUNT_ENTRIES);
            let found = found.map_err(unreadable)?;
            count = count.saturating_add(found.len() as u64);
            match found.last() {
                Some((key, _)) => from = [key.as_slice(), &[0]].concat(),
                None => return Ok(count),
            }
        }
    }
}

/// Checks that a body is the one its header commits to.
fn check_body(block: &Block) -> Result<(), Fault> {
    let header = &block.header;
    let transactions = u32::try_from(block.transactions.len());
    if transactions != Ok(header.transaction_count)
        || Block::transaction_root(&block.transactions) != header.transaction_root
    {
        return Err(wrong("its transactions are not those of its header"));
    }
    let evidence: Vec<_> = block.evidence.iter().map(Evidence::hash).collect();
    if u32::try_from(evidence.len()) != Ok(header.evidence_count)
        || list_root(&evidence) != header.evidence_root
    {
        return Err(wrong("its evidence is not that of its header"));
    }
    let certificate = Block::certificate_hash(block.parent_certificate.as_ref());
    if certificate != header.parent_certificate_hash {
        return Err(wrong(
            "its certificate of the parent is not that of its header",
        ));
    }
    Ok(())
}

/// What is wrong with a block, or with the disk.
enum Fault {
    Wrong(String),
    Chain(ChainError),
}

impl Fault {
    fn at(self, height: Height) -> CheckError {
        match self {
            Self::Wrong(reason) => CheckError::Fault { height, reason },
            Self::Chain(error) => CheckError::Chain(error),
        }
    }
}

/// Damage is found at a height; a disk that refuses is not.
impl From<ChainError> for Fault {
    fn from(error: ChainError) -> Self {
        match &error {
            ChainError::Storage(cause) | ChainError::State(StateError::Storage(cause)) => {
                match cause.is_corrupt() {
                    true => Self::Wrong(error.to_string()),
                    false => Self::Chain(error),
                }
            }
            _ => Self::Wrong(error.to_string()),
        }
    }
}

fn wrong(reason: &str) -> Fault {
    Fault::Wrong(reason.to_owned())
}

fn unreadable(error: StorageError) -> CheckError {
    CheckError::Chain(error.into())
}

#[cfg(test)]
mod tests;
