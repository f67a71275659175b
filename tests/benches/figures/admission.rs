//! What it costs to let a transfer into the mempool: decoding, verifying, reading what it reads of
//! the state, and the core's share. Signatures are checked in batches, as they come from
//! neighbours; the core's share is of transfers that are submitted one by one.

use std::sync::Arc;
use std::time::Duration;

use starling_gossip::random::Seed;
use starling_gossip::{GossipConfig, Instant, PeerId};
use starling_ledger::execution::Tip;
use starling_ledger::keys::{Ed25519, SignatureScheme};
use starling_ledger::transaction::RawTransaction;
use starling_node::consensus::Recovered;
use starling_node::core::{
    Action, Answer, Core, CoreConfig, Input, Now, Request, RequestId, Restored,
};
use starling_node::mempool::Limits;
use starling_node::work::{Work, WorkResult, Worker};

use crate::block::filled;
use crate::table::{Figure, Spent, Stopwatch, Unit};

const ROUNDS: usize = 60;
/// Rounds of the unit before each of ours.
const UNIT_ROUNDS: usize = 10;
const COUNT: usize = 512;
/// About a frame of 64 KiB.
const BATCH: usize = 256;
/// So many are submitted before the core hears of the first one's check: reading the clock for each
/// would cost a tenth of what is measured.
const TOGETHER: usize = 8;

/// Prints the table for a state of so many accounts.
pub(crate) fn run(accounts: u64) {
    let (_folder, mut maker) = filled(accounts);
    let mut units = Vec::new();
    let (mut checks, mut cores, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let transfers = maker.transfers(COUNT);
        units.extend((0..UNIT_ROUNDS).map(|_| Unit::round()));
        let check = check(maker.tip(), &transfers);
        let core = enter(maker.tip(), &transfers);
        both.push(check.and(core));
        checks.push(check);
        cores.push(core);
        let (built, certificate) = maker.build(&transfers);
        maker.commit(&built, certificate);
    }
    let unit = Unit::of_rounds(&units);
    println!("admission over {accounts} accounts, each transfer:");
    unit.print(
        "a worker's share, batches of 256",
        Figure::of(&checks, COUNT),
        None,
    );
    unit.print("the core's share", Figure::of(&cores, COUNT), None);
    unit.print("both", Figure::of(&both, COUNT), None);
}

fn worker(tip: &Tip) -> Worker {
    Worker::new(Arc::new(Ed25519), tip.genesis_hash)
}

/// Checks batches with a worker that has not seen them.
fn check(tip: &Tip, transfers: &[RawTransaction]) -> Spent {
    let worker = worker(tip);
    let watch = Stopwatch::start();
    for batch in transfers.chunks(BATCH) {
        let work = Work::CheckTransactions {
            batch: batch.to_vec(),
            tip: tip.clone(),
        };
        let WorkResult::Transactions { checked, .. } = worker.run(work) else {
            panic!("another result than that of the work");
        };
        assert!(checked.iter().all(|one| one.result.is_ok()));
    }
    watch.stop()
}

/// Submits them to a core; counts what the core takes, without the checks.
fn enter(tip: &Tip, transfers: &[RawTransaction]) -> Spent {
    let worker = worker(tip);
    let now = Now {
        instant: Instant(1),
        wall_ms: tip.time_ms,
    };
    let mut actions = Vec::new();
    let mut core = Core::new(now, tip.clone(), config(tip), &mut actions);
    let zero = Duration::ZERO;
    let mut spent = Spent {
        wall: zero,
        cpu: zero,
    };
    let mut entered = 0;
    let mut requests = (0..).zip(transfers).map(|(number, raw)| Input::Request {
        id: RequestId(number),
        request: Request::Submit(raw.clone()),
    });
    loop {
        let mut inputs: Vec<_> = requests.by_ref().take(TOGETHER).collect();
        if inputs.is_empty() {
            break;
        }
        while !inputs.is_empty() {
            actions.clear();
            let watch = Stopwatch::start();
            for input in inputs.drain(..) {
                core.handle(now, input, &mut actions);
            }
            spent = spent.and(watch.stop());
            for action in actions.drain(..) {
                match action {
                    Action::Work { id, work } => {
                        let result = worker.run(work);
                        inputs.push(Input::Worked { id, result });
                    }
                    // What keeping it on disk takes is not the core's.
                    Action::Keep(write) => inputs.push(Input::Kept { up_to: write.id }),
                    Action::Answer {
                        answer: Answer::Submitted { .. },
                        ..
                    } => entered += 1,
                    _ => {}
                }
            }
        }
    }
    assert_eq!(entered, transfers.len());
    spent
}

fn config(tip: &Tip) -> CoreConfig {
    let scheme: Arc<dyn SignatureScheme> = Arc::new(Ed25519);
    CoreConfig {
        gossip: GossipConfig {
            me: PeerId([1; 32]),
            genesis: tip.genesis_hash,
            network: tip.genesis.name.clone(),
            listen: Vec::new(),
            peers: Vec::new(),
            known: Vec::new(),
            head: (tip.height, tip.hash),
            seen_max: starling_gossip::flood::MAX_SEEN_TRANSACTIONS,
            seed: Seed::of(1),
        },
        signer: None,
        scheme,
        sign_at_once: false,
        mempool: Limits::default(),
        recovered: Recovered::default(),
        bodies: Vec::new(),
        certificate: None,
        checkpoint: None,
        instance: 1,
        restored: Restored::default(),
    }
}
