//! The oracles: what must hold in every run, judged apart from the code that is to keep it.
//!
//! | oracle | rule | where |
//! |---|---|---|
//! | O1 | no two nodes differ on block or state root at a height | [`chain`] |
//! | O2 | each certificate has more than two thirds of the power of its height's set, and true
//! signatures; that set is who it has to be | [`certificate`], [`staking`] |
//! | O3 | the hash chain is unbroken from the genesis | [`chain`] |
//! | O4 | balances, stakes and what was burned make the supply of the genesis | [`ledger`],
//! [`staking`] |
//! | O5 | a final transaction stays at its height, everywhere | [`chain`], [`audit`] |
//! | O6 | no nonce of a sender is used twice, and only its key uses it | [`ledger`] |
//! | O7 | no honest key signs two values for one step | [`signing`] |
//! | O8 | what a node reads never goes backwards | [`reads`] |
//! | O9 | no panic, no halt, no queue without bound | [`bounds`] |
//! | BFT-15 | who signs two values is punished, and once | [`staking`] |
//! | O10 | when faults end, five heights follow in time, everywhere | [`progress`] |
//! | O11 | what waits would go into the next block, and who was told "accepted" hears the end |
//! [`waiting`] |
//! | O12 | what was accepted, and what waits at a clean stop, is not forgotten | [`promises`] |

pub mod audit;
pub mod bounds;
pub mod certificate;
pub mod chain;
pub mod ledger;
pub mod progress;
pub mod promises;
pub mod reads;
pub mod signing;
pub mod staking;
pub mod waiting;

use std::fmt;
use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::{PublicKey, SignatureScheme};
use starling_ledger::vote::Height;
use starling_node::work::ExecutedBlock;

use self::chain::Chain;
use self::ledger::Ledger;
use self::promises::Promises;
use self::reads::Reads;
use self::signing::Signing;
use self::staking::Staking;
use self::waiting::Waiting;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which oracle says so.
    pub oracle: &'static str,
    /// What it saw.
    pub what: String,
}

/// Those that watch a run from beginning to end.
pub struct Oracles {
    /// O1, O3, O5.
    pub chain: Chain,
    /// O4, O6.
    pub ledger: Ledger,
    /// O7.
    pub signing: Signing,
    /// O8.
    pub reads: Reads,
    /// O12.
    pub promises: Promises,
    /// O2 and O4, over sets that change.
    pub staking: Staking,
    /// O11.
    pub waiting: Waiting,
    network: certificate::Network,
}

impl Oracles {
    /// Makes the oracles of a network; `scheme` is the true one, whatever the nodes use, and
    /// `stakers` are the accounts that ever bond.
    ///
    /// # Errors
    /// What the product says of the genesis.
    pub fn new(
        genesis: &Genesis,
        scheme: &Arc<dyn SignatureScheme>,
        honest: Vec<PublicKey>,
        stakers: Vec<AccountId>,
    ) -> Result<Self, String> {
        let hash = genesis.hash();
        Ok(Self {
            chain: Chain::new(hash),
            ledger: Ledger::new(genesis, Arc::clone(scheme)),
            signing: Signing::new(honest),
            reads: Reads::default(),
            promises: Promises::default(),
            staking: Staking::new(genesis, stakers)?,
            waiting: Waiting::default(),
            network: certificate::Network {
                genesis: hash,
                scheme: Arc::clone(scheme),
            },
        })
    }

    /// Judges a block that node `node` takes for final.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn decided(
        &mut self,
        node: usize,
        block: &ExecutedBlock,
        certificate: &CommitCertificate,
    ) -> Result<(), Breach> {
        let (header, parent) = (&block.block.header, &block.block.parent_certificate);
        self.check_certificate(certificate, (header.height, header.hash()))?;
        if let Some(carried) = parent {
            let height = header.height.saturating_sub(1);
            self.check_certificate(carried, (height, header.parent))?;
        }
        self.waiting.decided(node, block);
        if self.chain.decided(node, block)? {
            self.staking.extend(block)?;
            self.ledger.extend(block)?;
        }
        Ok(())
    }

    fn check_certificate(
        &self,
        certificate: &CommitCertificate,
        (height, hash): (Height, BlockHash),
    ) -> Result<(), Breach> {
        let Some(set) = self.staking.signers(height) else {
            let what = format!("height {height} is decided, and nobody may sign it");
            return Err(Breach::new("O2", what));
        };
        self.network.check((height, hash), certificate, set)
    }
}

impl Breach {
    /// Makes a breach.
    #[must_use]
    pub fn new(oracle: &'static str, what: String) -> Self {
        Self { oracle, what }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.oracle, self.what)
    }
}
