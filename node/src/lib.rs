//! How a peer lives: mempool, consensus, HTTP interface, runtime.

pub mod consensus;
