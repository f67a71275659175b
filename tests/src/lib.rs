//! What checks the whole: simulated networks, the binary as a person uses it, and the house rules
//! on the sources.

pub mod audit;
pub mod campaign;
pub mod chain_maker;
pub mod forked_chain;
pub mod ledger_maker;
mod local_chain;
pub mod proxy;
pub mod simulator;
pub mod testnet;
pub mod tidy;
