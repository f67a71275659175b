//! `starling record`: notarize digests, and show what was notarized.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use starling_ledger::hash::Hash;
use starling_ledger::light;
use starling_ledger::transaction::Action;

use crate::context::Context;
use crate::date::date;
use crate::desk::{Desk, record};
use crate::draft::check_memo;
use crate::error::{CliError, Outcome};
use crate::file_digest;
use crate::receipt;
use crate::terms::Terms;
use crate::verify::state_proof;

use super::account::verified_words;

const EXAMPLES: &str = "\
Examples:
  starling record add --from alice --file lease.pdf --note \"the lease of 2026\"
  starling record show alice --file lease.pdf";
const EXAMPLES_ADD: &str = "\
Examples:
  starling record add --from alice --file lease.pdf --note \"the lease of 2026\"
  starling record add --from alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  starling record add --from alice $(sha256sum lease.pdf | cut -c1-64)

What is notarized is a digest of 32 bytes; the file itself never leaves this machine. --file takes
its BLAKE3 hash, which `b3sum FILE` prints too. A record belongs to its sender, tells block and
time, and is never overwritten: a second one of the same digest is rejected (exit code 4).";
const EXAMPLES_SHOW: &str = "\
Examples:
  starling record show alice --file lease.pdf
  starling record show starlocal1q… 9f86d081… --json | jq .data.recorded_ms
  starling record show alice --file lease.pdf --receipt lease.receipt

That there is no such record is proven too; the exit code is 0 then as well, `exists` is false.";

/// `starling record …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RecordArgs {
    #[command(subcommand)]
    command: RecordCommand,
}

#[derive(Debug, Subcommand)]
enum RecordCommand {
    /// Notarize a digest, and wait until it is final.
    #[command(after_help = EXAMPLES_ADD)]
    Add {
        #[command(flatten)]
        subject: Subject,
        /// Who notarizes: the name of a key or policy, or an address.
        #[arg(long, value_name = "ACCOUNT")]
        from: String,
        /// Text that stands with the record, public and for ever; at most 256 bytes.
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Show when a digest was notarized, or prove that it was not.
    #[command(after_help = EXAMPLES_SHOW)]
    Show {
        /// Whose record: the name of a key or policy, or an address.
        sender: String,
        #[command(flatten)]
        subject: Subject,
        /// Genesis of the network, to verify against.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
        /// Write what proves it to a new file, for `starling verify`.
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
    },
}

/// What is notarized.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Subject {
    /// The digest, 64 hex digits.
    digest: Option<String>,
    /// Take the BLAKE3 hash of this file.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Rejected`](crate::exit::Exit::Rejected) if there is such a record already; those of
/// every transaction.
pub(crate) fn run(context: &Context, args: &RecordArgs) -> Outcome {
    match &args.command {
        RecordCommand::Add {
            subject,
            from,
            note,
            terms,
        } => {
            check_memo("note", note)?;
            add(
                &mut Desk::open(context, terms)?,
                from,
                &subject.digest()?,
                note,
            )
        }
        RecordCommand::Show {
            sender,
            subject,
            genesis,
            receipt,
        } => {
            let files = (genesis.as_deref(), receipt.as_deref());
            show(context, sender, &subject.digest()?, files)
        }
    }
}

fn add(desk: &mut Desk<'_>, from: &str, digest: &Hash, note: &str) -> Outcome {
    let action = Action::Record {
        digest: *digest,
        note: note.to_owned(),
    };
    let order = desk.order(from, vec![action])?;
    let done = desk.deliver(order, &format!("{from} records {digest}"))?;
    done.show(desk.context.output, done.is_verified());
    let mut data = desk.describe(&done);
    data["digest"] = json!(digest.to_string());
    data["note"] = json!(note);
    desk.context.output.envelope(&data);
    let next = format!("starling record show {from} {digest}");
    desk.context.output.next(&next);
    Ok(())
}

fn show(
    context: &Context,
    sender: &str,
    digest: &Hash,
    (genesis, receipt): (Option<&Path>, Option<&Path>),
) -> Outcome {
    let node = context.connect()?;
    let network = context.network(&node, genesis)?;
    let account = context.names(&network)?.account(sender)?;
    let told = record(&node, &network, (&account, digest))?;
    if let Some(path) = receipt {
        let genesis = network.known()?;
        let subject = light::Subject::Record {
            sender: account,
            digest: *digest,
            proof: state_proof(&told.at.proof)?,
        };
        return receipt::write(context, (&node, genesis), (&told.at.header, subject), path);
    }
    let is_verified = network.genesis.is_some();
    let mut lines = vec![format!("record {digest} of {sender}")];
    if told.exists {
        let height = told.recorded_height.unwrap_or_default();
        let time = told.recorded_ms.unwrap_or_default();
        lines.push(format!("  made in block {height}, {}", date(time)));
        match told.note.as_deref() {
            None | Some("") => {}
            Some(note) => lines.push(format!("  note {note:?}")),
        }
    } else {
        lines.push("  there is none".to_owned());
    }
    let words = verified_words(is_verified);
    lines.push(format!("  state of block {} · {words}", told.at.height));
    let data = json!({
        "address": account.to_address(network.kind),
        "digest": digest.to_string(),
        "exists": told.exists,
        "recorded_height": told.recorded_height,
        "recorded_ms": told.recorded_ms,
        "note": told.note,
        "height": told.at.height,
        "verified": is_verified,
    });
    context.output.result(&data, &lines.join("\n"));
    context.output.next(&match told.recorded_height {
        Some(height) => format!("starling block {height}"),
        None => format!("starling record add --from {sender} {digest}"),
    });
    Ok(())
}

impl Subject {
    fn digest(&self) -> Outcome<Hash> {
        match (&self.digest, &self.file) {
            (Some(digest), _) => digest.parse().map_err(|_| {
                let message = format!("`{digest}` is no digest: not 64 hexadecimal digits");
                CliError::usage(message).next("--file FILE takes the digest of a file")
            }),
            (None, Some(path)) => file_digest::of(path),
            (None, None) => Err(CliError::usage("neither a digest nor a file")),
        }
    }
}
