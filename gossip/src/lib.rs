//! How Starling spreads what it knows: overlay, relay, sync, and the links that carry them.
//!
//! Everything here is pure but [`transport`], which is the one place with sockets and tokio. The
//! pure part is one machine, [`Gossip`]: [`Input`]s in, [`Action`]s out.

// The macros panic where nobody reads what they print.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod lane;
pub mod link;
pub mod peer_id;
pub mod time;

pub mod message;
pub mod transport;

pub mod action;
pub mod budget;
pub mod config;
pub mod counters;
pub mod drops;
pub mod fault;
pub mod flood;
pub mod gossip;
pub mod input;
pub mod overlay;
pub mod random;
pub mod round_trip;
pub mod sync;

pub use action::Action;
pub use config::GossipConfig;
pub use fault::PeerFault;
pub use gossip::Gossip;
pub use input::Input;
pub use lane::Lane;
pub use link::LinkId;
pub use peer_id::PeerId;
pub use round_trip::RoundTrip;
pub use time::Instant;
