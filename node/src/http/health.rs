//! `/healthz` and `/readyz`: for supervisors and load balancers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{TEXT, respond};
use super::site::Site;
use crate::core::Status;

/// Answers `GET /healthz`: the process lives.
pub(super) async fn alive() -> Response {
    respond(StatusCode::OK, TEXT, Body::from("alive\n"))
}

/// Answers `GET /readyz`: the state of the node, in a word and why.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Response {
    let told = match site.handle.status() {
        Some(status) if status.state.ready => Ok(describe(&status)),
        Some(status) => Err(describe(&status)),
        None => Err("the node is starting".to_owned()),
    };
    let (status, words) = match told {
        Ok(words) => (StatusCode::OK, format!("ready: {words}\n")),
        Err(words) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {words}\n"),
        ),
    };
    respond(status, TEXT, Body::from(words))
}

fn describe(status: &Status) -> String {
    format!("{}; block {}", status.state, status.height)
}
