//! Sets that change between heights, and evidence on its way.

use std::sync::Arc;

use starling_gossip::PeerId;
use starling_gossip::message::ConsensusMessage;
use starling_ledger::address::AccountId;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::evidence::Evidence;
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::{Height, SignedVote, Vote, VoteType};

use super::keyed::{GENESIS, KeyedHash, KeyedSigner, key};
use super::network::timing;
use super::rules::{BLOCK, Bench, OTHER, PEER, vote};
use crate::consensus::guard::{self, GuardState};
use crate::consensus::{
    Action, Config, Consensus, ConsensusEvent, ConsensusFault, Duty, Input, Recovered, malachite,
};

const NEIGHBOUR: PeerId = PeerId([78; 32]);

fn set(members: &[usize]) -> Arc<ValidatorSet> {
    let member = |index: &usize| Validator {
        account: AccountId([u8::try_from(*index).unwrap(); 32]),
        key: key(*index),
        power: 10,
    };
    Arc::new(ValidatorSet::new(members.iter().map(member).collect()).unwrap())
}

fn at(height: Height, from: usize, block: Option<starling_ledger::block::BlockHash>) -> SignedVote {
    let vote = Vote {
        height,
        ..vote(VoteType::Prevote, from, 0, block).vote
    };
    vote.sign(&GENESIS, &KeyedSigner(key(from)))
}

fn offence(height: Height, from: usize) -> Evidence {
    Evidence::of_votes(at(height, from, None), at(height, from, Some(BLOCK)))
}

fn told(evidence: Evidence) -> ConsensusMessage {
    ConsensusMessage::Evidence(Box::new(evidence))
}

fn flooded(out: &[Action]) -> Vec<Evidence> {
    let evidence = out.iter().filter_map(|action| match action {
        Action::Flood {
            message: ConsensusMessage::Evidence(evidence),
        } => Some(**evidence),
        _ => None,
    });
    evidence.collect()
}

fn signs(bench: &Bench) -> bool {
    bench.machine.status(bench.now).signing()
}

#[test]
fn a_key_signs_from_the_first_height_of_its_set_to_the_last() {
    let mut bench = Bench::new(Some(9));
    assert!(!signs(&bench), "it is not a member");
    bench.set = set(&[0, 1, 2, 9]);
    bench.start(2);
    assert!(signs(&bench));
    bench.now = bench.now + timing().idle_block;
    bench.input(Input::Wake);
    bench.now = bench.now + timing().propose;
    bench.input(Input::Wake);
    bench.persist_all();
    let votes = bench.own_votes(9);
    assert!(votes.iter().any(|vote| vote.height == 2));
    bench.set = set(&[0, 1, 2, 3]);
    bench.start(3);
    assert!(!signs(&bench));
    assert!(bench.own_votes(9).iter().all(|vote| vote.height == 2));
}

#[test]
fn early_messages_of_the_next_set_are_kept_once_a_valid_block_names_it() {
    let next = set(&[0, 1, 7, 8]);
    for (told, kept) in [(false, 0), (true, 1)] {
        let mut bench = Bench::new(None);
        if told {
            let validators = Arc::clone(&next);
            bench.input(Input::NextValidators {
                height: 1,
                validators,
            });
        }
        bench.vote(at(2, 7, Some(BLOCK)));
        bench.vote(at(2, 5, Some(BLOCK)));
        bench.set = Arc::clone(&next);
        bench.start(2);
        bench.input(Input::PeerUp(PEER));
        bench.now = bench.now + timing().min_block;
        bench.input(Input::Wake);
        let have = bench.out.iter().rev().find_map(|action| match action {
            Action::SendHave { have, .. } => Some(have.clone()),
            _ => None,
        });
        let prevotes = have.map_or(0, |have| have.prevotes.count());
        assert_eq!(prevotes, kept, "told {told}");
    }
}

#[test]
fn a_vote_of_the_old_set_does_not_count_at_a_height_of_the_new_one() {
    let mut bench = Bench::new(None);
    bench.vote(at(2, 3, Some(BLOCK)));
    bench.set = set(&[0, 1, 2, 9]);
    bench.out.clear();
    bench.start(2);
    assert!(
        bench
            .out
            .iter()
            .all(|one| !matches!(one, Action::Flood { .. }))
    );
    bench.vote(at(2, 3, None));
    assert_eq!((flooded(&bench.out), bench.faults()), (vec![], vec![]));
}

#[test]
fn two_values_for_one_step_are_found_also_at_the_last_height_and_spread_once() {
    let mut bench = Bench::new(None);
    bench.vote(vote(VoteType::Prevote, 0, 0, None));
    bench.start(2);
    bench.input(Input::Parent {
        validators: set(&[0, 1, 2, 3]),
        certificate: certificate(&[0, 1, 2]),
    });
    // The precommit of the certificate, and another one of the same key.
    bench.vote(vote(VoteType::Precommit, 1, 0, Some(OTHER)));
    assert_eq!(flooded(&bench.out).len(), 1);
    let told = bench.out.iter();
    let told = told.filter(|one| matches!(one, Action::Event(ConsensusEvent::Offence(_))));
    assert_eq!(told.count(), 1);
    bench.vote(vote(VoteType::Precommit, 1, 0, None));
    assert_eq!(flooded(&bench.out).len(), 1, "one piece for each offender");
    let [evidence] = bench.machine.evidence(2)[..] else {
        panic!("nothing to punish");
    };
    assert_eq!(evidence.key(), key(1));
    assert_eq!(evidence.verify(&KeyedHash, &GENESIS), Ok(()));
    bench.input(Input::Punished(vec![key(1)]));
    assert_eq!(bench.machine.evidence(2), []);
}

#[test]
fn evidence_of_a_neighbour_is_checked_kept_and_passed_on_once() {
    let mut bench = Bench::new(None);
    bench.start(2);
    bench.message(told(offence(1, 3)));
    bench.message(told(offence(1, 3)));
    bench.message(told(offence(2, 3)));
    assert_eq!(flooded(&bench.out), [offence(1, 3)]);
    assert_eq!(bench.machine.evidence(2), [offence(1, 3)]);
    bench.out.clear();
    bench.input(Input::PeerUp(NEIGHBOUR));
    let offered = bench.out.iter().any(|action| {
        let Action::SendTo { peer, message } = action else {
            return false;
        };
        (*peer, message) == (NEIGHBOUR, &told(offence(1, 3)))
    });
    assert!(offered, "a new neighbour is told");
    bench.input(Input::EvidenceRefused(vec![offence(1, 3).hash()]));
    bench.message(told(offence(1, 3)));
    assert_eq!(bench.machine.evidence(2), [], "what was refused stays out");
}

#[test]
fn evidence_that_proves_nothing_is_blamed_and_what_is_not_punishable_here_is_not() {
    let mut bench = Bench::new(None);
    let dropped = [
        offence(1, 9),
        offence(2, 0),
        offence(u64::MAX, 0),
        offence(0, 0),
    ];
    for evidence in dropped {
        bench.message(told(evidence));
    }
    assert_eq!(
        (bench.faults(), bench.machine.evidence(9)),
        (vec![], vec![])
    );
    let (one, other) = (at(1, 0, None), at(1, 0, Some(BLOCK)));
    let mut forged = other;
    forged.signature.0[5] ^= 1;
    let worthless = [
        Evidence::of_votes(one, one),
        Evidence::of_votes(one, vote(VoteType::Precommit, 0, 0, Some(BLOCK))),
        Evidence::of_votes(one, at(1, 1, Some(BLOCK))),
        Evidence::of_votes(one, forged),
        Evidence::Votes(one.max(other), one.min(other)),
    ];
    for evidence in worthless {
        bench.out.clear();
        bench.message(told(evidence));
        assert_eq!(bench.faults(), [ConsensusFault::Evidence], "{evidence:?}");
    }
    assert_eq!(bench.machine.evidence(9), []);
}

#[test]
fn a_parent_that_came_by_sync_still_collects_late_precommits() {
    let mut bench = Bench::new(None);
    bench.start(2);
    let seen = certificate(&[0, 1, 2]);
    bench.input(Input::Parent {
        validators: set(&[0, 1, 2, 3]),
        certificate: seen.clone(),
    });
    bench.vote(vote(VoteType::Precommit, 3, 0, Some(BLOCK)));
    let late = bench.machine.late_certificate(&seen);
    assert_eq!((seen.signatures.len(), late.signatures.len()), (3, 4));
    assert_eq!(late.verify(&KeyedHash, &GENESIS, &bench.set), Ok(40));
}

#[test]
fn the_certificate_of_an_epochs_last_block_is_completed_with_its_own_set() {
    let mut bench = Bench::new(None);
    let old = Arc::clone(&bench.set);
    bench.set = set(&[0, 1, 7, 8, 9]);
    bench.start(2);
    let seen = certificate(&[0, 1, 2]);
    bench.input(Input::Parent {
        validators: Arc::clone(&old),
        certificate: seen.clone(),
    });
    // Validator 3 has left: its precommit of the last height counts all the same; that of the
    // newcomer 9 does not.
    bench.vote(vote(VoteType::Precommit, 3, 0, Some(BLOCK)));
    bench.vote(vote(VoteType::Precommit, 9, 0, Some(BLOCK)));
    let late = bench.machine.late_certificate(&seen);
    assert_eq!(late.verify(&KeyedHash, &GENESIS, &old), Ok(40));
}

#[test]
fn a_restart_before_the_first_vote_of_a_newcomer_is_an_ordinary_one() {
    let machine = |guard: Option<GuardState>| {
        let config = Config {
            timing: timing(),
            new_engine: malachite::new_engine,
            sign_at_once: false,
            epoch_blocks: 100,
            newborn: false,
            instance: 1,
        };
        let recovered = Recovered {
            guard,
            ..Recovered::default()
        };
        let signer = Arc::new(KeyedSigner(key(9)));
        Consensus::new(
            config,
            Some(signer),
            Arc::new(KeyedHash),
            GENESIS,
            recovered,
        )
    };
    let mut bench = Bench::new(Some(9));
    let written = bench.out.iter().find_map(|action| match action {
        Action::Persist { guard, .. } => guard.clone(),
        _ => None,
    });
    let mut file = GuardState::new(key(9)).encode();
    for (known, watches) in [(false, true), (true, false)] {
        if known {
            file.extend(guard::encode_record(
                written.as_ref().expect("it was noted"),
            ));
        }
        let (state, _) = guard::decode(&file).unwrap();
        bench.machine = machine(Some(state));
        bench.set = set(&[0, 1, 2, 9]);
        bench.start(201);
        bench.input(Input::Wake);
        let duty = bench.machine.status(bench.now).duty;
        assert_eq!(matches!(duty, Duty::Watches(_)), watches);
    }
}

fn certificate(signers: &[usize]) -> CommitCertificate {
    let sign = |from: &usize| CommitSignature {
        validator: u16::try_from(*from).unwrap(),
        signature: vote(VoteType::Precommit, *from, 0, Some(BLOCK)).signature,
    };
    CommitCertificate {
        height: 1,
        round: 0,
        block: BLOCK,
        signatures: signers.iter().map(sign).collect(),
    }
}
