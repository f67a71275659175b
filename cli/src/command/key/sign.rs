//! `starling key sign` and `key verify`: sign files, apart from any ledger.
//!
//! What is signed is a hash of its own context over the file's digest, so that such a signature is
//! never one over a transaction, a vote or anything else.

use std::path::Path;

use serde_json::json;
use starling_ledger::hash::{Context as Purpose, Hash, parse_hex};
use starling_ledger::keys::{Ed25519, Signature, SignatureScheme as _, Signer as _};

use crate::context::Context;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::file_digest;
use crate::key_file::hex;
use crate::names::Names;

pub(super) const EXAMPLES_SIGN: &str = "\
Examples:
  starling key sign carol statement.txt
  starling key sign carol statement.txt --json | jq -r .data.signature

The signature is over the file's content, and can never be taken for one over a transaction.";
pub(super) const EXAMPLES_VERIFY: &str = "\
Examples:
  starling key verify carol statement.txt 5f0c…
  starling key verify 6fc4…e1 statement.txt 5f0c…   the public key of somebody else";

/// Signs the file at `path`.
///
/// # Errors
/// [`Exit::Key`] if there is no such key.
pub(super) fn sign(context: &Context, names: &Names, (key, path): (&str, &Path)) -> Outcome {
    let secret = names.secret(key)?;
    let digest = file_digest::of(path)?;
    let signature = hex(&secret.sign(&message(&digest).0).0);
    let public = secret.public_key().to_string();
    let data = json!({
        "signature": signature,
        "public_key": public,
        "file": path.display().to_string(),
        "digest": digest.to_string(),
    });
    context.output.result(&data, &signature);
    let next = format!(
        "starling key verify {public} {} {signature}",
        path.display()
    );
    context.output.next(&next);
    Ok(())
}

/// Checks a signature over the file at `path`.
///
/// # Errors
/// [`Exit::Verification`] if it is not `key`'s over this file.
pub(super) fn verify(
    context: &Context,
    names: &Names,
    (key, path, text): (&str, &Path, &str),
) -> Outcome {
    let public = names.public(key)?;
    let signature =
        parse_hex(text).map_err(|_| CliError::usage("a signature has 128 hexadecimal digits"))?;
    let digest = file_digest::of(path)?;
    let holds = Ed25519.verify(&public, &message(&digest).0, &Signature(signature));
    if !holds {
        let message = format!("the signature is not one of {key} over {}", path.display());
        return Err(CliError::new(Exit::Verification, message).code("signature"));
    }
    let data = json!({
        "valid": true,
        "public_key": public.to_string(),
        "digest": digest.to_string(),
    });
    let text = format!("{key} signed {}", path.display());
    context.output.result(&data, &text);
    Ok(())
}

fn message(digest: &Hash) -> Hash {
    Hash::of(Purpose::Message, &[&digest.0])
}
