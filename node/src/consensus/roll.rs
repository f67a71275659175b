//! The roll call: a validator signs nothing after a start before it has heard, fresh, from
//! validators that together with it have more than two thirds of the power, and is where they are.
//!
//! A validator that starts (or becomes one, or stood still for a while) floods a signed call, and
//! again every `CALL_AGAIN` until the roll is complete twice, `LISTENS` apart; the others answer
//! with their height, and show the latest message of the caller's key if the caller does not know
//! of one as late. An answer names the calls it answers: what was recorded before a call was made
//! answers nothing. The roll is *complete* when those that answered from no higher a height than
//! the caller's have, with the caller, more than two thirds of the power. Until then no height is
//! begun; while the node watches, the roll is called every `CALL_WATCHING`, and
//! [`watch`](super::watch) counts only while it is complete with answers to calls of the last
//! `FRESH`.
//!
//! # Why this is safe
//! Let the key have signed at height H, before this process started, something that this process
//! does not know of. Then H - 1 was decided, so more than two thirds of the power had precommitted
//! there, each of them at height H - 1 or above. A complete roll and those precommits have more
//! than a third of the power in common, so, where the Byzantine together with this validator are no
//! more than a third, an honest other: it answered from H - 1 or above, and so this node is at H -
//! 1 or above. It got there by blocks whose certificates it has looked through for its own
//! signatures, and every answer it counted came with the latest own message that the answerer holds
//! of its height and the one before. What nobody who answered has seen is left: a message of the
//! last two heights that reached no one of more than two thirds less this one. Against that the
//! guard stands, which knows its file; where the guard is in doubt the node watches, and begins
//! above what it may have signed.
//!
//! This costs no liveness: while more than two thirds, this one counted, are not there, no block
//! can be made with it or without it. A minority cannot keep a node silent by inventing heights:
//! what it claims is not counted, and that is all. It cannot invent signatures: messages are shown
//! whole.
//!
//! # Two processes with one key
//! An answer of the own key with another instance, to a call of this process, proves that another
//! process runs now. Who is still waiting for the roll then watches; who signs goes on, and says
//! so. That is why the roll is called twice: who runs has the time to answer. An answer that is
//! later all the same counts for `YIELDS`. The answer of one that watches itself counts only for
//! one that watches: so two that start together both watch for as long as both run, and an ordinary
//! restart beside a copy that watches is an ordinary one.
//!
//! # Limits
//! A caller's calls are answered in groups, at most one answer every `ANSWER_AGAIN`, which names at
//! most `MAX_CALLS` of each caller and `VALIDATORS_MAX` in all. Of a key, `MAX_PER_KEY` calls and
//! answers at once and as many a second are checked and passed on. Only members of the set ask,
//! answer and are listened to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use starling_gossip::Instant;
use starling_gossip::budget::Budget;
use starling_gossip::message::{CallId, Place, RollCall};
use starling_ledger::keys::PublicKey;
use starling_ledger::validators::{VALIDATORS_MAX, ValidatorSet, VotingPower};
use starling_ledger::vote::Height;

/// Time between two calls while the roll is not complete.
const CALL_AGAIN: Duration = Duration::from_secs(1);
/// Time between two calls of a node that watches.
const CALL_WATCHING: Duration = Duration::from_secs(5);
/// Time between a complete roll and the call that has to confirm it. Our choice: long enough for an
/// answer of another process with the own key, which answers every [`ANSWER_AGAIN`], on its way
/// over some links.
const LISTENS: Duration = Duration::from_millis(500);
/// How long after it began to sign a process still yields to another one.
const YIELDS: Duration = Duration::from_secs(5);
/// Least time between two calls, whatever neighbours come up.
const CALL_LEAST: Duration = Duration::from_millis(200);
/// How long after its call an answer counts for a node that watches: three calls, two of them lost.
pub(super) const FRESH: Duration = Duration::from_secs(16);
/// Least time between two answers of this node.
const ANSWER_AGAIN: Duration = Duration::from_millis(200);
/// Most calls of one caller in one answer. An honest one makes one or two in that time; the others
/// are recordings of its earlier calls that somebody plays.
const MAX_CALLS: usize = 8;
/// Most own calls to which answers count.
const MAX_OWN_CALLS: usize = 8;
/// Calls and answers of one key at once, and as many a second. Our choice: some times what an
/// honest node sends.
const MAX_PER_KEY: u32 = 20;
/// Least time between two looks whether somebody else runs with the own key.
const PROBE_AGAIN: Duration = Duration::from_secs(60);

/// Whether the roll has been complete since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// This node has not been a validator since its start.
    Idle,
    /// It waits.
    Open,
    /// It has heard enough.
    Done,
}

/// What an answer said.
#[derive(Clone, Copy, Debug)]
struct Heard {
    height: Height,
    /// When the call that it answers was made.
    called: Instant,
}

/// A call of somebody that waits for an answer.
pub(super) type Asked = (CallId, Option<Place>);

/// The roll, as caller and as answerer.
#[derive(Debug)]
pub(super) struct Roll {
    instance: u64,
    stage: Stage,
    number: u64,
    calls: VecDeque<(CallId, Instant)>,
    heard: BTreeMap<PublicKey, Heard>,
    last_call: Option<Instant>,
    /// The roll was complete: calls from then on have to confirm it.
    confirms: Option<Instant>,
    /// When this process began to sign.
    signs_since: Option<Instant>,
    /// A neighbour came up since: when to call again for its sake.
    hurried: Option<Instant>,
    probed: Option<Instant>,
    asked: BTreeMap<PublicKey, Vec<Asked>>,
    last_answer: Option<Instant>,
    budgets: BTreeMap<PublicKey, Budget>,
    /// Instances of the own key that were told of.
    told: BTreeSet<u64>,
    /// When another instance of the own key answered last.
    twin: Option<Instant>,
}

impl Roll {
    /// Makes the roll of a process; with `vouched` it is never called.
    pub(super) const fn new(instance: u64, vouched: bool) -> Self {
        Self {
            instance,
            stage: if vouched { Stage::Done } else { Stage::Idle },
            number: 0,
            calls: VecDeque::new(),
            heard: BTreeMap::new(),
            last_call: None,
            confirms: None,
            signs_since: None,
            hurried: None,
            probed: None,
            asked: BTreeMap::new(),
            last_answer: None,
            budgets: BTreeMap::new(),
            told: BTreeSet::new(),
            twin: None,
        }
    }

    /// Returns the number of this process.
    pub(super) const fn instance(&self) -> u64 {
        self.instance
    }

    /// The node is a validator: it has to hear the others first, once.
    pub(super) fn open(&mut self) {
        if self.stage == Stage::Idle {
            self.stage = Stage::Open;
        }
    }

    /// The node stood still: what it has heard is worth nothing.
    pub(super) fn reopen(&mut self) -> bool {
        let reopens = self.stage == Stage::Done;
        if reopens {
            self.stage = Stage::Open;
            self.heard.clear();
            self.calls.clear();
            self.last_call = None;
            self.confirms = None;
        }
        reopens
    }

    /// Says whether the node waits.
    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Takes note that the roll is complete: it has to be so again, with answers to later calls.
    pub(super) fn confirm(&mut self, now: Instant) {
        if self.stage == Stage::Open && self.confirms.is_none() {
            self.confirms = Some(now + LISTENS);
        }
    }

    /// Returns from when on calls confirm that the roll is complete.
    pub(super) const fn confirms(&self) -> Option<Instant> {
        self.confirms
    }

    /// Takes note that the roll is complete for good; says whether it was waited for.
    pub(super) fn close(&mut self, now: Instant) -> bool {
        let closes = self.stage == Stage::Open;
        if closes {
            self.stage = Stage::Done;
            self.signs_since = Some(now);
        }
        closes
    }

    /// Takes note that a watch is over.
    pub(super) const fn signs_again(&mut self, now: Instant) {
        self.signs_since = Some(now);
    }

    /// Says whether this process gives way to another one of its key that does not watch.
    pub(super) fn yields(&self, now: Instant) -> bool {
        let young = self.signs_since.is_some_and(|since| now < since + YIELDS);
        self.is_open() || young
    }

    /// Returns the power of `own` and of those that answered calls of not before `since` from no
    /// higher than `height`.
    pub(super) fn power(
        &self,
        set: &ValidatorSet,
        own: &PublicKey,
        (height, since): (Height, Instant),
    ) -> VotingPower {
        let here = |key: &PublicKey| {
            let heard = self.heard.get(key);
            heard.is_some_and(|heard| heard.height <= height && heard.called >= since)
        };
        let members = set.members().iter();
        members
            .filter(|member| member.key == *own || here(&member.key))
            .map(|member| member.power)
            .sum()
    }

    /// Returns when to call next, for a node that wants to.
    pub(super) fn next_call(&self, watching: bool) -> Instant {
        let pause = match self.stage == Stage::Open {
            false if watching => CALL_WATCHING,
            _ => CALL_AGAIN,
        };
        let Some(last) = self.last_call else {
            return Instant::START;
        };
        let confirms = self.confirms.filter(|at| self.is_open() && last < *at);
        let sooner = [confirms, self.hurried].into_iter().flatten();
        sooner.fold(last + pause, Instant::min)
    }

    /// A neighbour came up, which the last call may not have reached.
    pub(super) fn hurry(&mut self, now: Instant) {
        let last = self.last_call.map(|last| now.max(last + CALL_LEAST));
        self.hurried = self.hurried.or(last);
    }

    /// Makes the next call.
    pub(super) fn call(&mut self, now: Instant, key: PublicKey, known: Option<Place>) -> RollCall {
        self.last_call = Some(now);
        self.hurried = None;
        self.number += 1;
        RollCall {
            validator: key,
            instance: self.instance,
            number: self.number,
            known,
        }
    }

    /// Takes note of the own call that was just made.
    pub(super) fn called(&mut self, now: Instant, id: CallId) {
        self.calls.push_back((id, now));
        while self.calls.len() > MAX_OWN_CALLS {
            self.calls.pop_front();
        }
    }

    /// Returns when the latest own call among `ids` was made.
    pub(super) fn answered(&self, ids: &[CallId]) -> Option<Instant> {
        let calls = self.calls.iter().rev();
        let mut named = calls.filter(|(id, _)| ids.binary_search(id).is_ok());
        named.next().map(|(_, at)| *at)
    }

    /// Takes note of an answer to an own call.
    pub(super) fn hear(&mut self, key: PublicKey, height: Height, called: Instant) {
        let heard = self.heard.entry(key).or_insert(Heard { height, called });
        if called >= heard.called {
            *heard = Heard { height, called };
        }
    }

    /// Forgets who is no member any more.
    pub(super) fn retain(&mut self, set: &ValidatorSet) {
        self.heard.retain(|key, _| set.by_key(key).is_some());
        self.budgets.retain(|key, _| set.by_key(key).is_some());
        self.asked.retain(|key, _| set.by_key(key).is_some());
    }

    /// Says whether one more message of a member is looked at.
    pub(super) fn allows(&mut self, key: PublicKey, now: Instant) -> bool {
        let new = || Budget::new(MAX_PER_KEY, MAX_PER_KEY, now);
        self.budgets.entry(key).or_insert_with(new).take(now, 1)
    }

    /// Takes note of a call that is to be answered.
    pub(super) fn ask(&mut self, key: PublicKey, asked: Asked) {
        let calls = self.asked.entry(key).or_default();
        if calls.len() < MAX_CALLS && !calls.iter().any(|(id, _)| *id == asked.0) {
            calls.push(asked);
        }
    }

    /// Returns when to answer; `None` if nobody asks.
    pub(super) fn next_answer(&self) -> Option<Instant> {
        let last = self
            .last_answer
            .map_or(Instant::START, |last| last + ANSWER_AGAIN);
        (!self.asked.is_empty()).then_some(last)
    }

    /// Takes the callers that are answered now.
    pub(super) fn take_asked(&mut self, now: Instant) -> Vec<(PublicKey, Vec<Asked>)> {
        self.last_answer = Some(now);
        let mut taken = Vec::new();
        let mut count = 0;
        while let Some((key, calls)) = self.asked.pop_first() {
            count += calls.len();
            if count > VALIDATORS_MAX {
                self.asked.insert(key, calls);
                break;
            }
            taken.push((key, calls));
        }
        taken
    }

    /// Says whether to look for another process with the own key.
    pub(super) fn probes(&mut self, now: Instant) -> bool {
        let due = self.probed.is_none_or(|at| now >= at + PROBE_AGAIN);
        if due {
            self.probed = Some(now);
        }
        due
    }

    /// Takes note that another instance of the own key has answered.
    pub(super) const fn twin_answered(&mut self, now: Instant) {
        self.twin = Some(now);
    }

    /// Says whether another instance of the own key runs: it is looked for every
    /// [`PROBE_AGAIN`].
    pub(super) fn has_twin(&self, now: Instant) -> bool {
        self.twin.is_some_and(|at| now.since(at) <= 2 * PROBE_AGAIN)
    }

    /// Says whether another instance of the own key is news.
    pub(super) fn is_news(&mut self, instance: u64) -> bool {
        self.told.len() < MAX_OWN_CALLS && self.told.insert(instance)
    }
}
