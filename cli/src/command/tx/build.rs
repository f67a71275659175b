//! `starling tx build`: write a transaction for others, or another machine, to sign.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use starling_ledger::authority::Authority;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::Action;

use crate::authority;
use crate::context::Context;
use crate::desk::Desk;
use crate::draft::{Draft, Signatures, check_memo};
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::names::Names;
use crate::network::Network;
use crate::order::Plan;
use crate::terms::Terms;
use crate::testnet::birth::now_ms;
use crate::tx_file::TxFile;
use crate::{duration, genesis_file};

const EXAMPLES: &str = "\
Examples:
  starling tx build board --pay bob 25 --output rent.toml
  starling tx build alice --pay bob 25 --pay carol 1.5 --record 9f86d081… --memo may
  starling tx build alice --set-authority 2:alice,bob,carol --output change.toml
  starling tx build alice --pay bob 25 --nonce 4 --fee 0.001 --genesis genesis.toml   without a node

Up to 16 actions that all succeed or all fail: first the payments, then records, then the rest. The
file shows what whoever signs agrees to. Then: starling tx sign FILE --key NAME, on any machine, and
starling tx submit FILE. With --nonce and --fee, no node is asked.";

/// `starling tx build`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BuildArgs {
    /// Whose transaction: the name of a key or policy, or an address.
    sender: String,
    /// Pay AMOUNT to ACCOUNT; may be repeated.
    #[arg(long, num_args = 2, value_names = ["ACCOUNT", "AMOUNT"])]
    pay: Vec<String>,
    /// Notarize a digest of 64 hex digits; may be repeated.
    #[arg(long, value_name = "DIGEST")]
    record: Vec<String>,
    /// Note of the records.
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        requires = "record"
    )]
    note: String,
    /// Replace the sender's authority by KEY or M:KEY,KEY,….
    #[arg(long, value_name = "AUTHORITY")]
    set_authority: Option<String>,
    /// Start the release of stake.
    #[arg(long, value_name = "AMOUNT")]
    unbond: Option<String>,
    /// Return as a validator.
    #[arg(long)]
    unjail: bool,
    /// Where to write the file; stdout if left out.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The sender's next nonce; a node is asked if left out.
    #[arg(long, value_name = "N", requires = "fee")]
    nonce: Option<u64>,
    /// Text for people, public and for ever; at most 256 bytes.
    #[arg(long, default_value = "", hide_default_value = true)]
    memo: String,
    /// Fee to offer; what the network asks for if left out.
    #[arg(long, value_name = "AMOUNT")]
    fee: Option<String>,
    /// How long it may be included, and so signed; afterwards it never can be.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration::parse)]
    expires: Duration,
    /// The sender's authority, where this machine does not know it: KEY or M:KEY,KEY,….
    #[arg(long, value_name = "AUTHORITY")]
    authority: Option<String>,
    /// Genesis of the network.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A usage error for what the ledger would never take; those of the node, if one is asked.
pub(super) fn run(context: &Context, args: &BuildArgs) -> Outcome {
    check_memo("memo", &args.memo)?;
    check_memo("note", &args.note)?;
    let (draft, genesis) = match args.nonce {
        Some(nonce) => without_node(context, args, nonce)?,
        None => with_node(context, args)?,
    };
    let file = TxFile {
        genesis: genesis.hash(),
        draft,
        signatures: Signatures::new(),
    };
    let text = file.to_text(&genesis);
    let mut data = json!({
        "id": file.id().to_string(),
        "signatures_needed": file.draft.authority.signature_count(),
        "fee_base": file.draft.fee,
        "nonce": file.draft.nonce,
        "expires_at_ms": file.draft.expires_at_ms,
    });
    let Some(path) = &args.output else {
        data["toml"] = json!(text);
        context.output.result(&data, text.trim_end());
        context.output.next("starling tx build … --output FILE");
        return Ok(());
    };
    if path.exists() {
        let message = format!("{} exists; it is not overwritten", path.display());
        return Err(CliError::usage(message).next("choose another file"));
    }
    file.write(path, &genesis)?;
    data["file"] = json!(path.display().to_string());
    context
        .output
        .result(&data, &file.lines(&genesis).join("\n"));
    let next = format!("starling tx sign {} --key NAME", path.display());
    context.output.next(&next);
    Ok(())
}

/// Asks a node for nonce and fee.
fn with_node(context: &Context, args: &BuildArgs) -> Outcome<(Draft, Genesis)> {
    let terms = Terms {
        memo: args.memo.clone(),
        fee: args.fee.clone(),
        expires: args.expires,
        authority: args.authority.clone(),
        genesis: args.genesis.clone(),
        ..Terms::default()
    };
    let mut desk = Desk::open(context, &terms)?;
    let actions = actions(args, &desk.names, &desk.network)?;
    let memo = args.memo.clone();
    let draft = desk.draft(&args.sender, Plan { actions, memo })?;
    Ok((draft, desk.genesis()?))
}

/// Builds from what the user says alone.
fn without_node(context: &Context, args: &BuildArgs, nonce: u64) -> Outcome<(Draft, Genesis)> {
    let genesis = match &args.genesis {
        Some(path) => genesis_file::read(path)?,
        None => genesis_file::read(&context.testnet()?.genesis())?,
    };
    let network = Network::own(genesis.clone());
    let names = context.names(&network)?;
    let sender = names.account(&args.sender)?;
    let authority = match &args.authority {
        Some(text) => authority::parse(text, &names)?,
        None => own_authority(&args.sender, &names)?,
    };
    let fee = args.fee.as_deref().unwrap_or_default();
    let draft = Draft {
        sender,
        authority,
        nonce,
        fee: network.unit.parse(fee).exit(Exit::Usage)?,
        expires_at_ms: now_ms().saturating_add(duration::as_ms(args.expires)),
        memo: args.memo.clone(),
        actions: actions(args, &names, &network)?,
    };
    draft.check()?;
    Ok((draft, genesis))
}

/// Returns the first authority of the sender, where it has a name here.
fn own_authority(sender: &str, names: &Names) -> Outcome<Authority> {
    let account = names.account(sender)?;
    match names.name_of(&account) {
        Some(name) => authority::parse(name, names),
        None => {
            let message = format!("no key or policy of this machine is the authority of {sender}");
            Err(CliError::new(Exit::Key, message)
                .code("authority")
                .next("name it with --authority KEY or --authority M:KEY,KEY,…"))
        }
    }
}

fn actions(args: &BuildArgs, names: &Names, network: &Network) -> Outcome<Vec<Action>> {
    let amount = |text: &String| network.unit.parse(text).exit(Exit::Usage);
    let mut actions = Vec::new();
    for pair in args.pay.chunks_exact(2) {
        let [to, text] = pair else { continue };
        let (to, amount) = (names.account(to)?, amount(text)?);
        actions.push(Action::Transfer { to, amount });
    }
    for text in &args.record {
        let digest: Hash = text.parse().map_err(|_| {
            CliError::usage(format!("`{text}` is no digest: not 64 hexadecimal digits"))
        })?;
        let note = args.note.clone();
        actions.push(Action::Record { digest, note });
    }
    if let Some(text) = &args.set_authority {
        let authority = authority::parse(text, names)?;
        actions.push(Action::SetAuthority { authority });
    }
    if let Some(text) = &args.unbond {
        let amount = amount(text)?;
        actions.push(Action::Unbond { amount });
    }
    if args.unjail {
        actions.push(Action::Unjail);
    }
    if actions.is_empty() {
        let message = "a transaction does something: --pay, --record, --set-authority, …";
        return Err(CliError::usage(message));
    }
    Ok(actions)
}
