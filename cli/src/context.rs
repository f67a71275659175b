//! What commands share: the flags, the output, and the node to talk to.

use std::path::Path;
use std::time::Duration;

use starling_ledger::address::NetworkKind;

use crate::args::Global;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::key_store::KeyStore;
use crate::names::Names;
use crate::network::Network;
use crate::output::Output;
use crate::policy_store::PolicyStore;
use crate::rpc::Rpc;
use crate::rpc::reply::Status;
use crate::testnet::folder::Folder;

/// How long a node of the local testnet may take to answer before the next one is asked.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(2);

/// What commands share.
#[derive(Debug)]
pub(crate) struct Context {
    /// The flags.
    pub(crate) global: Global,
    /// How to talk to the user.
    pub(crate) output: Output,
}

/// A node that answered.
#[derive(Debug)]
pub(crate) struct Node {
    /// The way to it.
    pub(crate) rpc: Rpc,
    /// How it is called: `n1`, or its URL.
    pub(crate) name: String,
    /// What it said about itself.
    pub(crate) status: Status,
    /// The testnet it was found through.
    pub(crate) folder: Option<Folder>,
    /// What the user said about checking its answers, and how to talk to the user.
    pub(crate) settings: Settings,
}

/// What the checks of a node's answers need to know of the command.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The flags.
    pub(crate) global: Global,
    /// How to talk to the user.
    pub(crate) output: Output,
}

impl Context {
    /// Finds the node to talk to: the one named, or the first of the local testnet that answers.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] if there is none.
    pub(crate) fn connect(&self) -> Outcome<Node> {
        if let Some(url) = &self.global.node {
            let rpc = Rpc::new(url, None)?;
            let status = rpc.status()?;
            let name = rpc.url().to_owned();
            return Ok(Node {
                rpc,
                name,
                status,
                folder: None,
                settings: self.settings(),
            });
        }
        let folder = Folder::named(&self.global.testnet)?;
        self.connect_testnet(folder)
    }

    fn settings(&self) -> Settings {
        Settings {
            global: self.global.clone(),
            output: self.output,
        }
    }

    /// Returns the folder of the testnet that the flags name.
    ///
    /// # Errors
    /// If that is no name.
    pub(crate) fn testnet(&self) -> Outcome<Folder> {
        Folder::named(&self.global.testnet)
    }

    fn connect_testnet(&self, folder: Folder) -> Outcome<Node> {
        let Some(plan) = folder.plan()? else {
            let message = format!(
                "no node named, and no testnet \"{}\" on this machine",
                folder.name()
            );
            return Err(CliError::new(Exit::Unreachable, message)
                .next("starling testnet up, or name a node with --node http://HOST:PORT"));
        };
        for (number, name) in plan.nodes() {
            let rpc = Rpc::new(&plan.url(number), Some(LOCAL_TIMEOUT))?;
            match rpc.status() {
                Ok(status) => {
                    let rpc = Rpc::new(&plan.url(number), None)?;
                    return Ok(Node {
                        rpc,
                        name,
                        status,
                        folder: Some(folder),
                        settings: self.settings(),
                    });
                }
                Err(error) if self.global.verbose > 0 => {
                    self.output.note(&format!("{name}: {error}"));
                }
                Err(_) => {}
            }
        }
        let message = format!(
            "no node of testnet \"{}\" answers (ports {} to {})",
            folder.name(),
            plan.http_port(1),
            plan.http_port(plan.validators)
        );
        let next = format!("starling testnet up{}", folder.flag());
        Err(CliError::new(Exit::Unreachable, message).next(next))
    }

    /// Describes the node's network; `genesis` is the file the user named.
    ///
    /// # Errors
    /// [`Exit::WrongNetwork`] if that file is another network's.
    pub(crate) fn network(&self, node: &Node, genesis: Option<&Path>) -> Outcome<Network> {
        let found = match &node.folder {
            Some(folder) => folder.genesis(),
            None => self.testnet()?.genesis(),
        };
        Network::new(&node.status, genesis, Some(&found))
    }

    /// Collects the names usable on networks of `kind`.
    ///
    /// # Errors
    /// If the folder of keys cannot be read.
    pub(crate) fn names_for(&self, kind: NetworkKind) -> Outcome<Names> {
        let policies = PolicyStore::open(&self.global)?;
        Names::new(kind, KeyStore::open(&self.global)?, policies)
    }

    /// Collects the names usable on `network`.
    ///
    /// # Errors
    /// If the folder of keys cannot be read.
    pub(crate) fn names(&self, network: &Network) -> Outcome<Names> {
        self.names_for(network.kind)
    }
}
