//! What is true: transactions, blocks, state, proofs, storage.

pub mod storage;
