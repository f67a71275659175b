//! Many transfers through all validators, and how long each took to be final.
//!
//! `senders` knows the accounts and their nonces, `submitters` bring transfers to the nodes,
//! `follower` sees them become final, `latency` counts.

pub(crate) mod follower;
pub(crate) mod latency;
pub(crate) mod senders;
pub(crate) mod submitters;
