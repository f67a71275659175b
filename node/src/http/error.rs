//! Errors of calls, as JSON-RPC tells them.

use std::fmt::Display;

use axum::http::StatusCode;
use serde_json::{Value, json};

/// The text is not JSON.
pub(super) const PARSE: i64 = -32_700;
/// It is JSON, and not a request.
pub(super) const REQUEST: i64 = -32_600;
/// There is no such method.
pub(super) const METHOD: i64 = -32_601;
/// The parameters are wrong, or name what is not there.
pub(super) const PARAMETERS: i64 = -32_602;
/// The node failed.
pub(super) const INTERNAL: i64 = -32_603;
/// The transaction does not enter the mempool.
pub(super) const REJECTED: i64 = -32_001;
/// The node is stopping, starting, or too busy.
pub(super) const UNAVAILABLE: i64 = -32_002;

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct RpcError {
    /// One of the codes above.
    pub(super) code: i64,
    /// For people.
    pub(super) message: String,
    /// A stable word for programs.
    pub(super) word: &'static str,
}

impl RpcError {
    pub(super) fn new(code: i64, word: &'static str, message: impl Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            word,
        }
    }

    pub(super) fn parameters(message: impl Display) -> Self {
        Self::new(PARAMETERS, "parameters", message)
    }

    pub(super) fn not_found(message: impl Display) -> Self {
        Self::new(PARAMETERS, "not_found", message)
    }

    /// What was asked for was here once.
    pub(super) fn pruned(message: impl Display) -> Self {
        Self::new(PARAMETERS, "pruned", message)
    }

    pub(super) fn unavailable(message: impl Display) -> Self {
        Self::new(UNAVAILABLE, "unavailable", message)
    }

    pub(super) fn internal(message: impl Display) -> Self {
        Self::new(INTERNAL, "internal", message)
    }

    /// Returns the error object of JSON-RPC.
    pub(super) fn to_json(&self) -> Value {
        let data = json!({"code": self.word, "reason": self.message});
        json!({"code": self.code, "message": self.message, "data": data})
    }

    /// Returns the status of a `GET` that ends so.
    pub(super) fn status(&self) -> StatusCode {
        match (self.code, self.word) {
            (METHOD, _) | (_, "not_found") => StatusCode::NOT_FOUND,
            (_, "pruned") => StatusCode::GONE,
            (INTERNAL, _) => StatusCode::INTERNAL_SERVER_ERROR,
            (UNAVAILABLE, _) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
