//! Responses: their headers, and a bound on the memory of long ones.
//!
//! A client may ask for megabytes and take them slowly. So long answers have a share of a common
//! budget until they are sent; where none comes free in time, a request is told to come again.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use serde_json::{Value, json};

use super::budget::Share;
use super::error::RpcError;
use super::site::Site;

/// Shorter answers are not counted: all connections together hold a few megabytes of them.
pub(super) const SHORT_BYTES: usize = 16 * 1024;
/// How much is handed to a connection at a time, as a copy: so what a connection holds is no
/// answer, and an answer is gone when its last piece was handed over.
const PIECE_BYTES: usize = 16 * 1024;

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

/// An answer as text, with its share of the memory if it is long.
pub(super) struct Told {
    pub(super) text: String,
    memory: Option<Share>,
}

impl Told {
    /// Takes a text that was made within `share`; without one, takes what it needs now.
    ///
    /// # Errors
    /// Unavailable if it is long, and there is no memory to keep it until it is sent.
    pub(super) fn new(site: &Site, text: String, share: Option<Share>) -> Result<Self, RpcError> {
        if text.len() <= SHORT_BYTES {
            return Ok(Self { text, memory: None });
        }
        let share = share.or_else(|| site.answers.try_take(text.len()));
        let Some(mut share) = share else {
            return Err(too_many());
        };
        share.shrink_to(text.len());
        let memory = Some(share);
        Ok(Self { text, memory })
    }

    /// Takes a short text, such as that of an error.
    pub(super) const fn short(text: String) -> Self {
        Self { text, memory: None }
    }
}

/// There is no memory for a long answer.
pub(super) fn too_many() -> RpcError {
    RpcError::unavailable("too many long answers are under way; try again")
}

/// Makes a response of JSON.
pub(super) fn json_text(status: StatusCode, told: Told) -> Response {
    match told.memory {
        None => respond(status, JSON, Body::from(told.text)),
        Some(_) => respond(status, JSON, Body::new(Long::new(told))),
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

/// A long body, in pieces, with its share of the memory.
pub(super) struct Long {
    rest: Bytes,
    memory: Option<Share>,
}

impl Long {
    pub(super) fn new(told: Told) -> Self {
        Self {
            rest: told.text.into(),
            memory: told.memory,
        }
    }

    /// Returns the next piece, and lets go of the answer with the last one.
    pub(super) fn next_piece(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        let piece = Bytes::copy_from_slice(&piece);
        if self.rest.is_empty() {
            self.rest = Bytes::new();
            self.memory = None;
        }
        Some(piece)
    }
}

impl hyper::body::Body for Long {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next_piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}
