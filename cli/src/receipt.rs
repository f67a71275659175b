//! Receipts: files that prove one fact without any node.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::json;
use starling_ledger::block::BlockHeader;
use starling_ledger::codec::decode;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{
    Anchor, Judge, LightError, RECEIPT_BYTES_MAX, Receipt, Subject, Trusted,
};

use crate::command::verify::describe;
use crate::context::{Context, Node};
use crate::error::{CliError, FileContext as _, Outcome};
use crate::exit::Exit;
use crate::network::Network;
use crate::rpc::Rpc;
use crate::testnet::birth::now_ms;
use crate::verify::{LightWay, piece};

/// Most bytes of a header.
const HEADER_BYTES_MAX: usize = 1024;

/// Makes a receipt of what `node` told, checks it, writes it to a new file, and says what it
/// proves.
///
/// `header` is that of the block as of which the subject holds, in hex, as the node told it. The
/// receipt begins at the genesis, or at the block of `--checkpoint`.
///
/// # Errors
/// [`Exit::Verification`] if it would not prove anything; if the file is there already, or cannot
/// be written.
pub(crate) fn write(
    context: &Context,
    (node, genesis): (&Node, &Genesis),
    (header, subject): (&str, Subject),
    path: &Path,
) -> Outcome {
    let header: BlockHeader = piece("header", header, decode::<_, HEADER_BYTES_MAX>)?;
    let (receipt, judge) = make(context, (&node.rpc, genesis), &header, subject)?;
    let proven = receipt.verify(&judge).map_err(|error| failed(&error))?;
    let bytes = receipt.to_bytes();
    if bytes.len() > RECEIPT_BYTES_MAX {
        let message = format!("the receipt would be of {} bytes, too large", bytes.len());
        return Err(CliError::new(Exit::Failure, message)
            .next("begin it at a later block: --checkpoint HEIGHT:HASH"));
    }
    create(path, &bytes)?;
    let network = Network::own(genesis.clone());
    let (text, mut data) = describe(&proven, &network, &context.names(&network)?);
    let file = path.display();
    data["receipt"] = json!(file.to_string());
    let text = format!("{text}\n  receipt  {file}, {} bytes", bytes.len());
    context.output.result(&data, &text);
    context.output.next(&format!("starling verify {file}"));
    Ok(())
}

fn make<'a>(
    context: &Context,
    (rpc, genesis): (&Rpc, &'a Genesis),
    header: &BlockHeader,
    subject: Subject,
) -> Outcome<(Receipt, Judge<'a>)> {
    let way = LightWay { rpc };
    let checkpoint = context.global.checkpoint;
    let checkpoint = checkpoint.filter(|given| given.height <= header.height);
    let (anchor, begin) = match checkpoint {
        Some(given) => {
            let (header, next_validators) = way.header(given.height)?;
            let next = next_validators.clone();
            let begin = Trusted::checkpoint(genesis, given, header.clone(), next);
            let anchor = Anchor::Checkpoint {
                header: Box::new(header),
                next_validators,
            };
            (anchor, begin)
        }
        None => (Anchor::Genesis, Trusted::genesis(genesis)),
    };
    let begin = begin.map_err(|error| failed(&error))?;
    let mut steps = Vec::new();
    let reached = way.collect(&begin, header.height, |_, step| steps.push(step.clone()));
    let reached = reached.map_err(|error| error.into_cli(|error| failed(&error)))?;
    if reached.hash() != header.hash() {
        let message = "verification failed, the node lied: its steps lead to another block";
        return Err(CliError::new(Exit::Verification, message));
    }
    let receipt = Receipt {
        genesis: genesis.hash(),
        anchor,
        steps,
        subject,
    };
    let judge = Judge {
        scheme: &Ed25519,
        genesis,
        checkpoint,
        now_ms: now_ms(),
    };
    Ok((receipt, judge))
}

/// Puts into words why a receipt proves nothing.
pub(crate) fn failed(error: &LightError) -> CliError {
    let message = format!("verification failed: {error}");
    let refused = CliError::new(Exit::Verification, message);
    match error {
        LightError::Expired { .. } => refused
            .code("expired")
            .next("--checkpoint HEIGHT:HASH of one of its later blocks, from somebody you trust"),
        LightError::CheckpointNeeded { named } => refused.code("checkpoint").next(format!(
            "ask somebody you trust whether block {} is {}, then: --checkpoint {named}",
            named.height, named.hash
        )),
        LightError::Network { .. } => CliError::new(
            Exit::WrongNetwork,
            format!("the receipt is not of the network of the genesis given: {error}"),
        )
        .next("name the genesis of its network: --genesis FILE"),
        _ => refused,
    }
}

/// Reads a receipt.
///
/// # Errors
/// [`Exit::Verification`] if the file is none, or a damaged one.
pub(crate) fn read(path: &Path) -> Outcome<Receipt> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).on("read", path)?;
    let limit = u64::try_from(RECEIPT_BYTES_MAX).unwrap_or(u64::MAX);
    let mut file = file.take(limit.saturating_add(1));
    file.read_to_end(&mut bytes).on("read", path)?;
    Receipt::from_bytes(&bytes).map_err(|error| {
        let message = format!(
            "verification failed: {} is no receipt, or a damaged one: {error}",
            path.display()
        );
        CliError::new(Exit::Verification, message).code("damaged")
    })
}

/// Writes a file that was not there.
fn create(path: &Path, bytes: &[u8]) -> Outcome {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .on("create", path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a receipt is worse than none.
        let _ = fs::remove_file(path);
    }
    written.on("write", path)
}
