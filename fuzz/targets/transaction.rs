//! A transaction as it comes from a client or a neighbour.
#![no_main]

use starling_ledger::transaction::{TRANSACTION_BYTES_MAX, Transaction};

starling_fuzz::identity!(Transaction, TRANSACTION_BYTES_MAX);
