//! Gossip machines that talk to each other in virtual time.

mod flooding;
mod hostile;
mod meshing;
mod net;
mod syncing;
