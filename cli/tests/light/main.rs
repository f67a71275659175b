//! What the commands believe of a node whose validators change, and what not.

mod chain;
mod following;
mod home;
mod node;
mod receipts;
