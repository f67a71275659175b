//! What waits to be written on one lane of one link.
//!
//! # Limits
//! At most [`MAX_QUEUED_FRAMES`] frames and [`queued_bytes_max`] bytes a lane. Of these a lane has
//! [`own_bytes`] for itself, in all some 0.9 MiB a link, and takes what is above from the pool of
//! all links. Frames are shared between links, so a block that waits on every link is in memory
//! once, and counts for each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::frame::HEADER_BYTES;
use super::pool::Pool;
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

/// Returns how many bytes a lane of one link may hold whatever the others do.
///
/// Votes never wait for anybody, and of the other lanes what consensus needs under load: a small
/// block, a batch of transactions or two.
const fn own_bytes(lane: Lane) -> usize {
    match lane {
        Lane::Consensus => queued_bytes_max(lane),
        Lane::Blocks | Lane::Transactions | Lane::Address => 2 * ((64 << 10) + HEADER_BYTES),
        Lane::Sync => (16 << 10) + HEADER_BYTES,
    }
}

/// A bounded queue with one writer task behind it.
#[derive(Debug)]
pub(super) struct SendQueue {
    lane: Lane,
    pool: Arc<Pool>,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug)]
struct State {
    frames: VecDeque<Bytes>,
    /// Includes what the writer holds and has not written.
    bytes: usize,
    /// When the peer last took something, or the queue was empty.
    moved: Instant,
    closed: bool,
}

impl SendQueue {
    /// Makes an empty queue, which takes from `pool` what is above its own bytes.
    pub(super) fn new(lane: Lane, pool: Arc<Pool>) -> Self {
        let state = State {
            frames: VecDeque::new(),
            bytes: 0,
            moved: Instant::now(),
            closed: false,
        };
        Self {
            lane,
            pool,
            state: Mutex::new(state),
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
        if !self
            .pool
            .take(self.pooled(bytes) - self.pooled(state.bytes))
        {
            return Err(SendError::PoolFull);
        }
        if state.bytes == 0 {
            state.moved = Instant::now();
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
        let before = self.pooled(state.bytes);
        state.bytes = state.bytes.saturating_sub(bytes);
        self.pool.give(before - self.pooled(state.bytes));
    }

    /// Tells that the peer has taken something.
    pub(super) fn moved(&self) {
        self.lock().moved = Instant::now();
    }

    /// Returns how many bytes of the pool it holds, and since when the peer takes nothing.
    pub(super) fn stalled(&self) -> (usize, Instant) {
        let state = self.lock();
        (self.pooled(state.bytes), state.moved)
    }

    /// Returns how many of so many bytes are from the pool.
    const fn pooled(&self, bytes: usize) -> usize {
        bytes.saturating_sub(own_bytes(self.lane))
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

impl Drop for SendQueue {
    fn drop(&mut self) {
        let bytes = self.bytes();
        self.pool.give(self.pooled(bytes));
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

    fn queue(lane: Lane) -> SendQueue {
        SendQueue::new(lane, Arc::new(Pool::new(16 << 20)))
    }

    #[test]
    fn is_full_by_frames_and_by_bytes() {
        let by_frames = queue(Lane::Consensus);
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

        let by_bytes = queue(Lane::Blocks);
        let block = Bytes::from(vec![1; Lane::Blocks.frame_bytes_max()]);
        assert_eq!(by_bytes.push(block.clone()), Ok(()));
        assert_eq!(by_bytes.push(block), Ok(()));
        assert_eq!(
            by_bytes.push(Bytes::from_static(b"x")),
            Err(SendError::Full)
        );
    }

    #[test]
    fn what_is_above_its_own_bytes_comes_from_the_pool_and_goes_back() {
        let frame = || Bytes::from(vec![1; 1 << 20]);
        let pool = Arc::new(Pool::new(1 << 20));
        let [first, second] = [(); 2].map(|()| SendQueue::new(Lane::Sync, Arc::clone(&pool)));
        assert_eq!(first.push(frame()), Ok(()));
        assert_eq!(second.push(frame()), Err(SendError::PoolFull));
        assert_eq!(second.push(Bytes::from_static(b"status")), Ok(()));
        first.written((1 << 20) + HEADER_BYTES);
        assert_eq!(pool.free(), 1 << 20);
        assert_eq!(second.push(frame()), Ok(()));
        assert_eq!(first.push(frame()), Err(SendError::PoolFull));
        drop(second);
        assert_eq!(first.push(frame()), Ok(()));
    }

    #[test]
    fn votes_need_no_pool() {
        let queue = SendQueue::new(Lane::Consensus, Arc::new(Pool::new(0)));
        let frame = Bytes::from(vec![1; Lane::Consensus.frame_bytes_max()]);
        let taken = (0..10).filter(|_| queue.push(frame.clone()).is_ok());
        assert_eq!(taken.count(), 8);
    }

    #[test]
    fn refuses_frames_that_the_peer_would_refuse() {
        let queue = queue(Lane::Address);
        let large = Bytes::from(vec![1; Lane::Address.frame_bytes_max() + 1]);
        assert_eq!(queue.push(large), Err(SendError::TooLarge));
        assert_eq!(queue.push(Bytes::new()), Err(SendError::Empty));
    }

    #[tokio::test]
    async fn what_is_being_written_still_counts() {
        let queue = queue(Lane::Consensus);
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
        let queue = queue(Lane::Consensus);
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
