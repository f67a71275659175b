//! The oracles: what must hold in every run, judged apart from the code that is to keep it.
//!
//! | oracle | rule | where |
//! |---|---|---|
//! | O1 | no two nodes differ on block or state root at a height | [`chain`] |
//! | O2 | each certificate has more than two thirds of the power, and true signatures |
//! [`certificate`] |
//! | O3 | the hash chain is unbroken from the genesis | [`chain`] |
//! | O4 | balances, stakes and what was burned make the supply of the genesis | [`ledger`] |
//! | O5 | a final transaction stays at its height, everywhere | [`chain`], [`audit`] |
//! | O6 | no nonce of a sender is used twice, and only its key uses it | [`ledger`] |
//! | O7 | no honest key signs two values for one step | [`signing`] |
//! | O8 | what a node reads never goes backwards | [`reads`] |
//! | O9 | no panic, no halt, no queue without bound | [`bounds`] |
//! | O10 | when faults end, five heights follow in time, everywhere | [`progress`] |

pub mod audit;
pub mod bounds;
pub mod certificate;
pub mod chain;
pub mod ledger;
pub mod progress;
pub mod reads;
pub mod signing;

use std::fmt;
use std::sync::Arc;

use starling_ledger::certificate::CommitCertificate;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::{PublicKey, SignatureScheme};
use starling_node::work::ExecutedBlock;

use self::chain::Chain;
use self::ledger::Ledger;
use self::reads::Reads;
use self::signing::Signing;

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
    network: certificate::Network,
}

impl Oracles {
    /// Makes the oracles of a network; `scheme` is the true one, whatever the nodes use.
    ///
    /// # Errors
    /// What the product says of the genesis.
    pub fn new(
        genesis: &Genesis,
        scheme: &Arc<dyn SignatureScheme>,
        honest: Vec<PublicKey>,
    ) -> Result<Self, String> {
        let validators = genesis.validator_set().map_err(|error| error.to_string())?;
        let hash = genesis.hash();
        Ok(Self {
            chain: Chain::new(hash),
            ledger: Ledger::new(genesis, Arc::clone(scheme)),
            signing: Signing::new(honest),
            reads: Reads::default(),
            network: certificate::Network {
                genesis: hash,
                scheme: Arc::clone(scheme),
                validators,
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
        self.network.check(&block.block.header, certificate)?;
        if self.chain.decided(node, block)? {
            self.ledger.extend(block)?;
        }
        Ok(())
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
