//! What a light client believes, and what it does not.

mod attacks;
mod bonding;
mod chain;
mod following;
mod forks;
mod looking_back;
mod path;
mod proofs;
mod receipts;
mod saving;
