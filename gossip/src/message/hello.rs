//! `Hello`: the first frame each way, which says who speaks and on what network.

use std::net::SocketAddr;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use starling_ledger::codec::{list, text};
use starling_ledger::hash::Hash;
use starling_ledger::vote::Height;

/// The version of the wire protocol of this release.
pub const WIRE_VERSION: u32 = 1;
/// Most characters of a network's name; the genesis document has the same limit.
pub const MAX_NETWORK_NAME_BYTES: usize = 32;
/// Most addresses a node says it listens on. Our choice: some interfaces, both families.
pub const MAX_LISTEN_ADDRESSES: usize = 8;

/// Who speaks, on what network, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Hello {
    /// The lowest wire version the sender speaks.
    pub version_from: u32,
    /// The highest wire version the sender speaks.
    pub version_to: u32,
    /// Optional abilities, one bit each; none is defined yet, and unknown ones are ignored.
    pub features: u64,
    /// The network.
    pub genesis: Hash,
    /// The network's name for people, 1 to [`MAX_NETWORK_NAME_BYTES`] characters `a-z0-9-`.
    pub network: String,
    /// The height of the sender's last final block.
    pub height: Height,
    /// Where the sender listens; an unspecified IP stands for the one it is seen from.
    pub listen: Vec<SocketAddr>,
    /// A random number of the sender's, for short ids on this link.
    pub salt: u64,
    /// A random number of the sender's process, which tells two copies of one key apart.
    pub instance: u64,
}

impl Hello {
    /// Names the network for people: `devnet 7f3a91c2`. Only ASCII: it is told to peers.
    pub fn network_in_words(&self) -> String {
        format!("{} {}", self.network, self.genesis.short())
    }

    /// Says whether both sides share a wire version.
    pub const fn shares_version(&self, other: &Self) -> bool {
        self.version_from <= other.version_to && other.version_from <= self.version_to
    }
}

impl<C> Decode<C> for Hello {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let hello = Self {
            version_from: Decode::decode(decoder)?,
            version_to: Decode::decode(decoder)?,
            features: Decode::decode(decoder)?,
            genesis: Decode::decode(decoder)?,
            network: text(decoder, MAX_NETWORK_NAME_BYTES, "network")?,
            height: Decode::decode(decoder)?,
            listen: list(decoder, MAX_LISTEN_ADDRESSES, "addresses")?,
            salt: Decode::decode(decoder)?,
            instance: Decode::decode(decoder)?,
        };
        if !is_network_name(&hello.network) {
            return Err(DecodeError::Other("a network name that is none"));
        }
        if hello.version_from > hello.version_to {
            return Err(DecodeError::Other("no version at all"));
        }
        Ok(hello)
    }
}

bincode::impl_borrow_decode!(Hello);

/// The name is shown to people, so nothing in it may drive a terminal.
fn is_network_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NETWORK_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}
