//! `starling send --batch`: a file of payments, each a transaction of its own.

use std::path::Path;

use serde_json::{Value, json};
use starling_ledger::address::AccountId;
use starling_ledger::transaction::{Action, Amount};

use crate::batch::{self, Row};
use crate::command::account::verified_words;
use crate::desk::Desk;
use crate::errand::Arrival;
use crate::error::{CliError, Outcome};
use crate::interrupt::{Farewell, interrupted};
use crate::order::{Order, Plan};

/// One row, with what it means on this network.
struct Payment {
    row: Row,
    to: AccountId,
    amount: Amount,
}

/// What has become of the rows so far.
#[derive(Default)]
struct Progress {
    rows: Vec<Value>,
    is_verified: bool,
    height: u64,
}

/// Pays every row of the file at `path`.
///
/// # Errors
/// A usage error that names the line; those of every transaction, which say how many rows are
/// final.
pub(super) fn run(desk: &mut Desk<'_>, from: &str, path: &Path) -> Outcome {
    let sender = desk.sender(from)?;
    let rows = batch::read(path)?;
    let payments = rows.into_iter().map(|row| payment(desk, path, row));
    let payments: Vec<_> = payments.collect::<Outcome<_>>()?;
    let plan = |payment: &Payment| Plan {
        actions: vec![Action::Transfer {
            to: payment.to,
            amount: payment.amount,
        }],
        memo: payment.row.memo.clone(),
    };
    let mut orders = desk.orders(from, payments.iter().map(plan).collect())?;
    desk.sign(&mut orders)?;
    announce(desk, from, &payments, &orders)?;
    let words = interrupted("payments that left may still become final, do not repeat them");
    Farewell::begin(
        desk.context.output,
        words.next(match &desk.terms.id {
            Some(_) => "repeat the same command: what is final is not paid again",
            None => "starling tx show ID tells of each",
        }),
    )?;
    let mut progress = Progress {
        is_verified: true,
        ..Progress::default()
    };
    let network = desk.network.kind;
    let note = |order: &Order, arrival: &Arrival| {
        progress.is_verified &= arrival.header.is_some();
        progress.height = progress.height.max(arrival.told.height.unwrap_or_default());
        let payment = &payments[order.place];
        progress.rows.push(json!({
            "line": payment.row.line,
            "id": order.signed()?.0.to_string(),
            "to": payment.to.to_address(network),
            "amount_base": payment.amount,
            "fee_base": order.draft.fee,
            "nonce": order.draft.nonce,
            "memo": payment.row.memo,
            "height": arrival.told.height,
        }));
        Ok(())
    };
    match desk.deliver_all(orders, note) {
        Ok(()) => finish(desk, (from, &sender), progress),
        Err((place, mut error)) => {
            let (done, all) = (progress.rows.len(), payments.len());
            let line = payments[place].row.line;
            // What is final stays final.
            error.message = format!(
                "{done} of {all} rows are final; line {line}: {}",
                error.message
            );
            let show = error.id.as_ref().map(|id| format!("starling tx show {id}"));
            Err(CliError {
                next: show,
                ..error
            })
        }
    }
}

fn payment(desk: &Desk<'_>, path: &Path, row: Row) -> Outcome<Payment> {
    let to = desk.names.account(&row.to);
    let amount = desk.network.unit.parse(&row.amount);
    let amount = amount.map_err(|error| CliError::usage(error.to_string()));
    let read = to.and_then(|to| amount.map(|amount| (to, amount)));
    let (to, amount) = read.map_err(|error| batch::at_line(error, path, row.line))?;
    if amount == 0 {
        let error = CliError::usage("a payment of nothing");
        return Err(batch::at_line(error, path, row.line));
    }
    Ok(Payment { row, to, amount })
}

/// Prints all ids, before anything leaves.
fn announce(desk: &Desk<'_>, from: &str, payments: &[Payment], orders: &[Order]) -> Outcome {
    let unit = &desk.network.unit;
    let fees = orders.iter().map(|order| u128::from(order.draft.fee));
    let fees = u64::try_from(fees.sum::<u128>()).unwrap_or(u64::MAX);
    let output = desk.context.output;
    output.note(&format!(
        "{} payments of {from}   fees {}   network {}",
        orders.len(),
        unit.full(fees),
        desk.network.name
    ));
    for (payment, order) in payments.iter().zip(orders) {
        let repeat = if order.is_repeat {
            "   (signed before)"
        } else {
            ""
        };
        output.note(&format!(
            "transaction {}   line {}   {} → {}   {}{repeat}",
            order.signed()?.0,
            payment.row.line,
            from,
            payment.row.to,
            unit.full(payment.amount)
        ));
    }
    Ok(())
}

fn finish(desk: &mut Desk<'_>, (from, sender): (&str, &AccountId), progress: Progress) -> Outcome {
    let held = desk.held_after(sender, progress.height)?;
    let is_verified = progress.is_verified && held.is_none_or(|held| held.verified);
    let unit = &desk.network.unit;
    let balance = held.map(|held| held.balance);
    let text = format!(
        "FINAL    {} payments, the last in block {} · {}{}",
        progress.rows.len(),
        progress.height,
        verified_words(is_verified),
        balance.map_or(String::new(), |balance| {
            format!("\nbalance  {from} {}", unit.full(balance))
        })
    );
    let data = json!({
        "status": "final",
        "network": desk.network.name,
        "genesis": desk.network.genesis_hash.to_string(),
        "from": sender.to_address(desk.network.kind),
        "rows": progress.rows,
        "balances": {"from_base": balance},
        "verified": is_verified,
    });
    desk.context.output.result(&data, &text);
    desk.context
        .output
        .next(&format!("starling account show {from}"));
    Ok(())
}
