//! `starling send --batch`: a file of payments, each a transaction of its own.

use std::collections::VecDeque;
use std::path::Path;

use serde_json::{Value, json};
use starling_ledger::address::AccountId;
use starling_ledger::transaction::{Action, Amount, TransactionId};

use crate::batch::{self, Row};
use crate::command::account::verified_words;
use crate::delivery::{TIMEOUT, submit};
use crate::desk::{Desk, Order, Plan};
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::interrupt;
use crate::life_line::LifeLine;
use crate::rpc::{events, reply};

/// Most payments under way: half of the 64 nonces that a mempool holds back.
const IN_FLIGHT_MAX: usize = 32;

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
/// A usage error that names the line; [`Exit::Rejected`], [`Exit::NotFinal`], [`Exit::Halted`] that
/// say how many rows are final.
pub(super) fn run(desk: &Desk<'_>, from: &str, path: &Path) -> Outcome {
    desk.sender(from)?;
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
    let orders = desk.orders(from, payments.iter().map(plan).collect())?;
    announce(desk, from, &payments, &orders);
    interrupt::explain(
        desk.context.output,
        "interrupted; payments that left may still become final".to_owned(),
        match &desk.terms.id {
            Some(_) => "repeat the same command: what is final is not paid again".to_owned(),
            None => "starling tx show ID tells of each".to_owned(),
        },
    )?;
    let mut progress = Progress {
        is_verified: true,
        ..Progress::default()
    };
    let delivered = deliver(desk, &payments, &orders, &mut progress);
    delivered.map_err(|error| told_with_rows(error, &progress, &payments))?;
    finish(desk, (from, orders.first()), progress)
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
fn announce(desk: &Desk<'_>, from: &str, payments: &[Payment], orders: &[Order]) {
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
            order.signed.id,
            payment.row.line,
            from,
            payment.row.to,
            unit.full(payment.amount)
        ));
    }
}

/// Sends all rows in order, and waits for each.
fn deliver(
    desk: &Desk<'_>,
    payments: &[Payment],
    orders: &[Order],
    progress: &mut Progress,
) -> Outcome {
    let timeout = desk.context.global.timeout.unwrap_or(TIMEOUT);
    let quiet = desk.context.output.hushed();
    let mut events = events::open(desk.node.rpc.url());
    let mut under_way = VecDeque::new();
    let mut waiting = payments.iter().zip(orders);
    loop {
        while under_way.len() < IN_FLIGHT_MAX
            && let Some((payment, order)) = waiting.next()
        {
            let id = order.signed.id;
            let mut line = LifeLine::new(&desk.node, quiet, &desk.names, id);
            line.expires_at_ms = order.draft.expires_at_ms;
            let submitted = submit(&mut line, order);
            submitted.map_err(|error| at_row(error, payment, &id))?;
            under_way.push_back((payment, order, line));
        }
        let Some((payment, order, mut line)) = under_way.pop_front() else {
            return Ok(());
        };
        line.events = events.take();
        let told = line.wait(timeout);
        let told = told.map_err(|error| at_row(error, payment, &order.signed.id))?;
        events = line.events.take();
        note(desk, (payment, order), &told, progress)?;
    }
}

/// Takes note that a row is final, and proves it.
fn note(
    desk: &Desk<'_>,
    (payment, order): (&Payment, &Order),
    told: &reply::Transaction,
    progress: &mut Progress,
) -> Outcome {
    progress.is_verified &= desk.proven(order, told)?.is_some();
    progress.height = progress.height.max(told.height.unwrap_or_default());
    progress.rows.push(json!({
        "line": payment.row.line,
        "id": order.signed.id.to_string(),
        "to": payment.to.to_address(desk.network.kind),
        "amount_base": payment.amount,
        "fee_base": order.draft.fee,
        "nonce": order.draft.nonce,
        "memo": payment.row.memo,
        "height": told.height,
    }));
    Ok(())
}

fn at_row(mut error: CliError, payment: &Payment, id: &TransactionId) -> CliError {
    error.message = format!("line {}: {}", payment.row.line, error.message);
    error.next(format!("starling tx show {id}"))
}

/// Says how far it came: what is final stays final.
fn told_with_rows(mut error: CliError, progress: &Progress, payments: &[Payment]) -> CliError {
    let (done, all) = (progress.rows.len(), payments.len());
    error.message = format!("{done} of {all} rows are final; {}", error.message);
    error
}

fn finish(desk: &Desk<'_>, (from, first): (&str, Option<&Order>), progress: Progress) -> Outcome {
    let Some(first) = first else {
        return Err(CliError::new(Exit::Failure, "there is nothing to send"));
    };
    let held = desk.readable(&first.draft.sender, progress.height)?;
    let is_verified = progress.is_verified && held.verified;
    let unit = &desk.network.unit;
    let text = format!(
        "FINAL    {} payments, the last in block {} · {}\nbalance  {from} {}",
        progress.rows.len(),
        progress.height,
        verified_words(is_verified),
        unit.full(held.balance)
    );
    let data = json!({
        "status": "final",
        "network": desk.network.name,
        "genesis": desk.network.genesis_hash.to_string(),
        "from": first.draft.sender.to_address(desk.network.kind),
        "rows": progress.rows,
        "balances": {"from_base": held.balance},
        "verified": is_verified,
    });
    desk.context.output.result(&data, &text);
    desk.context
        .output
        .next(&format!("starling account show {from}"));
    Ok(())
}
