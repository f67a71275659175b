//! The method that lists evidence of double signatures.
//!
//! # Limits
//! It looks at [`BLOCKS_MAX`] headers at the most and opens only blocks that hold evidence; an
//! answer ends with the block that brings it to [`PIECES_MAX`], and says where to go on.

use std::sync::Arc;

use starling_ledger::chain::ChainReader;

use super::chain::{latest, no_block};
use super::reply;
use crate::api::{EvidencePiece, EvidenceReply};
use crate::http::error::RpcError;
use crate::http::parameters::Parameters;
use crate::http::site::{Site, unreadable};

/// Most blocks looked at. Our choice: a header is read within microseconds.
const BLOCKS_MAX: u64 = 1_000;
/// Pieces after which an answer ends. Our choice: with those of its last block it stays under
/// 200 KB.
const PIECES_MAX: usize = 100;

pub(super) async fn evidence(
    site: Arc<Site>,
    mut parameters: Parameters,
) -> Result<String, RpcError> {
    let from = parameters.height("from")?;
    let count = parameters.integer("count")?.unwrap_or(BLOCKS_MAX);
    if !(1..=BLOCKS_MAX).contains(&count) {
        let message = format!("`count` is {count}, expected 1 to {BLOCKS_MAX}");
        return Err(RpcError::parameters(message));
    }
    let work = move |_: &Site, reader: &ChainReader| {
        let latest = latest(reader)?;
        let from = from.unwrap_or(latest.saturating_sub(count - 1)).max(1);
        if from > latest && latest > 0 {
            return Err(no_block(reader, from));
        }
        let last = latest.min(from.saturating_add(count - 1));
        let mut told = EvidenceReply {
            latest,
            from,
            to: from - 1,
            evidence: Vec::new(),
        };
        for height in from..=last {
            if told.evidence.len() >= PIECES_MAX {
                break;
            }
            told.evidence.extend(pieces(reader, height)?);
            told.to = height;
        }
        reply(&told)
    };
    site.read(work).await
}

/// Returns what the block at `height` holds.
fn pieces(reader: &ChainReader, height: u64) -> Result<Vec<EvidencePiece>, RpcError> {
    // What is missing was pruned, by now or already when it was asked for.
    let missing = || no_block(reader, height);
    let header = reader.header(height).map_err(unreadable)?;
    if header.ok_or_else(missing)?.evidence_count == 0 {
        return Ok(Vec::new());
    }
    let block = reader.block(height).map_err(unreadable)?;
    let block = block.ok_or_else(missing)?;
    let pieces = block.evidence.iter().enumerate();
    let pieces = pieces.map(|(index, piece)| EvidencePiece::new(height, index, piece));
    Ok(pieces.collect())
}
