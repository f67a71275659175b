//! Which rules hold where, and the exceptions with their reasons.

/// Folders and files whose code is pure: no clock, socket, thread, file, async, chance or float.
pub const PURE: &[&str] = &["ledger/src", "gossip/src", "node/src"];

/// Parts of the pure rooms that are a shell, and why. A prefix of the path.
pub const SHELLS: &[(&str, &str)] = &[
    ("gossip/src/transport", "QUIC links: sockets and tokio"),
    (
        "node/src/runtime",
        "drives the core with real clocks, disks and threads",
    ),
    ("node/src/http", "the HTTP interface"),
    (
        "node/src/config",
        "reads the configuration file and the environment",
    ),
];

/// The only file that may name rayon: workers live in one place.
pub const RAYON: &str = "node/src/runtime/workers.rs";

/// The only folder that may name the storage engine of the product.
pub const ROCKSDB: &str = "ledger/store/";

/// Files that may be longer than [`super::shape::FILE_LINES_MAX`], and why.
pub const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that may be longer than [`super::shape::FUNCTION_LINES_MAX`]: file, name, why.
pub const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Package, and the packages of this workspace it may depend on.
pub const DIRECTION: &[(&str, &[&str])] = &[
    ("starling-ledger", &[]),
    ("starling-store", &["starling-ledger"]),
    ("starling-gossip", &["starling-ledger"]),
    ("starling-node", &["starling-gossip", "starling-ledger"]),
    (
        "starling-cli",
        &[
            "starling-gossip",
            "starling-ledger",
            "starling-node",
            "starling-store",
        ],
    ),
    (
        "starling-fuzz",
        &["starling-gossip", "starling-ledger", "starling-node"],
    ),
    (
        "starling-tests",
        &[
            "starling-cli",
            "starling-gossip",
            "starling-ledger",
            "starling-node",
            "starling-store",
        ],
    ),
];

/// External packages the product may depend on directly. Design: "at most about 40".
pub const DEPENDENCIES_MAX: usize = 40;

/// Whether `path` must be pure.
#[must_use]
pub fn is_pure(path: &str) -> bool {
    PURE.iter()
        .any(|room| path.starts_with(&format!("{room}/")))
        && !SHELLS.iter().any(|(shell, _)| path.starts_with(shell))
        && !is_test(path)
}

/// Whether the whole file is test code: integration tests, benches, `tests.rs` beside the code.
#[must_use]
pub fn is_test(path: &str) -> bool {
    let stem = path
        .rsplit('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".rs");
    let in_src = path.contains("/src/");
    !in_src || stem == "tests" || stem.ends_with("_tests") || path.contains("/tests/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_is_pure_and_shells_are_not() {
        assert!(is_pure("ledger/src/codec.rs"));
        assert!(is_pure("node/src/core.rs"));
        assert!(is_pure("gossip/src/relay/seen.rs"));
        assert!(!is_pure("gossip/src/transport.rs"));
        assert!(!is_pure("gossip/src/transport/link.rs"));
        assert!(!is_pure("node/src/runtime/workers.rs"));
        assert!(!is_pure("ledger/store/src/lib.rs"));
        assert!(!is_pure("cli/src/main.rs"));
        assert!(!is_pure("ledger/tests/vectors.rs"));
        assert!(!is_pure("ledger/src/trie/tests.rs"));
    }
}
