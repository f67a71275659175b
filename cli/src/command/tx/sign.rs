//! `starling tx sign`, `starling multisig sign` and `combine`: put signatures to a file.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::Signer as _;

use crate::context::Context;
use crate::draft::keys_of;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::genesis_file;
use crate::names::Names;
use crate::network::Network;
use crate::signers::wrong_key;
use crate::testnet::birth::now_ms;
use crate::tx_file::TxFile;

const EXAMPLES: &str = "\
Examples:
  starling tx sign rent.toml --key alice
  starling tx sign rent.toml --key alice --genesis genesis.toml --yes     without any network
  starling multisig sign rent.toml --key bob --output rent-bob.toml

What is signed is shown first. The genesis says what the amounts mean and for which network the
signature is worth something, so it has to be at hand: that of the local testnet, or --genesis. The
signature goes into the same file, or a copy of it with --output.";

/// `starling tx sign`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SignArgs {
    /// The file that `tx build` wrote.
    file: PathBuf,
    /// The key to sign with, by name.
    #[arg(long, value_name = "NAME")]
    key: String,
    /// Where to write the signed file; the same one if left out.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Genesis of the network.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Signs the file.
///
/// # Errors
/// [`Exit::Key`] for a key that is not of the account's authority, [`Exit::Rejected`] for what has
/// expired, [`Exit::Corrupt`] and [`Exit::WrongNetwork`] for files that are not what they say.
pub(crate) fn run(context: &Context, args: &SignArgs) -> Outcome {
    let genesis = genesis(context, args.genesis.as_deref())?;
    let mut file = TxFile::read(&args.file, &genesis)?;
    check_expiry(&file, now_ms())?;
    let names = context.names(&Network::own(genesis.clone()))?;
    let key = names.secret(&args.key)?;
    if !keys_of(&file.draft.authority).contains(&key.public_key()) {
        return Err(wrong_key(&args.key, &file.draft.authority, &names));
    }
    for line in file.lines(&genesis) {
        context.output.note(&line);
    }
    confirm(context, args.yes, &args.key)?;
    let id = file.id();
    file.add(key.public_key(), key.sign(&id.0.0))?;
    let path = args.output.as_ref().unwrap_or(&args.file);
    file.write(path, &genesis)?;
    report(context, &names, (&file, path));
    Ok(())
}

/// Puts the signatures of several copies into one file.
///
/// # Errors
/// [`Exit::Corrupt`] if they are not copies of one transaction.
pub(crate) fn combine(
    context: &Context,
    (files, output): (&[PathBuf], &Path),
    given: Option<&Path>,
) -> Outcome {
    let genesis = genesis(context, given)?;
    let names = context.names(&Network::own(genesis.clone()))?;
    let mut combined: Option<TxFile> = None;
    for path in files {
        let file = TxFile::read(path, &genesis)?;
        match &mut combined {
            None => combined = Some(file),
            Some(combined) if combined.draft == file.draft => {
                combined.signatures.extend(file.signatures);
            }
            Some(_) => {
                let message = format!("{} is another transaction", path.display());
                return Err(CliError::new(Exit::Corrupt, message).code("other_transaction"));
            }
        }
    }
    let file = combined.ok_or_else(|| CliError::usage("no file to combine"))?;
    file.write(output, &genesis)?;
    report(context, &names, (&file, output));
    Ok(())
}

/// Finds the genesis that says what a file means: the one named, or the local testnet's.
///
/// # Errors
/// [`Exit::Config`] if there is none.
pub(super) fn genesis(context: &Context, given: Option<&Path>) -> Outcome<Genesis> {
    let local = context.testnet()?.genesis();
    match given {
        Some(path) => genesis_file::read(path),
        None if local.exists() => genesis_file::read(&local),
        None => {
            let message = "no genesis here: what is signed, and where it counts, cannot be told";
            Err(CliError::new(Exit::Config, message).next("name it with --genesis FILE"))
        }
    }
}

/// Refuses what no block can take any more.
///
/// # Errors
/// [`Exit::Rejected`].
pub(super) fn check_expiry(file: &TxFile, time_ms: u64) -> Outcome {
    if time_ms <= file.draft.expires_at_ms {
        return Ok(());
    }
    let message = format!(
        "expired at {}: no block can take it any more",
        crate::date::date(file.draft.expires_at_ms)
    );
    Err(CliError::new(Exit::Rejected, message)
        .code("expired")
        .next("build it again with a longer --expires"))
}

fn confirm(context: &Context, agreed: bool, key: &str) -> Outcome {
    if agreed {
        return Ok(());
    }
    if context.global.no_input || context.output.is_json() || !io::stdin().is_terminal() {
        let message = "nothing was signed: there is nobody to ask";
        return Err(CliError::usage(message).code("confirm").next("add --yes"));
    }
    let mut stderr = io::stderr();
    let _ = write!(stderr, "sign this with the key {key}? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).exit(Exit::Io)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(CliError::usage("nothing was signed").code("confirm")),
    }
}

fn report(context: &Context, names: &Names, (file, path): (&TxFile, &Path)) {
    let needed = file.draft.authority.signature_count();
    let signed: Vec<_> = file
        .signatures
        .keys()
        .map(|key| names.show_key(key))
        .collect();
    let text = format!(
        "{}  {} of {needed} signatures: {}",
        path.display(),
        signed.len().min(needed),
        signed.join(", ")
    );
    let data = json!({
        "id": file.id().to_string(),
        "file": path.display().to_string(),
        "signatures": file.signatures.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "signatures_needed": needed,
        "complete": signed.len() >= needed,
    });
    context.output.result(&data, &text);
    let file = path.display();
    context.output.next(&if signed.len() >= needed {
        format!("starling tx submit {file}")
    } else {
        format!("starling tx sign {file} --key NAME, with another key")
    });
}
