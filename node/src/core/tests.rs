//! Transactions on their way into the mempool: what is held back, and what everybody is told.

mod bodies;

use std::sync::Arc;

use bytes::Bytes;
use starling_gossip::random::Seed;
use starling_gossip::{GossipConfig, Instant, Lane, LinkId, PeerId};
use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::ChainStore;
use starling_ledger::codec::encode;
use starling_ledger::execution::{BlockLimits, BlockPlan, Tip, build};
use starling_ledger::genesis::{Genesis, GenesisAccount};
use starling_ledger::keys::{Ed25519, SecretKey, Signer as _};
use starling_ledger::storage::MemoryStorage;
use starling_ledger::transaction::{
    Action as Deed, Amount, Body, Nonce, RawTransaction, Transaction, VerifiedTransaction,
};

use super::*;
use crate::work::{ExecutedBlock, Work, Worker};

const FEE: Amount = 1_010;
const PEER: PeerId = PeerId([5; 32]);

fn account(name: &str) -> AccountId {
    Authority::Key(SecretKey::local(name).public_key()).account()
}

/// A node without neighbours, whose work is done when the test says so.
struct Node {
    core: Core,
    worker: Worker,
    works: VecDeque<(WorkId, Work)>,
    told: Vec<String>,
    requests: u64,
    /// The time.
    at: Instant,
    sent: Vec<(LinkId, Lane, Bytes)>,
}

impl Node {
    /// Alice and bob hold 100 fees; carol and dave have no account.
    fn new() -> Self {
        let mut genesis = Genesis::local("local", 1_000, 1);
        let accounts = ["alice", "bob"].map(|name| GenesisAccount {
            account: account(name),
            balance: 100 * FEE,
        });
        genesis.accounts = accounts.to_vec();
        genesis
            .accounts
            .sort_unstable_by_key(|listed| listed.account);
        let chain = ChainStore::new(Arc::new(MemoryStorage::new()));
        chain.init_genesis(&genesis).unwrap();
        let tip = chain.tip().unwrap();
        let scheme: Arc<dyn SignatureScheme> = Arc::new(Ed25519);
        let config = CoreConfig {
            gossip: GossipConfig {
                me: PeerId([1; 32]),
                genesis: tip.genesis_hash,
                network: genesis.name.clone(),
                listen: Vec::new(),
                peers: Vec::new(),
                known: Vec::new(),
                head: (0, tip.hash),
                seen_max: starling_gossip::flood::MAX_SEEN_TRANSACTIONS,
                seed: Seed::of(1),
            },
            signer: None,
            scheme: Arc::clone(&scheme),
            sign_at_once: false,
            mempool: Limits::default(),
            recovered: Recovered::default(),
            bodies: Vec::new(),
            certificate: None,
            restored: Restored::default(),
            checkpoint: None,
            instance: 1,
        };
        let worker = Worker::new(scheme, tip.genesis_hash);
        let now = Now {
            instant: Instant(1),
            wall_ms: 1_000,
        };
        Self {
            core: Core::new(now, tip, config, &mut Vec::new()),
            worker,
            works: VecDeque::new(),
            told: Vec::new(),
            requests: 0,
            at: Instant(2),
            sent: Vec::new(),
        }
    }

    fn payment(&self, (from, to): (&str, &str), nonce: Nonce, amount: Amount) -> RawTransaction {
        self.paying((from, to), nonce, amount, FEE)
    }

    fn paying(
        &self,
        (from, to): (&str, &str),
        nonce: Nonce,
        amount: Amount,
        fee: Amount,
    ) -> RawTransaction {
        let key = SecretKey::local(from);
        let to = account(to);
        let body = Body {
            sender: None,
            nonce,
            fee,
            expires_at_ms: 60_000,
            memo: String::new(),
            actions: vec![Deed::Transfer { to, amount }],
        };
        let id = body.id(&self.core.tip.genesis_hash, &account(from));
        Transaction {
            signatures: vec![key.sign(&id.0.0)],
            authority: Authority::Key(key.public_key()),
            body,
        }
        .to_raw()
    }

    fn submit(&mut self, raw: &RawTransaction) {
        self.requests += 1;
        let input = Input::Request {
            id: RequestId(self.requests),
            request: Request::Submit(raw.clone()),
        };
        self.handle(input);
    }

    fn neighbour_sends(&mut self, raw: &RawTransaction) {
        self.core.transactions_came(PEER, vec![raw.clone()]);
        self.handle(Input::Wake);
    }

    fn handle(&mut self, input: Input) {
        let now = Now {
            instant: self.at,
            wall_ms: 1_000,
        };
        let mut actions = Vec::new();
        self.core.handle(now, input, &mut actions);
        let mut kept = None;
        for action in actions {
            match action {
                Action::Work { id, work } => self.works.push_back((id, work)),
                Action::Answer { answer, .. } => self.told.push(match answer {
                    Answer::Submitted { known, .. } => format!("submitted, known {known}"),
                    Answer::Refused { code, .. } => format!("refused: {code}"),
                    _ => unreachable!("only submissions are asked"),
                }),
                Action::Event(Event::Accepted(_)) => self.told.push("accepted".to_owned()),
                Action::Event(Event::Left(left)) => {
                    self.told.push(format!("left: {}", left.why.code()));
                }
                Action::Send { link, lane, bytes } => self.sent.push((link, lane, bytes)),
                Action::Keep(write) => kept = Some(write.id),
                Action::Halt(reason) => panic!("{reason}"),
                _ => {}
            }
        }
        if let Some(up_to) = kept {
            self.handle(Input::Kept { up_to });
        }
    }

    /// Does all work that was handed out, the last first if `reversed`.
    fn work(&mut self, reversed: bool) -> Vec<String> {
        while !self.works.is_empty() {
            let mut works: Vec<_> = self.works.drain(..).collect();
            if reversed {
                works.reverse();
            }
            for (id, work) in works {
                let result = self.worker.run(work);
                self.handle(Input::Worked { id, result });
            }
        }
        std::mem::take(&mut self.told)
    }

    /// A neighbour brings the next block, which holds these.
    fn block(&mut self, transactions: &[&RawTransaction]) {
        let tip = self.core.tip.clone();
        let verify = |raw: &&RawTransaction| raw.verify(&Ed25519, &tip.genesis_hash);
        let candidates: Vec<Arc<VerifiedTransaction>> = transactions
            .iter()
            .map(|raw| Arc::new(verify(raw).unwrap()))
            .collect();
        let parent_certificate = tip.header.as_ref().map(|_| certificate(&tip));
        let plan = BlockPlan {
            round: 0,
            clock_ms: tip.time_ms + 1_000,
            candidates: &candidates,
            evidence: &[],
            parent_certificate,
            limits: BlockLimits {
                bytes_max: u32::MAX,
                transactions_max: u32::MAX,
            },
        };
        let built = build(&tip, plan).unwrap();
        assert_eq!(built.skipped, []);
        let child = tip.child(&built.executed, &built.block.header);
        let block = ExecutedBlock {
            hash: built.executed.header_hash,
            raw: encode(&built.block).into(),
            block: built.block,
            executed: built.executed,
        };
        let blocks = vec![(block, certificate(&child))];
        self.core.range_checked((PEER, child.height), blocks, None);
        self.handle(Input::Wake);
    }
}

fn certificate(tip: &Tip) -> CommitCertificate {
    CommitCertificate {
        height: tip.height,
        round: 0,
        block: tip.hash,
        signatures: Vec::new(),
    }
}

#[test]
fn what_a_block_makes_payable_enters_when_that_block_comes() {
    let mut node = Node::new();
    let funding = node.paying(("alice", "carol"), 0, 50 * FEE, 20 * FEE);
    let early = node.payment(("carol", "bob"), 0, 1);
    node.neighbour_sends(&early);
    assert_eq!(
        node.work(false),
        [""; 0],
        "a neighbour may be a block ahead"
    );
    node.block(&[]);
    assert_eq!(node.work(false), [""; 0]);
    node.block(&[&funding]);
    assert_eq!(node.work(false), ["accepted"]);
    assert_eq!(node.core.mempool.count(), 1);
}

#[test]
fn what_does_not_apply_after_some_blocks_is_let_go() {
    let mut node = Node::new();
    let early = node.payment(("carol", "bob"), 0, 1);
    node.neighbour_sends(&early);
    node.work(false);
    for _ in 0..4 {
        node.block(&[]);
        node.work(false);
    }
    let funding = node.paying(("alice", "carol"), 0, 50 * FEE, 20 * FEE);
    node.block(&[&funding]);
    assert_eq!(node.work(false), [""; 0]);
    assert_eq!(node.core.mempool.count(), 0);
}

#[test]
fn whoever_submits_what_cannot_be_paid_is_told_at_once() {
    let mut node = Node::new();
    let unfunded = node.payment(("carol", "bob"), 0, 1);
    node.submit(&unfunded);
    assert_eq!(node.work(false), ["refused: unknown_sender"]);
    let own = node.payment(("alice", "alice"), 0, 100 * FEE);
    node.submit(&own);
    assert_eq!(node.work(false), ["refused: funds"]);
}

#[test]
fn what_comes_too_early_is_accepted_and_enters_behind_the_missing_one() {
    let mut node = Node::new();
    let [first, second, third] = [0, 1, 2].map(|nonce| node.payment(("alice", "bob"), nonce, 1));
    for raw in [&third, &second, &third] {
        node.submit(raw);
        node.work(false);
    }
    let third_id = third
        .verify(&Ed25519, &node.core.tip.genesis_hash)
        .unwrap()
        .id();
    assert!(node.core.is_waiting(&third_id));
    assert_eq!(
        node.core.mempool.count(),
        0,
        "it fills no place in the pool"
    );
    node.submit(&third);
    assert_eq!(node.work(false), ["submitted, known true"]);
    node.submit(&first);
    assert_eq!(node.work(false), ["accepted", "submitted, known false"]);
    assert_eq!(node.core.mempool.count(), 3);
}

#[test]
fn what_was_accepted_and_does_not_enter_is_told() {
    let mut node = Node::new();
    let early = node.payment(("alice", "bob"), 1, 90 * FEE);
    node.submit(&early);
    assert_eq!(node.work(false), ["accepted", "submitted, known false"]);
    let dear = node.payment(("alice", "bob"), 0, 90 * FEE);
    node.submit(&dear);
    let told = node.work(false);
    assert_eq!(told, ["accepted", "submitted, known false", "left: funds"]);
}

#[test]
fn checks_that_come_back_out_of_order_enter_in_order() {
    let mut node = Node::new();
    let payments = [0, 1, 2, 3].map(|nonce| node.payment(("alice", "bob"), nonce, 1));
    for raw in &payments {
        node.neighbour_sends(raw);
    }
    assert_eq!(node.work(true), ["accepted"; 4]);
    assert_eq!(node.core.mempool.count(), 4);
}

#[test]
fn a_check_of_an_older_tip_is_done_anew_where_it_matters() {
    let mut node = Node::new();
    let [first, second] = [0, 1].map(|nonce| node.payment(("alice", "bob"), nonce, 98 * FEE));
    let refill = node.payment(("bob", "alice"), 0, 98 * FEE);
    node.submit(&second);
    // The check was handed out before these blocks.
    node.block(&[&first]);
    node.block(&[&refill]);
    assert_eq!(node.work(false), ["accepted", "submitted, known false"]);
    let third = node.payment(("alice", "bob"), 2, 1);
    node.submit(&third);
    node.block(&[&second]);
    assert_eq!(node.work(false), ["refused: funds"]);
}

#[test]
fn what_a_block_made_unpayable_leaves_with_a_reason() {
    let mut node = Node::new();
    let [first, second] = [0, 1].map(|nonce| node.payment(("alice", "bob"), nonce, 10 * FEE));
    for raw in [&first, &second] {
        node.submit(raw);
    }
    node.work(false);
    let elsewhere = node.payment(("alice", "bob"), 0, 95 * FEE);
    node.block(&[&elsewhere]);
    assert_eq!(node.work(false), ["left: nonce_used", "left: funds"]);
    assert_eq!(node.core.mempool.count(), 0);
}

#[test]
fn what_is_held_back_and_comes_in_a_block_is_not_told_to_have_left() {
    let mut node = Node::new();
    let [first, second] = [0, 1].map(|nonce| node.payment(("alice", "bob"), nonce, 1));
    node.submit(&second);
    node.work(false);
    node.block(&[&first, &second]);
    assert_eq!(node.work(false), [""; 0]);
    let [third, fourth] = [2, 3].map(|nonce| node.payment(("alice", "bob"), nonce, 1));
    let rival = node.payment(("alice", "bob"), 3, 2);
    node.submit(&rival);
    node.work(false);
    node.block(&[&third, &fourth]);
    assert_eq!(node.work(false), ["left: nonce_used"]);
}

#[test]
fn what_a_replacement_leaves_no_funds_for_leaves_without_a_block() {
    let mut node = Node::new();
    let [first, second] = [0, 1].map(|nonce| node.payment(("alice", "bob"), nonce, 10 * FEE));
    for raw in [&first, &second] {
        node.submit(raw);
    }
    node.work(false);
    let dear = node.paying(("alice", "bob"), 0, 90 * FEE, 2 * FEE);
    node.submit(&dear);
    let told = node.work(false);
    let entered = ["accepted", "submitted, known false"];
    // What enters is told when it is on disk, which is after what it took the place of has left.
    assert_eq!(told[..1], ["left: replaced"]);
    assert_eq!(told[1..3], entered);
    assert_eq!(told[3..], ["left: funds"]);
    let third = node.payment(("alice", "bob"), 1, 1);
    node.submit(&third);
    assert_eq!(node.work(false), entered, "the queue is settled again");
}

#[test]
fn what_comes_twice_is_told_once() {
    let mut node = Node::new();
    let [first, second] = [0, 1].map(|nonce| node.payment(("alice", "bob"), nonce, 1));
    node.submit(&first);
    node.submit(&first);
    let told = node.work(false);
    assert_eq!(
        told,
        [
            "accepted",
            "submitted, known false",
            "submitted, known true"
        ]
    );
    // Held back for a request, and sent by a neighbour behind the missing one.
    let third = node.payment(("alice", "bob"), 2, 1);
    node.submit(&third);
    node.work(false);
    for raw in [&second, &third] {
        node.neighbour_sends(raw);
    }
    let told = node.work(false);
    assert!(told.iter().all(|told| told == "accepted"), "{told:?}");
    assert_eq!(node.core.mempool.count(), 3);
}
