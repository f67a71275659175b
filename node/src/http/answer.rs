//! Responses: their headers, and a bound on the memory of long ones.
//!
//! A client may ask for megabytes and take them slowly. So long answers draw on a common budget
//! until they are sent; where it is spent, a request is told to come again.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use super::error::RpcError;
use super::site::Site;

/// Memory for long answers. Our choice: eight of the longest blocks.
pub(super) const MEMORY_KIB: usize = 64 * 1024;
/// Shorter answers are not counted: all connections together hold a few megabytes of them.
const SHORT_BYTES: usize = 16 * 1024;
/// How much is handed to a connection at a time.
const PIECE_BYTES: usize = 64 * 1024;

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// Makes a response.
pub(super) fn respond(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Makes a response of JSON, if there is memory to keep it until it is sent.
pub(super) fn json_text(site: &Site, status: StatusCode, text: String) -> Response {
    if text.len() <= SHORT_BYTES {
        return respond(status, JSON, Body::from(text));
    }
    let kib = u32::try_from(text.len().div_ceil(1024)).unwrap_or(u32::MAX);
    match Arc::clone(&site.answers).try_acquire_many_owned(kib) {
        Ok(memory) => respond(
            status,
            JSON,
            Body::new(Long {
                rest: text.into(),
                _memory: memory,
            }),
        ),
        Err(_) => failure(&RpcError::unavailable(
            "too many long answers are under way; try again",
        )),
    }
}

/// Makes the response of a `GET` that failed.
pub(super) fn failure(error: &RpcError) -> Response {
    refuse(error.status(), &error.to_json())
}

/// Makes the response to a request that was not even looked at, and closes the connection.
pub(super) fn refuse_and_close(status: StatusCode, message: &str) -> Response {
    let mut response = refuse(status, &json!({"message": message}));
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn refuse(status: StatusCode, error: &Value) -> Response {
    respond(
        status,
        JSON,
        Body::from(json!({"error": error}).to_string()),
    )
}

/// A long body, in pieces, with its part of the memory.
struct Long {
    rest: Bytes,
    _memory: OwnedSemaphorePermit,
}

impl hyper::body::Body for Long {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}
