//! `starling key`: make and look at keys, and sign files with them.

mod sign;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use starling_ledger::address::NetworkKind;

use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::key_file::kind_name;
use crate::key_store::{KeyInfo, KeyStore};
use crate::names;
use crate::policy_store::PolicyStore;

const EXAMPLES: &str = "\
Examples:
  starling key new carol               make a key for local networks
  starling key list                    all keys, and the public ones
  starling key show carol --json       address and public key
  starling key sign carol statement.txt";
const EXAMPLES_NEW: &str = "\
Examples:
  starling key new carol
  starling send alice carol 10         then give it something

Keys for other than local networks have to be encrypted. This release cannot do that yet and
refuses to make them; it never writes such a key in the clear.";
const EXAMPLES_LIST: &str = "\
Examples:
  starling key list
  starling key list --json";
const EXAMPLES_SHOW: &str = "\
Examples:
  starling key show carol
  starling key show alice              its key is public: everybody can spend";

/// `starling key …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a new key.
    #[command(after_help = EXAMPLES_NEW)]
    New {
        /// How to call it: a-z, 0-9 and -.
        name: String,
        /// For which networks; an address tells them apart.
        #[arg(long, value_name = "KIND", default_value = "local")]
        network: Kind,
    },
    /// List your keys.
    #[command(after_help = EXAMPLES_LIST)]
    List,
    /// Sign a file.
    #[command(after_help = sign::EXAMPLES_SIGN)]
    Sign {
        /// The key's name.
        key: String,
        /// The file.
        file: PathBuf,
    },
    /// Check a signature over a file.
    #[command(after_help = sign::EXAMPLES_VERIFY)]
    Verify {
        /// The name of a key, or a public key of 64 hex digits.
        key: String,
        /// The file.
        file: PathBuf,
        /// The signature, 128 hex digits.
        signature: String,
    },
    /// Show the public side of a key.
    #[command(after_help = EXAMPLES_SHOW)]
    Show {
        /// The key's name.
        name: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Networks on one's own machines.
    Local,
    /// Public rehearsals.
    Test,
    /// Networks that hold value.
    Main,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Key`] if there is no such key, the name is taken, or the kind of network is not
/// supported.
pub(crate) fn run(context: &Context, args: &KeyArgs) -> Outcome {
    let store = KeyStore::open(&context.global);
    match &args.command {
        KeyCommand::New { name, network } => new(context, &store, name, *network),
        KeyCommand::List => list(context, &store),
        KeyCommand::Sign { key, file } => {
            let names = context.names_for(NetworkKind::Local)?;
            sign::sign(context, &names, (key, file))
        }
        KeyCommand::Verify {
            key,
            file,
            signature,
        } => {
            let names = context.names_for(NetworkKind::Local)?;
            sign::verify(context, &names, (key, file, signature))
        }
        KeyCommand::Show { name } => show(context, &store, name),
    }
}

fn new(context: &Context, store: &KeyStore, name: &str, network: Kind) -> Outcome {
    if network != Kind::Local {
        let message = "keys that hold value have to be encrypted, which this release cannot do \
                       yet; it makes keys for local networks only";
        return Err(CliError::new(Exit::Key, message).next(format!("starling key new {name}")));
    }
    if names::is_public(name) {
        let message = format!("`{name}` is a public name of local networks: everybody has its key");
        return Err(CliError::new(Exit::Key, message).next("choose another name"));
    }
    if PolicyStore::open(&context.global).find(name)?.is_some() {
        let message = format!("`{name}` is the name of a policy already");
        return Err(CliError::new(Exit::Key, message).next("choose another name"));
    }
    let key = store.create(name)?;
    let text = format!("{name}  {}", address(&key));
    context.output.result(&describe(&key, false), &text);
    let file = store.path(name)?;
    context
        .output
        .note(&format!("kept in {}, for local networks", file.display()));
    context
        .output
        .next(&format!("starling send alice {name} 10"));
    Ok(())
}

fn list(context: &Context, store: &KeyStore) -> Outcome {
    let own = store.list()?;
    let public: Vec<_> = names::PEOPLE.iter().map(|name| public_key(name)).collect();
    let data: Vec<_> = own
        .iter()
        .map(|key| describe(key, false))
        .chain(public.iter().map(|key| describe(key, true)))
        .collect();
    let width = own
        .iter()
        .map(|key| key.name.len())
        .max()
        .unwrap_or(0)
        .max(5);
    let line = |key: &KeyInfo| format!("{:width$}  {}", key.name, address(key));
    let lines: Vec<_> = own
        .iter()
        .map(line)
        .chain(
            public
                .iter()
                .map(|key| format!("{}  (key is public)", line(key))),
        )
        .collect();
    context
        .output
        .result(&json!({"keys": data}), &lines.join("\n"));
    context.output.next("starling key new NAME");
    Ok(())
}

fn show(context: &Context, store: &KeyStore, name: &str) -> Outcome {
    let is_public = names::is_public(name);
    let key = if is_public {
        public_key(name)
    } else {
        store.info(name)?
    };
    let mut text = format!(
        "{name}\n  address     {}\n  public key  {}",
        address(&key),
        key.public
    );
    let mut data = describe(&key, is_public);
    if !is_public {
        let file = store.path(name)?.display().to_string();
        text.push_str("\n  file        ");
        text.push_str(&file);
        data["file"] = json!(file);
    }
    if is_public {
        text.push_str("\n  (keys are public: everybody can spend from this account)");
    }
    context.output.result(&data, &text);
    context
        .output
        .next(&format!("starling account show {name}"));
    Ok(())
}

fn public_key(name: &str) -> KeyInfo {
    KeyInfo {
        name: name.to_owned(),
        public: names::local_public(name),
    }
}

fn address(key: &KeyInfo) -> String {
    key.account().to_address(NetworkKind::Local)
}

fn describe(key: &KeyInfo, is_public: bool) -> Value {
    json!({
        "name": key.name,
        "network": kind_name(NetworkKind::Local),
        "address": address(key),
        "public_key": key.public.to_string(),
        "public": is_public,
    })
}
