//! Giving ranges to peers: what may be asked, and how much fits.

use std::sync::Arc;

use bytes::Bytes;
use starling_ledger::vote::Height;

use crate::fault::PeerFault;
use crate::lane::MAX_SYNC_FRAME_BYTES;
use crate::message::SyncFrame;
use crate::message::sync::{MAX_RANGE_BLOCKS, RawBlocks};

/// Bytes at which an answer ends; only a single large block makes it longer.
pub(super) const RANGE_BYTES: usize = 2 << 20;

/// Checks a request, and returns how many of its blocks we have.
pub(crate) fn clamp_range(ours: Height, from: Height, count: u32) -> Result<u32, PeerFault> {
    let is_allowed = from >= 1 && (1..=MAX_RANGE_BLOCKS).contains(&(count as usize));
    if !is_allowed {
        return Err(PeerFault::BadRangeRequest { from, count });
    }
    let available = ours.saturating_add(1).saturating_sub(from);
    Ok(u32::try_from(available).unwrap_or(u32::MAX).min(count))
}

/// Makes an answer of as many blocks as fit.
pub(crate) fn serve_frame(from: Height, blocks: Vec<Arc<[u8]>>) -> Bytes {
    let mut size = SyncFrame::BLOCKS_HEADER_BYTES;
    let fits = |block: &Arc<[u8]>| {
        let is_first = size == SyncFrame::BLOCKS_HEADER_BYTES;
        size += block.len() + SyncFrame::ENTRY_HEADER_BYTES;
        size <= RANGE_BYTES || (is_first && size <= MAX_SYNC_FRAME_BYTES)
    };
    let blocks = blocks
        .into_iter()
        .take(MAX_RANGE_BLOCKS)
        .take_while(fits)
        .collect();
    SyncFrame::Blocks {
        from,
        blocks: RawBlocks(blocks),
    }
    .encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(sizes: &[usize]) -> usize {
        let blocks = sizes.iter().map(|size| vec![0u8; *size].into()).collect();
        match SyncFrame::decode(&serve_frame(1, blocks)) {
            Ok(Some(SyncFrame::Blocks { blocks, .. })) => blocks.0.len(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_hold_two_mebibytes_or_one_block() {
        assert_eq!(served(&[1 << 20, 1 << 19, 1 << 20]), 2);
        assert_eq!(served(&[3 << 20, 1]), 1);
        assert_eq!(served(&[10; 100]), MAX_RANGE_BLOCKS);
    }

    #[test]
    fn refuses_requests_outside_the_limits() {
        assert!(clamp_range(10, 0, 5).is_err());
        assert!(clamp_range(10, 1, 0).is_err());
        assert!(clamp_range(10, 1, 65).is_err());
        assert_eq!(clamp_range(10, 8, 64), Ok(3));
        assert_eq!(clamp_range(10, u64::MAX, 1), Ok(0));
    }
}
