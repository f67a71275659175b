//! `GET /events`: server-sent events that resume.
//!
//! | event | id | when |
//! |---|---|---|
//! | `block` | `height.0` | a block is final and on disk |
//! | `transaction` (stage `final`) | `height.index` | right after its block |
//! | `transaction` (other stages) | none | when this node accepts, gossips or sees it proposed |
//! | `transaction` (stage `left`) | none | it waits here no longer and is in no block; why |
//! | `halt`, `resume` | none | too little voting power is heard, or enough again |
//! | `gap` | none | something is not told on this connection; it says how to go on |
//!
//! `Last-Event-ID: height.index`, which browsers send by themselves, goes on right after that
//! event, and
//! `?from=height` begins with that block: what is on disk is told first, then what comes, without
//! loss or duplicate. Events without id are told once, to whoever is there; who comes during a halt
//! is told of it.
//!
//! A subscriber that does not keep up gets a `gap` and is cut off; it resumes where it was.
//!
//! # Source
//! HTML Living Standard, section 9.2 (server-sent events).
//!
//! # Limits
//! See [`HttpLimits::subscribers_max`](super::HttpLimits); each holds [`PIECES_MAX`] pieces.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Frame;
use starling_ledger::chain::ChainReader;
use starling_ledger::vote::Height;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{sleep, timeout};

use super::answer::{failure, respond};
use super::budget::Share;
use super::error::RpcError;
use super::hub::{self, News};
use super::parameters::{Kind, Parameter, Parameters, integer};
use super::replay;
use super::site::{Site, unreadable};
use crate::api::GapEvent;

/// Pieces of events that wait for one subscriber's socket.
const PIECES_MAX: usize = 1;
/// Bytes of replayed events after which a piece is sent.
const PIECE_BYTES: usize = 256 * 1024;
/// Memory of a piece read from disk: a block of 10,000 transactions in words, on top of a piece.
/// What is told live is shared by all subscribers.
const REPLAY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The header with which a client resumes.
const LAST_EVENT_ID: &str = "last-event-id";
/// The first words: an answer at once, and how soon a browser comes again. No empty line follows,
/// so that they belong to the first event: some clients (httpx-sse) take every empty line for the
/// end of an event.
const GREETING: &str = ": starling\nretry: 1000\n";
/// Says that the connection lives: a comment, again without an empty line.
const HEARTBEAT: &[u8] = b":\n";
/// Tells nginx to pass on what comes as it comes, and not in pieces of 4,096 bytes.
const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

const PARAMETERS: &[Parameter] = &[Parameter {
    name: "from",
    kind: Kind::Integer,
    required: false,
    about: "Height of the first block to tell.",
}];

/// Where a client wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With what comes.
    Now,
    /// With a block.
    From(Height),
    /// After an event.
    After(Height, u64),
}

/// Answers `GET /events`.
pub(super) async fn subscribe(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    match open(site, &headers, &uri).await {
        Ok(pieces) => {
            let memory = None;
            let body = Body::new(Stream { pieces, memory });
            let mut response = respond(StatusCode::OK, "text/event-stream", body);
            let (name, value) = UNBUFFERED;
            let headers = response.headers_mut();
            headers.insert(name, HeaderValue::from_static(value));
            response
        }
        Err(error) => failure(&error),
    }
}

async fn open(
    site: Arc<Site>,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<mpsc::Receiver<Piece>, RpcError> {
    let start = start(headers, uri)?;
    let place = Arc::clone(&site.subscribers).try_acquire_owned();
    let place = place.map_err(|_| RpcError::unavailable("too many subscribers; try again"))?;
    // In this order, no block falls between what is read and what is heard.
    let news = site.hub.subscribe();
    let tip = site
        .read(|_, reader| reader.tip().map_err(unreadable))
        .await?;
    let latest = tip.map_or(0, |(height, _)| height);
    let (next, after, ahead) = match start {
        Start::Now => (latest.saturating_add(1), None, false),
        Start::From(height) if height > latest.saturating_add(1) => {
            let message = format!("there is no block {height} here; the latest is {latest}");
            return Err(RpcError::not_found(message));
        }
        Start::From(height) => (height.max(1), None, false),
        Start::After(height, _) if height > latest => (latest.saturating_add(1), None, true),
        Start::After(height, index) => (height.max(1), Some(index), false),
    };
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let subscriber = Subscriber {
        site,
        news,
        sender,
        next,
        after,
        _place: place,
    };
    tokio::spawn(subscriber.run(latest, ahead));
    Ok(receiver)
}

/// Reads where a client wants to begin.
///
/// # Errors
/// Neither header nor query can be read.
pub(super) fn start(headers: &HeaderMap, uri: &Uri) -> Result<Start, RpcError> {
    let from = Parameters::from_query(PARAMETERS, uri)?.integer("from")?;
    // A browser that reconnects sends both; it has seen more than `from` says.
    match headers.get(LAST_EVENT_ID) {
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.split_once('.'));
            let parts = id.and_then(|(height, index)| integer(height).zip(integer(index)));
            let (height, index) = parts
                .ok_or_else(|| RpcError::parameters("`Last-Event-ID` is not `height.index`"))?;
            Ok(Start::After(height, index))
        }
        None => Ok(from.map_or(Start::Now, Start::From)),
    }
}

/// The subscriber is gone, or cannot be served.
struct Ended;

/// One client that listens.
struct Subscriber {
    site: Arc<Site>,
    news: Receiver<News>,
    sender: mpsc::Sender<Piece>,
    /// The next block to tell.
    next: Height,
    /// The last of its events that was told.
    after: Option<u64>,
    _place: OwnedSemaphorePermit,
}

impl Subscriber {
    async fn run(mut self, latest: Height, ahead: bool) {
        // However it ends, the connection ends with it.
        let _ = self.tell_all(latest, ahead).await;
    }

    async fn tell_all(&mut self, latest: Height, ahead: bool) -> Result<(), Ended> {
        self.greet(ahead).await?;
        self.replay(latest).await?;
        loop {
            tokio::select! {
                () = self.sender.closed() => return Err(Ended),
                news = self.news.recv() => match news {
                    Ok(News::Passing(words)) => self.send(words).await?,
                    Ok(News::Block(height)) => self.block(height).await?,
                    Err(RecvError::Lagged(_)) => return self.cut_off().await,
                    Err(RecvError::Closed) => return Err(Ended),
                },
                () = sleep(self.site.limits.keep_alive) => {
                    self.send(Bytes::from_static(HEARTBEAT)).await?;
                }
            }
        }
    }

    async fn greet(&mut self, ahead: bool) -> Result<(), Ended> {
        let mut words = GREETING.to_owned();
        if ahead {
            let reason =
                "this chain does not reach the last event; events go on with its next block";
            let gap = GapEvent {
                reason,
                resume_after: None,
            };
            replay::write(&mut words, None, "gap", &gap);
        }
        let status = self.site.handle.status();
        if let Some(halt) = status.and_then(|status| hub::halt(&self.site, &status)) {
            replay::write(&mut words, None, "halt", &halt);
        }
        self.send(words.into()).await
    }

    /// Tells a block that has just become final, and what was missed before it.
    async fn block(&mut self, height: Height) -> Result<(), Ended> {
        if height < self.next {
            return Ok(());
        }
        match self.site.hub.block(height) {
            Some(words) if height == self.next && self.after.is_none() => {
                self.next = height.saturating_add(1);
                self.send(words).await
            }
            _ => self.replay(height).await,
        }
    }

    /// Tells the blocks up to `last` from disk.
    async fn replay(&mut self, last: Height) -> Result<(), Ended> {
        while self.next <= last {
            let (from, after) = (self.next, self.after);
            let mut memory = self.memory().await?;
            let read = move |site: &Site, reader: &ChainReader| {
                let mut words = String::new();
                let mut next = from;
                while next <= last && words.len() < PIECE_BYTES {
                    let Some(block) = replay::read_block(site, reader, next)? else {
                        break;
                    };
                    let after = after.filter(|_| next == from);
                    replay::write_block(&mut words, &block, after);
                    next = next.saturating_add(1);
                }
                Ok((words, next))
            };
            let (words, next) = self.site.read(read).await.map_err(|_| Ended)?;
            if next == from {
                return self.skip_to(last).await;
            }
            (self.next, self.after) = (next, None);
            memory.shrink_to(words.len());
            self.send_piece((words.into(), Some(memory))).await?;
        }
        Ok(())
    }

    /// A block is not here, so nothing is told of those before `last`.
    async fn skip_to(&mut self, last: Height) -> Result<(), Ended> {
        (self.next, self.after) = (last.saturating_add(1), None);
        let reason = "this node does not have the block; events go on with the next to come";
        self.gap(reason, None).await
    }

    /// It took too long: tell it where to go on, and end.
    async fn cut_off(&mut self) -> Result<(), Ended> {
        let last = match self.after {
            Some(index) => format!("{}.{index}", self.next),
            None => format!("{}.{}", self.next.saturating_sub(1), u32::MAX),
        };
        self.gap("too slow; come again to go on", Some(last))
            .await?;
        Err(Ended)
    }

    async fn gap(&mut self, reason: &'static str, last: Option<String>) -> Result<(), Ended> {
        let mut words = String::new();
        replay::write(
            &mut words,
            None,
            "gap",
            &GapEvent {
                reason,
                resume_after: last,
            },
        );
        self.send(words.into()).await
    }

    async fn send(&mut self, words: Bytes) -> Result<(), Ended> {
        self.send_piece((words, None)).await
    }

    async fn send_piece(&mut self, piece: Piece) -> Result<(), Ended> {
        let sent = timeout(self.site.limits.stall_deadline, self.sender.send(piece)).await;
        sent.map_err(|_| Ended)?.map_err(|_| Ended)
    }

    /// Waits for memory that holds any piece read from disk.
    async fn memory(&self) -> Result<Share, Ended> {
        let deadline = self.site.limits.stall_deadline;
        let memory = self.site.replays.take(REPLAY_BYTES_MAX, deadline).await;
        memory.ok_or(Ended)
    }
}

/// Events in words, and the memory they take if they were read from disk.
type Piece = (Bytes, Option<Share>);

/// A body of events as they come.
struct Stream {
    pieces: mpsc::Receiver<Piece>,
    /// That of the last piece, until the connection asks for the next.
    memory: Option<Share>,
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // Whoever asks for more has sent what it had.
        self.memory = None;
        let Some((words, memory)) = ready!(self.pieces.poll_recv(context)) else {
            return Poll::Ready(None);
        };
        self.memory = memory;
        Poll::Ready(Some(Ok(Frame::data(words))))
    }
}
