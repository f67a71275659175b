//! `GET /openrpc.json`: the methods, for programs that make clients or documentation.
//!
//! Results are described by the types of [`crate::api`]; here they are only called objects.
//!
//! # Source
//! OpenRPC specification 1.3.2.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{JSON, respond};
use super::methods::{METHODS, Method};
use super::parameters::{Kind, Parameter};

/// Answers it.
pub(super) async fn document() -> Response {
    respond(StatusCode::OK, JSON, Body::from(describe().to_string()))
}

fn describe() -> Value {
    json!({
        "openrpc": "1.3.2",
        "info": {"title": "Starling", "version": env!("CARGO_PKG_VERSION")},
        "methods": METHODS.iter().map(method).collect::<Vec<_>>(),
    })
}

fn method(method: &Method) -> Value {
    json!({
        "name": method.name,
        "summary": method.about,
        "params": method.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "result": {"name": "result", "schema": {"type": "object"}},
    })
}

fn parameter(parameter: &Parameter) -> Value {
    let integer = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX});
    let schema = match parameter.kind {
        Kind::Integer => integer,
        Kind::Height => json!({"oneOf": [integer, {"const": "latest"}]}),
        Kind::Text => json!({"type": "string"}),
    };
    json!({
        "name": parameter.name,
        "description": parameter.about,
        "required": parameter.required,
        "schema": schema,
    })
}
