//! Each rule of transactions and blocks.

mod transactions;
