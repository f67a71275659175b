//! Checkpoints: a block that somebody vouches for outside of the network.

use std::fmt;
use std::str::FromStr;

use crate::block::{BlockHash, BlockHeader};
use crate::vote::Height;

/// Height and hash of a block, as a person or an invite gives them: `HEIGHT:HASH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The height, from 1.
    pub height: Height,
    /// The hash of the block's header.
    pub hash: BlockHash,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a height from 1, a colon, and the 64 hexadecimal digits of a block's hash")]
#[non_exhaustive]
pub struct CheckpointError;

impl Checkpoint {
    /// Returns the checkpoint of the block with this header.
    pub fn of(header: &BlockHeader) -> Self {
        Self {
            height: header.height,
            hash: header.hash(),
        }
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let (height, hash) = text.split_once(':').ok_or(CheckpointError)?;
        let plain = height.bytes().all(|digit| digit.is_ascii_digit()) && !height.starts_with('0');
        let height = height.parse().ok().filter(|_| plain);
        Ok(Self {
            height: height.ok_or(CheckpointError)?,
            hash: hash.parse().map_err(|_| CheckpointError)?,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.height, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;

    #[test]
    fn has_one_way_of_being_written() {
        let hash = Hash([0xab; 32]);
        let checkpoint = Checkpoint {
            height: 60,
            hash: BlockHash(hash),
        };
        assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
        for text in [
            String::new(),
            "60".to_owned(),
            format!("0:{hash}"),
            format!("060:{hash}"),
            format!("+60:{hash}"),
            format!(" 60:{hash}"),
            format!("60:{hash}0"),
            format!("18446744073709551616:{hash}"),
            format!(":{hash}"),
        ] {
            assert_eq!(text.parse::<Checkpoint>(), Err(CheckpointError), "{text}");
        }
    }
}
