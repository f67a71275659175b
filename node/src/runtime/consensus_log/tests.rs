//! What the file system says of a guard: the same file, a copy, or one that was moved.

use std::fs;

use starling_ledger::chain::ChainStore;
use starling_ledger::keys::{SecretKey, Signer as _};
use starling_ledger::storage::MemoryStorage;

use super::*;

const GENESIS: Hash = Hash([9; 32]);

fn doubt(folder: &Path) -> Option<Doubt> {
    let owner = Owner {
        key: Some(SecretKey::local("files").public_key()),
        genesis: GENESIS,
        height: 0,
    };
    let chain = ChainStore::new(std::sync::Arc::new(MemoryStorage::new()));
    let (_, opened) = LogFiles::open(folder, owner, chain.read()).unwrap();
    opened.recovered.doubt
}

#[test]
fn a_copy_is_told_from_a_move() {
    let home = tempfile::tempdir().unwrap();
    let [one, other, moved] = ["one", "other", "moved"].map(|name| home.path().join(name));
    fs::create_dir(&one).unwrap();
    for _ in 0..2 {
        assert_eq!(doubt(&one), None, "a start and a restart");
    }
    fs::create_dir(&other).unwrap();
    fs::copy(one.join(GUARD_NAME), other.join(GUARD_NAME)).unwrap();
    assert_eq!(doubt(&other), Some(Doubt::GuardCopied));
    fs::rename(&one, &moved).unwrap();
    assert_eq!(doubt(&moved), None);
    assert_eq!(
        Home::of(&fs::read(other.join(GUARD_NAME)).unwrap())
            .unwrap()
            .genesis,
        GENESIS
    );
}

#[test]
fn a_damaged_guard_is_kept_aside() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(doubt(home.path()), None);
    let path = home.path().join(GUARD_NAME);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        doubt(home.path()),
        Some(Doubt::GuardDamaged { .. })
    ));
    assert_eq!(
        fs::read(home.path().join("sign-guard.damaged")).unwrap(),
        bytes
    );
}
