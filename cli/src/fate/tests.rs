//! The table, and a small world: nodes that forget, lag and race, calls that are lost on the way
//! there, on the way back, or come late, and a rival who signs for the same account.

use std::collections::BTreeMap;

use proptest::prelude::*;
use starling_ledger::hash::Hash;
use starling_ledger::transaction::TransactionId;

use super::*;

const OPEN: Heard = Heard::Proof(Past::Open { next: 0 });

fn nothing(may_be_heard: bool) -> Heard {
    Heard::Nothing { may_be_heard }
}

#[test]
fn what_never_left_is_signed_again_or_refused_at_once() {
    for heard in [Heard::OtherWaits, Heard::Refused(Refusal::Nonce)] {
        let (mut fate, call) = Fate::fresh();
        assert_eq!(fate.hear(call, nothing(false)), Step::Later(Call::Submit));
        assert_eq!(fate.hear(call, heard), Step::End(End::Lost), "{heard:?}");
    }
    let (mut fate, call) = Fate::fresh();
    let refused = Heard::Refused(Refusal::Other);
    assert_eq!(fate.hear(call, refused), Step::End(End::Refused));
    let behind = Heard::Refused(Refusal::Behind);
    assert_eq!(fate.hear(call, behind), Step::Later(Call::Submit));
}

#[test]
fn what_may_have_left_is_asked_for_until_there_is_proof() {
    let refusals = [Refusal::Nonce, Refusal::Other].map(Heard::Refused);
    for heard in refusals {
        let (mut fate, call) = Fate::fresh();
        // Not submitted for ever: whoever loses each submission may tell that it expired.
        assert_eq!(fate.hear(call, nothing(true)), Step::Later(Call::Look));
        assert_eq!(fate.hear(Call::Submit, heard), Step::Later(Call::Prove));
        assert_eq!(fate.hear(Call::Prove, OPEN), Step::Now(Call::Submit));
        let expired = Heard::Proof(Past::Expired { next: 0 });
        assert_eq!(fate.hear(Call::Prove, expired), Step::End(End::Expired));
        let by = TransactionId(Hash::ZERO);
        let replaced = Heard::Proof(Past::Replaced { by });
        assert_eq!(fate.hear(Call::Prove, replaced), Step::End(End::Lost));
    }
    let (mut fate, call) = Fate::repeated();
    assert_eq!(fate.hear(call, Heard::Unknown), Step::Now(Call::Prove));
    let refused = Heard::Refused(Refusal::Nonce);
    assert_eq!(fate.hear(Call::Submit, refused), Step::Later(Call::Prove));
}

#[test]
fn what_others_on_this_machine_have_too_is_signed_again_only_after_proof() {
    let (mut fate, call) = Fate::fresh();
    fate.share();
    let refused = Heard::Refused(Refusal::Nonce);
    assert_eq!(fate.hear(call, refused), Step::Later(Call::Prove));
}

/// A transaction of the one sender of this world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tx {
    nonce: usize,
    expires: u64,
    /// Whose it is: the client's have even numbers.
    tag: u64,
}

#[derive(Clone, Debug, Default)]
struct Node {
    pool: BTreeMap<usize, Tx>,
    /// How much of the chain it knows, and the time of that block.
    known: (usize, u64),
}

#[derive(Default)]
struct World {
    nodes: [Node; 2],
    chain: Vec<Tx>,
    time: u64,
    tags: u64,
    /// Submissions that are still on their way.
    late: Vec<(usize, Tx)>,
}

impl World {
    fn tag(&mut self, of_client: bool) -> u64 {
        self.tags += 1;
        2 * self.tags + u64::from(!of_client)
    }

    fn next_nonce(&self, node: usize) -> usize {
        let node = &self.nodes[node];
        let waiting = node.pool.keys().map(|nonce| nonce + 1).max();
        waiting.unwrap_or(0).max(node.known.0)
    }

    fn take(&mut self, node: usize, tx: Tx) -> Heard {
        let node = &mut self.nodes[node];
        if let Some(known) = self.chain.iter().take(node.known.0).find(|old| **old == tx) {
            assert_eq!(known.tag, tx.tag);
            return Heard::Final;
        }
        if tx.expires <= node.known.1 {
            return Heard::Refused(Refusal::Other);
        }
        match node.pool.get(&tx.nonce) {
            _ if tx.nonce < node.known.0 => Heard::Refused(Refusal::Nonce),
            Some(waiting) if *waiting == tx => Heard::Waits,
            Some(_) => Heard::Refused(Refusal::Nonce),
            None => {
                node.pool.insert(tx.nonce, tx);
                Heard::Waits
            }
        }
    }

    fn answer(&mut self, node: usize, call: Call, tx: Tx) -> Heard {
        let (length, time) = self.nodes[node].known;
        let known = &self.chain[..length];
        match call {
            Call::Submit => self.take(node, tx),
            Call::Look if known.contains(&tx) => Heard::Final,
            Call::Look if self.nodes[node].pool.get(&tx.nonce) == Some(&tx) => Heard::Waits,
            Call::Look => Heard::Unknown,
            Call::Prove => Heard::Proof(match known.get(tx.nonce) {
                Some(found) if *found == tx => Past::Happened,
                Some(_) => Past::Replaced {
                    by: TransactionId(Hash::ZERO),
                },
                None if time >= tx.expires => Past::Expired { next: 0 },
                None => Past::Open { next: 0 },
            }),
        }
    }

    /// A node learns the whole chain.
    fn sync(&mut self, node: usize) {
        let (length, time) = (self.chain.len(), self.time);
        let node = &mut self.nodes[node];
        node.known = (length, time);
        node.pool
            .retain(|nonce, tx| *nonce >= length && tx.expires > time);
    }

    fn block(&mut self, node: usize) {
        self.sync(node);
        self.time += 1;
        if let Some(tx) = self.nodes[node].pool.get(&self.chain.len())
            && tx.expires >= self.time
        {
            self.chain.push(*tx);
        }
        self.sync(node);
    }

    fn gossip(&mut self, from: usize, to: usize) {
        for tx in self.nodes[from].pool.clone().into_values() {
            self.take(to, tx);
        }
    }

    fn happen(&mut self, event: u8, node: usize) {
        match event {
            0 => self.block(node),
            1 => self.gossip(node, 1 - node),
            2 => self.sync(node),
            // It is killed, and what waited is forgotten.
            3 => self.nodes[node].pool.clear(),
            4 => self.time += 3,
            5 => {
                let rival = Tx {
                    nonce: self.next_nonce(node),
                    expires: self.time + 50,
                    tag: self.tag(false),
                };
                self.take(node, rival);
            }
            _ => {
                if !self.late.is_empty() {
                    let (node, tx) = self.late.remove(0);
                    self.take(node, tx);
                }
            }
        }
    }
}

/// One payment, as a command makes it.
struct Client {
    fate: Fate,
    call: Call,
    tx: Tx,
    end: Option<End>,
}

impl Client {
    fn new(world: &mut World, node: usize) -> Self {
        let (fate, call) = Fate::fresh();
        let tx = Tx {
            nonce: world.next_nonce(node),
            expires: world.time + 9,
            tag: world.tag(true),
        };
        Self {
            fate,
            call,
            tx,
            end: None,
        }
    }

    /// Asks once; `fault` says what the way does to it.
    fn ask(&mut self, world: &mut World, node: usize, fault: u8) {
        if self.end.is_some() {
            return;
        }
        let heard = match fault {
            // No connection; lost on the way there; on the way back; late.
            0 => nothing(false),
            1 => nothing(true),
            2 => {
                world.answer(node, self.call, self.tx);
                nothing(true)
            }
            3 if self.call == Call::Submit => {
                world.late.push((node, self.tx));
                nothing(true)
            }
            // Refused for a reason of this moment, such as a full mempool.
            4 if self.call == Call::Submit => Heard::Refused(Refusal::Other),
            5 if self.call == Call::Submit => Heard::Refused(Refusal::Behind),
            _ => world.answer(node, self.call, self.tx),
        };
        match self.fate.hear(self.call, heard) {
            Step::Now(call) | Step::Later(call) => self.call = call,
            Step::End(End::Lost) => *self = Self::new(world, node),
            Step::End(end) => self.end = Some(end),
        }
    }
}

/// Plays events of the world and questions of the client, in this order.
fn played(events: &[(u8, usize, u8)]) -> (World, Client) {
    let mut world = World::default();
    let mut client = Client::new(&mut world, 0);
    for (event, node, fault) in events {
        match event {
            0..7 => world.happen(*event, *node),
            _ => client.ask(&mut world, *node, *fault),
        }
    }
    (world, client)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_is_paid_twice_and_what_is_told_is_true(
        events in prop::collection::vec((0u8..12, 0usize..2, 0u8..10), 1..120),
    ) {
        let (mut world, client) = played(&events);
        // Whatever is still under way arrives, and blocks are made of all that waits.
        for round in 0..40 {
            world.happen(6, 0);
            world.gossip(round % 2, 1 - round % 2);
            world.block(round % 2);
        }
        let paid = world.chain.iter().filter(|tx| tx.tag % 2 == 0).count();
        let own = world.chain.contains(&client.tx);
        match client.end {
            Some(End::Final) => prop_assert!(paid == 1 && own),
            Some(_) => prop_assert_eq!(paid, 0),
            None => prop_assert!(paid == usize::from(own), "{} paid", paid),
        }
    }

    #[test]
    fn with_a_node_that_answers_everything_ends(
        events in prop::collection::vec((0u8..12, 0usize..2, 0u8..10), 1..60),
    ) {
        let (mut world, mut client) = played(&events);
        for _ in 0..200 {
            world.block(0);
            client.ask(&mut world, 0, u8::MAX);
        }
        prop_assert!(client.end.is_some(), "{:?} {:?}", client.fate, client.call);
    }
}
