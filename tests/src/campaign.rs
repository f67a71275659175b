//! Campaigns: how long they are, and what happens in them, by environment and seed.

/// Draws a number that depends on seed, number and purpose alone.
///
/// # Panics
/// Never: a hash has more bytes than it takes.
pub fn draw(seed: u64, number: u64, purpose: &str) -> u64 {
    let hash = blake3::hash(format!("{seed} {number} {purpose}").as_bytes());
    let bytes = hash.as_bytes().first_chunk().expect("32 bytes");
    u64::from_le_bytes(*bytes)
}

/// Reads a number from the environment.
///
/// # Panics
/// If it is there and no number.
pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text}")),
        Err(_) => default,
    }
}
