//! What commands share: the flags, the output, and the node to talk to.

use std::path::Path;
use std::time::Duration;

use starling_ledger::address::NetworkKind;

use crate::args::Global;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::genesis_file;
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
/// How long a node may be behind what another one showed when the user says nothing: a block
/// reaches all nodes within moments.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a node that the user named is tried, and the pause between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// What commands share.
#[derive(Debug)]
pub(crate) struct Context {
    /// The flags.
    pub(crate) global: Global,
    /// How to talk to the user.
    pub(crate) output: Output,
}

/// A node that answered.
#[derive(Clone, Debug)]
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
    /// How long to wait for a node that is behind.
    pub(crate) patience: Duration,
}

impl Context {
    /// Finds the node to talk to: the one named, or the first of the local testnet that answers.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] if there is none.
    pub(crate) fn connect(&self) -> Outcome<Node> {
        if let Some(urls) = &self.global.node {
            return self.connect_named(urls);
        }
        let folder = Folder::named(&self.global.testnet)?;
        self.connect_testnet(folder)
    }

    /// Finds the first of some nodes that answers. Where somebody is there and does not answer as a
    /// node does, it may be the way: it is tried again.
    fn connect_named(&self, urls: &str) -> Outcome<Node> {
        let mut last = CliError::usage("--node names no node");
        for _ in 0..TRIES {
            for url in urls.split(',') {
                let rpc = Rpc::new(url, None)?;
                let name = rpc.url().to_owned();
                match self.reach(rpc, name) {
                    Err(error) if error.may_pass() => last = error,
                    found => return found,
                }
            }
            if !last.may_be_heard() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Err(last)
    }

    /// Asks a node how it is.
    ///
    /// # Errors
    /// Those of the call.
    pub(crate) fn reach(&self, rpc: Rpc, name: String) -> Outcome<Node> {
        let status = rpc.status()?;
        Ok(Node {
            rpc,
            name,
            status,
            folder: None,
            settings: self.settings(),
        })
    }

    /// Lists the other nodes that this machine knows of the network of `node`: those that the user
    /// named, and those of the local testnet if it is that network. Each is a URL and a name.
    ///
    /// # Errors
    /// If the folder of the testnet is damaged.
    pub(crate) fn others(&self, node: &Node) -> Outcome<Vec<(String, String)>> {
        let mut known = Vec::new();
        for url in self.global.node.iter().flat_map(|urls| urls.split(',')) {
            let url = Rpc::new(url, None)?.url().to_owned();
            known.push((url.clone(), url));
        }
        let Ok(folder) = self.testnet() else {
            return Ok(known);
        };
        let is_here = folder.genesis().exists()
            && genesis_file::read(&folder.genesis())?.hash().to_string() == node.status.genesis;
        if let Some(plan) = folder.plan()?.filter(|_| is_here) {
            known.extend(plan.nodes().map(|(number, name)| (plan.url(number), name)));
        }
        known.retain(|(url, _)| url != node.rpc.url());
        Ok(known)
    }

    fn settings(&self) -> Settings {
        Settings {
            global: self.global.clone(),
            output: self.output,
            patience: self.global.timeout.unwrap_or(PATIENCE),
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
            match self.reach(rpc, name.clone()) {
                Ok(found) => {
                    return Ok(Node {
                        rpc: Rpc::new(&plan.url(number), None)?,
                        folder: Some(folder),
                        ..found
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
            Some(folder) => Some(folder.genesis()),
            // Who has no home has no local testnet either.
            None => self.testnet().ok().map(|folder| folder.genesis()),
        };
        Network::new(&node.status, genesis, found.as_deref())
    }

    /// Collects the names usable on networks of `kind`.
    ///
    /// # Errors
    /// If the folder of keys cannot be read.
    pub(crate) fn names_for(&self, kind: NetworkKind) -> Outcome<Names> {
        let policies = PolicyStore::open(&self.global);
        Names::new(kind, KeyStore::open(&self.global), policies)
    }

    /// Collects the names usable on `network`.
    ///
    /// # Errors
    /// If the folder of keys cannot be read.
    pub(crate) fn names(&self, network: &Network) -> Outcome<Names> {
        self.names_for(network.kind)
    }
}
