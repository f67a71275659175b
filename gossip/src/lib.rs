//! How Starling spreads what it knows: overlay, relay, sync, and the links that carry them.
//!
//! Everything here is pure but [`transport`], which is the one place with sockets and tokio.

pub mod lane;
pub mod link;
pub mod peer_id;
pub mod time;

pub mod message;
pub mod transport;

pub use lane::Lane;
pub use link::LinkId;
pub use peer_id::PeerId;
pub use time::Instant;
