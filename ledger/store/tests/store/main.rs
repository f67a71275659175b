//! The engine on real folders: what it promises, and what it does when the disk breaks its word.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blocks;
mod damage;
mod engine;
mod full_disk;
