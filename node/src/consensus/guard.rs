//! The sign guard: what a key has signed, so that it never signs two values for one step.
//!
//! The guard keeps the whole signed message of every (height, round, step) of the latest height,
//! and whether the node was watching because somebody else may sign with its key. It returns that
//! message for an identical request, and refuses another value, or anything of an earlier height,
//! for ever. Its records are durable before a signature leaves the node, and after the log entries
//! that led to it. It is bound to its key: a guard of another key is refused.
//!
//! These are pure functions over bytes; the shell appends what [`encode_record`] returns, syncs,
//! and rewrites the file with [`GuardState::encode`] (to a new file, synced and renamed) once it is
//! above [`REWRITE_BYTES`]. A new node begins with the encoding of [`GuardState::new`]: a missing
//! file is thus a loss, not a beginning. The file begins with its [`Home`], so that a copy of it is
//! known for one, and so is the guard of another network.

use std::collections::BTreeMap;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
pub use starling_gossip::message::{OwnMessage, Place, SignedStep};
use starling_ledger::codec;
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::{Height, Round};

use super::frame::{self, FrameError};

/// Size of the file from which rewriting it is worth the while: some thousand heights.
pub const REWRITE_BYTES: usize = 1 << 20;
/// Most rounds of a height whose messages are kept; all rounds before them are refused.
/// Our choice: 64 rounds are minutes of disagreement, and 3 messages of 250 bytes each.
const MAX_ROUNDS: usize = 64;
/// Most bytes of one record: the messages of one step of the machine, or the whole state.
const MAX_RECORD_BYTES: usize = 1 << 18;
/// Most messages of one record. Our choice: five times the whole state, and fewer than its bytes
/// allow.
const MAX_RECORD_MESSAGES: usize = 1_024;
/// Begins the frame of a [`Home`]; no record does, for it would have to be of a key made up so.
const HOME_MARK: [u8; 8] = *b"SW home1";
const HOME_BYTES: usize = 64;

/// The identity of a file in its folder, given by the shell. A copy of the file has another one; a
/// file that was moved, with its folder or without, keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct FolderId(pub [u8; 24]);

/// Where a guard file was written, and for which network. The first frame of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Home {
    mark: [u8; 8],
    /// The network.
    pub genesis: Hash,
    /// The file.
    pub folder: FolderId,
}

/// What is written at once.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct GuardRecord {
    /// Whose messages these are.
    pub key: PublicKey,
    /// Heights below this one are never signed again.
    pub height: Height,
    /// Rounds of that height below this one are never signed again.
    pub round_floor: Round,
    /// Somebody else may sign with the key: nothing is signed before a whole watch is over.
    pub watching: bool,
    /// The messages.
    pub messages: Vec<OwnMessage>,
}

/// What a key has signed.
///
/// # Invariants
/// All messages are of `height`, by `key`, one for each round and step; nothing of a lower height,
/// or of a round below `round_floor`, is ever signed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardState {
    key: PublicKey,
    height: Height,
    round_floor: Round,
    watching: bool,
    messages: BTreeMap<(Round, SignedStep), OwnMessage>,
}

/// Why the guard does not let a key sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// Another value was signed for this step.
    #[error("another {step:?} was already signed for height {height}, round {round}")]
    OtherValue {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// The step.
        step: SignedStep,
    },
    /// The step is behind the latest one signed.
    #[error("height {height}, round {round} is behind what was already signed")]
    Behind {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
    },
    /// The message is of another key.
    #[error("the sign guard belongs to another key")]
    OtherKey,
}

/// Why a guard file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardFileError {
    /// The file is damaged.
    #[error("sign guard: {0}")]
    Frame(#[from] FrameError),
    /// The file holds no record.
    #[error("sign guard: the file is empty")]
    Empty,
    /// The file holds contradictions or messages of several keys.
    #[error("sign guard: {0}")]
    Content(#[from] GuardError),
}

impl GuardState {
    /// Returns the guard of a key that has signed nothing.
    pub const fn new(key: PublicKey) -> Self {
        Self {
            key,
            height: 0,
            round_floor: 0,
            watching: false,
            messages: BTreeMap::new(),
        }
    }

    /// Returns the key it guards.
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// Returns the latest height it has signed at, or from which on it may sign; 0 if it knows of
    /// nothing.
    pub const fn height(&self) -> Height {
        self.height
    }

    /// Returns the first round of that height that may still be signed.
    pub const fn round_floor(&self) -> Round {
        self.round_floor
    }

    /// Says whether a watch was begun and is not over, so that a restart has to begin it again.
    pub const fn is_watching(&self) -> bool {
        self.watching
    }

    /// Takes note that a watch began or is over.
    pub const fn set_watching(&mut self, watching: bool) {
        self.watching = watching;
    }

    /// Returns where the latest message belongs that it knows of.
    pub fn latest(&self) -> Option<Place> {
        let ((round, step), _) = self.messages.last_key_value()?;
        Some((self.height, *round, *step))
    }

    /// Returns the messages signed at `height`, in the order of rounds and steps.
    pub fn messages_at(&self, height: Height) -> impl Iterator<Item = &OwnMessage> {
        self.messages
            .values()
            .filter(move |_| self.height == height)
    }

    /// Returns the message signed for the step of `wanted`, if it says the same; `None` if the step
    /// is free to be signed.
    ///
    /// # Errors
    /// [`GuardError`] if signing could contradict what was signed.
    pub fn check(&self, wanted: &OwnMessage) -> Result<Option<OwnMessage>, GuardError> {
        let (height, round, step) = wanted.place();
        if wanted.key() != self.key {
            return Err(GuardError::OtherKey);
        }
        if height < self.height || (height == self.height && round < self.round_floor) {
            return Err(GuardError::Behind { height, round });
        }
        if height > self.height {
            return Ok(None);
        }
        match self.messages.get(&(round, step)) {
            None => Ok(None),
            Some(signed) if signed.says_the_same(wanted) => Ok(Some(*signed)),
            Some(_) => Err(GuardError::OtherValue {
                height,
                round,
                step,
            }),
        }
    }

    /// Takes note of a signed message. Identical ones change nothing.
    ///
    /// # Errors
    /// [`GuardError`] as for [`GuardState::check`].
    pub fn note(&mut self, message: OwnMessage) -> Result<(), GuardError> {
        if self.check(&message)?.is_some() {
            return Ok(());
        }
        let (height, round, step) = message.place();
        self.begin_at(height);
        self.messages.insert((round, step), message);
        while self.messages.len() > 3 * MAX_ROUNDS {
            let ((oldest, _), _) = self.messages.pop_first().expect("it is not empty");
            self.round_floor = self.round_floor.max(oldest.saturating_add(1));
            let floor = self.round_floor;
            self.messages.retain(|(round, _), _| *round >= floor);
        }
        Ok(())
    }

    /// Refuses all heights below `height` from now on. A node that follows without being a
    /// validator notes that its memory is whole, so that it need not doubt it when it becomes one.
    pub fn begin_at(&mut self, height: Height) {
        if height > self.height {
            self.height = height;
            self.round_floor = 0;
            self.messages.clear();
        }
    }

    /// Returns a file with this state and nothing else.
    pub fn encode(&self) -> Vec<u8> {
        encode_record(&self.record(self.messages.values().copied().collect()))
    }

    /// Returns what to write after these messages were noted.
    pub const fn record(&self, messages: Vec<OwnMessage>) -> GuardRecord {
        GuardRecord {
            key: self.key,
            height: self.height,
            round_floor: self.round_floor,
            watching: self.watching,
            messages,
        }
    }
}

impl<C> Decode<C> for GuardRecord {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            key: Decode::decode(decoder)?,
            height: Decode::decode(decoder)?,
            round_floor: Decode::decode(decoder)?,
            watching: Decode::decode(decoder)?,
            messages: codec::list(decoder, MAX_RECORD_MESSAGES, "messages")?,
        })
    }
}

impl Home {
    /// Names the place of a guard file.
    pub const fn new(genesis: Hash, folder: FolderId) -> Self {
        Self {
            mark: HOME_MARK,
            genesis,
            folder,
        }
    }

    /// Returns a file that begins here with `state`, and holds nothing else.
    pub fn file(&self, state: &GuardState) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, &codec::encode(self));
        bytes.extend(state.encode());
        bytes
    }

    /// Reads where a guard file was written; `None` if it does not say.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let frames = frame::read(bytes).ok()?;
        let (_, payload) = frames.payloads.first()?;
        Self::read(payload)
    }

    fn read(payload: &[u8]) -> Option<Self> {
        if !payload.starts_with(&HOME_MARK) {
            return None;
        }
        codec::decode::<Self, HOME_BYTES>(payload).ok()
    }
}

/// Returns the bytes that a record appends to the file.
pub fn encode_record(record: &GuardRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::append(&mut bytes, &codec::encode(record));
    bytes
}

/// Reads a guard file; a torn tail is a record that never took effect, and is left out.
///
/// Returns the state, and where the good part of the file ends.
///
/// # Errors
/// [`GuardFileError`] if the file is damaged, empty, or contradicts itself.
pub fn decode(bytes: &[u8]) -> Result<(GuardState, usize), GuardFileError> {
    let frames = frame::read(bytes)?;
    let mut state: Option<GuardState> = None;
    for (offset, payload) in frames.payloads {
        if Home::read(payload).is_some() {
            continue;
        }
        let record = codec::decode::<GuardRecord, MAX_RECORD_BYTES>(payload);
        let record = record.map_err(|error| FrameError::Content {
            offset,
            reason: error.to_string(),
        })?;
        let state = state.get_or_insert_with(|| GuardState::new(record.key));
        if record.key != state.key {
            return Err(GuardError::OtherKey.into());
        }
        for message in record.messages {
            state.note(message)?;
        }
        state.begin_at(record.height);
        if state.height == record.height {
            state.round_floor = state.round_floor.max(record.round_floor);
        }
        state.watching = record.watching;
    }
    let state = state.ok_or(GuardFileError::Empty)?;
    Ok((state, frames.good_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_ledger::block::BlockHash;
    use starling_ledger::hash::Hash;
    use starling_ledger::keys::{SecretKey, Signer as _};
    use starling_ledger::vote::{Vote, VoteType};

    fn prevote(height: Height, round: Round, block: Option<u8>) -> OwnMessage {
        let key = SecretKey::local("guarded");
        let vote = Vote {
            vote_type: VoteType::Prevote,
            height,
            round,
            block: block.map(|byte| BlockHash(Hash([byte; 32]))),
            validator: key.public_key(),
        };
        OwnMessage::Vote(vote.sign(&Hash::ZERO, &key))
    }

    fn guard() -> GuardState {
        GuardState::new(SecretKey::local("guarded").public_key())
    }

    #[test]
    fn a_record_of_the_most_messages_is_read_back() {
        let message = prevote(7, 1, Some(1));
        let most = MAX_RECORD_BYTES / codec::encode(&message).len();
        let record = |count| GuardRecord {
            key: SecretKey::local("guarded").public_key(),
            height: 7,
            round_floor: 1,
            watching: false,
            messages: vec![message; count],
        };
        let read = |count| {
            let bytes = codec::encode(&record(count));
            codec::decode::<GuardRecord, MAX_RECORD_BYTES>(&bytes)
        };
        assert!(most > MAX_RECORD_MESSAGES);
        assert_eq!(read(MAX_RECORD_MESSAGES), Ok(record(MAX_RECORD_MESSAGES)));
        assert!(read(MAX_RECORD_MESSAGES + 1).is_err());
    }

    #[test]
    fn returns_the_same_message_and_refuses_a_second_value_for_ever() {
        let mut guard = guard();
        let first = prevote(5, 0, Some(1));
        guard.note(first).unwrap();
        assert_eq!(guard.check(&first), Ok(Some(first)));
        let refused = guard.check(&prevote(5, 0, None));
        assert!(matches!(refused, Err(GuardError::OtherValue { .. })));
        let (read, _) = decode(&guard.encode()).unwrap();
        assert_eq!(read, guard);
        let refused = read.check(&prevote(5, 0, Some(2)));
        assert!(matches!(refused, Err(GuardError::OtherValue { .. })));
    }

    #[test]
    fn refuses_heights_and_rounds_it_has_forgotten() {
        let mut guard = guard();
        guard.note(prevote(5, 0, None)).unwrap();
        guard.note(prevote(6, 0, None)).unwrap();
        let behind = guard.check(&prevote(5, 9, None));
        assert!(matches!(behind, Err(GuardError::Behind { .. })));
        for round in 1..500 {
            guard.note(prevote(6, round, None)).unwrap();
        }
        assert!(guard.messages.len() <= 3 * MAX_ROUNDS);
        for guard in [&guard, &decode(&guard.encode()).unwrap().0] {
            let behind = guard.check(&prevote(6, 1, Some(3)));
            assert!(matches!(behind, Err(GuardError::Behind { .. })));
        }
    }

    #[test]
    fn remembers_from_which_height_on_its_memory_is_whole() {
        let mut guard = guard();
        guard.begin_at(7);
        let (mut read, _) = decode(&guard.encode()).unwrap();
        assert_eq!((read.height(), &read), (7, &guard));
        let behind = read.check(&prevote(6, 9, None));
        assert!(matches!(behind, Err(GuardError::Behind { .. })));
        assert_eq!(read.note(prevote(7, 0, None)), Ok(()));
        read.begin_at(3);
        assert_eq!(read.messages_at(7).count(), 1);
    }

    #[test]
    fn remembers_that_a_watch_began_until_it_is_over() {
        let mut guard = guard();
        let mut file = guard.encode();
        for watching in [true, false, true] {
            guard.set_watching(watching);
            file.extend(encode_record(&guard.record(Vec::new())));
            let (read, _) = decode(&file).unwrap();
            assert_eq!((read.is_watching(), &read), (watching, &guard));
        }
        assert!(decode(&guard.encode()).unwrap().0.is_watching());
    }

    #[test]
    fn knows_where_it_was_written() {
        let home = Home::new(Hash([3; 32]), FolderId([7; 24]));
        let mut file = home.file(&guard());
        assert_eq!(Home::of(&file), Some(home));
        file.extend(encode_record(&guard().record(Vec::new())));
        assert_eq!(decode(&file), Ok((guard(), file.len())));
        assert_eq!(Home::of(&guard().encode()), None);
        assert_eq!(Home::of(&[]), None);
    }

    #[test]
    fn survives_a_torn_record_and_refuses_an_empty_file() {
        let record = GuardRecord {
            key: guard().key(),
            height: 1,
            round_floor: 0,
            watching: false,
            messages: vec![prevote(1, 0, None)],
        };
        let mut bytes = guard().encode();
        bytes.extend_from_slice(&encode_record(&record)[..30]);
        let (state, good_bytes) = decode(&bytes).unwrap();
        assert_eq!((state, good_bytes), (guard(), guard().encode().len()));
        assert_eq!(decode(&[]), Err(GuardFileError::Empty));
    }
}
