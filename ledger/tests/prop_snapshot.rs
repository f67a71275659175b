//! Properties of chunks: they tile every state, are the same bytes on every node, rebuild the state
//! in any order, and nothing but their own encoding decodes to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use starling_ledger::codec::encode;
use starling_ledger::state::{
    CHUNK_BYTES_MAX, ChunkSummary, State, StateChunk, StateUpdate, VALUE_BYTES_MAX, tiled_root,
};
use starling_ledger::storage::{MemoryStorage, Storage};

type Content = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

fn storage() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

fn built(content: &Content) -> StateUpdate {
    let view = storage()
        .snapshot()
        .expect("the engine in memory takes snapshots");
    State::empty(view)
        .update(content)
        .expect("the pages are all there")
}

/// Few entries, some as large as they may be, so that states of many chunks are quickly made.
fn content() -> impl Strategy<Value = Content> {
    let key = any::<u16>().prop_map(|key| key.to_be_bytes().to_vec());
    let size = prop_oneof![
        4 => 0usize..200,
        1 => 900usize..1_100,
        2 => 50_000usize..VALUE_BYTES_MAX,
        1 => Just(VALUE_BYTES_MAX),
    ];
    let value = (size, any::<u8>()).prop_map(|(size, byte)| Some(vec![byte; size]));
    btree_map(key, value, 0..120)
}

fn cut(state: &State) -> Vec<(ChunkSummary, Vec<u8>)> {
    let chunks = state.chunks().map(|chunk| {
        let (summary, chunk) = chunk.expect("the pages are all there");
        (summary, encode(&chunk))
    });
    chunks.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn chunks_tile_the_state_and_rebuild_it_in_any_order(
        content in content(),
        seed in any::<u64>(),
    ) {
        let state = built(&content).state;
        let chunks = cut(&state);
        let listed: Vec<_> = chunks.iter().map(|(summary, _)| *summary).collect();
        prop_assert_eq!(tiled_root(&listed), Ok(state.root()));
        let store = storage();
        let mut order: Vec<_> = (0..chunks.len()).collect();
        order.sort_by_key(|index| (*index as u64).wrapping_mul(seed | 1).rotate_left(32));
        let mut entries = 0;
        for index in order {
            let (summary, bytes) = &chunks[index];
            prop_assert!(bytes.len() <= CHUNK_BYTES_MAX);
            prop_assert_eq!(bytes.len() as u64, summary.encoded_bytes());
            let proven = StateChunk::from_bytes(bytes).unwrap().prove(&state.root()).unwrap();
            prop_assert_eq!(&proven.summary, summary);
            entries += summary.entries;
            store.write(proven.writes).unwrap();
        }
        prop_assert_eq!(entries as usize, content.len());
        let restored = State::open(&store).unwrap();
        prop_assert_eq!(restored.root(), state.root());
        prop_assert_eq!(cut(&restored), chunks);
    }

    #[test]
    fn neighbouring_chunks_never_fit_into_one(content in content()) {
        let mut listed: Vec<_> = cut(&built(&content).state).iter().map(|(one, _)| *one).collect();
        // Any list that is not the one of the largest subtrees is refused or of another state.
        let root = tiled_root(&listed).unwrap();
        if listed.len() > 1 {
            let removed = listed.remove(listed.len() / 2);
            prop_assert_ne!(tiled_root(&listed), Ok(root));
            listed.push(removed);
            listed.reverse();
            prop_assert!(tiled_root(&listed).is_err());
        }
    }

    #[test]
    fn what_decodes_is_its_own_encoding(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(chunk) = StateChunk::from_bytes(&bytes) {
            prop_assert_eq!(encode(&chunk), bytes);
        }
    }

    #[test]
    fn a_changed_byte_is_never_proven(content in content(), at in any::<prop::sample::Index>()) {
        let state = built(&content).state;
        for (_, bytes) in cut(&state).iter().take(2) {
            let mut wrong = bytes.clone();
            let at = at.index(wrong.len());
            wrong[at] ^= 0x10;
            let proven = StateChunk::from_bytes(&wrong).map(|chunk| chunk.prove(&state.root()));
            prop_assert!(!matches!(proven, Ok(Ok(_))), "byte {}", at);
        }
    }
}
