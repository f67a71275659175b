//! Networks of several validators on this machine.
//!
//! A testnet is a named folder. While it runs, a supervisor holds the folder's lock, owns the
//! nodes as child processes, and obeys commands that come through a socket in the folder. The
//! nodes end when their pipe to the supervisor closes, so that nothing is left over however it
//! dies.

pub(crate) mod birth;
pub(crate) mod child;
pub(crate) mod control;
pub(crate) mod folder;
pub(crate) mod greeting;
pub(crate) mod ports;
pub(crate) mod setup;
pub(crate) mod supervisor;
