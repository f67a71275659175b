//! A stored chain against a checkpoint.

use crate::block::BlockHash;
use crate::chain::{ChainError, ChainStore, Pruner, Vouched};
use crate::fixture::Network;
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::light::Checkpoint;
use crate::storage::MemoryStorage;

#[test]
fn a_checkpoint_holds_differs_is_ahead_or_gone() {
    let mut genesis = Genesis::local("local", 1_000, 4);
    genesis.parameters.epoch_blocks = 4;
    let mut network = Network::with(&genesis);
    for _ in 0..10 {
        network.commit(&[]);
    }
    let reader = network.chain.read().clone();
    let right = |height| Checkpoint::of(&reader.header(height).unwrap().unwrap());
    let known: Vec<_> = (1..=10).map(right).collect();
    for given in &known {
        assert_eq!(reader.vouched(*given), Ok(Vouched::Holds));
        let hash = BlockHash(Hash([9; 32]));
        let wrong = Checkpoint { hash, ..*given };
        let found = given.hash;
        assert_eq!(reader.vouched(wrong), Ok(Vouched::Differs { found }));
    }
    let height = 11;
    let ahead = Checkpoint { height, ..known[0] };
    assert_eq!(reader.vouched(ahead), Ok(Vouched::Ahead));
    Pruner::new(network.chain.clone()).unwrap().step(2).unwrap();
    let gone = Ok(Vouched::Gone { first: 9 });
    for given in &known {
        let expected = match given.height {
            // Ends of epochs keep their headers.
            4 | 8.. => Ok(Vouched::Holds),
            _ => gone.clone(),
        };
        assert_eq!(reader.vouched(*given), expected, "{given}");
        let own = reader.own_block(given.height).unwrap();
        assert_eq!(own.is_some(), expected != gone, "{given}");
        if let Some(own) = own {
            assert_eq!(own.certificate.block, given.hash);
            assert_eq!(own.validators.hash(), own.header.validators_hash);
        }
    }
    let fresh = ChainStore::new(std::sync::Arc::new(MemoryStorage::new()));
    assert_eq!(fresh.read().vouched(known[0]), Err(ChainError::NoGenesis));
}
