//! Each rule of transactions and blocks.

mod arithmetic;
mod header;
mod reference;
mod transactions;
