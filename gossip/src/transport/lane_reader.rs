//! Reads the frames of one lane of one link.

use std::sync::Arc;

use quinn::{Chunk, ReadError, RecvStream};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant, sleep, timeout, timeout_at};

use super::frame::{Decoded, FrameDecoder, HEADER_BYTES};
use super::inbox::{FRAME_OVERHEAD_BYTES, inbox_bytes_max};
use super::live_link::LiveLink;
use super::pool::Taken;
use super::shared::Shared;
use crate::lane::Lane;
use crate::link::LinkFault;

/// The most that is taken from a stream at once, so that lanes alternate.
const READ_BYTES_MAX: usize = 64 << 10;

/// What a frame may take without the pool of all links: whatever a vote, a batch or a small block
/// needs.
const OWN_BYTES: usize = 64 << 10;
/// How often a frame that waits for the pool looks again. Our choice: a frame arrives in as long.
const ROOM_POLL: Duration = Duration::from_millis(20);

/// Why reading ended.
enum Ended {
    /// The peer ended the lane between two frames.
    ByPeer,
    /// The link is lost.
    WithLink,
    /// The peer broke a rule.
    Fault(LinkFault),
}

impl From<LinkFault> for Ended {
    fn from(fault: LinkFault) -> Self {
        Self::Fault(fault)
    }
}

/// Reads until the link ends, and ends it if the peer breaks a rule.
pub(super) async fn read_lane(
    shared: Arc<Shared>,
    link: Arc<LiveLink>,
    lane: Lane,
    mut stream: RecvStream,
) {
    match read_frames(&shared, &link, lane, &mut stream).await {
        Ended::WithLink => {}
        Ended::Fault(fault) => link.fail(fault),
        // A peer that leaves ends its lanes first. It has as long as for a handshake to go.
        Ended::ByPeer => {
            if timeout(shared.timeouts.handshake, link.connection.closed())
                .await
                .is_err()
            {
                link.fail(LinkFault::LaneEnded { lane });
            }
        }
    }
}

async fn read_frames(
    shared: &Shared,
    link: &LiveLink,
    lane: Lane,
    stream: &mut RecvStream,
) -> Ended {
    let room = Arc::new(Semaphore::new(inbox_bytes_max(lane)));
    let mut decoder = FrameDecoder::new(lane);
    let mut permit = None;
    let mut deadline = None;
    let mut taken = Taken::nothing_of(Arc::clone(&shared.arriving));
    loop {
        let chunk = match next_chunk(stream, deadline, lane).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) if decoder.is_inside_frame() => {
                return LinkFault::TruncatedFrame { lane }.into();
            }
            Ok(None) => return Ended::ByPeer,
            Err(ended) => return ended,
        };
        let mut input = &chunk.bytes[..];
        loop {
            match decoder.step(&mut input) {
                Ok(Decoded::NeedMore) => break,
                Ok(Decoded::Begins(bytes)) => {
                    permit = acquire(&room, bytes).await;
                    // The wait for room was ours, not the peer's.
                    deadline = None;
                }
                Ok(Decoded::Frame(bytes)) => {
                    let counters = &shared.counters.lanes[lane];
                    counters.frames_in.add(1);
                    counters.bytes_in.add(bytes.len() + HEADER_BYTES);
                    let permit = permit.take().expect("taken when the frame began");
                    let fresh = Taken::nothing_of(Arc::clone(&shared.arriving));
                    let room = (permit, std::mem::replace(&mut taken, fresh));
                    shared.inbox.frame(link.facts.link, lane, bytes, room);
                    link.arrives(lane, None);
                    deadline = None;
                }
                Err(fault) => return fault.into(),
            }
        }
        let pooled = decoder.held_bytes().saturating_sub(OWN_BYTES);
        if !taken.grow_to(pooled) {
            wait_for_room(shared, &mut taken, pooled).await;
            // As above.
            deadline = None;
        }
        if pooled > 0 {
            link.arrives(lane, Some(Instant::now()));
        }
        deadline = decoder
            .is_inside_frame()
            .then(|| deadline.unwrap_or_else(|| Instant::now() + shared.timeouts.frame));
    }
}

/// Waits for room in the inbox: what holds back a peer that sends more than the core takes.
async fn acquire(room: &Arc<Semaphore>, bytes: u32) -> Option<tokio::sync::OwnedSemaphorePermit> {
    let overhead = u32::try_from(FRAME_OVERHEAD_BYTES).expect("a small constant");
    room.clone()
        .acquire_many_owned(bytes.saturating_add(overhead))
        .await
        .ok()
}

/// Waits until a frame may grow. Whoever has taken longest for a frame gives way meanwhile, so that
/// frames that have begun never wait for each other for good.
async fn wait_for_room(shared: &Shared, taken: &mut Taken, bytes: usize) {
    while !taken.grow_to(bytes) {
        shared.relieve_arriving();
        sleep(ROOM_POLL).await;
    }
}

async fn next_chunk(
    stream: &mut RecvStream,
    deadline: Option<Instant>,
    lane: Lane,
) -> Result<Option<Chunk>, Ended> {
    let read = stream.read_chunk(READ_BYTES_MAX, true);
    let result = match deadline {
        None => read.await,
        Some(deadline) => timeout_at(deadline, read)
            .await
            .map_err(|_| Ended::Fault(LinkFault::StalledFrame { lane }))?,
    };
    result.map_err(|error| match error {
        ReadError::Reset(_) => Ended::Fault(LinkFault::TruncatedFrame { lane }),
        _ => Ended::WithLink,
    })
}
