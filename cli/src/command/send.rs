//! `starling send`: pay, and wait until it is final.

mod batch;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use starling_ledger::address::AccountId;
use starling_ledger::transaction::{Action, Amount};

use crate::context::Context;
use crate::desk::Desk;
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::order::Order;
use crate::terms::Terms;

const EXAMPLES: &str = "\
Examples:
  starling send alice bob 25
  starling send alice bob 1.5 --memo lunch
  starling send alice carol 10 --id invoice-17    repeated, it still pays once
  starling send alice bob 25 --json | jq .data.height
  starling send bob alice 5 --timeout 5s; echo $?  5 not final yet, 6 network halted
  starling send alice --batch wages.csv --id wages-may

The id is printed before anything leaves this machine. The command ends when the payment is final
and a node serves the new balances, or says why it is not. Where a node falls silent it goes on
asking it and the others it knows. Commands that run at once take turns; where another machine was
quicker with a nonce, the payment is signed again with the next one, under a new id.

A batch has a row `to,amount,memo` for each payment, the memo may be left out. Each row is a
transaction of its own, with its own id and memo, and consecutive nonces; so a receiver can be
shown its payment without the others. If a row is wrong, nothing is sent. With --id, a repeat after
an interruption sends what is not final yet, and nothing twice.";

/// `starling send`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SendArgs {
    /// Who pays: the name of a key or policy, or an address.
    from: String,
    /// Who receives: the name of a key or policy, or an address.
    #[arg(required_unless_present = "batch")]
    to: Option<String>,
    /// How much, in the unit of the network, such as 25 or 1.5.
    #[arg(required_unless_present = "batch")]
    amount: Option<String>,
    /// Pay each row `to,amount,memo` of a CSV file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "amount", "memo"])]
    batch: Option<PathBuf>,
    #[command(flatten)]
    terms: Terms,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Rejected`], [`Exit::NotFinal`], [`Exit::Halted`], [`Exit::Verification`].
pub(crate) fn run(context: &Context, args: &SendArgs) -> Outcome {
    let mut desk = Desk::open(context, &args.terms)?;
    if let Some(path) = &args.batch {
        return batch::run(&mut desk, &args.from, path);
    }
    let (Some(to), Some(amount)) = (&args.to, &args.amount) else {
        return Err(CliError::usage("a payment has a receiver and an amount"));
    };
    // Whose key is missing is said before what is wrong with the rest.
    desk.sender(&args.from)?;
    let payment = (
        desk.names.account(to)?,
        desk.network.unit.parse(amount).exit(Exit::Usage)?,
    );
    let transfer = Action::Transfer {
        to: payment.0,
        amount: payment.1,
    };
    let order = desk.order(&args.from, vec![transfer])?;
    pay(&mut desk, (&args.from, to), order, payment)
}

/// Sends one payment and shows both balances.
fn pay(
    desk: &mut Desk<'_>,
    (from, to): (&str, &str),
    order: Order,
    (receiver, amount): (AccountId, Amount),
) -> Outcome {
    let words = format!("{from} → {to}   {}", desk.network.unit.full(amount));
    let done = desk.deliver(order, &words)?;
    let held = desk.held_after(&receiver, done.height());
    let held = held.map_err(|error| error.of(done.id))?;
    let is_verified = done.is_verified() && held.is_none_or(|held| held.verified);
    let (output, unit) = (desk.context.output, &desk.network.unit);
    done.show(output, is_verified);
    let balances = [done.from, held].map(|held| held.map(|held| held.balance));
    if let [Some(own), Some(other)] = balances {
        let (own, other) = (unit.full(own), unit.full(other));
        output.line(&format!("balance  {from} {own}   {to} {other}"));
    }
    let mut data = desk.describe(&done);
    data["to"] = json!(receiver.to_address(desk.network.kind));
    data["amount_base"] = json!(amount);
    data["balances"] = json!({"from_base": balances[0], "to_base": balances[1]});
    data["verified"] = json!(is_verified);
    output.envelope(&data);
    output.next(&format!("starling tx show {} --receipt", done.id));
    Ok(())
}
