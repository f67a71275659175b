//! What the files of a validator are worth at a start.
//!
//! The shell reads the bytes of log and guard and says which file the guard is; this says what is
//! recovered from them, how much of each is good, and whether the guard has to be written anew. A
//! guard that is missing, damaged or a copy is written anew with a watch that has begun, before
//! anything else happens: so a restart cannot make it look whole.
//!
//! A guard that belongs to another key or network is no memory of this validator at all, and is
//! refused: somebody mixed up folders.

use std::sync::Arc;

use starling_ledger::chain::{ChainError, ChainReader};
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::{Height, SignedVote};

use super::doubt::Doubt;
use super::frame::FrameError;
use super::guard::{self, FolderId, GuardState, Home};
use super::wal::{self, LogEntry, LogRecord};

/// Most stored certificates that are searched for own signatures above the guard. Our choice: at
/// one block a second the last quarter of an hour, in a fraction of a second.
const MAX_SEARCHED: Height = 1_000;

/// What the disk still knew at start.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The records of the log file, of whatever heights.
    pub log: Vec<LogRecord>,
    /// The guard; `None` if nothing of it can be read.
    pub guard: Option<GuardState>,
    /// Why it may be older than what was signed, if it may.
    pub doubt: Option<Doubt>,
    /// The latest own precommit of a stored certificate that is not below the guard's height.
    pub stored: Option<SignedVote>,
}

/// Whose files they are, and where they stand.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The own key, on a validator.
    pub key: Option<PublicKey>,
    /// The network.
    pub genesis: Hash,
    /// The last block in the store.
    pub height: Height,
}

/// The bytes of the two files.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The log.
    pub log: &'a [u8],
    /// The guard; empty if it is not there.
    pub guard: &'a [u8],
    /// Which file the guard is.
    pub folder: FolderId,
}

/// What is to become of the guard file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardNext {
    /// This node has no key.
    Leave,
    /// It is cut to this length.
    Cut(usize),
    /// It is written anew.
    Replace(GuardState),
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Opened {
    /// For the machine.
    pub recovered: Recovered,
    /// Bodies of blocks above the tip.
    pub bodies: Vec<Arc<[u8]>>,
    /// Where the good part of the log ends.
    pub log_bytes: usize,
    /// What to do with the guard.
    pub guard: GuardNext,
}

/// Why the files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The consensus log is damaged before its end.
    #[error("consensus log: {0}")]
    Log(#[from] FrameError),
    /// The sign guard belongs to another validator key.
    #[error("the sign guard in this folder belongs to validator key {found}, not {expected}")]
    OtherKey {
        /// Whose it is.
        found: PublicKey,
        /// The key this node was given.
        expected: PublicKey,
    },
    /// The sign guard belongs to another network.
    #[error("the sign guard in this folder belongs to network {found}, not {expected}")]
    OtherNetwork {
        /// Which it is.
        found: Hash,
        /// The network of this node.
        expected: Hash,
    },
}

/// Reads the files of a node.
///
/// # Errors
/// [`OpenError`] if they are not to be used.
pub fn open(files: Files<'_>, owner: Owner) -> Result<Opened, OpenError> {
    let read = wal::decode(files.log)?;
    let new_node = owner.height == 0 && files.log.is_empty();
    let found = owner
        .key
        .map(|key| open_guard(files, (key, owner.genesis), new_node));
    let (guard, doubt, next) = found.transpose()?.unwrap_or((None, None, GuardNext::Leave));
    let (mut log, mut bodies) = (Vec::new(), Vec::new());
    let above = |record: &LogRecord| record.height > owner.height;
    for record in read.records.into_iter().filter(above) {
        match record.entry {
            LogEntry::Body { raw, .. } => bodies.push(raw.into()),
            _ => log.push(record),
        }
    }
    Ok(Opened {
        recovered: Recovered {
            log,
            guard,
            doubt,
            stored: None,
        },
        bodies,
        log_bytes: read.good_bytes,
        guard: next,
    })
}

type Guard = (Option<GuardState>, Option<Doubt>, GuardNext);

fn open_guard(
    files: Files<'_>,
    (key, genesis): (PublicKey, Hash),
    new_node: bool,
) -> Result<Guard, OpenError> {
    if files.guard.is_empty() && new_node {
        let state = GuardState::new(key);
        return Ok((Some(state.clone()), None, GuardNext::Replace(state)));
    }
    let (state, doubt) = match guard::decode(files.guard) {
        Err(guard::GuardFileError::Empty) => (None, Doubt::GuardMissing),
        Err(error) => {
            let reason = error.to_string();
            (None, Doubt::GuardDamaged { reason })
        }
        Ok((state, _)) if state.key() != key => {
            return Err(OpenError::OtherKey {
                found: state.key(),
                expected: key,
            });
        }
        Ok((state, good_bytes)) => match Home::of(files.guard) {
            Some(home) if home.genesis != genesis => {
                return Err(OpenError::OtherNetwork {
                    found: home.genesis,
                    expected: genesis,
                });
            }
            Some(home) if home.folder == files.folder => {
                return Ok((Some(state), None, GuardNext::Cut(good_bytes)));
            }
            _ => (Some(state), Doubt::GuardCopied),
        },
    };
    let mut state = state.unwrap_or_else(|| GuardState::new(key));
    state.set_watching(true);
    Ok((Some(state.clone()), Some(doubt), GuardNext::Replace(state)))
}

/// Looks for the latest own precommit in the certificates of stored blocks from height `from` on,
/// the newest first. A guard that is whole knows it, for a precommit leaves only after the guard
/// has it.
///
/// # Errors
/// [`ChainError`] if the store cannot be read.
pub fn stored_signature(
    chain: &ChainReader,
    key: &PublicKey,
    (from, tip): (Height, Height),
) -> Result<Option<SignedVote>, ChainError> {
    let from = from.max(1).max(tip.saturating_sub(MAX_SEARCHED));
    for height in (from..=tip).rev() {
        let (Some(header), Some(certificate)) = (chain.header(height)?, chain.certificate(height)?)
        else {
            continue;
        };
        let Some(set) = chain.validators(&header.validators_hash)? else {
            continue;
        };
        if let Some(vote) = own_precommit(&certificate, &set, key) {
            return Ok(Some(vote));
        }
    }
    Ok(None)
}

/// Returns the precommit of `key` in a certificate, if it is there.
pub(super) fn own_precommit(
    certificate: &starling_ledger::certificate::CommitCertificate,
    set: &starling_ledger::validators::ValidatorSet,
    key: &PublicKey,
) -> Option<SignedVote> {
    let mut entries = certificate.signatures.iter();
    entries.find_map(|entry| {
        let vote = certificate.precommit(set, entry.validator)?;
        let signature = entry.signature;
        (vote.validator == *key).then_some(SignedVote { vote, signature })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_ledger::keys::{SecretKey, Signer as _};

    const HERE: FolderId = FolderId([1; 24]);
    const GENESIS: Hash = Hash([9; 32]);

    fn key() -> PublicKey {
        SecretKey::local("recovery").public_key()
    }

    fn guard(key: PublicKey, genesis: Hash, folder: FolderId) -> Vec<u8> {
        let mut state = GuardState::new(key);
        state.begin_at(7);
        Home::new(genesis, folder).file(&state)
    }

    fn found(guard: &[u8], height: Height) -> Result<Opened, OpenError> {
        let files = Files {
            log: &[],
            guard,
            folder: HERE,
        };
        let owner = Owner {
            key: Some(key()),
            genesis: GENESIS,
            height,
        };
        open(files, owner)
    }

    #[test]
    fn a_guard_is_whole_in_its_own_file_only() {
        let whole = guard(key(), GENESIS, HERE);
        let opened = found(&whole, 5).unwrap();
        assert_eq!(opened.recovered.doubt, None);
        assert_eq!(opened.guard, GuardNext::Cut(whole.len()));
        let copied = found(&guard(key(), GENESIS, FolderId([2; 24])), 5).unwrap();
        assert_eq!(copied.recovered.doubt, Some(Doubt::GuardCopied));
        let GuardNext::Replace(written) = copied.guard else {
            panic!("it becomes this file's");
        };
        assert!(written.is_watching() && written.height() == 7);
    }

    #[test]
    fn a_guard_without_a_home_counts_as_copied() {
        let opened = found(&GuardState::new(key()).encode(), 5).unwrap();
        assert_eq!(opened.recovered.doubt, Some(Doubt::GuardCopied));
    }

    #[test]
    fn an_empty_folder_is_a_beginning_only_before_the_first_block() {
        let new = found(&[], 0).unwrap();
        assert_eq!(new.recovered.doubt, None);
        assert_eq!(new.guard, GuardNext::Replace(GuardState::new(key())));
        let lost = found(&[], 5).unwrap();
        assert_eq!(lost.recovered.doubt, Some(Doubt::GuardMissing));
        assert!(matches!(lost.guard, GuardNext::Replace(state) if state.is_watching()));
    }

    #[test]
    fn a_damaged_guard_is_told_from_a_torn_one() {
        let mut damaged = guard(key(), GENESIS, HERE);
        let torn = &damaged[..damaged.len() - 3];
        assert_eq!(
            found(torn, 5).unwrap().recovered.doubt,
            Some(Doubt::GuardMissing)
        );
        damaged[20] ^= 1;
        let doubt = found(&damaged, 5).unwrap().recovered.doubt;
        assert!(matches!(doubt, Some(Doubt::GuardDamaged { .. })));
    }

    #[test]
    fn the_guard_of_another_key_or_network_is_refused() {
        let other = SecretKey::local("somebody").public_key();
        let refused = found(&guard(other, GENESIS, HERE), 5).err();
        assert!(matches!(refused, Some(OpenError::OtherKey { .. })));
        let refused = found(&guard(key(), Hash([8; 32]), HERE), 5).err();
        assert!(matches!(refused, Some(OpenError::OtherNetwork { .. })));
    }
}
