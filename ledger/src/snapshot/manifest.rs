//! The manifest: everything of a snapshot but the state itself.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use super::SnapshotError;
use crate::block::BlockHeader;
use crate::certificate::CommitCertificate;
use crate::codec::{decode, decode_prefix, encode, list, refuse};
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::keys::SignatureScheme;
use crate::light::{Checkpoint, LightStep, Trusted};
use crate::state::{ChunkSummary, StatePath, tiled_root};
use crate::validators::ValidatorSet;
use crate::vote::Height;

/// The format of snapshots that this release makes and reads.
pub const MANIFEST_VERSION: u32 = 1;
/// Most chunks of a snapshot. Our choice: 32 GiB of state, some 300 million accounts.
pub const MANIFEST_CHUNKS_MAX: usize = 65_536;
/// Most bytes of an encoded manifest: 65,536 chunks of at most 81 bytes, two sets of 1,000
/// validators and a certificate of all of them, and the header.
pub const MANIFEST_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What a snapshot says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct SnapshotManifest {
    version: u32,
    /// The header of the block after which the state was taken.
    pub header: BlockHeader,
    /// A certificate of that block.
    pub certificate: CommitCertificate,
    /// The validators that signed it.
    pub signed_by: ValidatorSet,
    /// The validators that sign the next block.
    pub validators: ValidatorSet,
    /// The chunks of the state, in the order of the trie.
    pub chunks: Vec<ChunkSummary>,
}

/// What somebody who restores knows already.
#[derive(Clone, Copy, Debug)]
pub enum Anchor<'a> {
    /// A trusted point at or below the snapshot, such as the genesis, from which the certificate of
    /// the snapshot's block is one step.
    Trusted {
        /// The point.
        point: &'a Trusted,
        /// The time by the clock of whoever asks, milliseconds since 1970.
        now_ms: u64,
    },
    /// The snapshot's block itself, from a person.
    Checkpoint(Checkpoint),
}

/// A manifest that is of a network, final there, and leads to the state of its block.
#[derive(Clone, Debug)]
pub struct VerifiedManifest(SnapshotManifest);

impl SnapshotManifest {
    /// Makes a manifest of its parts. That they belong together [`SnapshotManifest::verify`] says.
    #[must_use]
    pub fn new(
        header: BlockHeader,
        certificate: CommitCertificate,
        (signed_by, validators): (ValidatorSet, ValidatorSet),
        chunks: Vec<ChunkSummary>,
    ) -> Self {
        Self {
            version: MANIFEST_VERSION,
            header,
            certificate,
            signed_by,
            validators,
            chunks,
        }
    }

    /// Decodes a manifest.
    ///
    /// # Errors
    /// [`SnapshotError::Version`] for another format, [`SnapshotError::Codec`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let found: u32 = decode_prefix::<_, MANIFEST_BYTES_MAX>(bytes)?;
        if found != MANIFEST_VERSION {
            let known = MANIFEST_VERSION;
            return Err(SnapshotError::Version { found, known });
        }
        Ok(decode::<_, MANIFEST_BYTES_MAX>(bytes)?)
    }

    /// Encodes it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Returns the height of the block after which the state was taken.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.header.height
    }

    /// Returns the bytes of all encoded chunks together.
    #[must_use]
    pub fn chunks_bytes(&self) -> u64 {
        let sizes = self.chunks.iter().map(ChunkSummary::encoded_bytes);
        sizes.fold(0, u64::saturating_add)
    }

    /// Returns the entries of all chunks together, as the manifest counts them.
    #[must_use]
    pub fn entries(&self) -> u64 {
        let counts = self.chunks.iter().map(|chunk| u64::from(chunk.entries));
        counts.fold(0, u64::saturating_add)
    }

    /// Checks everything that can be known without a chunk: that the block is of the network of
    /// `genesis` and final, that `anchor` vouches for its validators or for itself, and that the
    /// chunks listed are those of its state. How many entries a chunk has shows only the chunk.
    ///
    /// # Errors
    /// [`SnapshotError`] names the first broken rule.
    pub fn verify(
        self,
        scheme: &dyn SignatureScheme,
        genesis: &Genesis,
        anchor: &Anchor<'_>,
    ) -> Result<VerifiedManifest, SnapshotError> {
        let (expected, found) = (genesis.hash(), self.header.genesis);
        if expected != found {
            return Err(SnapshotError::Network { expected, found });
        }
        let header = &self.header;
        if header.validators_hash != self.signed_by.hash()
            || header.next_validators_hash != self.validators.hash()
        {
            return Err(SnapshotError::Validators);
        }
        let (found, height) = (self.certificate.block, self.certificate.height);
        if found != header.hash() || height != header.height {
            return Err(SnapshotError::OtherBlock { found, height });
        }
        match *anchor {
            Anchor::Trusted { point, now_ms } => {
                point.advance(scheme, &self.step_from(point), now_ms)?;
            }
            Anchor::Checkpoint(given) => {
                let next = self.validators.clone();
                Trusted::checkpoint(genesis, given, header.clone(), next)?;
                self.certificate
                    .verify(scheme, &expected, &self.signed_by)?;
            }
        }
        let (expected, found) = (header.state_root, tiled_root(&self.chunks)?);
        if expected != found {
            return Err(SnapshotError::StateRoot { expected, found });
        }
        Ok(VerifiedManifest(self))
    }

    /// Returns the step from `point` to the block of the snapshot.
    fn step_from(&self, point: &Trusted) -> LightStep {
        let (header, set) = (&self.header, point.next_validators().hash());
        let changed = header.next_validators_hash != header.validators_hash;
        LightStep {
            header: header.clone(),
            certificate: self.certificate.clone(),
            validators: (header.validators_hash != set).then(|| self.signed_by.clone()),
            next_validators: changed.then(|| self.validators.clone()),
        }
    }
}

impl<C> Decode<C> for SnapshotManifest {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let manifest = Self {
            version: Decode::decode(decoder)?,
            header: Decode::decode(decoder)?,
            certificate: Decode::decode(decoder)?,
            signed_by: Decode::decode(decoder)?,
            validators: Decode::decode(decoder)?,
            chunks: list(decoder, MANIFEST_CHUNKS_MAX, "chunks")?,
        };
        if manifest.version != MANIFEST_VERSION {
            return Err(refuse("a manifest of another format"));
        }
        Ok(manifest)
    }
}

bincode::impl_borrow_decode!(SnapshotManifest);

impl VerifiedManifest {
    /// Returns what the manifest says.
    #[must_use]
    pub const fn get(&self) -> &SnapshotManifest {
        &self.0
    }

    /// Returns the root of the state.
    #[must_use]
    pub const fn state_root(&self) -> Hash {
        self.0.header.state_root
    }

    /// Returns the position in the list of the chunk at `path`.
    pub(super) fn position(&self, path: &StatePath) -> Result<usize, SnapshotError> {
        let found = self
            .0
            .chunks
            .binary_search_by(|listed| listed.path.cmp(path));
        found.map_err(|_| SnapshotError::Unlisted { path: *path })
    }
}
