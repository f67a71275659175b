//! Runs simulated networks: `sim --nodes 7 --seed 42 --heights 200 --loss 20 --crashes 10`.
//!
//! Without `--nodes` the network and its faults are drawn from the seed; options given beside
//! replace what was drawn. The first run in which an oracle does not hold ends the command with
//! code 1 and says how to replay it.

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use clap::Parser;
use starling_tests::simulator::adversary::Role;
use starling_tests::simulator::{self, Config, Report, Signatures, Staking, Way};

/// Whole networks of the product's own core in virtual time.
#[derive(Parser)]
#[command(name = "sim")]
struct Arguments {
    /// The seed: everything in a run follows from it and from the other options.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs many seeds: `A..B` (B included), or how many from --seed on.
    #[arg(long)]
    seeds: Option<Seeds>,
    /// Validators; without it the network and its faults are drawn from the seed.
    #[arg(long)]
    nodes: Option<u16>,
    /// Nodes that only follow.
    #[arg(long)]
    observers: Option<u16>,
    /// Heights to reach while faults go on.
    #[arg(long, default_value_t = 20)]
    heights: u64,
    /// Frames lost, in 100.
    #[arg(long)]
    loss: Option<u8>,
    /// Frames that come twice, in 100.
    #[arg(long)]
    duplicates: Option<u8>,
    /// Least and most delay of a frame in milliseconds: `1-20`.
    #[arg(long)]
    delay: Option<Span>,
    /// How often the network is cut in two.
    #[arg(long)]
    partitions: Option<u32>,
    /// How often a node loses power.
    #[arg(long)]
    crashes: Option<u32>,
    /// How often a node is stopped in good order.
    #[arg(long)]
    stops: Option<u32>,
    /// How often a node loses its disk.
    #[arg(long)]
    wipes: Option<u32>,
    /// How often a link breaks.
    #[arg(long)]
    breaks: Option<u32>,
    /// By how many milliseconds clocks are wrong at most.
    #[arg(long)]
    skew: Option<u64>,
    /// Transactions submitted per second.
    #[arg(long)]
    load: Option<u32>,
    /// What people do with their stake: off, mixed, exodus, churn.
    #[arg(long)]
    staking: Option<Staking>,
    /// Blocks of an epoch.
    #[arg(long)]
    epoch: Option<u64>,
    /// What the first validators are: equivocator, mutator, withholder; once for each.
    #[arg(long)]
    adversary: Vec<Role>,
    /// How one validator comes back with less than it knew: beside-replacement, old-copy,
    /// stale-world, lost-guard, foreign-ledger. Without --nodes the network is drawn for it.
    #[arg(long)]
    way: Option<Way>,
    /// Begins when the genesis is written.
    #[arg(long)]
    young: bool,
    /// Lets frames of one lane overtake each other.
    #[arg(long)]
    reorder: bool,
    /// Signs with Ed25519 in place of a keyed hash, which is slower.
    #[arg(long)]
    ed25519: bool,
    /// Runs each seed twice and compares the traces.
    #[arg(long)]
    twice: bool,
    /// Goes on after a failure.
    #[arg(long)]
    keep_going: bool,
    /// Prints every event.
    #[arg(long)]
    verbose: bool,
}

/// A range of seeds, or how many.
#[derive(Clone)]
enum Seeds {
    Range(RangeInclusive<u64>),
    Count(u64),
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
        match text.split_once("..") {
            Some((first, last)) => Ok(Self::Range(number(first)?..=number(last)?)),
            None => Ok(Self::Count(number(text)?)),
        }
    }
}

/// A range of milliseconds.
#[derive(Clone, Copy)]
struct Span(u64, u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
        match text
            .split_once('-')
            .map(|(low, high)| (number(low), number(high)))
        {
            Some((Ok(low), Ok(high))) if low <= high => Ok(Self(low, high)),
            _ => Err("expected two numbers, as in 1-20".to_owned()),
        }
    }
}

impl Arguments {
    fn seeds(&self) -> RangeInclusive<u64> {
        match &self.seeds {
            None => self.seed..=self.seed,
            Some(Seeds::Range(range)) => range.clone(),
            Some(Seeds::Count(count)) => {
                self.seed..=self.seed.saturating_add(count.saturating_sub(1))
            }
        }
    }

    fn config(&self, seed: u64) -> Config {
        let drawn = match (self.nodes, self.way) {
            (Some(nodes), _) => Config::calm(seed, nodes, self.heights),
            (None, Some(way)) => Config::way(seed, way),
            (None, None) => Config::drawn(seed, self.heights),
        };
        let signatures = if self.ed25519 {
            Signatures::Ed25519
        } else {
            drawn.signatures
        };
        Config {
            loss_percent: self.loss.unwrap_or(drawn.loss_percent),
            duplicate_percent: self.duplicates.unwrap_or(drawn.duplicate_percent),
            reorder: self.reorder || drawn.reorder,
            delay_ms: self
                .delay
                .map_or(drawn.delay_ms, |Span(low, high)| (low, high)),
            partitions: self.partitions.unwrap_or(drawn.partitions),
            crashes: self.crashes.unwrap_or(drawn.crashes),
            link_breaks: self.breaks.unwrap_or(drawn.link_breaks),
            stops: self.stops.unwrap_or(drawn.stops),
            wipes: self.wipes.unwrap_or(drawn.wipes),
            observers: self.observers.unwrap_or(drawn.observers),
            skew_ms: self.skew.unwrap_or(drawn.skew_ms),
            load_per_second: self.load.unwrap_or(drawn.load_per_second),
            staking: self.staking.unwrap_or(drawn.staking),
            epoch_blocks: self.epoch.unwrap_or(drawn.epoch_blocks),
            adversaries: match self.adversary.is_empty() {
                true => drawn.adversaries.clone(),
                false => self.adversary.clone(),
            },
            way: self.way,
            young: self.young || drawn.young,
            signatures,
            verbose: self.verbose,
            ..drawn
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut code = ExitCode::SUCCESS;
    for seed in arguments.seeds() {
        let config = arguments.config(seed);
        let begun = Instant::now();
        let result = run(&config, arguments.twice);
        match result {
            Ok(report) => print(&config, &report, begun),
            Err(what) => {
                println!("FAILED {what}");
                code = ExitCode::FAILURE;
                if !arguments.keep_going {
                    break;
                }
            }
        }
    }
    code
}

fn run(config: &Config, twice: bool) -> Result<Report, String> {
    let once = || match catch_unwind(AssertUnwindSafe(|| simulator::run(config))) {
        Ok(result) => result.map_err(|failure| failure.to_string()),
        Err(_) => {
            let (seed, arguments) = (config.seed, config.arguments());
            Err(format!(
                "seed {seed}: O9: a panic, see above\nreplay: sim {arguments} --verbose"
            ))
        }
    };
    let report = once()?;
    if twice && once()? != report {
        return Err(format!(
            "seed {}: two runs have different traces",
            config.seed
        ));
    }
    Ok(report)
}

fn print(config: &Config, report: &Report, begun: Instant) {
    let spent_ms = begun.elapsed().as_millis().max(1);
    println!(
        "seed {} nodes {}: height {} in {}, {} events ({} per second), {} transactions final of {} \
         submitted, {} blocks above round 0, {} synced, {} crashes, {} stops, {} promises \
         kept over a start, resumed in {} ms, sets changed {} times, {} sat out, {} \
         punished, {} of {} precommits counted, trace {}",
        config.seed,
        config.nodes,
        report.height,
        report.end,
        report.events,
        u128::from(report.events) * 1_000 / spent_ms,
        report.transactions,
        report.submitted,
        report.rounds_above_0,
        report.synced,
        report.crashes,
        report.stops,
        report.promises_kept,
        report.resumed_ms,
        report.staking.sets_changed,
        report.staking.sat_out,
        report.staking.punished,
        report.staking.signatures,
        report.staking.signatures_max,
        report.trace.get(..16).unwrap_or_default(),
    );
}
