//! `starling load`: many transfers, and how long each took to be final.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use starling_ledger::address::NetworkKind;
use starling_ledger::genesis::local_account;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::transaction::Action;

use crate::amount::group;
use crate::context::Context;
use crate::desk::{Desk, rules};
use crate::draft::Draft;
use crate::duration;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::load::follower::Follower;
use crate::load::latency::Latencies;
use crate::load::senders::{AMOUNT, Senders};
use crate::load::submitters::{Job, Submission, Submitters};
use crate::order::Plan;
use crate::sender_turn::SenderTurn;
use crate::terms::Terms;
use crate::testnet::birth::now_ms;

use super::account::ask;

const EXAMPLES: &str = "\
Examples:
  starling load                                1,000 transfers, 200 a second
  starling load --rate 500 --duration 30s
  starling load --rate 2000 --count 20000 --json | jq .data.latency_ms

For local networks only: alice, whose key is public, funds the accounts. Ctrl-C stops at once; what
was submitted becomes final by itself.";
/// How long to wait for what is under way when the user says nothing.
const DRAIN: Duration = Duration::from_secs(60);
/// How long a transfer may be included.
const LIFETIME: Duration = Duration::from_secs(600);
/// Most missing transfers that are named.
const MISSING_SHOWN_MAX: usize = 5;
/// When a transfer that is not final is submitted again: a node that is killed forgets what it took
/// and had not passed on yet. A repeat is the same transaction, so it cannot be paid twice.
const RESUBMIT: Duration = Duration::from_secs(3);
/// How long a turn of the loop waits for a block at most.
const TURN: Duration = Duration::from_millis(2);

/// `starling load`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LoadArgs {
    /// Transfers a second.
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How many transfers [default: 1000].
    #[arg(long, value_name = "N", conflicts_with = "duration",
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: Option<u64>,
    /// For how long, instead of how many.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// Accounts that pay each other in a ring.
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(2..=1_000))]
    accounts: u16,
}

/// What was counted.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    failed: u64,
    first_error: Option<String>,
    latencies: Latencies,
    elapsed: Duration,
}

/// A transfer that is not final yet.
struct UnderWay {
    since: Instant,
    submitted: Instant,
    job: Job,
}

/// A run under way.
struct Run {
    senders: Senders,
    submitters: Submitters,
    done: Receiver<Submission>,
    follower: Follower,
    under_way: BTreeMap<String, UnderWay>,
    tally: Tally,
    bar: ProgressBar,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::NotFinal`] if transfers are missing at the end, [`Exit::Rejected`] if nodes refused
/// some.
pub(crate) fn run(context: &Context, args: &LoadArgs) -> Outcome {
    let terms = Terms {
        expires: LIFETIME,
        ..Terms::default()
    };
    let mut desk = Desk::open(context, &terms)?;
    let network = desk.network.clone();
    if network.kind != NetworkKind::Local {
        let message = "load spends from accounts with public keys, for local networks only";
        return Err(CliError::new(Exit::Key, message).next("starling testnet up"));
    }
    let count = match args.duration {
        Some(time) => duration::as_ms(time) * u64::from(args.rate) / 1_000,
        None => args.count.unwrap_or(1_000),
    };
    let urls = urls(&desk)?;
    let fee = fee(&desk)?;
    let accounts = (args.accounts, count);
    let lifetime_ms = duration::as_ms(LIFETIME);
    let mut senders = Senders::new(accounts, network.genesis_hash, fee, lifetime_ms);
    let each = (fee + AMOUNT) * Senders::share(args.accounts, count);
    // Two at once would take each other's nonces.
    let turn = senders.iter_mut().next().map(|first| {
        let patience = context.global.timeout.unwrap_or(DRAIN);
        let whose = (&network.genesis_hash, &first.account);
        SenderTurn::wait(&context.global, whose, patience)
    });
    let _turn = turn.transpose()?;
    fund(&mut desk, &mut senders, each)?;
    for sender in senders.iter_mut() {
        let told = |desk: &Desk<'_>| ask(&desk.node, &desk.network, &sender.account);
        sender.nonce = desk.persistently(told)?.next_nonce;
    }
    let height = desk.persistently(|desk| desk.node.rpc.status())?.height;
    let (done_sender, done) = channel();
    let mut run = Run {
        senders,
        submitters: Submitters::start(&urls, &done_sender)?,
        done,
        follower: Follower::new(&urls, height)?,
        under_way: BTreeMap::new(),
        tally: Tally::default(),
        bar: bar(context, count),
    };
    let height_before = run.follower.height();
    let drain = context.global.timeout.unwrap_or(DRAIN);
    run.go(&mut desk, (count, args.rate), drain)?;
    let blocks = run.follower.height() - height_before;
    for id in run.under_way.keys().take(MISSING_SHOWN_MAX) {
        context.output.note(&format!("missing: transaction {id}"));
    }
    let report = report(context, &run.tally, run.under_way.len(), blocks);
    report.map_err(|error| match run.under_way.keys().next() {
        Some(id) => error.of(id),
        None => error,
    })
}

impl Run {
    /// Sends at the rate wanted, then waits for what is under way.
    fn go(&mut self, desk: &mut Desk<'_>, (count, rate): (u64, u32), drain: Duration) -> Outcome {
        let started = Instant::now();
        let mut moved = Instant::now();
        while self.tally.sent < count || !self.under_way.is_empty() {
            let due = started.elapsed().as_micros() * u128::from(rate) / 1_000_000;
            let due = u64::try_from(due).unwrap_or(u64::MAX).min(count);
            let before = (self.tally.sent, self.under_way.len());
            while self.tally.sent < due && self.send_one() {}
            self.collect();
            // A node that is away at the moment is asked again at the next turn.
            if let Some(sender) = self.senders.stuck() {
                match ask(&desk.node, &desk.network, &sender.account) {
                    Ok(held) => sender.go_on(held.next_nonce),
                    Err(_) => drop(desk.move_on()),
                }
            }
            self.submit_again();
            for id in self.follower.next(TURN) {
                self.finish(&id, started);
            }
            if before != (self.tally.sent, self.under_way.len()) {
                moved = Instant::now();
            } else if moved.elapsed() > drain {
                break;
            }
        }
        self.bar.finish_and_clear();
        Ok(())
    }

    /// Sends one transfer; says whether there was one, and room for it.
    fn send_one(&mut self) -> bool {
        let Some((sender, signed)) = self.senders.next(now_ms()) else {
            return false;
        };
        let id = signed.id.to_string();
        let job = Job {
            sender,
            signed,
            is_repeat: false,
        };
        let now = Instant::now();
        let under_way = UnderWay {
            since: now,
            submitted: now,
            job: job.clone(),
        };
        self.under_way.insert(id, under_way);
        self.tally.sent += 1;
        let mut job = Some(job);
        while let Some(waiting) = job.take() {
            job = self.submitters.submit(waiting);
            if job.is_some() {
                std::thread::sleep(TURN);
                self.collect();
            }
        }
        true
    }

    /// Submits again what has waited for long, as far as there is room.
    fn submit_again(&mut self) {
        let waiting = self.under_way.values_mut();
        for one in waiting.filter(|one| one.submitted.elapsed() > RESUBMIT) {
            let repeat = Job {
                is_repeat: true,
                ..one.job.clone()
            };
            if self.submitters.submit(repeat).is_some() {
                return;
            }
            one.submitted = Instant::now();
        }
    }

    /// Takes note of what nodes refused.
    fn collect(&mut self) {
        while let Ok(submission) = self.done.try_recv() {
            let Some(error) = submission.error else {
                continue;
            };
            // A repeat may come when the first has just become final; blocks tell. So they do where
            // nobody answered: it may have been heard, and is submitted again.
            if submission.job.is_repeat || error.may_pass() {
                continue;
            }
            if self
                .under_way
                .remove(&submission.job.signed.id.to_string())
                .is_some()
            {
                self.tally.failed += 1;
                self.senders.refused(submission.job.sender);
                self.tally.first_error.get_or_insert(error.message);
            }
        }
    }

    fn finish(&mut self, id: &str, started: Instant) {
        if let Some(one) = self.under_way.remove(id) {
            self.tally.latencies.add(one.since.elapsed());
            self.tally.elapsed = started.elapsed();
            self.senders.finished(one.job.sender);
            self.bar.inc(1);
        }
    }
}

/// Returns the nodes to send to: all of the testnet, or the one that was named.
fn urls(desk: &Desk<'_>) -> Outcome<Vec<String>> {
    let plan = match &desk.node.folder {
        Some(folder) => folder.plan()?,
        None => None,
    };
    let all = plan.map(|plan| plan.nodes().map(|(number, _)| plan.url(number)).collect());
    Ok(all.unwrap_or_else(|| vec![desk.node.rpc.url().to_owned()]))
}

fn fee(desk: &Desk<'_>) -> Outcome<u64> {
    let key = SecretKey::local("alice").public_key();
    let mut payment = Draft::payment(key, local_account("bob"), 0);
    payment.offer_fee(
        &rules(&desk.node, &desk.network)?,
        desk.network.unit.decimals,
        0,
    )?;
    Ok(payment.fee)
}

/// Lets alice give each account what it needs, and waits until all have it.
fn fund(desk: &mut Desk<'_>, senders: &mut Senders, each: u64) -> Outcome {
    let mut plans = Vec::new();
    for sender in senders.iter_mut() {
        let told = |desk: &Desk<'_>| ask(&desk.node, &desk.network, &sender.account);
        let held = desk.persistently(told)?;
        if held.balance_base < each {
            let transfer = Action::Transfer {
                to: sender.account,
                amount: each - held.balance_base,
            };
            plans.push(Plan {
                actions: vec![transfer],
                memo: String::new(),
            });
        }
    }
    if plans.is_empty() {
        return Ok(());
    }
    let words = format!("alice funds {} accounts", plans.len());
    desk.context.output.note(&words);
    let mut orders = desk.orders("alice", plans)?;
    desk.sign(&mut orders)?;
    let mut last = (orders.first().map(|order| order.draft.sender), 0);
    let delivered = desk.deliver_all(orders, |_, arrival| {
        last.1 = arrival.told.height.unwrap_or_default();
        Ok(())
    });
    delivered.map_err(|(_, error)| error)?;
    // What follows reads the accounts, of whatever node.
    if let (Some(alice), height) = last {
        desk.held_after(&alice, height)?;
    }
    Ok(())
}

fn bar(context: &Context, count: u64) -> ProgressBar {
    let shown = !context.global.quiet && io::stderr().is_terminal();
    let target = if shown {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(count), target);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} final  {per_sec}  {elapsed}");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn report(context: &Context, tally: &Tally, missing: usize, blocks: u64) -> Outcome {
    let count = tally.latencies.count();
    let seconds_ms = duration::as_ms(tally.elapsed).max(1);
    let rate = u64::try_from(count).unwrap_or(u64::MAX) * 1_000 / seconds_ms;
    let at = |percent| tally.latencies.percentile_ms(percent);
    let number = |count: u64| group(&count.to_string());
    let text = format!(
        "{} sent, {} final, {} refused, {missing} missing · {} · {} a second, {} blocks\n\
         submit to final: p50 {} ms   p90 {} ms   p99 {} ms   max {} ms",
        number(tally.sent),
        group(&count.to_string()),
        number(tally.failed),
        duration::show(tally.elapsed),
        number(rate),
        number(blocks),
        at(50),
        at(90),
        at(99),
        at(100)
    );
    if missing > 0 || tally.failed > 0 {
        let exit = if missing > 0 {
            Exit::NotFinal
        } else {
            Exit::Rejected
        };
        let reason = tally.first_error.as_deref();
        let reason = reason.map_or(String::new(), |reason| format!("\nfirst refusal: {reason}"));
        return Err(CliError::new(exit, text + &reason).next("starling status"));
    }
    let data = json!({
        "sent": tally.sent,
        "final": count,
        "failed": tally.failed,
        "missing": missing,
        "elapsed_ms": seconds_ms,
        "rate_per_s": rate,
        "blocks": blocks,
        "latency_ms": {"p50": at(50), "p90": at(90), "p99": at(99), "max": at(100)},
    });
    context.output.result(&data, &text);
    context.output.next("starling status");
    Ok(())
}
