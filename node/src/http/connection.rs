//! One connection: HTTP/1.1 with deadlines and bounds.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use super::guard;
use super::site::Site;
use super::stall::Stalling;

/// Most bytes of the head of a request, and of what is read or written at a time. The longest
/// request of ours has a head of a few hundred bytes; browsers send some kilobytes.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// Most header fields of a request.
const HEADERS_MAX: usize = 64;

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, site: Arc<Site>, router: Router) {
    // Without it a small answer may wait for an acknowledgement; it only costs time where it fails.
    let _ = stream.set_nodelay(true);
    let limits = site.limits;
    let service = service_fn(move |request: Request<Incoming>| {
        let (site, router) = (Arc::clone(&site), router.clone());
        async move { Ok::<_, Infallible>(answer(&site, router, request).await) }
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
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the HTTP interface ended early");
    }
}

async fn answer(site: &Site, router: Router, request: Request<Incoming>) -> Response {
    if let Err(refusal) = guard::check(&site.hosts, &request) {
        return refusal;
    }
    let answered = router.oneshot(request.map(Body::new)).await;
    answered.unwrap_or_else(|never| match never {})
}
