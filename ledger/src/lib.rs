//! What is true on a Starling network: transactions, blocks, state, proofs, storage.
//!
//! The crate is pure: it holds no clock, socket, thread or global random source. What it decides is
//! a function of its arguments alone, so that every node, and every verifier, decides alike.
//!
//! Read it in this order: the vocabulary (`hash`, `codec`, `keys`), what users sign (`authority`,
//! `address`, `transaction`), what validators sign (`validators`, `vote`, `certificate`,
//! `evidence`, `block`), where a network begins (`genesis`), what the state holds (`account`,
//! `record`, `staking`, `supply`), what a block does (`state`, `execution`), and where it is kept
//! (`storage`, `chain`) and how it is carried elsewhere (`snapshot`).

// The macros panic where nobody reads what they print.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod codec;
pub mod hash;
pub mod keys;
pub mod merkle;

pub mod address;
pub mod authority;
pub mod transaction;

pub mod block;
pub mod certificate;
pub mod evidence;
pub mod validators;
pub mod vote;

pub mod genesis;

pub mod account;
pub mod record;
pub mod staking;
pub mod state_key;
pub mod supply;

pub mod state;
pub mod storage;

pub mod chain;
pub mod execution;
pub mod light;
pub mod snapshot;

#[cfg(test)]
mod fixture;
