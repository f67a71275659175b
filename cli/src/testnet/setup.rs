//! The folder of a testnet, made or found again.
//!
//! A later start with the same parameters goes on with the same network and its data; one with
//! other parameters is an error, because it could only mean another network.

use serde::Serialize;
use starling_gossip::PeerId;
use starling_ledger::genesis::local_consensus_key;
use starling_ledger::keys::{SecretKey, Signer as _};

use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::{folders, genesis_file, key_file, names};

use super::birth::{self, Pace};
use super::folder::{Folder, Plan};
use super::ports::{self, Claim};

/// Validators when nothing is said: the smallest network that survives the loss of one.
const VALIDATORS: u16 = 4;

/// What the user asked for; `None` means as last time, or the default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Number of validators.
    pub(crate) validators: Option<u16>,
    /// The port before the first.
    pub(crate) port_base: Option<u16>,
    /// How quickly validators change.
    pub(crate) pace: Pace,
}

/// A folder that is ready to start.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The parameters.
    pub(crate) plan: Plan,
    /// Whether the network is new.
    pub(crate) is_new: bool,
    /// Its ports; to be kept while it runs.
    pub(crate) ports: Claim,
}

#[derive(Serialize)]
struct NodeFile {
    data_dir: &'static str,
    genesis: &'static str,
    listen: String,
    http: String,
    peers: Vec<String>,
    validator_key: &'static str,
    node_key: &'static str,
    log: &'static str,
}

/// Makes the folder, or finds it as it was left. The caller holds its lock.
///
/// # Errors
/// [`Exit::Config`] if it was made with other parameters, [`Exit::PortInUse`].
pub(crate) fn prepare(folder: &Folder, wish: Wish) -> Outcome<Prepared> {
    let found = folder.plan()?;
    if let (Some(plan), Some(validators)) = (&found, wish.validators)
        && plan.validators != validators
    {
        let message = format!(
            "testnet \"{}\" was made with {} validators, not {validators}",
            folder.name(),
            plan.validators
        );
        return Err(CliError::new(Exit::Config, message).next(format!(
            "starling testnet up{} goes on with it; {} removes it for a new one",
            folder.flag(),
            folder.clean_command()
        )));
    }
    let is_new = found.is_none();
    if !is_new {
        check_pace(folder, wish.pace)?;
    }
    let last = found.as_ref().map(|plan| plan.port_base);
    let validators = found.as_ref().map(|plan| plan.validators);
    let validators = validators.or(wish.validators).unwrap_or(VALIDATORS);
    if let Some(base) = wish.port_base
        && !(1_024..=65_000).contains(&base)
    {
        let message = format!("--port-base {base}: expected 1024 to 65000");
        return Err(CliError::usage(message));
    }
    let genesis = if is_new {
        Some(birth::local(folder.name(), validators, wish.pace)?)
    } else {
        None
    };
    let ports = ports::find(validators, wish.port_base, last)?;
    let plan = Plan::new(validators, ports.base());
    if let Some(genesis) = genesis {
        genesis_file::write(&folder.genesis(), &genesis)?;
    }
    for (number, name) in plan.nodes() {
        write_node(folder, &plan, number, &name)?;
    }
    folder.save(&plan)?;
    Ok(Prepared {
        plan,
        is_new,
        ports,
    })
}

/// Refuses another pace than the network was born with.
fn check_pace(folder: &Folder, pace: Pace) -> Outcome {
    let rules = genesis_file::read(&folder.genesis())?.parameters;
    if pace.applied(rules) == rules {
        return Ok(());
    }
    let message = format!(
        "testnet \"{}\" was made with epochs of {} blocks and {} ms of unbonding",
        folder.name(),
        rules.epoch_blocks,
        rules.unbonding_ms
    );
    Err(CliError::new(Exit::Config, message).next(format!(
        "starling testnet up{} goes on with it; {} removes it for a new one",
        folder.flag(),
        folder.clean_command()
    )))
}

/// Writes keys and config of one node.
fn write_node(folder: &Folder, plan: &Plan, number: u16, name: &str) -> Outcome {
    let path = folder.node(name);
    folders::create_private(&path)?;
    write_key(folder, name, "validator.key", &local_consensus_key(name))?;
    write_key(folder, name, "node.key", &names::node_key(name))?;
    let others = plan.nodes().filter(|(other, _)| *other != number);
    let peers = others.map(|(other, name)| {
        let id = PeerId(*names::node_key(&name).public_key().as_bytes());
        format!("{id}@127.0.0.1:{}", plan.listen_port(other))
    });
    let file = NodeFile {
        data_dir: "data",
        genesis: "../genesis.toml",
        listen: format!("127.0.0.1:{}", plan.listen_port(number)),
        http: format!("127.0.0.1:{}", plan.http_port(number)),
        peers: peers.collect(),
        validator_key: "validator.key",
        node_key: "node.key",
        log: "info",
    };
    let text = toml::to_string(&file).expect("texts and lists of them are valid TOML");
    folders::write_private(&path.join("node.toml"), text.as_bytes())
}

/// Writes a key, unless it is there already.
fn write_key(folder: &Folder, node: &str, file: &str, key: &SecretKey) -> Outcome {
    let path = folder.node(node).join(file);
    if path.exists() {
        return Ok(());
    }
    key_file::write(&path, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NodeConfig;

    const WISH: Wish = Wish {
        validators: Some(4),
        port_base: None,
        pace: Pace {
            epoch_blocks: None,
            unbonding: None,
        },
    };

    #[test]
    fn second_start_goes_on_with_the_same_network() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::at(folder.path());
        assert!(prepare(&folder, WISH).unwrap().is_new);
        let genesis = genesis_file::read(&folder.genesis()).unwrap();
        let again = Wish {
            validators: None,
            ..WISH
        };
        let prepared = prepare(&folder, again).unwrap();
        assert!(!prepared.is_new);
        assert_eq!(prepared.plan.validators, 4);
        assert_eq!(genesis_file::read(&folder.genesis()).unwrap(), genesis);
    }

    #[test]
    fn other_parameters_are_an_error_with_two_ways_out() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::at(folder.path());
        prepare(&folder, WISH).unwrap();
        let other = Wish {
            validators: Some(7),
            ..WISH
        };
        let mut slower = WISH;
        slower.pace.epoch_blocks = Some(1_000);
        for other in [other, slower] {
            let error = prepare(&folder, other).unwrap_err();
            assert_eq!(error.exit, Exit::Config);
            let next = error.next.unwrap();
            assert!(
                next.contains("testnet up") && next.contains("testnet clean"),
                "{next}"
            );
        }
        let mut same = WISH;
        same.pace.epoch_blocks = Some(100);
        prepare(&folder, same).unwrap();
    }

    #[test]
    fn config_written_is_one_that_a_node_reads() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::at(folder.path());
        let plan = prepare(&folder, WISH).unwrap().plan;
        let config = NodeConfig::read(&folder.node("n2").join("node.toml")).unwrap();
        assert_eq!(config.http.unwrap().port(), plan.http_port(2));
        assert_eq!(config.peers.unwrap().len(), 3);
        let key = key_file::read(&config.validator_key.unwrap()).unwrap();
        assert_eq!(key.public_key(), local_consensus_key("n2").public_key());
    }
}
