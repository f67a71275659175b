//! Gossip machines that talk to each other in virtual time.

mod chance;
mod flooding;
mod hostile;
mod looking;
mod meshing;
mod net;
mod syncing;
