//! `starling account set-authority`: put an account under another key, or under several.

use clap::Args;
use serde_json::json;
use starling_ledger::authority::Authority;
use starling_ledger::transaction::Action;

use crate::authority::{describe, parse_policy, show};
use crate::confirm::confirm;
use crate::context::Context;
use crate::desk::Desk;
use crate::draft::keys_of;
use crate::error::{CliError, Outcome};
use crate::terms::Terms;

const EXAMPLES: &str = "\
Examples:
  starling account set-authority alice --key carol
  starling account set-authority alice --policy 2:alice,bob,carol
  starling account set-authority alice --policy board --yes      a policy made by `multisig new`
  starling account set-authority alice --key carol --signer bob --signer alice   from a 2-of-3

The address stays, and whoever held it before can no longer act for it. If nobody holds the new
keys, what the account holds is lost for ever: so this asks for words, or for --yes. A policy is
kept on this machine, because the ledger knows only its hash.";

/// `starling account set-authority`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SetAuthorityArgs {
    /// The account: the name of a key or policy, or an address.
    account: String,
    #[command(flatten)]
    new: NewAuthority,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct NewAuthority {
    /// The one key that may act for it from now on: a name, or 64 hex digits.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The policy that may: M:KEY,KEY,…, or the name of one.
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Those of every transaction; a usage error if nobody agreed.
pub(super) fn run(context: &Context, args: &SetAuthorityArgs) -> Outcome {
    let mut desk = Desk::open(context, &args.terms)?;
    desk.sender(&args.account)?;
    let new = args.new.read(&desk)?;
    let order = desk.order(
        &args.account,
        vec![Action::SetAuthority {
            authority: new.clone(),
        }],
    )?;
    let old = order.draft.authority.clone();
    if old == new {
        let words = describe(&new, &desk.names);
        let message = format!("the authority of {} is {words} already", args.account);
        return Err(CliError::usage(message));
    }
    warn(&desk, args, (&old, &new))?;
    confirm(context, args.yes, &format!("replace {}", args.account))?;
    if let Authority::Policy(policy) = &new {
        desk.names.policies().keep(None, policy)?;
    }
    let what = format!("{} → {}", args.account, describe(&new, &desk.names));
    let done = desk.deliver(order, &what)?;
    done.show(context.output, done.is_verified());
    let mut data = desk.describe(&done);
    data["new_authority"] = json!(new.hash().to_string());
    data["policy"] = json!(show(&new));
    context.output.envelope(&data);
    let next = format!("starling account show {}", args.account);
    context.output.next(&next);
    Ok(())
}

/// Says what it means, before it is asked for.
fn warn(desk: &Desk<'_>, args: &SetAuthorityArgs, (old, new): (&Authority, &Authority)) -> Outcome {
    let mut here = 0;
    for key in keys_of(new) {
        here += usize::from(desk.names.secret_of(key)?.is_some());
    }
    let output = desk.context.output;
    let account = &args.account;
    output.note(&format!(
        "from now on only {} can act for {account}; {} no longer can",
        describe(new, &desk.names),
        describe(old, &desk.names)
    ));
    let (needed, all) = (new.signature_count(), keys_of(new).len());
    if here < needed {
        output.note(&format!(
            "warning: this machine holds {here} of its {all} keys, {needed} must sign; if the \
             others are lost, so is what {account} holds"
        ));
    }
    Ok(())
}

impl NewAuthority {
    fn read(&self, desk: &Desk<'_>) -> Outcome<Authority> {
        match (&self.key, &self.policy) {
            (Some(key), _) => desk.names.public(key).map(Authority::Key),
            (None, Some(text)) => match desk.names.policies().find(text)? {
                Some(found) => Ok(found.authority),
                None => parse_policy(text, &desk.names).map(Authority::Policy),
            },
            (None, None) => Err(CliError::usage("neither a key nor a policy")),
        }
    }
}
