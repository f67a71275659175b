//! What a light client believes, and what it does not.

mod attacks;
mod chain;
mod following;
mod looking_back;
mod proofs;
mod receipts;
mod saving;
