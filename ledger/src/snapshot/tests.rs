//! What a snapshot is, and everything that is refused in one.

mod hostile;
mod round_trip;

use std::sync::Arc;

use super::{Anchor, Restoration, SnapshotError, SnapshotManifest, VerifiedManifest};
use crate::codec::encode;
use crate::execution::Tip;
use crate::fixture::Network;
use crate::genesis::Genesis;
use crate::hash::{Context, Hash};
use crate::keys::Ed25519;
use crate::light::Trusted;
use crate::state::ChunkSummary;
use crate::storage::{MemoryStorage, Storage};

/// A snapshot in memory.
#[derive(Clone)]
struct Made {
    manifest: Vec<u8>,
    chunks: Vec<Vec<u8>>,
}

/// Accounts that make a state of several chunks: 125 bytes each in a page.
const ACCOUNTS: u64 = 30_000;
/// Some minutes after the genesis of the tests.
const NOW_MS: u64 = 1_000_000;

/// A network with a final block over a state of `accounts` accounts.
fn network(accounts: u64) -> Network {
    let mut network = Network::new();
    let changes = (0..accounts).map(|number| {
        let id = Hash::of(Context::LocalKey, &[&number.to_le_bytes()]);
        let account = crate::account::Account::new(&crate::address::AccountId(id.0), number);
        let key = crate::state_key::StateKey::account(&crate::address::AccountId(id.0));
        (key, Some(account.to_bytes()))
    });
    let update = network.tip.state.update(&changes.collect()).unwrap();
    network.storage.write(update.writes).unwrap();
    network.tip.state = update.state.settled(network.storage.snapshot().unwrap());
    network.commit(&[]);
    network
}

fn make(network: &Network) -> Made {
    let (summaries, chunks): (Vec<ChunkSummary>, Vec<_>) = super::chunks_of(&network.tip)
        .map(|chunk| chunk.map(|(summary, chunk)| (summary, encode(&chunk))))
        .collect::<Result<Vec<_>, _>>()
        .unwrap()
        .into_iter()
        .unzip();
    let certificate = network.certificate.clone().unwrap();
    let manifest = super::manifest_of(&network.tip, certificate, summaries).unwrap();
    Made {
        manifest: manifest.to_bytes(),
        chunks,
    }
}

fn genesis() -> Genesis {
    Genesis::local("local", 1_000, 4)
}

/// Checks a manifest as somebody does who knows the genesis.
fn check(bytes: &[u8]) -> Result<VerifiedManifest, SnapshotError> {
    let (point, now_ms) = (Trusted::genesis(&genesis())?, NOW_MS);
    let point = &point;
    SnapshotManifest::from_bytes(bytes)?.verify(
        &Ed25519,
        &genesis(),
        &Anchor::Trusted { point, now_ms },
    )
}

fn fresh() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

fn restore<'a>(
    storage: &Arc<dyn Storage>,
    manifest: &[u8],
    chunks: impl Iterator<Item = &'a Vec<u8>>,
) -> Result<Tip, SnapshotError> {
    let manifest = check(manifest)?;
    let mut restoration = Restoration::begin(Arc::clone(storage), genesis(), manifest)?;
    for chunk in chunks {
        restoration.add(chunk)?;
    }
    restoration.finish()
}
