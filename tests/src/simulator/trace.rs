//! The trace of a run: a hash over every event and action, and on request a line for each.
//!
//! Two runs of one configuration have equal hashes, or something in the product reads what it must
//! not.

use starling_gossip::Instant;

/// Hashes, and prints if wanted.
pub struct Trace {
    hasher: blake3::Hasher,
    verbose: bool,
    lines: u64,
}

impl Trace {
    /// Begins a trace.
    #[must_use]
    pub fn new(verbose: bool) -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            verbose,
            lines: 0,
        }
    }

    /// Takes note of something at `node`; `number` and `bytes` tell it apart from others of its
    /// kind.
    pub fn note(
        &mut self,
        (at, node): (Instant, usize),
        kind: &'static str,
        number: u64,
        bytes: &[u8],
    ) {
        self.lines += 1;
        let node = u64::try_from(node).unwrap_or(u64::MAX);
        let mut head = [0; 32];
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        for (slot, field) in head.chunks_exact_mut(8).zip([at.0, node, number, length]) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        self.hasher.update(kind.as_bytes());
        self.hasher.update(&head);
        self.hasher.update(bytes);
    }

    /// Prints a line, if that is wanted.
    pub fn say(&self, at: Instant, node: Option<usize>, text: impl FnOnce() -> String) {
        if self.verbose {
            let node = node.map_or_else(|| "--".to_owned(), |node| format!("n{}", node + 1));
            eprintln!("{at} {node} {}", text());
        }
    }

    /// Returns how many events and actions there were.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns the hash so far, in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}
