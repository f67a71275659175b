//! What waits to be written on one lane of one link.
//!
//! # Limits
//! At most [`MAX_QUEUED_FRAMES`] frames and [`queued_bytes_max`] bytes a lane, in all 17.2 MiB a
//! link. Frames are shared between links, so a block that waits on every link is in memory once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::frame::HEADER_BYTES;
use crate::lane::Lane;
use crate::link::SendError;

/// Frames that may wait on one lane of one link. Our choice: some ten seconds of votes at 200
/// votes a second from one neighbour, and 40 kB of bookkeeping.
pub const MAX_QUEUED_FRAMES: usize = 1024;

/// Frames written at once. Above this a batch saves nothing more.
const BATCH_FRAMES: usize = 64;
/// A batch ends when it holds this much, so that its write deadline stays fair.
const BATCH_BYTES: usize = 64 << 10;

/// Returns how many bytes, headers included, may wait on a lane of one link.
///
/// Bulk lanes hold two of their largest frames, so that one can be prepared while the other is
/// sent; the others half a second of a fast link.
pub const fn queued_bytes_max(lane: Lane) -> usize {
    match lane {
        Lane::Blocks | Lane::Sync => 2 * (lane.frame_bytes_max() + HEADER_BYTES),
        Lane::Consensus | Lane::Transactions => 8 * (lane.frame_bytes_max() + HEADER_BYTES),
        Lane::Address => 2 * (lane.frame_bytes_max() + HEADER_BYTES),
    }
}

/// A bounded queue with one writer task behind it.
#[derive(Debug)]
pub(super) struct SendQueue {
    lane: Lane,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    /// Includes what the writer holds and has not written.
    bytes: usize,
    closed: bool,
}

impl SendQueue {
    /// Makes an empty queue.
    pub(super) fn new(lane: Lane) -> Self {
        Self {
            lane,
            state: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Takes a frame for sending.
    ///
    /// # Errors
    /// See [`SendError`]; the frame is not taken then.
    pub(super) fn push(&self, frame: Bytes) -> Result<(), SendError> {
        if frame.is_empty() {
            return Err(SendError::Empty);
        }
        if frame.len() > self.lane.frame_bytes_max() {
            return Err(SendError::TooLarge);
        }
        let mut state = self.lock();
        let bytes = state.bytes + frame.len() + HEADER_BYTES;
        if state.closed {
            return Err(SendError::NoLink);
        }
        if bytes > queued_bytes_max(self.lane) || state.frames.len() >= MAX_QUEUED_FRAMES {
            return Err(SendError::Full);
        }
        state.bytes = bytes;
        state.frames.push_back(frame);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for the next frames to write; `None` once the queue is closed and empty.
    pub(super) async fn next_batch(&self) -> Option<Vec<Bytes>> {
        loop {
            {
                let mut state = self.lock();
                let batch = take_batch(&mut state.frames);
                if !batch.is_empty() {
                    return Some(batch);
                }
                if state.closed {
                    return None;
                }
            }
            self.wake.notified().await;
        }
    }

    /// Tells that so many bytes, headers included, have been written.
    pub(super) fn written(&self, bytes: usize) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
    }

    /// Takes nothing more; what waits is still given to the writer.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Returns how many bytes wait, headers and what is being written included.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_batch(frames: &mut VecDeque<Bytes>) -> Vec<Bytes> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < BATCH_FRAMES && bytes < BATCH_BYTES {
        let Some(frame) = frames.pop_front() else {
            break;
        };
        bytes += frame.len();
        batch.push(frame);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_full_by_frames_and_by_bytes() {
        let by_frames = SendQueue::new(Lane::Consensus);
        for _ in 0..MAX_QUEUED_FRAMES {
            by_frames
                .push(Bytes::from_static(b"vote"))
                .expect("there is room");
        }
        assert_eq!(
            by_frames.push(Bytes::from_static(b"vote")),
            Err(SendError::Full)
        );
        assert_eq!(by_frames.bytes(), MAX_QUEUED_FRAMES * 8);

        let by_bytes = SendQueue::new(Lane::Blocks);
        let block = Bytes::from(vec![1; Lane::Blocks.frame_bytes_max()]);
        assert_eq!(by_bytes.push(block.clone()), Ok(()));
        assert_eq!(by_bytes.push(block), Ok(()));
        assert_eq!(
            by_bytes.push(Bytes::from_static(b"x")),
            Err(SendError::Full)
        );
    }

    #[test]
    fn refuses_frames_that_the_peer_would_refuse() {
        let queue = SendQueue::new(Lane::Address);
        let large = Bytes::from(vec![1; Lane::Address.frame_bytes_max() + 1]);
        assert_eq!(queue.push(large), Err(SendError::TooLarge));
        assert_eq!(queue.push(Bytes::new()), Err(SendError::Empty));
    }

    #[tokio::test]
    async fn what_is_being_written_still_counts() {
        let queue = SendQueue::new(Lane::Consensus);
        queue
            .push(Bytes::from_static(b"vote"))
            .expect("there is room");
        let batch = queue.next_batch().await.expect("one waits");
        assert_eq!((batch.len(), queue.bytes()), (1, 8));
        queue.written(8);
        assert_eq!(queue.bytes(), 0);
    }

    #[tokio::test]
    async fn gives_out_what_waits_after_closing_and_then_ends() {
        let queue = SendQueue::new(Lane::Consensus);
        queue
            .push(Bytes::from_static(b"last"))
            .expect("there is room");
        queue.close();
        assert_eq!(
            queue.push(Bytes::from_static(b"late")),
            Err(SendError::NoLink)
        );
        assert_eq!(
            queue.next_batch().await,
            Some(vec![Bytes::from_static(b"last")])
        );
        assert_eq!(queue.next_batch().await, None);
    }
}
