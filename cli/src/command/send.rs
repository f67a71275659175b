//! `starling send`: pay, and wait until it is final.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use starling_ledger::address::AccountId;
use starling_ledger::keys::{SecretKey, Signer as _};

use crate::context::{Context, Node};
use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::interrupt;
use crate::journal::{Intent, Journal};
use crate::key_file::hex;
use crate::key_store::account_of;
use crate::life_line::LifeLine;
use crate::names::Names;
use crate::network::Network;
use crate::output::Tone;
use crate::payment::{Payment, SignedPayment, check_memo};
use crate::rpc::{events, reply};
use crate::testnet::birth::now_ms;
use crate::verify::Verifier;
use crate::{duration, rpc};

use super::account::{Holding, ask, holding, verified_words};

const EXAMPLES: &str = "\
Examples:
  starling send alice bob 25
  starling send alice bob 1.5 --memo lunch
  starling send alice carol 10 --id invoice-17    repeated, it still pays once
  starling send alice bob 25 --json | jq .data.height
  starling send bob alice 5 --timeout 5s; echo $?  5 not final yet, 6 network halted

The id is printed before anything leaves this machine. The command ends when the payment is final
and the node serves the new balances, or says why it is not.";
/// How long to wait for finality when the user says nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// `starling send`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SendArgs {
    /// Who pays: the name of a key.
    from: String,
    /// Who receives: the name of a key, or an address.
    to: String,
    /// How much, in the unit of the network, such as 25 or 1.5.
    amount: String,
    /// Text for people, public and for ever; at most 256 bytes.
    #[arg(long, default_value = "", hide_default_value = true)]
    memo: String,
    /// Fee to offer; what the network asks for if left out.
    #[arg(long, value_name = "AMOUNT")]
    fee: Option<String>,
    /// How long it may be included; afterwards it never can be.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration::parse)]
    expires: Duration,
    /// A name of your own for this payment: a repeat sends the same transaction again.
    #[arg(long, value_name = "TEXT")]
    id: Option<String>,
    /// Genesis of the network, to verify against.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// Who and how much.
struct Order {
    key: SecretKey,
    from: AccountId,
    payment: Payment,
    signed: SignedPayment,
    is_repeat: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Rejected`], [`Exit::NotFinal`], [`Exit::Halted`], [`Exit::Verification`].
pub(crate) fn run(context: &Context, args: &SendArgs) -> Outcome {
    check_memo(&args.memo)?;
    let node = context.connect()?;
    let network = context.network(&node, args.genesis.as_deref())?;
    let names = context.names(&network)?;
    let order = prepare(context, args, (&node, &network, &names))?;
    announce(context, args, &order, &network);
    let id = order.signed.id;
    interrupt::explain(
        context.output,
        format!("interrupted; transaction {id} may still become final, do not pay again"),
        format!("starling tx show {id}"),
    )?;
    let mut line = LifeLine::new(&node, context.output, &names, id);
    line.expires_at_ms = order.payment.expires_at_ms;
    line.stage("signed", "");
    line.events = events::open(node.rpc.url());
    submit(&mut line, &order)?;
    let timeout = context.global.timeout.unwrap_or(TIMEOUT);
    let told = line.wait(timeout)?;
    finish(context, args, &line, (&network, &order, &told))
}

/// Decides nonce and fee, and signs; or finds what was signed before under the same `--id`.
fn prepare(
    context: &Context,
    args: &SendArgs,
    (node, network, names): (&Node, &Network, &Names),
) -> Outcome<Order> {
    let key = names.secret(&args.from)?;
    let from = account_of(key.public_key());
    let to = names.account(&args.to)?;
    let unit = &network.unit;
    let mut payment = Payment {
        to,
        amount: unit.parse(&args.amount).exit(Exit::Usage)?,
        nonce: 0,
        fee: 0,
        expires_at_ms: now_ms().max(node.status.head_time_ms) + duration::as_ms(args.expires),
        memo: args.memo.clone(),
    };
    let intent = Intent {
        genesis: network.genesis_hash.to_string(),
        from: from.to_address(network.kind),
        to: to.to_address(network.kind),
        amount_base: payment.amount,
        memo: args.memo.clone(),
    };
    let journal = args.id.as_ref();
    let journal = journal
        .map(|text| Journal::open(&context.global, text))
        .transpose()?;
    if let Some(journal) = &journal
        && let Some(signed) = journal.find(&intent)?
    {
        let body = signed.raw.decode().exit(Exit::Corrupt)?.body;
        payment.nonce = body.nonce;
        payment.fee = body.fee;
        payment.expires_at_ms = body.expires_at_ms;
        let is_repeat = true;
        return Ok(Order {
            key,
            from,
            payment,
            signed,
            is_repeat,
        });
    }
    payment.nonce = ask(node, network, &from)?.next_nonce;
    match &args.fee {
        Some(fee) => payment.fee = unit.parse(fee).exit(Exit::Usage)?,
        None => {
            let is_new = !ask(node, network, &to)?.exists;
            let rules = rules(node, network)?;
            payment.offer_fee(&rules, unit.decimals, is_new)?;
        }
    }
    let signed = payment.sign(&network.genesis_hash, &key);
    if let Some(journal) = &journal {
        journal.store(&intent, &signed)?;
    }
    let is_repeat = false;
    Ok(Order {
        key,
        from,
        payment,
        signed,
        is_repeat,
    })
}

/// Returns the network's rules: of the genesis here, or of the one the node shows for its hash.
pub(crate) fn rules(
    node: &Node,
    network: &Network,
) -> Outcome<starling_ledger::genesis::Parameters> {
    match &network.genesis {
        Some(genesis) => Ok(genesis.parameters),
        None => Ok(rpc::genesis(&node.rpc, &network.genesis_hash)?.parameters),
    }
}

/// Prints the id, before anything leaves.
fn announce(context: &Context, args: &SendArgs, order: &Order, network: &Network) {
    let id = order.signed.id;
    let left_ms = order.payment.expires_at_ms.saturating_sub(now_ms());
    let repeat = if order.is_repeat {
        "   (sent before)"
    } else {
        ""
    };
    let text = format!(
        "transaction {id}{repeat}\n  {} → {}   {}   fee {}   nonce {}   expires in {}   network {}",
        args.from,
        args.to,
        network.unit.full(order.payment.amount),
        network.unit.show(order.payment.fee),
        order.payment.nonce,
        duration::show(Duration::from_millis(left_ms)),
        network.name
    );
    if context.output.is_json() {
        context.output.note(&format!("transaction {id}"));
    } else {
        context.output.line(&text);
    }
}

fn submit(line: &mut LifeLine<'_>, order: &Order) -> Outcome {
    let node = line.node;
    let id = line.id.to_string();
    if order.is_repeat {
        let told: reply::Transaction = node.rpc.typed("transaction", &json!({"id": id}))?;
        if told.status != "unknown" {
            line.stage("accepted", &format!("by {} before", node.name));
            return Ok(());
        }
    }
    let parameters = json!({"transaction": hex(&order.signed.raw.0)});
    let told: reply::Submitted = node.rpc.typed("submit", &parameters)?;
    if told.id != id {
        let message = format!(
            "verification failed, the node lied: it took {id} for {}",
            told.id
        );
        return Err(CliError::new(Exit::Verification, message));
    }
    let verdict = if told.status == "known" {
        "known already"
    } else {
        "valid"
    };
    line.stage("accepted", &format!("by {}: {verdict}", node.name));
    if let (Some(sent), Some(all)) = (told.sent_to, told.neighbours)
        && sent > 0
    {
        line.stage("gossiped", &format!("sent to {sent} of {all} neighbours"));
    }
    Ok(())
}

/// Verifies what was promised, reads the balances, and prints the end.
fn finish(
    context: &Context,
    args: &SendArgs,
    line: &LifeLine<'_>,
    (network, order, told): (&Network, &Order, &reply::Transaction),
) -> Outcome {
    let latency_ms = duration::as_ms(line.started.elapsed());
    let verified = match &network.genesis {
        Some(genesis) => Some(Verifier::new(genesis).transaction(&line.id, told)?),
        None => None,
    };
    let height = told.height.unwrap_or_default();
    let from = readable(line.node, network, &order.from, height)?;
    let to = readable(line.node, network, &order.payment.to, height)?;
    let is_verified = verified.is_some() && from.verified && to.verified;
    let signed = verified.as_ref().map_or(String::new(), |header| {
        format!(", {}/{} signed", header.signed, header.total)
    });
    let output = context.output;
    let stage = output.paint(Tone::Good, &format!("{:8}", "FINAL"));
    let words = verified_words(is_verified);
    output.line(&format!(
        "  {stage} {latency_ms:>5} ms   block {height}{signed} · {words}"
    ));
    output.line(&format!(
        "balance  {} {}   {} {}",
        args.from,
        network.unit.full(from.balance),
        args.to,
        network.unit.full(to.balance)
    ));
    let balances = json!({"from_base": from.balance, "to_base": to.balance});
    let mut data = describe(order, network, told, &balances);
    data["verified"] = json!(is_verified);
    data["latency_ms"] = json!(latency_ms);
    data["stages_ms"] = line.stages();
    output.envelope(&data);
    output.next(&format!("starling tx show {} --receipt", line.id));
    Ok(())
}

fn describe(
    order: &Order,
    network: &Network,
    told: &reply::Transaction,
    balances: &Value,
) -> Value {
    json!({
        "id": order.signed.id.to_string(),
        "status": "final",
        "network": network.name,
        "genesis": network.genesis_hash.to_string(),
        "from": order.from.to_address(network.kind),
        "to": order.payment.to.to_address(network.kind),
        "public_key": order.key.public_key().to_string(),
        "amount_base": order.payment.amount,
        "fee_base": order.payment.fee,
        "nonce": order.payment.nonce,
        "memo": order.payment.memo,
        "expires_at_ms": order.payment.expires_at_ms,
        "height": told.height,
        "index": told.index,
        "balances": balances,
    })
}

/// Waits until the same node serves the state after `height`, which it does within moments.
fn readable(node: &Node, network: &Network, account: &AccountId, height: u64) -> Outcome<Holding> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let found = holding(node, network, account)?;
        if found.height >= height {
            return Ok(found);
        }
        if Instant::now() > deadline {
            let message = format!(
                "final in block {height}, but {} does not serve it yet",
                node.name
            );
            return Err(CliError::new(Exit::NotFinal, message));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
