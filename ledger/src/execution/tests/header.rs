//! Each rule of a block, broken alone, is refused by its own error.

use std::sync::Arc;

use crate::block::{BLOCK_EVIDENCE_MAX, Block, BlockHash, BlockHeader};
use crate::certificate::CertificateError;
use crate::evidence::{Evidence, EvidenceError};
use crate::execution::{ApplyError, BlockError, Checks, execute};
use crate::fixture::{Network, consensus_key};
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::keys::{PublicKey, Signature, SignatureScheme};
use crate::merkle::list_root;
use crate::storage::Column;
use crate::transaction::{RawTransaction, TransactionError};
use crate::vote::{Vote, VoteType};

/// A network with one block, and a valid second one.
fn second_block() -> (Network, Block) {
    let mut network = Network::new();
    network.commit(&[network.pay("alice", 0, "bob", 1)]);
    let payments = [
        network.pay("alice", 1, "bob", 2),
        network.pay("bob", 0, "alice", 1),
    ];
    let block = network.build(&payments).block;
    network.execute(&block).unwrap();
    (network, block)
}

/// What is said about the second block after a change.
fn refusal(change: impl FnOnce(&Network, &mut Block)) -> BlockError {
    let (network, mut block) = second_block();
    change(&network, &mut block);
    let error = network.execute(&block).unwrap_err();
    assert!(error.is_deterministic());
    error
}

/// Makes count and root of the header fit the transactions again.
fn recount(block: &mut Block) {
    block.header.transaction_count = block.transactions.len().try_into().unwrap();
    block.header.transaction_root = Block::transaction_root(&block.transactions);
}

/// Puts evidence in, with count and root that fit.
fn accuse(block: &mut Block, evidence: Vec<Evidence>) {
    block.header.evidence_count = evidence.len().try_into().unwrap();
    block.header.evidence_root = Block::evidence_root(&evidence);
    block.evidence = evidence;
}

/// Two prevotes of one validator at a height.
fn equivocation(network: &Network, height: u64) -> Evidence {
    let member = network.tip.validators.members()[0];
    let [one, other] = [1, 2].map(|byte| {
        let vote = Vote {
            vote_type: VoteType::Prevote,
            height,
            round: 0,
            block: Some(BlockHash(Hash([byte; 32]))),
            validator: member.key,
        };
        vote.sign(&network.tip.genesis_hash, consensus_key(&member.key))
    });
    Evidence::of_votes(one, other)
}

/// A hash that nothing has.
const OTHER: Hash = Hash([9; 32]);

/// What is said about the second block with another header.
fn header_refusal(change: fn(&mut BlockHeader)) -> BlockError {
    refusal(|_, block| change(&mut block.header))
}

#[test]
fn the_headers_place_in_the_chain_is_checked_field_by_field() {
    let error = header_refusal(|header| header.version = 2);
    let (expected, found) = (1, 2);
    assert_eq!(error, BlockError::Version { expected, found });
    let error = header_refusal(|header| header.upgrade_signal = 0);
    let (version, found) = (1, 0);
    assert_eq!(error, BlockError::UpgradeSignal { version, found });
    let error = header_refusal(|header| header.genesis = OTHER);
    assert!(matches!(error, BlockError::Genesis { found: OTHER, .. }));
    let error = header_refusal(|header| header.height = 3);
    let (expected, found) = (2, 3);
    assert_eq!(error, BlockError::Height { expected, found });
    let error = header_refusal(|header| header.parent = BlockHash(OTHER));
    assert!(matches!(error, BlockError::Parent { .. }));
    let error = header_refusal(|header| header.time_ms = 2_000);
    let (parent_ms, found_ms) = (2_000, 2_000);
    let time = BlockError::Time {
        parent_ms,
        found_ms,
    };
    assert_eq!(error, time);
    let error = header_refusal(|header| header.round = 1);
    assert_eq!(error, BlockError::Proposer { round: 1 });
    let error = header_refusal(|header| header.proposer.0[0] ^= 1);
    assert_eq!(error, BlockError::Proposer { round: 0 });
    let error = header_refusal(|header| header.validators_hash = OTHER);
    assert!(matches!(error, BlockError::Validators { found: OTHER, .. }));
    let error = header_refusal(|header| header.next_validators_hash = OTHER);
    assert!(matches!(
        error,
        BlockError::NextValidators { found: OTHER, .. }
    ));
}

#[test]
fn what_the_header_commits_to_is_checked_field_by_field() {
    let error = header_refusal(|header| header.transaction_root = OTHER);
    assert!(matches!(
        error,
        BlockError::TransactionRoot { header: OTHER, .. }
    ));
    let error = header_refusal(|header| header.transaction_count = 3);
    let (header, found) = (3, 2);
    assert_eq!(error, BlockError::TransactionCount { header, found });
    let error = header_refusal(|header| header.state_root = OTHER);
    assert!(matches!(error, BlockError::StateRoot { found: OTHER, .. }));
    let error = header_refusal(|header| header.evidence_root = OTHER);
    assert!(matches!(
        error,
        BlockError::EvidenceRoot { header: OTHER, .. }
    ));
    let error = header_refusal(|header| header.evidence_count = 1);
    let (header, found) = (1, 0);
    assert_eq!(error, BlockError::EvidenceCount { header, found });
    let error = header_refusal(|header| header.parent_certificate_hash = OTHER);
    assert!(matches!(
        error,
        BlockError::CertificateHash { header: OTHER, .. }
    ));
}

#[test]
fn rejects_a_height_gap_in_either_direction() {
    for found in [0, 1, 3, u64::MAX] {
        let error = refusal(|_, block| block.header.height = found);
        assert_eq!(error, BlockError::Height { expected: 2, found });
    }
}

#[test]
fn each_round_has_its_own_proposer_and_the_block_names_it() {
    let (network, block) = second_block();
    let later = network.build_in(1, &[]).unwrap().block;
    assert_ne!(later.header.proposer, block.header.proposer);
    network.execute(&later).unwrap();
}

#[test]
fn a_block_of_another_network_is_refused() {
    let mut other = Network::with(&Genesis::local("other", 1_000, 4));
    other.commit(&[]);
    let (network, _) = second_block();
    let foreign = other.build(&[]).block;
    let error = network.execute(&foreign).unwrap_err();
    assert!(matches!(error, BlockError::Genesis { .. }));
}

#[test]
fn the_order_of_transactions_is_part_of_the_root() {
    let error = refusal(|_, block| block.transactions.reverse());
    assert!(matches!(error, BlockError::TransactionRoot { .. }));
}

#[test]
fn the_order_of_transactions_is_the_order_of_their_effects() {
    let error = refusal(|network, block| {
        let payments = [
            network.pay("alice", 2, "bob", 2),
            network.pay("alice", 1, "bob", 2),
        ];
        block.transactions = payments.map(|payment| payment.raw().clone()).into();
        recount(block);
    });
    let error_of = BlockError::Apply {
        index: 0,
        error: ApplyError::Nonce {
            expected: 1,
            found: 2,
        },
    };
    assert_eq!(error, error_of);
}

#[test]
fn a_transaction_twice_in_a_block_is_refused() {
    let error = refusal(|_, block| {
        block.transactions[1] = block.transactions[0].clone();
        recount(block);
    });
    assert!(matches!(
        error,
        BlockError::Apply {
            index: 1,
            error: ApplyError::Nonce { .. }
        }
    ));
}

#[test]
fn malformed_and_unsigned_transactions_are_refused_by_their_place() {
    let error = refusal(|_, block| {
        block.transactions[1] = RawTransaction([1, 2, 3].as_slice().into());
        recount(block);
    });
    let codec = |error: &TransactionError| matches!(error, TransactionError::Codec(_));
    assert!(matches!(error, BlockError::Transaction { index: 1, error } if codec(&error)));
    let error = refusal(|_, block| {
        let mut bytes = block.transactions[0].0.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        block.transactions[0] = RawTransaction(bytes.into());
        recount(block);
    });
    let signature = TransactionError::Signature;
    assert_eq!(
        error,
        BlockError::Transaction {
            index: 0,
            error: signature
        }
    );
}

#[test]
fn more_transactions_or_bytes_than_the_network_allows_are_refused() {
    let mut genesis = Genesis::local("small", 1_000, 4);
    genesis.parameters.block_transactions_max = 2;
    genesis.parameters.block_bytes_max = 16 * 1024;
    let network = Network::with(&genesis);
    let raw = |size: usize| RawTransaction(vec![0; size].into());
    let mut block = network.build(&[]).block;
    block.transactions = vec![raw(1); 3];
    recount(&mut block);
    let many = BlockError::TooManyTransactions { found: 3, max: 2 };
    assert_eq!(network.execute(&block).unwrap_err(), many);
    block.transactions = vec![raw(16 * 1024), raw(1)];
    recount(&mut block);
    let (found, max) = (16 * 1024 + 1, 16 * 1024);
    let large = BlockError::TooManyBytes { found, max };
    assert_eq!(network.execute(&block).unwrap_err(), large);
}

#[test]
fn block_one_follows_the_genesis_without_certificate() {
    let network = Network::new();
    let mut block = network.build(&[]).block;
    assert_eq!(block.header.parent.0, network.tip.genesis_hash);
    assert_eq!(block.header.parent_certificate_hash, Hash::ZERO);
    network.execute(&block).unwrap();
    let certificate = network.certify(&block.header, &[0, 1, 2]);
    block.header.parent_certificate_hash = certificate.hash();
    block.parent_certificate = Some(certificate);
    let error = network.execute(&block).unwrap_err();
    assert_eq!(error, BlockError::CertificatePresence { expected: false });
}

#[test]
fn the_parents_certificate_is_checked_in_every_respect() {
    let with = |change: fn(&Network, &mut crate::certificate::CommitCertificate)| {
        refusal(|network, block| {
            let certificate = block.parent_certificate.as_mut().unwrap();
            change(network, certificate);
            block.header.parent_certificate_hash = certificate.hash();
        })
    };
    let power = with(|_, certificate| certificate.signatures.truncate(2));
    let power_of = |error: &CertificateError| matches!(error, CertificateError::Power { .. });
    assert!(matches!(power, BlockError::Certificate(error) if power_of(&error)));
    let swapped = with(|_, certificate| {
        certificate.signatures[0].signature = certificate.signatures[1].signature;
    });
    let signature = CertificateError::Signature { index: 0 };
    assert_eq!(swapped, BlockError::Certificate(signature));
    let repeated = with(|_, certificate| {
        certificate.signatures[1] = certificate.signatures[0];
    });
    assert_eq!(repeated, BlockError::Certificate(CertificateError::Order));
    let unknown = with(|_, certificate| certificate.signatures[3].validator = 4);
    let unknown_of = |error: &CertificateError| {
        matches!(error, CertificateError::UnknownValidator { index: 4, .. })
    };
    assert!(matches!(unknown, BlockError::Certificate(error) if unknown_of(&error)));
    let height = with(|_, certificate| certificate.height += 1);
    assert!(matches!(
        height,
        BlockError::CertificateBlock { height: 2, .. }
    ));
    let block = with(|_, certificate| certificate.block = BlockHash(OTHER));
    assert!(matches!(
        block,
        BlockError::CertificateBlock { height: 1, .. }
    ));
    let round = with(|_, certificate| certificate.round += 1);
    assert!(matches!(
        round,
        BlockError::Certificate(CertificateError::Signature { .. })
    ));
    let missing = refusal(|_, block| {
        block.parent_certificate = None;
        block.header.parent_certificate_hash = Hash::ZERO;
    });
    assert_eq!(missing, BlockError::CertificatePresence { expected: true });
}

#[test]
fn a_certificate_from_before_the_parent_was_made_is_refused() {
    let mut network = Network::new();
    let built = network.build_in(3, &[]).unwrap();
    network.finish(&built);
    let mut early = network.certificate.clone().unwrap();
    early.round = 2;
    network.certificate = Some(early);
    let error = network.build_in(0, &[]).unwrap_err();
    assert_eq!(error, BlockError::CertificateRound { found: 2, made: 3 });
}

#[test]
fn a_certificate_that_the_caller_verified_is_not_verified_again() {
    struct Nothing;
    impl SignatureScheme for Nothing {
        fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
            false
        }
    }
    let (network, _) = second_block();
    let block = network.build(&[]).block;
    let outcome = |verified_certificate| {
        let checks = Checks {
            scheme: &Nothing,
            transactions: &|raw| {
                raw.first()
                    .map_or(Ok(vec![]), |_| Err((0, TransactionError::Signature)))
            },
            verified_certificate,
        };
        execute(&network.tip, &block, &checks).map(drop)
    };
    let hash = block.header.parent_certificate_hash;
    assert_eq!(outcome(Some(hash)), Ok(()));
    for other in [None, Some(OTHER)] {
        let error = outcome(other).unwrap_err();
        assert!(matches!(
            error,
            BlockError::Certificate(CertificateError::Signature { .. })
        ));
    }
}

#[test]
fn evidence_is_ordered_without_repetition_proven_and_bounded() {
    let sorted = |network: &Network| {
        let mut evidence = [1, 2].map(|height| equivocation(network, height));
        evidence.sort_unstable_by_key(Evidence::hash);
        evidence
    };
    let error = refusal(|network, block| {
        let [one, other] = sorted(network);
        accuse(block, vec![other, one]);
    });
    assert_eq!(error, BlockError::EvidenceOrder);
    let error = refusal(|network, block| {
        let one = equivocation(network, 1);
        accuse(block, vec![one, one]);
    });
    assert_eq!(error, BlockError::EvidenceOrder);
    let error = refusal(|network, block| {
        let Evidence::Votes(one, _) = equivocation(network, 1) else {
            unreachable!("two votes are evidence of votes");
        };
        accuse(block, vec![Evidence::Votes(one, one)]);
    });
    let same = EvidenceError::Order;
    assert_eq!(
        error,
        BlockError::Evidence {
            index: 0,
            error: same
        }
    );
    let found = BLOCK_EVIDENCE_MAX + 1;
    let error = refusal(|network, block| accuse(block, vec![equivocation(network, 1); found]));
    let max = BLOCK_EVIDENCE_MAX;
    assert_eq!(error, BlockError::TooMuchEvidence { found, max });
}

#[test]
fn an_empty_list_has_the_root_zero() {
    let (network, _) = second_block();
    let header = network.build(&[]).block.header;
    assert_eq!((header.transaction_count, header.evidence_count), (0, 0));
    assert_eq!(
        [header.transaction_root, header.evidence_root],
        [list_root(&[]); 2]
    );
}

#[test]
fn a_disk_that_cannot_be_read_is_told_from_a_bad_block() {
    let storage = Arc::new(crate::storage::MemoryStorage::new());
    let mut network = Network::new();
    network.storage = Arc::clone(&storage) as _;
    network.chain = crate::chain::ChainStore::new(Arc::clone(&network.storage));
    network.chain.init_genesis(&network.tip.genesis).unwrap();
    network.tip = network.chain.tip().unwrap();
    let block = network.build(&[network.pay("alice", 0, "bob", 1)]).block;
    let pages = network.storage.scan(Column::State, &[], None, 100).unwrap();
    for (key, _) in pages {
        storage.damage(Column::State, &key);
    }
    network.tip = network.chain.tip().unwrap_or(network.tip);
    let error = network.execute(&block).unwrap_err();
    assert!(!error.is_deterministic(), "{error}");
}
