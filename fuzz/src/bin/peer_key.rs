//! The key that a stranger shows in the handshake.
#![no_main]

use starling_fuzz::fuzz_target;
use starling_gossip::transport::probe::peer_of_spki;

fuzz_target!(|bytes: &[u8]| {
    if let Some(peer) = peer_of_spki(bytes) {
        assert!(bytes.ends_with(&peer.0));
        assert!(peer.key().is_ok());
    }
});
