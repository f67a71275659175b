//! Each rule of transactions and blocks.

mod actions;
mod arithmetic;
mod header;
mod reference;
mod staking;
mod transactions;
