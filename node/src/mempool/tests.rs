//! The rules of the mempool, one test each. That it takes in what applies and nothing else is held
//! against execution in `tests/admission`.

use super::*;
use starling_ledger::authority::Authority;
use starling_ledger::block::Block;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::{BlockPlan, Tip, build};
use starling_ledger::genesis::{Genesis, GenesisAccount};
use starling_ledger::keys::{Ed25519, SecretKey, Signer as _};
use starling_ledger::storage::MemoryStorage;
use starling_ledger::transaction::{Action, Body, Transaction};

/// What is required of the payments below: no receiver is new.
const FEE: Amount = 1_010;

fn sender(name: &str) -> AccountId {
    Authority::Key(SecretKey::local(name).public_key()).account()
}

fn pay(amount: Amount) -> Vec<Action> {
    let to = sender("bob");
    vec![Action::Transfer { to, amount }]
}

/// A chain in memory, and the pool of a node that follows it.
struct Net {
    tip: Tip,
    pool: Mempool,
}

impl Net {
    /// Everybody holds 100 fees.
    fn new(limits: Limits) -> Self {
        let mut genesis = Genesis::local("local", 1_000, 1);
        let names = ["alice", "bob", "carol", "dave"];
        let accounts = names.map(|name| GenesisAccount {
            account: sender(name),
            balance: 100 * FEE,
        });
        genesis.accounts = accounts.to_vec();
        genesis
            .accounts
            .sort_unstable_by_key(|listed| listed.account);
        let chain = ChainStore::new(Arc::new(MemoryStorage::new()));
        chain.init_genesis(&genesis).unwrap();
        Self {
            tip: chain.tip().unwrap(),
            pool: Mempool::new(limits),
        }
    }

    fn of_count(count_max: usize) -> Self {
        Self::new(Limits {
            count_max,
            ..Limits::default()
        })
    }

    fn sign(&self, name: &str, body: Body) -> Arc<VerifiedTransaction> {
        let key = SecretKey::local(name);
        let genesis = self.tip.genesis_hash;
        let id = body.id(&genesis, &sender(name));
        let raw = Transaction {
            signatures: vec![key.sign(&id.0.0)],
            authority: Authority::Key(key.public_key()),
            body,
        }
        .to_raw();
        Arc::new(raw.verify(&Ed25519, &genesis).unwrap())
    }

    fn body(nonce: Nonce, fee: Amount, actions: Vec<Action>) -> Body {
        Body {
            sender: None,
            nonce,
            fee,
            expires_at_ms: 9_000,
            memo: String::new(),
            actions,
        }
    }

    /// A payment of one base unit.
    fn payment(&self, name: &str, nonce: Nonce, fee: Amount) -> Arc<VerifiedTransaction> {
        self.sign(name, Self::body(nonce, fee, pay(1)))
    }

    fn insert(&mut self, transaction: &Arc<VerifiedTransaction>) -> Result<(), MempoolError> {
        let reads = ReadSet::of_each(&self.tip, std::slice::from_ref(transaction)).unwrap();
        let next = NextBlock::after(&self.tip);
        self.pool.insert(Arc::clone(transaction), &reads[0], &next)
    }

    /// Inserts a payment that enters.
    fn enter(&mut self, name: &str, nonce: Nonce, fee: Amount) -> Arc<VerifiedTransaction> {
        let payment = self.payment(name, nonce, fee);
        self.insert(&payment).unwrap();
        payment
    }

    /// A block holds these; the pool follows, but for queues that have to be run anew.
    fn block(&mut self, candidates: &[Arc<VerifiedTransaction>]) {
        let header = self.tip.header.as_ref();
        let parent_certificate = header.map(|header| CommitCertificate {
            height: header.height,
            round: header.round,
            block: self.tip.hash,
            signatures: Vec::new(),
        });
        let plan = BlockPlan {
            round: 0,
            clock_ms: self.tip.time_ms + 1_000,
            candidates,
            evidence: &[],
            parent_certificate,
            limits: limits(1_000),
        };
        let built = build(&self.tip, plan).unwrap();
        assert_eq!(built.skipped, []);
        let Block { header, .. } = &built.block;
        self.tip = self.tip.child(&built.executed, header);
        let ids: Vec<_> = candidates.iter().map(|one| one.id()).collect();
        self.pool.apply_block(&built.executed.touched, &ids);
        self.pool.expire(self.tip.time_ms + 1);
    }

    fn rerun(&mut self) -> usize {
        let stale = self.pool.take_stale();
        let count = stale.len();
        for ran in rerun(&self.tip, stale).unwrap() {
            self.pool.settle(ran);
        }
        count
    }

    fn reasons(&mut self) -> Vec<Departure> {
        let left = self.pool.take_left().into_iter();
        left.map(|left| left.why).collect()
    }

    fn blocks_worth(&self) -> Vec<(AccountId, Nonce)> {
        let candidates = self.pool.candidates(&limits(1_000));
        let nonces = candidates.iter();
        nonces.map(|one| (one.sender(), one.body().nonce)).collect()
    }
}

const fn limits(transactions_max: u32) -> BlockLimits {
    BlockLimits {
        bytes_max: 1 << 20,
        transactions_max,
    }
}

#[test]
fn what_comes_too_early_is_told_from_what_never_applies() {
    let mut net = Net::of_count(10);
    let early = |nonce| Err(MempoolError::Early { nonce, due: 0 });
    for nonce in [1, GAP_MAX] {
        assert_eq!(net.insert(&net.payment("alice", nonce, FEE)), early(nonce));
    }
    let (nonce, due) = (GAP_MAX + 1, 0);
    let refused = net.insert(&net.payment("alice", nonce, FEE));
    assert_eq!(refused, Err(MempoolError::NonceGap { nonce, due }));
    // Sixty are missing, which cost 800 base units each at the least.
    let dear = net.sign("alice", Net::body(60, FEE, pay(53_000)));
    assert_eq!(net.insert(&dear).unwrap_err().code(), "funds");
    assert_eq!(net.pool.count(), 0);
    net.enter("alice", 0, FEE);
    net.enter("alice", 1, FEE);
    let alice = sender("alice");
    assert_eq!(net.blocks_worth(), [(alice, 0), (alice, 1)]);
    assert_eq!(net.pool.next_nonce(&alice), Some(2));
}

#[test]
fn one_account_holds_no_more_of_the_pool_than_it_can_pay_for() {
    let mut net = Net::of_count(1_000);
    let half = net.sign("alice", Net::body(0, FEE, pay(50 * FEE)));
    net.insert(&half).unwrap();
    let again = net.sign("alice", Net::body(1, FEE, pay(50 * FEE)));
    assert_eq!(net.insert(&again).unwrap_err().code(), "funds");
    let to = sender("alice");
    let own = vec![Action::Transfer {
        to,
        amount: 49 * FEE,
    }];
    let own = net.sign("alice", Net::body(1, FEE, own));
    assert_eq!(net.insert(&own).unwrap_err().code(), "funds");
    let mut nonce = 1;
    while net.insert(&net.payment("alice", nonce, FEE)) == Ok(()) {
        nonce += 1;
    }
    // Fifty fees are spent, and one with each payment of one unit.
    assert_eq!(net.pool.count(), 1 + 48);
    let bob = net.sign(
        "bob",
        Net::body(0, FEE, {
            let to = sender("alice");
            vec![Action::Transfer {
                to,
                amount: 10 * FEE,
            }]
        }),
    );
    net.block(&[bob]);
    assert_eq!(net.rerun(), 0);
    net.enter("alice", nonce, FEE);
}

#[test]
fn replaces_for_a_tenth_more_and_not_for_less() {
    let mut net = Net::of_count(10);
    net.enter("alice", 0, 2_000);
    let needed_base = 2_200;
    let underpriced = MempoolError::Underpriced {
        nonce: 0,
        needed_base,
    };
    let refused = net.insert(&net.payment("alice", 0, 2_199));
    assert_eq!(refused, Err(underpriced));
    let better = net.enter("alice", 0, 2_200);
    let pool = &net.pool;
    assert_eq!((pool.count(), pool.size_bytes()), (1, better.size_bytes()));
    assert!(pool.contains(&better.wire_id()) && pool.by_id(&better.id()).is_some());
    assert_eq!(net.reasons(), [Departure::Replaced { by: better.id() }]);
    assert_eq!(net.insert(&better), Err(MempoolError::Known));
    assert_eq!(net.rerun(), 0, "nothing is behind it");
}

#[test]
fn a_replacement_that_spends_more_drives_out_what_it_leaves_no_funds_for() {
    let mut net = Net::of_count(10);
    net.enter("alice", 0, FEE);
    net.enter("alice", 1, FEE);
    net.enter("alice", 2, FEE);
    let most = 100 * FEE - 2 * FEE - FEE;
    let dear = net.sign("alice", Net::body(0, 2 * FEE, pay(most)));
    net.insert(&dear).unwrap();
    assert_eq!(net.reasons(), [Departure::Replaced { by: dear.id() }]);
    assert_eq!(
        net.insert(&net.payment("alice", 3, FEE)),
        Err(MempoolError::Unsettled)
    );
    assert_eq!(net.rerun(), 1);
    let reasons = net.reasons();
    assert_eq!(reasons[0].code(), "funds", "{reasons:?}");
    assert_eq!(reasons[1], Departure::Behind { nonce: 1 });
    assert_eq!((net.pool.count(), reasons.len()), (1, 2));
}

#[test]
fn a_full_pool_lets_the_cheapest_tail_go_for_a_better_one() {
    let mut net = Net::of_count(2);
    net.enter("alice", 0, FEE);
    net.enter("carol", 0, 2 * FEE);
    let refused = net.insert(&net.payment("dave", 0, FEE));
    assert_eq!(refused, Err(MempoolError::Full));
    net.enter("dave", 0, 3 * FEE);
    assert_eq!(net.reasons(), [Departure::Evicted]);
    let (carol, dave) = (sender("carol"), sender("dave"));
    assert_eq!(net.blocks_worth(), [(dave, 0), (carol, 0)]);
}

#[test]
fn a_dear_tail_does_not_protect_the_cheap_ones_before_it() {
    let mut net = Net::of_count(2);
    net.enter("alice", 0, FEE);
    net.enter("alice", 1, 50 * FEE);
    net.enter("dave", 0, 2 * FEE);
    assert_eq!(net.reasons(), [Departure::Evicted]);
    let (alice, dave) = (sender("alice"), sender("dave"));
    assert_eq!(net.blocks_worth(), [(dave, 0), (alice, 0)]);
    // Once the cheap one is gone, the other is worth what it pays.
    let mut net = Net::of_count(2);
    let cheap = net.enter("alice", 0, FEE);
    net.enter("alice", 1, 50 * FEE);
    net.block(&[cheap]);
    net.enter("carol", 0, FEE);
    net.enter("dave", 0, 2 * FEE);
    assert_eq!(net.blocks_worth(), [(alice, 1), (dave, 0)]);
}

#[test]
fn a_block_takes_what_it_holds_and_drives_out_what_it_made_impossible() {
    let mut net = Net::of_count(10);
    let first = net.enter("alice", 0, FEE);
    net.enter("alice", 1, FEE);
    net.enter("alice", 2, FEE);
    net.block(&[first]);
    assert_eq!((net.pool.count(), net.rerun()), (2, 0));
    assert_eq!(net.reasons(), []);
    // Another transaction of hers, which this pool never saw, leaves too little for the last.
    let most = 100 * FEE - FEE - 1 - FEE - FEE;
    let other = net.sign("alice", Net::body(1, FEE, pay(most)));
    net.block(&[other]);
    assert_eq!(net.reasons(), [Departure::NonceUsed]);
    assert_eq!(net.rerun(), 1);
    let reasons = net.reasons();
    assert_eq!(reasons.len(), 1);
    assert_eq!(reasons[0].code(), "funds", "{reasons:?}");
    let pool = &net.pool;
    assert_eq!(
        (pool.count(), pool.size_bytes(), pool.has_ready()),
        (0, 0, false)
    );
}

#[test]
fn a_queue_that_changed_while_it_was_run_is_run_again() {
    let mut net = Net::of_count(10);
    net.enter("alice", 0, FEE);
    net.enter("alice", 1, FEE);
    net.enter("alice", 0, 2 * FEE);
    let stale = net.pool.take_stale();
    assert_eq!(net.pool.take_stale().len(), 0, "it is under way");
    let bob = net.sign(
        "bob",
        Net::body(0, FEE, {
            let to = sender("alice");
            vec![Action::Transfer { to, amount: 1 }]
        }),
    );
    let old = net.tip.clone();
    net.block(&[bob]);
    for ran in rerun(&old, stale).unwrap() {
        net.pool.settle(ran);
    }
    assert_eq!(net.rerun(), 1);
    net.enter("alice", 2, FEE);
}

#[test]
fn what_expired_goes_with_what_is_queued_behind_it() {
    let mut net = Net::of_count(10);
    let mut body = Net::body(0, FEE, pay(1));
    body.expires_at_ms = net.tip.time_ms + 1_000;
    let soon = net.sign("alice", body);
    net.insert(&soon).unwrap();
    net.enter("alice", 1, FEE);
    net.enter("carol", 0, FEE);
    net.block(&[]);
    let behind = Departure::Behind { nonce: 0 };
    assert_eq!(net.reasons(), [Departure::Expired, behind]);
    assert_eq!(net.blocks_worth(), [(sender("carol"), 0)]);
    assert_eq!(net.insert(&soon).unwrap_err().code(), "expired");
}

#[test]
fn one_sender_may_not_fill_the_pool() {
    let mut net = Net::new(Limits {
        per_sender_max: 2,
        ..Limits::default()
    });
    net.enter("alice", 0, FEE);
    net.enter("alice", 1, FEE);
    let refused = net.insert(&net.payment("alice", 2, FEE));
    assert_eq!(refused, Err(MempoolError::SenderFull { count: 2 }));
}

#[test]
fn blocks_take_the_best_fee_per_byte_first() {
    let mut net = Net::of_count(10);
    net.enter("alice", 0, FEE);
    net.enter("alice", 1, 9 * FEE);
    net.enter("carol", 0, 5 * FEE);
    let (alice, carol) = (sender("alice"), sender("carol"));
    assert_eq!(net.blocks_worth(), [(carol, 0), (alice, 0), (alice, 1)]);
    assert_eq!(net.pool.candidates(&limits(1)).len(), 1);
}
