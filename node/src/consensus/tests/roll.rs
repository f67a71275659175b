//! The roll call: who is listened to, what it holds back, and what two processes of one key do.

use std::time::Duration;

use starling_gossip::message::{
    CallId, ConsensusMessage, OwnMessage, RollAnswer, RollCall, RollMessage,
};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::vote::{Height, SignedVote, Vote, VoteType};

use super::SECOND;
use super::keyed::{GENESIS, KeyedSigner, key};
use super::network::{Faults, Network};
use super::rules::{BLOCK, Bench, PEER, vote};
use crate::consensus::guard::GuardState;
use crate::consensus::watch::WATCH_QUIET;
use crate::consensus::{
    Action, ConsensusEvent, ConsensusFault, Doubt, Duty, HaltReason, Input, Recovered,
};

const ME: usize = 0;

/// A validator that calls the roll, from a guard that knows a vote at `height`; 0 knows of nothing.
fn validator(height: Height) -> Bench {
    let mut guard = GuardState::new(key(ME));
    if height > 0 {
        guard.note(own(height, 0, None)).unwrap();
    }
    let recovered = Recovered {
        guard: Some(guard),
        ..Recovered::default()
    };
    Bench::with(Some(ME), recovered, false)
}

fn own_vote(height: Height, round: u32, block: Option<BlockHash>) -> SignedVote {
    let vote = Vote {
        height,
        ..vote(VoteType::Prevote, ME, round, block).vote
    };
    vote.sign(&GENESIS, &KeyedSigner(key(ME)))
}

fn own(height: Height, round: u32, block: Option<BlockHash>) -> OwnMessage {
    OwnMessage::Vote(own_vote(height, round, block))
}

/// The latest call that left.
fn call(bench: &Bench) -> CallId {
    let mut calls = bench.out.iter().filter_map(|action| match action {
        Action::FloodRoll {
            message: RollMessage::Call(call, _),
        } if call.instance == 1 => Some(call.id(&GENESIS)),
        _ => None,
    });
    calls.next_back().expect("it calls")
}

fn answers(bench: &Bench) -> Vec<RollAnswer> {
    let answers = bench.out.iter().filter_map(|action| match action {
        Action::FloodRoll {
            message: RollMessage::Answer(answer, _),
        } if answer.validator == key(ME) => Some(answer.clone()),
        _ => None,
    });
    answers.collect()
}

fn answer(from: usize, height: Height, calls: Vec<CallId>) -> RollAnswer {
    RollAnswer {
        validator: key(from),
        instance: 1_000,
        height,
        watching: false,
        calls,
        shown: Vec::new(),
    }
}

fn hear(bench: &mut Bench, answer: RollAnswer) {
    let signer = KeyedSigner(answer.validator);
    roll(bench, answer.sign(&GENESIS, &signer));
}

fn roll(bench: &mut Bench, message: RollMessage) {
    let from = Some(PEER);
    bench.input(Input::Roll { from, message });
}

/// Somebody calls.
fn asks(bench: &mut Bench, call: RollCall) -> CallId {
    let signer = KeyedSigner(call.validator);
    roll(bench, call.sign(&GENESIS, &signer));
    call.id(&GENESIS)
}

fn caller(from: usize, instance: u64, number: u64) -> RollCall {
    RollCall {
        validator: key(from),
        instance,
        number,
        known: None,
    }
}

/// Two others answer from `height` to the latest call, and to the one that confirms it.
fn complete(bench: &mut Bench, height: Height) {
    for _ in 0..2 {
        let id = call(bench);
        for from in [1, 2] {
            hear(bench, answer(from, height, vec![id]));
        }
        pass(bench, SECOND);
    }
}

fn duty(bench: &Bench) -> Duty {
    bench.machine.status(bench.now).duty
}

fn doubt(bench: &Bench) -> Option<Doubt> {
    match duty(bench) {
        Duty::Watches(watching) => Some(watching.doubt),
        _ => None,
    }
}

fn begun(bench: &Bench) -> bool {
    bench.machine.status(bench.now).begun
}

fn pass(bench: &mut Bench, time: Duration) {
    let end = bench.now + time;
    while let Some(at) = bench.machine.next_deadline().filter(|at| *at <= end) {
        bench.now = bench.now.max(at);
        bench.input(Input::Wake);
        bench.persist_all();
    }
    bench.now = end;
}

#[test]
fn nothing_begins_before_more_than_two_thirds_are_heard() {
    let mut bench = validator(0);
    pass(&mut bench, 100 * SECOND);
    bench.propose(BLOCK);
    bench.checked(BLOCK, true, true);
    assert_eq!(duty(&bench), Duty::Waits { heard: 10 });
    let id = call(&bench);
    hear(&mut bench, answer(1, 1, vec![id]));
    assert_eq!(duty(&bench), Duty::Waits { heard: 20 });
    pass(&mut bench, 100 * SECOND);
    assert!(!begun(&bench));
    assert_eq!(bench.own_votes(ME), []);
    let id = call(&bench);
    hear(&mut bench, answer(2, 1, vec![id]));
    assert_eq!(
        duty(&bench),
        Duty::Waits { heard: 30 },
        "it is to be confirmed"
    );
    complete(&mut bench, 1);
    assert_eq!((duty(&bench), begun(&bench)), (Duty::Signs, true));
    assert!(
        !bench.own_votes(ME).is_empty(),
        "it votes for what was proposed"
    );
}

#[test]
fn what_was_answered_before_the_call_counts_nothing() {
    let mut earlier = validator(0);
    let old = call(&earlier);
    complete(&mut earlier, 1);
    assert_eq!(duty(&earlier), Duty::Signs);
    let mut bench = validator(0);
    // Another life has another instance; the bench gives both the same, so the call is skipped.
    pass(&mut bench, 2 * SECOND);
    let fresh = call(&bench);
    assert_ne!(old, fresh);
    for from in 1..4 {
        hear(&mut bench, answer(from, 1, vec![CallId([7; 16])]));
        hear(&mut bench, answer(from, 1, Vec::new()));
    }
    assert_eq!(duty(&bench), Duty::Waits { heard: 10 });
}

#[test]
fn who_is_ahead_is_counted_when_this_node_is_there() {
    let mut bench = validator(1);
    bench.start(5);
    complete(&mut bench, 7);
    assert_eq!(duty(&bench), Duty::Waits { heard: 10 });
    bench.start(7);
    complete(&mut bench, 7);
    assert_eq!(duty(&bench), Duty::Signs);
}

#[test]
fn an_invented_height_of_one_holds_nobody_back() {
    let mut bench = validator(0);
    let id = call(&bench);
    hear(&mut bench, answer(3, u64::MAX, vec![id]));
    assert_eq!(duty(&bench), Duty::Waits { heard: 10 });
    complete(&mut bench, 1);
    assert_eq!(duty(&bench), Duty::Signs);
}

#[test]
fn strangers_and_wrong_signatures_are_not_listened_to() {
    let mut bench = validator(0);
    let id = call(&bench);
    bench.out.clear();
    hear(&mut bench, answer(8, 1, vec![id]));
    assert!(bench.out.is_empty(), "a stranger is dropped");
    let forged = answer(1, 1, vec![id]).sign(&GENESIS, &KeyedSigner(key(2)));
    roll(&mut bench, forged);
    assert_eq!(bench.faults(), [ConsensusFault::Signature]);
    assert_eq!(duty(&bench), Duty::Waits { heard: 10 });
}

#[test]
fn a_shown_message_that_is_not_known_begins_a_watch() {
    let mut bench = validator(1);
    bench.start(5);
    let id = call(&bench);
    let known = RollAnswer {
        shown: vec![own(1, 0, None)],
        ..answer(1, 5, vec![id])
    };
    hear(&mut bench, known);
    assert_eq!(doubt(&bench), None, "what the guard knows is no news");
    let mut forged = own_vote(5, 0, Some(BLOCK));
    forged.signature.0[1] ^= 1;
    for (from, vote) in [(2, forged), (3, own_vote(5, 0, Some(BLOCK)))] {
        let shown = vec![OwnMessage::Vote(vote)];
        hear(
            &mut bench,
            RollAnswer {
                shown,
                ..answer(from, 5, vec![id])
            },
        );
        let unknown = Doubt::SignatureUnknown {
            height: 5,
            round: 0,
        };
        assert_eq!(doubt(&bench), (from == 3).then_some(unknown));
    }
}

#[test]
fn callers_are_answered_together_and_shown_what_they_forgot() {
    let mut bench = validator(0);
    complete(&mut bench, 1);
    bench.vote(vote(VoteType::Precommit, 1, 0, None));
    bench.vote(vote(VoteType::Prevote, 1, 0, None));
    bench.out.clear();
    let first = asks(&mut bench, caller(3, 5, 1));
    assert_eq!(answers(&bench)[0].calls, [first], "the first at once");
    let later: Vec<_> = (2..30)
        .map(|number| asks(&mut bench, caller(3, 5, number)))
        .collect();
    let forgetful = asks(&mut bench, caller(1, 5, 1));
    pass(&mut bench, SECOND);
    let [_, second] = &answers(&bench)[..] else {
        panic!("two answers");
    };
    assert!(second.calls.len() <= 9 && second.calls.contains(&forgetful));
    assert!(second.calls.contains(&later[0]));
    assert_eq!(
        second.shown,
        [OwnMessage::Vote(vote(VoteType::Precommit, 1, 0, None))]
    );
    let known = second.shown[0].place();
    asks(
        &mut bench,
        RollCall {
            known: Some(known),
            ..caller(1, 5, 2)
        },
    );
    pass(&mut bench, SECOND);
    assert_eq!(answers(&bench)[2].shown, [], "who knows is not shown");
}

#[test]
fn who_waits_yields_to_another_process_and_who_signs_does_not() {
    let twin = |id, watching| RollAnswer {
        watching,
        ..answer(ME, 1, vec![id])
    };
    let mut waiting = validator(0);
    let id = call(&waiting);
    hear(&mut waiting, twin(id, true));
    assert_eq!(doubt(&waiting), None, "a copy that watches is no danger");
    hear(&mut waiting, twin(id, false));
    assert_eq!(doubt(&waiting), Some(Doubt::SecondProcess));
    complete(&mut waiting, 1);
    pass(&mut waiting, WATCH_QUIET - 4 * SECOND);
    let id = call(&waiting);
    hear(&mut waiting, twin(id, true));
    complete(&mut waiting, 1);
    pass(&mut waiting, WATCH_QUIET - 10 * SECOND);
    assert_eq!(
        doubt(&waiting),
        Some(Doubt::SecondProcess),
        "it begins again"
    );

    let mut signing = validator(0);
    complete(&mut signing, 1);
    pass(&mut signing, 10 * SECOND);
    let before = call(&signing);
    asks(&mut signing, caller(ME, 77, 1));
    let probe = call(&signing);
    assert_ne!(
        before, probe,
        "a recorded call proves nothing: it asks back"
    );
    hear(&mut signing, twin(probe, false));
    assert_eq!(duty(&signing), Duty::Signs);
    let told = ConsensusEvent::SecondProcess { instance: 1_000 };
    assert!(signing.out.contains(&Action::Event(told)));
}

#[test]
fn a_watch_does_not_end_while_nobody_answers() {
    let recovered = Recovered {
        guard: Some(GuardState::new(key(ME))),
        doubt: Some(Doubt::GuardCopied),
        ..Recovered::default()
    };
    let mut bench = Bench::with(Some(ME), recovered, false);
    pass(&mut bench, 10 * WATCH_QUIET);
    assert_eq!(doubt(&bench), Some(Doubt::GuardCopied));
    // Heights that a recording decides do not count either.
    for height in 2..30 {
        bench.start(height);
    }
    assert_eq!(doubt(&bench), Some(Doubt::GuardCopied));
    complete(&mut bench, 29);
    pass(&mut bench, WATCH_QUIET / 2);
    assert_eq!(
        doubt(&bench),
        Some(Doubt::GuardCopied),
        "the answers are stale"
    );
    for _ in 0..8 {
        pass(&mut bench, 5 * SECOND);
        complete(&mut bench, 29);
    }
    assert_eq!(duty(&bench), Duty::Signs);
}

#[test]
fn a_stored_or_synced_own_signature_begins_a_watch() {
    let mut guard = GuardState::new(key(ME));
    guard.note(own(4, 0, None)).unwrap();
    for (height, watches) in [(3, false), (5, true)] {
        let precommit = Vote {
            height,
            ..vote(VoteType::Precommit, ME, 0, Some(BLOCK)).vote
        };
        let signed = precommit.sign(&GENESIS, &KeyedSigner(key(ME)));
        let stored = Recovered {
            guard: Some(guard.clone()),
            stored: Some(signed),
            ..Recovered::default()
        };
        let bench = Bench::with(Some(ME), stored, false);
        assert_eq!(doubt(&bench).is_some(), watches, "stored, {height}");
        let plain = Recovered {
            guard: Some(guard.clone()),
            ..Recovered::default()
        };
        let mut bench = Bench::with(Some(ME), plain, false);
        let validators = bench.set.clone();
        let certificate = CommitCertificate {
            height,
            round: 0,
            block: BLOCK,
            signatures: vec![CommitSignature {
                validator: 0,
                signature: signed.signature,
            }],
        };
        bench.input(Input::Certified {
            validators,
            certificate,
        });
        assert_eq!(doubt(&bench).is_some(), watches, "synced, {height}");
    }
}

#[test]
fn an_own_vote_of_a_height_far_away_begins_a_watch() {
    let mut bench = validator(1);
    complete(&mut bench, 1);
    bench.message(ConsensusMessage::Vote(own_vote(90, 0, None)));
    assert!(doubt(&bench).is_some());
}

#[test]
fn a_log_of_another_network_is_not_replayed() {
    use crate::consensus::wal::{LogEntry, LogRecord};
    let mut foreign = own_vote(1, 0, Some(BLOCK));
    foreign.signature.0[0] ^= 1;
    let recovered = Recovered {
        guard: Some(GuardState::new(key(ME))),
        log: vec![LogRecord {
            height: 1,
            entry: LogEntry::Vote(foreign),
        }],
        ..Recovered::default()
    };
    let mut bench = Bench::with(Some(ME), recovered, false);
    assert_eq!(doubt(&bench), Some(Doubt::LogForeign));
    pass(&mut bench, SECOND);
    assert_eq!(bench.halt(), None::<HaltReason>);
}

#[test]
fn who_stood_still_waits_for_the_roll_and_goes_on_where_it_was() {
    let mut bench = validator(0);
    complete(&mut bench, 1);
    bench.persist_all();
    let voted = bench.own_votes(ME).len();
    bench.input(Input::StoodStill);
    assert_eq!(duty(&bench), Duty::Waits { heard: 10 });
    bench.propose(BLOCK);
    bench.checked(BLOCK, true, true);
    pass(&mut bench, 100 * SECOND);
    let silent = bench.own_votes(ME).len() == voted;
    assert!(silent, "not even a timeout makes it vote");
    complete(&mut bench, 1);
    pass(&mut bench, SECOND);
    assert_eq!(duty(&bench), Duty::Signs);
    assert!(bench.own_votes(ME).len() > voted);
}

#[test]
fn a_cut_off_copy_of_the_past_stays_silent_for_as_long_as_it_is_alone() {
    let mut network = Network::new(4, 5, Faults::default());
    network.run_to(5, 60 * SECOND);
    network.crash(1);
    let chain = network.nodes[1].chain[..2].to_vec();
    network.run_for(5 * SECOND);
    network.nodes[1].chain = chain;
    network.nodes[1].guard = GuardState::new(key(1)).encode();
    network.nodes[1].log.clear();
    network.cut_off(1, true);
    network.start(1);
    network.run_for(300 * SECOND);
    let machine = network.nodes[1].machine.as_ref().unwrap();
    assert!(!machine.status(network.now).signing());
    network.cut_off(1, false);
    network.run_for(60 * SECOND);
    let machine = network.nodes[1].machine.as_ref().unwrap();
    assert!(machine.status(network.now).signing());
    assert_eq!(network.halts, []);
}
