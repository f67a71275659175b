//! Single rules, one machine at a time, every action looked at.

use std::sync::Arc;
use std::time::Duration;

use starling_gossip::message::{ConsensusMessage, PolkaCertificate};
use starling_gossip::{Instant, PeerId};
use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::hash::Hash;
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::{Proposal, SignedVote, Vote, VoteType};

use super::keyed::{GENESIS, KeyedHash, KeyedSigner, key};
use super::network::timing;
use crate::consensus::guard::GuardState;
use crate::consensus::{
    Action, Config, Consensus, ConsensusFault, HaltReason, Input, PersistId, Recovered, malachite,
};

pub(super) const PEER: PeerId = PeerId([77; 32]);
pub(super) const BLOCK: BlockHash = BlockHash(Hash([1; 32]));
pub(super) const OTHER: BlockHash = BlockHash(Hash([2; 32]));

pub(super) struct Bench {
    pub(super) machine: Consensus,
    pub(super) set: Arc<ValidatorSet>,
    pub(super) now: Instant,
    pub(super) out: Vec<Action>,
}

impl Bench {
    /// A machine of the key at `me` among four, at height 1; `None` only follows.
    pub(super) fn new(me: Option<usize>) -> Self {
        let recovered = Recovered {
            guard: me.map(|me| GuardState::new(key(me))),
            ..Recovered::default()
        };
        Self::with(me, recovered, true)
    }

    /// The same, from what its disk holds. `vouched` signs at once; all others call the roll.
    pub(super) fn with(me: Option<usize>, recovered: Recovered, vouched: bool) -> Self {
        let member = |index: u8| Validator {
            account: AccountId([index; 32]),
            key: key(usize::from(index)),
            power: 10,
        };
        let set = Arc::new(ValidatorSet::new((0..4).map(member).collect()).unwrap());
        let config = Config {
            timing: timing(),
            new_engine: malachite::new_engine,
            sign_at_once: vouched,
            epoch_blocks: 100,
            newborn: false,
            instance: 1,
        };
        let signer = me.map(|me| Arc::new(KeyedSigner(key(me))) as _);
        let machine = Consensus::new(config, signer, Arc::new(KeyedHash), GENESIS, recovered);
        let mut bench = Self {
            machine,
            set,
            now: Instant(1_000_000),
            out: Vec::new(),
        };
        bench.start(1);
        bench
    }

    pub(super) fn start(&mut self, height: u64) {
        let validators = self.set.clone();
        self.input(Input::StartHeight { height, validators });
    }

    pub(super) fn input(&mut self, input: Input) {
        self.machine.handle(self.now, input, &mut self.out);
    }

    pub(super) fn message(&mut self, message: ConsensusMessage) {
        let from = Some(PEER);
        self.input(Input::Message { from, message });
    }

    pub(super) fn vote(&mut self, vote: SignedVote) {
        self.message(ConsensusMessage::Vote(vote));
    }

    pub(super) fn propose(&mut self, block: BlockHash) {
        let proposer = self.set.proposer(1, 0).key;
        let proposal = Proposal {
            height: 1,
            round: 0,
            block,
            pol_round: None,
            proposer,
        };
        let signed = proposal.sign(&GENESIS, &KeyedSigner(proposer));
        self.message(ConsensusMessage::Proposal(signed));
    }

    pub(super) fn checked(&mut self, block: BlockHash, valid: bool, timely: bool) {
        self.input(Input::BlockChecked {
            height: 1,
            block,
            round: 0,
            proposer: key(0),
            valid,
            timely,
        });
    }

    pub(super) fn persist_all(&mut self) {
        let last = self.out.iter().filter_map(|action| match action {
            Action::Persist { id, .. } => Some(*id),
            _ => None,
        });
        if let Some(id) = last.max() {
            self.input(Input::Persisted { id });
        }
    }

    /// The own votes that have left.
    pub(super) fn own_votes(&self, me: usize) -> Vec<Vote> {
        let votes = self.out.iter().filter_map(|action| match action {
            Action::Flood {
                message: ConsensusMessage::Vote(signed),
            } => Some(signed.vote),
            _ => None,
        });
        votes.filter(|vote| vote.validator == key(me)).collect()
    }

    pub(super) fn faults(&self) -> Vec<ConsensusFault> {
        let faults = self.out.iter().filter_map(|action| match action {
            Action::Penalize { fault, .. } => Some(*fault),
            _ => None,
        });
        faults.collect()
    }

    pub(super) fn decided(&self) -> Option<CommitCertificate> {
        self.out.iter().find_map(|action| match action {
            Action::Decided { certificate, .. } => Some(certificate.clone()),
            _ => None,
        })
    }

    pub(super) fn halt(&self) -> Option<HaltReason> {
        self.out.iter().find_map(|action| match action {
            Action::Halt { reason } => Some(reason.clone()),
            _ => None,
        })
    }
}

pub(super) fn vote(
    vote_type: VoteType,
    from: usize,
    round: u32,
    block: Option<BlockHash>,
) -> SignedVote {
    let vote = Vote {
        vote_type,
        height: 1,
        round,
        block,
        validator: key(from),
    };
    vote.sign(&GENESIS, &KeyedSigner(key(from)))
}

/// A member that is not the proposer of height 1.
fn follower(set: &ValidatorSet) -> usize {
    let proposer = set.proposer(1, 0).key;
    (0..4).find(|index| key(*index) != proposer).unwrap()
}

fn voter() -> (Bench, usize) {
    let me = follower(&Bench::new(None).set);
    (Bench::new(Some(me)), me)
}

#[test]
fn nothing_own_is_seen_before_the_disk_has_it() {
    let (mut bench, me) = voter();
    bench.propose(BLOCK);
    bench.checked(BLOCK, true, true);
    assert_eq!(bench.own_votes(me), [], "the prevote waits for the disk");
    let persist = bench.out.iter().find_map(|action| match action {
        Action::Persist {
            log, guard, bodies, ..
        } => Some((log.len(), guard.clone(), bodies.clone())),
        _ => None,
    });
    let (records, guard, bodies) = persist.unwrap();
    assert!(records >= 3, "proposal, value and own vote");
    assert_eq!(guard.unwrap().messages.len(), 1);
    assert_eq!(bodies, [BLOCK], "and the body of the block");
    let others: Vec<_> = (0..4).filter(|index| *index != me).collect();
    for from in &others {
        bench.vote(vote(VoteType::Prevote, *from, 0, Some(BLOCK)));
        bench.vote(vote(VoteType::Precommit, *from, 0, Some(BLOCK)));
    }
    assert_eq!((bench.own_votes(me).len(), bench.decided()), (0, None));
    bench.persist_all();
    assert_eq!(bench.own_votes(me).len(), 2);
    assert!(bench.decided().is_some());
}

#[test]
fn an_earlier_write_does_not_let_later_votes_out() {
    let (mut bench, me) = voter();
    bench.propose(BLOCK);
    bench.checked(BLOCK, true, true);
    for from in (0..4).filter(|index| *index != me) {
        bench.vote(vote(VoteType::Prevote, from, 0, Some(BLOCK)));
    }
    bench.input(Input::Persisted { id: PersistId(1) });
    let left: Vec<_> = bench
        .own_votes(me)
        .iter()
        .map(|vote| vote.vote_type)
        .collect();
    assert_eq!(left, [VoteType::Prevote]);
}

#[test]
fn a_wrong_signature_is_blamed_once_checked_and_never_fed() {
    let (mut bench, _) = voter();
    let mut bad = vote(VoteType::Prevote, 0, 0, Some(BLOCK));
    bad.signature.0[3] ^= 1;
    bench.vote(bad);
    assert_eq!(bench.faults(), [ConsensusFault::Signature]);
    assert!(
        !bench
            .out
            .iter()
            .any(|one| matches!(one, Action::Flood { .. }))
    );
}

#[test]
fn strangers_far_rounds_and_other_heights_are_dropped_without_blame() {
    let (mut bench, me) = voter();
    let other = (0..4).find(|index| *index != me).unwrap();
    bench.out.clear();
    bench.vote(vote(VoteType::Prevote, 9, 0, None));
    bench.vote(vote(VoteType::Prevote, other, 11, None));
    let far = Vote {
        height: 7,
        ..vote(VoteType::Prevote, other, 0, None).vote
    };
    bench.vote(far.sign(&GENESIS, &KeyedSigner(key(other))));
    assert_eq!(bench.out, []);
}

#[test]
fn a_validator_gets_a_quota_of_messages_for_the_next_height() {
    let mut bench = Bench::new(None);
    bench.out.clear();
    for round in 0..50 {
        let early = Vote {
            height: 2,
            ..vote(VoteType::Prevote, 0, round, None).vote
        };
        bench.vote(early.sign(&GENESIS, &KeyedSigner(key(0))));
    }
    let passed_on = bench.out.len();
    assert!((1..=6).contains(&passed_on), "{passed_on}");
}

#[test]
fn a_block_that_is_not_timely_is_held_back_until_a_polka_comes() {
    let (mut bench, me) = voter();
    bench.propose(BLOCK);
    bench.checked(BLOCK, true, false);
    bench.persist_all();
    assert_eq!(bench.own_votes(me), []);
    for from in (0..4).filter(|index| *index != me) {
        bench.vote(vote(VoteType::Prevote, from, 0, Some(BLOCK)));
    }
    bench.persist_all();
    let votes = bench.own_votes(me);
    assert!(votes.iter().all(|vote| vote.block == Some(BLOCK)));
    assert_eq!(votes.len(), 2, "prevote and precommit follow the polka");
}

#[test]
fn a_block_without_proposal_or_certificate_is_not_shown_to_the_engine() {
    let (mut bench, _) = voter();
    bench.checked(OTHER, true, true);
    bench.checked(BlockHash(Hash([3; 32])), true, true);
    bench.propose(BLOCK);
    bench.checked(BLOCK, true, true);
    let logged = bench.out.iter().find_map(|action| match action {
        Action::Persist { bodies, .. } => Some(bodies.clone()),
        _ => None,
    });
    assert_eq!(logged, Some(vec![BLOCK]));
}

#[test]
fn precommits_decide_by_content_where_an_equivocator_hides_a_quorum() {
    let mut bench = Bench::new(None);
    bench.propose(BLOCK);
    bench.checked(BLOCK, true, true);
    bench.vote(vote(VoteType::Precommit, 0, 0, None));
    bench.vote(vote(VoteType::Precommit, 0, 0, Some(BLOCK)));
    bench.vote(vote(VoteType::Precommit, 1, 0, Some(BLOCK)));
    assert_eq!(bench.decided(), None);
    bench.vote(vote(VoteType::Precommit, 2, 0, Some(BLOCK)));
    bench.persist_all();
    let certificate = bench.decided().unwrap();
    assert_eq!(certificate.verify(&KeyedHash, &GENESIS, &bench.set), Ok(30));
}

#[test]
fn the_own_precommit_counts_where_an_equivocator_hides_a_quorum() {
    let (mut bench, me) = voter();
    bench.propose(BLOCK);
    bench.checked(BLOCK, true, true);
    let others: Vec<_> = (0..4).filter(|index| *index != me).collect();
    for from in &others {
        bench.vote(vote(VoteType::Prevote, *from, 0, Some(BLOCK)));
    }
    bench.vote(vote(VoteType::Precommit, others[0], 0, None));
    bench.vote(vote(VoteType::Precommit, others[0], 0, Some(BLOCK)));
    bench.vote(vote(VoteType::Precommit, others[1], 0, Some(BLOCK)));
    assert_eq!(bench.decided(), None);
    bench.persist_all();
    bench.persist_all();
    assert!(bench.decided().is_some());
}

#[test]
fn two_thirds_exactly_do_not_decide() {
    let mut bench = Bench::new(None);
    let three = bench.set.members()[..3].to_vec();
    bench.set = Arc::new(ValidatorSet::new(three).unwrap());
    bench.start(1);
    bench.checked(BLOCK, true, true);
    bench.vote(vote(VoteType::Precommit, 0, 0, Some(BLOCK)));
    bench.vote(vote(VoteType::Precommit, 1, 0, Some(BLOCK)));
    bench.persist_all();
    assert_eq!(bench.decided(), None);
    bench.vote(vote(VoteType::Precommit, 2, 0, Some(BLOCK)));
    bench.persist_all();
    assert!(bench.decided().is_some());
}

#[test]
fn late_precommits_complete_the_certificate() {
    let mut bench = Bench::new(None);
    bench.checked(BLOCK, true, true);
    for from in 0..3 {
        bench.vote(vote(VoteType::Precommit, from, 0, Some(BLOCK)));
    }
    bench.persist_all();
    let seen = bench.decided().unwrap();
    bench.start(2);
    bench.vote(vote(VoteType::Precommit, 3, 0, Some(BLOCK)));
    let late = bench.machine.late_certificate(&seen);
    assert_eq!((seen.signatures.len(), late.signatures.len()), (3, 4));
    assert_eq!(late.verify(&KeyedHash, &GENESIS, &bench.set), Ok(40));
}

#[test]
fn a_second_certificate_halts_and_keeps_both() {
    let mut bench = Bench::new(None);
    bench.checked(BLOCK, true, true);
    for from in 0..3 {
        bench.vote(vote(VoteType::Precommit, from, 0, Some(BLOCK)));
    }
    bench.persist_all();
    bench.start(2);
    for from in 1..4 {
        bench.vote(vote(VoteType::Precommit, from, 0, Some(OTHER)));
    }
    let Some(HaltReason::Conflict { one, other }) = bench.halt() else {
        panic!("no halt");
    };
    assert_eq!((one.block, other.block), (BLOCK, OTHER));
}

#[test]
fn a_certified_block_that_does_not_apply_halts() {
    let mut bench = Bench::new(None);
    for from in 0..3 {
        bench.vote(vote(VoteType::Precommit, from, 0, Some(BLOCK)));
    }
    assert_eq!(bench.halt(), None);
    bench.checked(BLOCK, false, true);
    let halt = HaltReason::CertifiedInvalid {
        height: 1,
        block: BLOCK,
    };
    assert_eq!(bench.halt(), Some(halt));
}

#[test]
fn a_decided_block_that_is_not_here_is_asked_for_again_and_again() {
    let mut bench = Bench::new(None);
    for from in 0..3 {
        bench.vote(vote(VoteType::Precommit, from, 0, Some(BLOCK)));
    }
    for _ in 0..5 {
        bench.now = bench.machine.next_deadline().unwrap();
        bench.input(Input::Wake);
    }
    let asked = bench.out.iter();
    let asked = asked
        .filter(|one| matches!(one, Action::WantBlock { .. }))
        .count();
    assert!(asked >= 3, "{asked}");
    assert_eq!(bench.decided(), None);
    bench.checked(BLOCK, true, false);
    bench.persist_all();
    assert!(bench.decided().is_some());
}

#[test]
fn a_certificate_without_the_power_is_blamed_before_its_signatures_are_checked() {
    let mut bench = Bench::new(None);
    let entry = |from: usize| CommitSignature {
        validator: u16::try_from(from).unwrap(),
        signature: vote(VoteType::Prevote, from, 0, Some(BLOCK)).signature,
    };
    let polka = |signers: &[usize]| {
        ConsensusMessage::Polka(PolkaCertificate {
            height: 1,
            round: 0,
            block: BLOCK,
            signatures: signers.iter().map(|from| entry(*from)).collect(),
        })
    };
    bench.message(polka(&[0, 1]));
    assert_eq!(bench.faults(), [ConsensusFault::Certificate]);
    bench.message(polka(&[0, 1, 3]));
    let wants = |action: &Action| matches!(action, Action::WantBlock { block: BLOCK, .. });
    assert!(bench.out.iter().any(wants), "a polka vouches for its block");
}

#[test]
fn silence_is_told_from_absence_by_the_step_that_lacks_votes() {
    let (mut bench, me) = voter();
    let other = (0..4).find(|index| *index != me).unwrap();
    bench.now = bench.now + Duration::from_millis(400);
    bench.input(Input::Wake);
    bench.persist_all();
    bench.vote(vote(VoteType::Prevote, other, 0, None));
    bench.now = bench.now + Duration::from_secs(100);
    let status = bench.machine.status(bench.now);
    assert_eq!(status.silent.len(), 2, "two of four have not prevoted");
    assert_eq!((status.present_power, status.total_power), (20, 40));
}
