//! Which path is answered by what.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};

use super::answer::{JSON, Told, failure, json_text, refuse_and_close, respond};
use super::error::RpcError;
use super::parameters::Parameters;
use super::site::Site;
use super::{events, guard, health, methods, metrics, openrpc, rpc};

/// Most bytes of a body, in one piece or in chunks: a transaction of 16 KiB in hex, or a batch of
/// smaller calls.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of a body that is too long which are read all the same, so that the client reads the
/// answer instead of an error of its socket.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;
/// How long that may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);

/// Makes the router.
pub(super) fn new(site: Arc<Site>) -> Router {
    Router::new()
        .route("/rpc", post(call))
        .route("/rpc/{method}", get(read))
        .route("/events", get(events::subscribe))
        .route("/metrics", get(metrics::scrape))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/openrpc.json", get(openrpc::document))
        .fallback(|| async { not_found() })
        .method_not_allowed_fallback(|| async { not_allowed() })
        .with_state(site)
}

/// `POST /rpc`.
async fn call(State(site): State<Arc<Site>>, request: Request) -> Response {
    if let Err(refusal) = guard::check_post(&site.hosts, request.headers()) {
        return refusal;
    }
    let body = match body(request.into_body(), site.limits.body_deadline).await {
        Ok(body) => body,
        Err((status, message)) => return refuse_and_close(status, message),
    };
    match rpc::answer(&site, body).await {
        rpc::Reply::Answer(told) => json_text(StatusCode::OK, told),
        rpc::Reply::Batch(batch) => respond(StatusCode::OK, JSON, Body::new(batch)),
        rpc::Reply::Refused(text) => respond(StatusCode::BAD_REQUEST, JSON, Body::from(text)),
        rpc::Reply::Nothing => respond(StatusCode::NO_CONTENT, JSON, Body::empty()),
    }
}

/// `GET /rpc/<method>?…`.
async fn read(State(site): State<Arc<Site>>, Path(name): Path<String>, uri: Uri) -> Response {
    match read_result(&site, &name, &uri).await {
        Ok(Some(told)) => json_text(StatusCode::OK, told),
        Ok(None) => not_allowed(),
        Err(error) => failure(&error),
    }
}

/// Returns the result; `None` if the method does more than read.
async fn read_result(site: &Arc<Site>, name: &str, uri: &Uri) -> Result<Option<Told>, RpcError> {
    let method = methods::find(name)?;
    if !method.reads {
        return Ok(None);
    }
    let parameters = Parameters::from_query(method.parameters, uri)?;
    rpc::make(site, method, parameters).await.map(Some)
}

/// Reads a body within its bounds.
async fn body(body: Body, deadline: Duration) -> Result<Bytes, (StatusCode, &'static str)> {
    const TOO_LARGE: (StatusCode, &str) = (
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body is longer than 64 KiB",
    );
    let mut body = body;
    let too_large = |bytes: u64| usize::try_from(bytes).is_ok_and(|bytes| bytes > BODY_BYTES_MAX);
    let told = match too_large(body.size_hint().lower()) {
        true => Ok(Err(Unreadable::TooLarge)),
        false => tokio::time::timeout(deadline, gather(&mut body)).await,
    };
    match told {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(Unreadable::TooLarge)) => {
            drain(&mut body).await;
            Err(TOO_LARGE)
        }
        Ok(Err(Unreadable::Broken)) => Err((StatusCode::BAD_REQUEST, "the body cannot be read")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

/// Why a body is not read.
enum Unreadable {
    /// It is longer than [`BODY_BYTES_MAX`].
    TooLarge,
    /// It ends too early, or its chunks are none.
    Broken,
}

/// Joins the pieces of a body as they come: kept apart, chunks of one byte each would take the
/// memory of a buffer each.
async fn gather(body: &mut Body) -> Result<Bytes, Unreadable> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unreadable::Broken)?;
        // What is no data are trailers, which say nothing here.
        let piece = frame.into_data().unwrap_or_default();
        if bytes.len() + piece.len() > BODY_BYTES_MAX {
            return Err(Unreadable::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.into())
}

/// Reads what is left of a body and forgets it, within bounds.
async fn drain(body: &mut Body) {
    let limited = Limited::new(body, DRAIN_BYTES_MAX);
    let drained = async {
        let mut limited = std::pin::pin!(limited);
        while let Some(Ok(_)) = limited.frame().await {}
    };
    // Whether it ended or the time did: the answer is the same.
    let _ = tokio::time::timeout(DRAIN_DEADLINE, drained).await;
}

fn not_found() -> Response {
    refuse_and_close(StatusCode::NOT_FOUND, "there is nothing here")
}

fn not_allowed() -> Response {
    let message =
        "this method of HTTP is not for this path; calls that change something are POST /rpc";
    refuse_and_close(StatusCode::METHOD_NOT_ALLOWED, message)
}
