//! Writes what waits for one lane of one link.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{SendStream, WriteError};
use tokio::time::{sleep, timeout};

use super::frame::{HEADER_BYTES, encode_batch};
use super::live_link::LiveLink;
use super::send_queue::SendQueue;
use super::shared::Shared;
use crate::lane::Lane;
use crate::link::LinkFault;

/// Writes until the queue is closed and empty, and then until the peer has it all, or until the
/// link is lost. Ends the link if the peer does not read.
pub(super) async fn write_lane(
    shared: Arc<Shared>,
    link: Arc<LiveLink>,
    lane: Lane,
    mut stream: SendStream,
) {
    let bytes_per_second = (lane == Lane::Sync).then_some(shared.limits.sync_bytes_per_second);
    let queue = link.queue(lane);
    while let Some(frames) = queue.next_batch().await {
        let count = frames.len();
        let bytes: usize = frames.iter().map(|frame| frame.len() + HEADER_BYTES).sum();
        let mut pieces = encode_batch(frames);
        let write = write_pieces((&mut stream, queue), &mut pieces, bytes_per_second);
        match timeout(shared.timeouts.write, write).await {
            Ok(Ok(())) => {}
            Ok(Err(WriteError::Stopped(_))) | Err(_) => {
                return link.fail(LinkFault::NotReading { lane });
            }
            Ok(Err(_lost)) => return,
        }
        let counters = &shared.counters.lanes[lane];
        counters.frames_out.add(count);
        counters.bytes_out.add(bytes);
        queue.written(bytes);
    }
    // Whoever ends the link sets the deadline of this.
    let _ = stream.finish();
    let _ = stream.stopped().await;
}

/// Writes all pieces; with a rate, waits after each write as long as its bytes should take.
async fn write_pieces(
    (stream, queue): (&mut SendStream, &SendQueue),
    mut pieces: &mut [Bytes],
    bytes_per_second: Option<u32>,
) -> Result<(), WriteError> {
    while !pieces.is_empty() {
        let written = stream.write_chunks(pieces).await?;
        pieces = &mut pieces[written.chunks..];
        queue.moved();
        if let Some(rate) = bytes_per_second {
            let bytes = u64::try_from(written.bytes).unwrap_or(u64::MAX);
            sleep(Duration::from_micros(
                bytes.saturating_mul(1_000_000) / u64::from(rate.max(1)),
            ))
            .await;
        }
    }
    Ok(())
}
