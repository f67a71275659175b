//! The network a node is on, and what this machine knows of it by itself.

use std::path::Path;

use starling_ledger::address::NetworkKind;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;

use crate::amount::Unit;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::genesis_file;
use crate::rpc::reply::Status;

/// A network.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Its name for people.
    pub(crate) name: String,
    /// Which addresses are valid on it.
    pub(crate) kind: NetworkKind,
    /// Its unit.
    pub(crate) unit: Unit,
    /// Its id.
    pub(crate) genesis_hash: Hash,
    /// Its birth document, if this machine has it: then no word of the node is taken for it.
    pub(crate) genesis: Option<Genesis>,
}

impl Network {
    /// Compares what a node says with the genesis this machine has.
    ///
    /// `given` is the file the user named; it must be this network's. `found` is the file of the
    /// local testnet; it is used if it is this network's.
    ///
    /// # Errors
    /// [`Exit::WrongNetwork`] if the node is on another network than `given`.
    pub(crate) fn new(
        status: &Status,
        given: Option<&Path>,
        found: Option<&Path>,
    ) -> Outcome<Self> {
        let genesis_hash: Hash = status
            .genesis
            .parse()
            .map_err(|_| unclear(&status.genesis))?;
        let genesis = match (given, found) {
            (Some(path), _) => {
                let genesis = genesis_file::read(path)?;
                if genesis.hash() != genesis_hash {
                    return Err(other_network(status, &genesis));
                }
                Some(genesis)
            }
            (None, Some(path)) if path.exists() => {
                Some(genesis_file::read(path)?).filter(|genesis| genesis.hash() == genesis_hash)
            }
            _ => None,
        };
        Ok(match genesis {
            Some(genesis) => Self::own(genesis),
            None => Self {
                name: status.network.clone(),
                kind: parse_kind(&status.kind).ok_or_else(|| unclear(&status.kind))?,
                unit: Unit {
                    symbol: status.symbol.clone(),
                    decimals: status.decimals,
                },
                genesis_hash,
                genesis: None,
            },
        })
    }

    /// Returns the genesis, which has to be known.
    ///
    /// # Errors
    /// [`Exit::Config`] if this machine does not have it.
    pub(crate) fn known(&self) -> Outcome<&Genesis> {
        self.genesis.as_ref().ok_or_else(|| {
            let message = format!("no genesis of {} here to verify against", self.name);
            CliError::new(Exit::Config, message).next("name it: --genesis FILE")
        })
    }

    /// Describes the network of a genesis this machine has.
    pub(crate) fn own(genesis: Genesis) -> Self {
        Self {
            name: genesis.name.clone(),
            kind: genesis.kind,
            unit: Unit {
                symbol: genesis.symbol.clone(),
                decimals: genesis.decimals,
            },
            genesis_hash: genesis.hash(),
            genesis: Some(genesis),
        }
    }
}

/// Reads the word for a kind of network.
pub(crate) fn parse_kind(word: &str) -> Option<NetworkKind> {
    match word.to_ascii_lowercase().as_str() {
        "main" => Some(NetworkKind::Main),
        "test" => Some(NetworkKind::Test),
        "local" => Some(NetworkKind::Local),
        _ => None,
    }
}

fn unclear(what: &str) -> CliError {
    let message = format!("the node names its network in a way that is not understood: `{what}`");
    CliError::new(Exit::Failure, message).code("protocol")
}

fn other_network(status: &Status, genesis: &Genesis) -> CliError {
    let short: String = status.genesis.chars().take(8).collect();
    let message = format!(
        "the node is on {} ({short}), the genesis given is of {} ({})",
        status.network,
        genesis.name,
        genesis.hash().short()
    );
    CliError::new(Exit::WrongNetwork, message).next("name another node or another genesis file")
}
