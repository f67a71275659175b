//! `starling stake`: become a validator, leave, return, and look who is one.

mod list;
mod show;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use starling_ledger::genesis::Parameters;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::transaction::{Action, possession_hash};

use crate::amount::Unit;
use crate::config::NodeConfig;
use crate::context::Context;
use crate::date::date;
use crate::desk::{Desk, rules};
use crate::duration;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::key_file;
use crate::key_store::KeyStore;
use crate::order::Order;
use crate::rpc::reply;
use crate::terms::Terms;

const EXAMPLES: &str = "\
Examples:
  starling stake bond 2000 --from carol --consensus-key carol-votes
  starling stake list
  starling stake show n1 --receipt n1.receipt
  starling stake unbond all --from carol
  starling stake unjail --from carol";
const EXAMPLES_BOND: &str = "\
Examples:
  starling stake bond 2000 --from alice --consensus-key alice-votes   register, or add to the stake
  starling stake bond 0 --from alice --consensus-key other-key        vote with another key
  starling stake bond 500 --from carol --node-config ./n5/node.toml   the key its config names

A fifth node for the local testnet:
  starling testnet up -d --epoch-blocks 20 --unbonding 1m
  starling key new alice-votes
  starling stake bond 2000000 --from alice --consensus-key alice-votes
  starling node run --genesis ~/.local/state/starling/testnets/local/genesis.toml --data-dir ./n5 \\
      --peer 127.0.0.1:7201 --listen 127.0.0.1:7305 --http 127.0.0.1:7405 \\
      --validator-key ~/.local/share/starling/keys/alice-votes.toml
  starling load --rate 50 --duration 10s      makes blocks; validators change with the epoch
  starling stake list

The key votes from the first block of the next epoch on, if the stake is among the highest. Its node
must run by then: who is absent for an epoch sits out. A key belongs to one account for ever. The
key signs here that its owner holds it, so its file is needed each time; it never leaves this
machine.";
const EXAMPLES_UNBOND: &str = "\
Examples:
  starling stake unbond 500 --from carol
  starling stake unbond all --from carol      leave: what stays is nothing or the least stake

The stake has its power to the end of the epoch, and is paid back by itself when the time of
unbonding is over. Until then it answers for what its key signed. Keep the node running to the end
of the epoch.";
const EXAMPLES_UNJAIL: &str = "\
Examples:
  starling stake unjail --from carol          after an absence: counts from the next epoch on";

/// `starling stake …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StakeArgs {
    #[command(subcommand)]
    command: StakeCommand,
}

#[derive(Debug, Subcommand)]
enum StakeCommand {
    /// Lock stake for a consensus key, add to it, or change the key.
    #[command(after_help = EXAMPLES_BOND)]
    Bond {
        /// How much, in the unit of the network; 0 only changes the key.
        amount: String,
        /// Whose stake: the name of a key or policy, or an address.
        #[arg(long, value_name = "ACCOUNT")]
        from: String,
        #[command(flatten)]
        voter: Voter,
        #[command(flatten)]
        terms: Terms,
    },
    /// Start the release of stake.
    #[command(after_help = EXAMPLES_UNBOND)]
    Unbond {
        /// How much, in the unit of the network, or `all`.
        amount: String,
        /// Whose stake: the name of a key or policy, or an address.
        #[arg(long, value_name = "ACCOUNT")]
        from: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Return after having sat out.
    #[command(after_help = EXAMPLES_UNJAIL)]
    Unjail {
        /// Whose stake: the name of a key or policy, or an address.
        #[arg(long, value_name = "ACCOUNT")]
        from: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Show who agrees now and next, who waits, and what is being released.
    List(list::ListArgs),
    /// Show the stake of one account, verified.
    Show(show::ShowArgs),
}

/// The key that votes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Voter {
    /// Its file, or its name in the folder of keys.
    #[arg(long, value_name = "KEY")]
    consensus_key: Option<String>,
    /// The config of the node that votes, which names its key.
    #[arg(long, value_name = "FILE")]
    node_config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Key`] for a consensus key that cannot be read; those of every transaction.
pub(crate) fn run(context: &Context, args: &StakeArgs) -> Outcome {
    match &args.command {
        StakeCommand::Bond {
            amount,
            from,
            voter,
            terms,
        } => bond(&mut Desk::open(context, terms)?, (from, amount), voter),
        StakeCommand::Unbond {
            amount,
            from,
            terms,
        } => unbond(&mut Desk::open(context, terms)?, from, amount),
        StakeCommand::Unjail { from, terms } => unjail(&mut Desk::open(context, terms)?, from),
        StakeCommand::List(args) => list::run(context, args),
        StakeCommand::Show(args) => show::run(context, args),
    }
}

fn bond(desk: &mut Desk<'_>, (from, amount): (&str, &str), voter: &Voter) -> Outcome {
    let account = desk.sender(from)?;
    let amount = desk.network.unit.parse(amount).exit(Exit::Usage)?;
    let key = voter.read(desk)?;
    if desk
        .names
        .public(from)
        .is_ok_and(|owner| owner == key.public_key())
    {
        let message = "the key that votes is not the key that owns the stake: it lies on a node";
        return Err(CliError::new(Exit::Key, message)
            .code("consensus_key")
            .next("starling key new NAME-votes, and take that one"));
    }
    let message = possession_hash(&desk.network.genesis_hash, &account);
    let action = Action::Bond {
        consensus_key: key.public_key(),
        amount,
        proof_of_possession: key.sign(&message.0),
    };
    let what = match amount {
        0 => format!("{from} votes with {}", key.public_key()),
        _ => format!("{from} bonds {}", desk.network.unit.full(amount)),
    };
    let order = desk.order(from, vec![action])?;
    deliver(desk, from, order, &what)
}

fn unbond(desk: &mut Desk<'_>, from: &str, amount: &str) -> Outcome {
    let account = desk.sender(from)?;
    let amount = match amount {
        "all" => desk.persistently(|desk| desk.stake(&account))?.bonded_base,
        text => desk.network.unit.parse(text).exit(Exit::Usage)?,
    };
    if amount == 0 {
        let message = format!("rejected: {from} has nothing bonded");
        return Err(CliError::new(Exit::Rejected, message).code("nothing_bonded"));
    }
    let what = format!("{from} unbonds {}", desk.network.unit.full(amount));
    let order = desk.order(from, vec![Action::Unbond { amount }])?;
    deliver(desk, from, order, &what)
}

fn unjail(desk: &mut Desk<'_>, from: &str) -> Outcome {
    let order = desk.order(from, vec![Action::Unjail])?;
    deliver(desk, from, order, &format!("{from} returns as a validator"))
}

/// Sends it, and shows the stake afterwards.
fn deliver(desk: &mut Desk<'_>, from: &str, order: Order, what: &str) -> Outcome {
    let done = desk.deliver(order, what)?;
    let output = desk.context.output;
    done.show(output, done.is_verified());
    let mut data = desk.describe(&done);
    let sender = done.order.draft.sender;
    let after = desk.afterwards(|desk| {
        let rules = rules(&desk.node, &desk.network)?;
        Ok((desk.stake(&sender)?, rules))
    });
    if let Some((stake, rules)) = after.map_err(|error| error.of(done.id))? {
        let next_epoch = next_epoch(&rules, done.height());
        output.line(&format!(
            "stake  {from} {} bonded, {} · validators change with block {next_epoch}",
            desk.network.unit.full(stake.bonded_base),
            status_words(&stake)
        ));
        for release in &stake.releases {
            output.line(&release_words(&desk.network.unit, release, &rules));
        }
        data["stake"] = stake.describe();
        data["next_epoch_height"] = json!(next_epoch);
    }
    output.envelope(&data);
    output.next("starling stake list");
    Ok(())
}

/// Returns the first height of the epoch after that of `height`.
fn next_epoch(rules: &Parameters, height: u64) -> u64 {
    let blocks = rules.epoch_blocks.max(1);
    let epoch = height.saturating_sub(1) / blocks;
    epoch
        .saturating_add(1)
        .saturating_mul(blocks)
        .saturating_add(1)
}

/// Says how a stake stands.
fn status_words(stake: &reply::Stake) -> &'static str {
    match stake.status.as_deref() {
        _ if !stake.exists => "no stake",
        Some("active") if stake.bonded_base > 0 => "a candidate",
        Some("active") => "leaving",
        _ => "sitting out",
    }
}

/// Says what is being released, and when it is due.
fn release_words(unit: &Unit, release: &reply::Release, rules: &Parameters) -> String {
    let amount = unit.full(release.amount_base);
    let due = match release.due_ms {
        Some(due) => format!("due {}", date(due)),
        None => format!(
            "due {} after block {}",
            duration::show(Duration::from_millis(rules.unbonding_ms)),
            release.last_height
        ),
    };
    format!("  release  {amount}, {due}")
}

impl Voter {
    fn read(&self, desk: &Desk<'_>) -> Outcome<SecretKey> {
        if let Some(path) = &self.node_config {
            let config = NodeConfig::read(path)?;
            let missing = || {
                let message = format!("{} names no `validator_key`", path.display());
                CliError::new(Exit::Key, message)
            };
            return key_file::read(&config.validator_key.ok_or_else(missing)?);
        }
        let text = self.consensus_key.as_deref().unwrap_or_default();
        let path = Path::new(text);
        if path.is_file() {
            return key_file::read(path);
        }
        let store = KeyStore::open(&desk.context.global);
        if store.has(text) {
            return store.secret(text);
        }
        let message = format!("`{text}` is neither a key file nor a key of yours");
        Err(CliError::new(Exit::Key, message)
            .code("consensus_key")
            .next("starling key new NAME-votes makes one"))
    }
}
