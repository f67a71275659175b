//! How a peer lives: mempool, consensus, and the core that puts them together with gossip and
//! ledger.
//!
//! [`core::Core`] is the whole node as one deterministic state machine. It holds no socket, clock,
//! thread or random source; two shells drive it through the same `handle`: [`runtime`], with real
//! QUIC, RocksDB and clocks, and the simulator in `tests/`.

// The macros panic where nobody reads what they print.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod consensus;
pub mod core;
pub mod drops;
pub mod memory;
pub mod mempool;
pub mod names;
pub mod node_state;
pub mod share;
pub mod work;

pub mod api;
pub mod http;
pub mod runtime;
