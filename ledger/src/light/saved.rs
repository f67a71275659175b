//! Trusted points as a file: how a client remembers what it verified.

use bincode::{Decode, Encode};

use super::file::{self, FileError, Kind};
use super::{LightError, Trusted};
use crate::block::BlockHeader;
use crate::certificate::CommitCertificate;
use crate::genesis::Genesis;
use crate::validators::ValidatorSet;

/// Most bytes of a saved point: a certificate and a set of a thousand take 140 kB.
pub const SAVED_BYTES_MAX: usize = 256 * 1024;

const KIND: Kind = Kind {
    magic: *b"STARHEAD",
    version: 1,
};

#[derive(Encode, Decode)]
struct Saved {
    header: BlockHeader,
    certificate: Option<CommitCertificate>,
    next: ValidatorSet,
}

impl Trusted {
    /// Writes the point as the content of a file; `None` where it is the genesis.
    ///
    /// Whoever can write to that file decides what is believed: it belongs in a private folder.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let saved = Saved {
            header: self.header()?.clone(),
            certificate: self.certificate().cloned(),
            next: self.next_validators().clone(),
        };
        Some(file::seal(KIND, &saved))
    }

    /// Reads a point that [`Trusted::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FileError`] if the bytes are damaged, and inside of the `Ok` a [`LightError`] if the point
    /// is whole and not one of this network.
    pub fn from_bytes(
        genesis: &Genesis,
        bytes: &[u8],
    ) -> Result<Result<Self, LightError>, FileError> {
        let saved = file::open::<Saved, SAVED_BYTES_MAX>(KIND, bytes)?;
        let begin = Self::genesis(genesis);
        Ok(begin.and_then(|begin| begin.with_head(saved.header, saved.certificate, saved.next)))
    }
}
