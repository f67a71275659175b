//! One connection: HTTP/1.1 with deadlines and bounds.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use super::guard;
use super::headless::Ticket;
use super::site::Site;
use super::stall::Stalling;

/// Most bytes of the head of a request, and of what is read or written at a time. The longest
/// request of ours has a head of a few hundred bytes; browsers send some kilobytes.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// Most header fields of a request.
const HEADERS_MAX: usize = 64;

/// Serves a connection to its end, or until it has to give way.
pub(super) async fn serve(
    stream: TcpStream,
    (site, router): (Arc<Site>, Router),
    ticket: Arc<Ticket>,
) {
    // Without it a small answer may wait for an acknowledgement; it only costs time where it fails.
    let _ = stream.set_nodelay(true);
    let limits = site.limits;
    let own = Arc::clone(&ticket);
    let service = service_fn(move |request: Request<Incoming>| {
        let (site, router) = (Arc::clone(&site), router.clone());
        let ticket = Arc::clone(&own);
        ticket.heard();
        async move {
            let answer = answer(&site, router, request).await;
            Ok::<_, Infallible>(answer.map(|body| Answering { body, ticket }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_deadline)
        // Whoever has said all it has to say (`nc -N`) still wants the answer.
        .half_close(true)
        .max_buf_size(BUFFER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(
            TokioIo::new(Stalling::new(stream, limits.stall_deadline)),
            service,
        );
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the HTTP interface ended early");
        },
        () = ticket.told_to_leave() => {
            tracing::debug!("a connection without a request gave way to another");
        }
    }
}

/// The body of an answer, which says when it was handed over.
struct Answering {
    body: Body,
    ticket: Arc<Ticket>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.ticket.answered();
    }
}

impl hyper::body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn answer(site: &Site, router: Router, request: Request<Incoming>) -> Response {
    if let Err(refusal) = guard::check(&site.hosts, &request) {
        return refusal;
    }
    let answered = router.oneshot(request.map(Body::new)).await;
    answered.unwrap_or_else(|never| match never {})
}
