//! `starling block`: show a block.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use starling_ledger::block::{BLOCK_BYTES_MAX, Block, FinalBlock};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::codec::{decode, encode};
use starling_ledger::transaction::{Transaction, TransactionId};

use crate::context::{Context, Node};
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::key_file::hex;
use crate::names::Names;
use crate::network::Network;
use crate::quorum::clock;
use crate::rpc::Rpc;
use crate::verify::{VerifiedHeader, Verifier, unhex};

use super::account::verified_words;
use super::tx;

const EXAMPLES: &str = "\
Examples:
  starling block                       the latest final block
  starling block 42
  starling block 42 --json | jq .data.state_root";
/// A block and the certificate beside it.
const FINAL_BYTES_MAX: usize = BLOCK_BYTES_MAX + 128 * 1024;
/// Most transactions that are listed for people.
const LISTED_MAX: usize = 20;

/// `starling block`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BlockArgs {
    /// Height, or hash in 64 hex digits; the latest if left out.
    #[arg(default_value = "latest")]
    block: String,
    /// Genesis of the network, to verify against.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Verification`] if the block's certificate does not hold.
pub(crate) fn run(context: &Context, args: &BlockArgs) -> Outcome {
    let node = context.connect()?;
    let network = context.network(&node, args.genesis.as_deref())?;
    let parameters = match args.block.parse::<u64>() {
        Ok(height) => json!({"height": height}),
        Err(_) if args.block == "latest" => json!({}),
        Err(_) if args.block.len() == 64 => json!({"hash": args.block}),
        Err(_) => {
            let message = format!("`{}` is neither a height nor a hash", args.block);
            return Err(CliError::usage(message).next("starling block latest"));
        }
    };
    let mut answer = node.rpc.call("block", &parameters)?;
    let (block, certificate) = read(&answer)?;
    let verified = verify(&node, &network, &block, &certificate)?;
    answer["verified"] = json!(verified.is_some());
    let names = context.names(&network)?;
    let text = describe(&block, verified.as_ref(), &network, &names);
    context.output.result(&answer, &text);
    let height = block.header.height;
    context.output.next(&format!(
        "starling block {}",
        height.saturating_sub(1).max(1)
    ));
    Ok(())
}

/// Asks how many validators signed the block at `height`.
pub(crate) fn signers(rpc: &Rpc, height: u64) -> Option<usize> {
    let answer = rpc.call("block", &json!({"height": height})).ok()?;
    let (_, certificate) = read(&answer).ok()?;
    let bytes = unhex("certificate", &certificate).ok()?;
    let certificate: CommitCertificate = decode::<_, FINAL_BYTES_MAX>(&bytes).ok()?;
    Some(certificate.signatures.len())
}

/// Returns the ids of the transactions of the block at `height`.
pub(crate) fn transaction_ids(rpc: &Rpc, height: u64) -> Option<Vec<TransactionId>> {
    let answer = rpc.call("block", &json!({"height": height})).ok()?;
    let (block, _) = read(&answer).ok()?;
    let decoded = block
        .transactions
        .iter()
        .filter_map(|raw| raw.decode().ok());
    let id = |transaction: Transaction| {
        transaction
            .body
            .id(&block.header.genesis, &transaction.sender())
    };
    Some(decoded.map(id).collect())
}

/// Reads the block and its certificate out of a node's answer, both encoded in hex.
fn read(answer: &Value) -> Outcome<(Block, String)> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = unhex("block", text("raw"))?;
    if let Ok(found) = decode::<FinalBlock, FINAL_BYTES_MAX>(&bytes) {
        return Ok((found.block, hex(&encode(&found.certificate))));
    }
    let block = decode::<Block, BLOCK_BYTES_MAX>(&bytes).map_err(|error| {
        CliError::new(Exit::Verification, format!("the node's block is {error}"))
    })?;
    Ok((block, text("certificate").to_owned()))
}

fn verify(
    node: &Node,
    network: &Network,
    block: &Block,
    certificate: &str,
) -> Outcome<Option<VerifiedHeader>> {
    let Some(genesis) = &network.genesis else {
        return Ok(None);
    };
    let header = hex(&encode(&block.header));
    let verified = Verifier::new(node, genesis)?.header(&header, certificate)?;
    if Block::transaction_root(&block.transactions) != block.header.transaction_root {
        let message = "verification failed, the node lied: these are not the block's transactions";
        return Err(CliError::new(Exit::Verification, message));
    }
    Ok(Some(verified))
}

fn describe(
    block: &Block,
    verified: Option<&VerifiedHeader>,
    network: &Network,
    names: &Names,
) -> String {
    let header = &block.header;
    let signed = verified.map_or(String::new(), |verified| {
        format!(" · {}", verified.signed_words())
    });
    let mut lines = vec![
        format!(
            "block {} · {}{signed} · {}",
            header.height,
            header.hash().0.short(),
            verified_words(verified.is_some())
        ),
        format!(
            "  made by {} at {} in round {}",
            names.show(header.proposer),
            clock(header.time_ms),
            header.round
        ),
        format!("  parent     {}", header.parent.0.short()),
        format!("  state root {}", header.state_root.short()),
        format!("  {} transactions", header.transaction_count),
    ];
    for raw in block.transactions.iter().take(LISTED_MAX) {
        if let Ok(transaction) = raw.decode() {
            let id = transaction.body.id(&header.genesis, &transaction.sender());
            let sender = transaction.sender();
            let actions = tx::actions(sender, &transaction.body.actions, network, names);
            lines.push(format!(
                "  {} {}",
                id.0.short(),
                actions.join(" ·").trim_end()
            ));
        }
    }
    if block.transactions.len() > LISTED_MAX {
        lines.push("  … (all of them with --json)".to_owned());
    }
    lines.join("\n")
}
