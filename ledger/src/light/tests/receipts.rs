//! Receipts: what they prove, and that no byte of them can change.

use super::chain::*;
use crate::account::Account;
use crate::fixture::Network;
use crate::genesis::local_account;
use crate::hash::{Context, Hash};
use crate::keys::Ed25519;
use crate::light::*;
use crate::merkle::prove;
use crate::state_key::StateKey;
use crate::transaction::{Action, RawTransaction, TransactionId};

const HEIRS: &[Member] = &[("n2", "n2"), ("n3", "n3"), ("n4", "n4"), ("n5", "n5")];
const DIGEST: Hash = Hash([3; 32]);

/// A chain of three epochs whose last block has a real state and real transactions.
struct World {
    network: Network,
    chain: Chain,
    payments: Vec<RawTransaction>,
}

impl World {
    fn new() -> Self {
        let mut network = Network::with(&genesis());
        let record = Action::Record {
            digest: DIGEST,
            note: "n".to_owned(),
        };
        let payments = [
            network.pay("alice", 0, "bob", 5),
            network.sign("bob", Network::body(0, vec![record])),
            network.pay("alice", 1, "bob", 6),
        ];
        let block = network.commit(&payments);
        let mut chain = Chain::new(&[FOUNDERS, HEIRS, HEIRS]);
        chain.set_last(|header| {
            header.state_root = block.header.state_root;
            header.transaction_root = block.header.transaction_root;
            header.transaction_count = block.header.transaction_count;
        });
        Self {
            network,
            chain,
            payments: block.transactions,
        }
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            scheme: &Ed25519,
            genesis: &self.chain.genesis,
            checkpoint: None,
            now_ms: self.chain.now_ms(),
        }
    }

    fn receipt(&self, subject: Subject) -> Receipt {
        Receipt {
            genesis: self.chain.genesis.hash(),
            anchor: Anchor::Genesis,
            steps: vec![self.chain.step(0, 10), self.chain.step(1, 30)],
            subject,
        }
    }

    fn account(&self, name: &str) -> Subject {
        let account = local_account(name);
        let proof = self.network.tip.state.prove(&StateKey::account(&account));
        let proof = proof.unwrap();
        Subject::Account { account, proof }
    }

    fn transaction(&self, index: usize) -> Subject {
        let ids: Vec<_> = self.payments.iter().map(|raw| raw.wire_id().0).collect();
        let raw = self.payments[index].clone();
        let proof = prove(&ids, index).unwrap();
        Subject::Transaction { raw, proof }
    }

    fn history(&self, raw: &RawTransaction, before: Hash, ids: Vec<TransactionId>) -> Subject {
        let key = StateKey::account(&local_account("alice"));
        let account = self.network.tip.state.prove(&key).unwrap();
        Subject::History {
            raw: raw.clone(),
            proof: HistoryProof {
                account,
                before,
                ids,
            },
        }
    }

    /// One receipt of each kind, present and absent.
    fn receipts(&self) -> Vec<(&'static str, Receipt)> {
        let prove = |key: Vec<u8>| self.network.tip.state.prove(&key).unwrap();
        let (bob, n3) = (local_account("bob"), local_account("n3"));
        let record = |sender, digest| Subject::Record {
            sender,
            digest,
            proof: prove(StateKey::record(&sender, &digest)),
        };
        let stake = |account| Subject::Validator {
            account,
            proof: prove(StateKey::stake(&account)),
        };
        let id = |nonce, amount| self.network.pay("alice", nonce, "bob", amount).id();
        let first = Account::history_after(&Hash::ZERO, &id(0, 5));
        let unused = self.network.pay("alice", 2, "bob", 1).raw().clone();
        let subjects = [
            ("account", self.account("alice")),
            ("no account", self.account("carol")),
            ("record", record(bob, DIGEST)),
            ("no record", record(bob, Hash([4; 32]))),
            ("validator", stake(n3)),
            ("no validator", stake(bob)),
            ("transaction", self.transaction(2)),
            (
                "history",
                self.history(&self.payments[2], first, vec![id(1, 6)]),
            ),
            ("open", self.history(&unused, Hash::ZERO, vec![])),
        ];
        subjects
            .map(|(name, subject)| (name, self.receipt(subject)))
            .into()
    }
}

#[test]
fn proves_each_kind_of_fact_after_the_validators_changed() {
    let world = World::new();
    for (name, receipt) in world.receipts() {
        let bytes = receipt.to_bytes();
        assert_eq!(Receipt::from_bytes(&bytes), Ok(receipt.clone()), "{name}");
        let proven = receipt.verify(&world.judge()).unwrap();
        assert_eq!(
            (proven.start, proven.point.height()),
            (Start::Genesis, 30),
            "{name}"
        );
        let as_named = match proven.fact {
            Fact::Account { entry, .. } => (name == "account") == entry.is_some(),
            Fact::Record { entry, .. } => (name == "record") == entry.is_some(),
            Fact::Validator { stake, power, .. } => {
                (name == "validator") == stake.is_some() && stake.is_some() == power.is_some()
            }
            Fact::Transaction { index, .. } => index == 2,
            Fact::History { past, .. } => match name {
                "history" => past == Past::Happened,
                _ => past == Past::Open { next: 2 },
            },
        };
        assert!(as_named, "{name}");
    }
}

#[test]
fn any_flipped_byte_of_a_receipt_fails() {
    let world = World::new();
    for (name, receipt) in world.receipts() {
        let bytes = receipt.to_bytes();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(Receipt::from_bytes(&flipped).is_err(), "{name}: byte {at}");
        }
    }
}

/// The checksum is against accidents; against a forger it is the proof that holds. He can make a
/// receipt about something else out of it, such as the absence of another account, which is true.
#[test]
fn a_flipped_byte_under_a_new_checksum_never_proves_the_same() {
    let world = World::new();
    let judge = world.judge();
    for (name, receipt) in world.receipts() {
        let good = receipt.verify(&judge).unwrap();
        let bytes = receipt.to_bytes();
        let mut survivors = 0;
        for at in 0..bytes.len() - 32 {
            let mut forged = bytes[..bytes.len() - 32].to_vec();
            forged[at] ^= 1;
            let checksum = Hash::of(Context::File, &[&forged]);
            forged.extend(checksum.0);
            let Ok(proven) = Receipt::from_bytes(&forged).map(|forged| forged.verify(&judge))
            else {
                continue;
            };
            if let Ok(proven) = proven {
                survivors += 1;
                assert_ne!(proven.fact, good.fact, "{name}: byte {at}");
            }
        }
        // The keys of the state are not in its proofs; all else is signed or hashed.
        let is_state = !["transaction", "history", "open"].contains(&name);
        assert!(survivors == 0 || is_state, "{name}: {survivors}");
    }
}

#[test]
fn steps_ascend_and_lead_somewhere() {
    let world = World::new();
    let good = world.receipt(world.account("alice"));
    let refused = |steps: Vec<LightStep>| {
        let receipt = Receipt {
            steps,
            ..good.clone()
        };
        receipt.verify(&world.judge()).unwrap_err()
    };
    assert_eq!(refused(vec![]), LightError::Steps { count: 0 });
    let again = vec![world.chain.step(0, 10), world.chain.step(0, 10)];
    let (trusted, found) = (10, 10);
    assert_eq!(refused(again), LightError::Behind { trusted, found });
    let many = vec![world.chain.step(0, 1); STEPS_MAX + 1];
    assert_eq!(
        refused(many),
        LightError::Steps {
            count: STEPS_MAX + 1
        }
    );
}

#[test]
fn a_receipt_of_another_network_is_refused_by_name() {
    let world = World::new();
    let mut other = world.chain.genesis.clone();
    other.name = "other".to_owned();
    let judge = Judge {
        genesis: &other,
        ..world.judge()
    };
    let refused = world.receipt(world.account("alice")).verify(&judge);
    assert!(matches!(refused, Err(LightError::Network { .. })));
}

#[test]
fn a_receipt_from_a_checkpoint_needs_somebody_to_vouch() {
    let world = World::new();
    let header = world.chain.header(10);
    let named = Checkpoint::of(&header);
    let receipt = Receipt {
        anchor: Anchor::Checkpoint {
            header: Box::new(header),
            next_validators: set(HEIRS),
        },
        steps: vec![world.chain.step(1, 30)],
        ..world.receipt(world.account("alice"))
    };
    let judge = |checkpoint| Judge {
        checkpoint,
        ..world.judge()
    };
    let refused = receipt.verify(&judge(None)).unwrap_err();
    assert_eq!(refused, LightError::CheckpointNeeded { named });
    let proven = receipt.verify(&judge(Some(named))).unwrap();
    assert_eq!(proven.start, Start::Checkpoint(named));
    let other = Checkpoint {
        height: 11,
        ..named
    };
    let refused = receipt.verify(&judge(Some(other)));
    assert!(matches!(refused, Err(LightError::Checkpoint { .. })));
    let bytes = receipt.to_bytes();
    assert_eq!(Receipt::from_bytes(&bytes), Ok(receipt));
}

#[test]
fn the_checkpoint_itself_proves_without_a_step() {
    let world = World::new();
    let header = world.chain.header(30);
    let named = Checkpoint::of(&header);
    let receipt = Receipt {
        anchor: Anchor::Checkpoint {
            header: Box::new(header),
            next_validators: set(HEIRS),
        },
        steps: vec![],
        ..world.receipt(world.account("alice"))
    };
    let years = world.chain.now_ms() + 1_000 * TRUST_PERIOD_MS;
    let judge = Judge {
        checkpoint: Some(named),
        now_ms: years,
        ..world.judge()
    };
    receipt.verify(&judge).unwrap();
}

#[test]
fn a_checkpoint_on_the_way_helps_a_receipt_that_has_grown_old() {
    let world = World::new();
    let receipt = world.receipt(world.account("alice"));
    let years = world.chain.now_ms() + 1_000 * TRUST_PERIOD_MS;
    let judge = |checkpoint| Judge {
        checkpoint,
        now_ms: years,
        ..world.judge()
    };
    let refused = receipt.verify(&judge(None));
    assert!(matches!(
        refused,
        Err(LightError::Expired { height: 10, .. })
    ));
    let last = Checkpoint::of(&world.chain.header(30));
    let proven = receipt.verify(&judge(Some(last))).unwrap();
    assert_eq!(proven.start, Start::Checkpoint(last));
    // One that only covers the beginning does not carry what comes after it.
    let early = Checkpoint::of(&world.chain.header(10));
    let refused = receipt.verify(&judge(Some(early)));
    assert!(matches!(
        refused,
        Err(LightError::Expired { height: 10, .. })
    ));
    let wrong = Checkpoint {
        hash: early.hash,
        ..last
    };
    let refused = receipt.verify(&judge(Some(wrong)));
    assert!(matches!(refused, Err(LightError::Checkpoint { .. })));
    // One that is not on the way says nothing.
    let beside = Checkpoint::of(&world.chain.header(12));
    let fresh = Judge {
        checkpoint: Some(beside),
        ..world.judge()
    };
    assert_eq!(receipt.verify(&fresh).unwrap().start, Start::Genesis);
}

#[test]
fn the_largest_receipt_is_refused_before_it_is_read() {
    let large = vec![0; RECEIPT_BYTES_MAX + 1];
    let refused = Receipt::from_bytes(&large);
    assert!(matches!(refused, Err(FileError::TooLarge { .. })));
}
