//! JSON-RPC 2.0: one request or a batch in, one answer or a list out.
//!
//! # Source
//! JSON-RPC 2.0 specification (2013-01-04).
//!
//! # Limits
//! A batch holds [`BATCH_MAX`] requests; once its answers take [`BATCH_BYTES_MAX`], the rest are
//! told to come again.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::{PARSE, REQUEST, RpcError};
use super::json;
use super::methods;
use super::parameters::Parameters;
use super::site::Site;

/// Most requests of a batch. Our choice, as for ranges of blocks.
pub(super) const BATCH_MAX: usize = 100;
/// Most bytes of a batch's answers before the rest is refused. Our choice: the largest block in hex
/// and more.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a body of JSON-RPC comes to.
pub(super) enum Reply {
    /// The body was no call: the answer, and an error of HTTP.
    Refused(String),
    /// The answer.
    Answer(String),
    /// There were only notifications, which are not answered.
    Nothing,
}

/// Takes the body of a `POST`.
pub(super) async fn answer(site: &Arc<Site>, body: &[u8]) -> Reply {
    let value = match json::parse(body) {
        Ok(value) => value,
        Err(error) => {
            let error = RpcError::new(PARSE, "json", format!("not JSON: {error}"));
            return Reply::Refused(failure(&Value::Null, &error));
        }
    };
    match value {
        Value::Array(batch) if batch.is_empty() || batch.len() > BATCH_MAX => {
            let message = format!("{} requests, expected 1 to {BATCH_MAX}", batch.len());
            let error = RpcError::new(REQUEST, "batch", message);
            Reply::Refused(failure(&Value::Null, &error))
        }
        Value::Array(batch) => answer_batch(site, batch).await,
        request => call(site, request)
            .await
            .map_or(Reply::Nothing, Reply::Answer),
    }
}

async fn answer_batch(site: &Arc<Site>, batch: Vec<Value>) -> Reply {
    let mut answers = String::new();
    for request in batch {
        let told = if answers.len() < BATCH_BYTES_MAX {
            call(site, request).await
        } else {
            let error = RpcError::unavailable("the answers of this batch are too long; ask again");
            answerable(&request).map(|id| failure(&id, &error))
        };
        if let Some(told) = told {
            answers.push(if answers.is_empty() { '[' } else { ',' });
            answers.push_str(&told);
        }
    }
    if answers.is_empty() {
        return Reply::Nothing;
    }
    answers.push(']');
    Reply::Answer(answers)
}

/// Makes one call; `None` for a notification.
async fn call(site: &Arc<Site>, request: Value) -> Option<String> {
    let id = answerable(&request);
    let result = match parse(request) {
        // What is no request cannot be a notification either.
        Err(error) => return Some(failure(&id.unwrap_or_default(), &error)),
        Ok((method, parameters)) => invoke(site, &method, parameters).await,
    };
    let id = id?;
    Some(match result {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
        Err(error) => failure(&id, &error),
    })
}

async fn invoke(
    site: &Arc<Site>,
    method: &str,
    parameters: Option<Value>,
) -> Result<String, RpcError> {
    let method = methods::find(method)?;
    let parameters = Parameters::from_json(method.parameters, parameters)?;
    (method.call)(Arc::clone(site), parameters).await
}

/// Returns the id to answer to; `None` if none was given, or one that cannot be answered to.
fn answerable(request: &Value) -> Option<Value> {
    let id = request.as_object()?.get("id")?;
    matches!(id, Value::Null | Value::String(_) | Value::Number(_)).then(|| id.clone())
}

/// Takes a request apart: its method and parameters.
///
/// # Errors
/// It is no request.
pub(super) fn parse(request: Value) -> Result<(String, Option<Value>), RpcError> {
    let wrong = |message: &str| RpcError::new(REQUEST, "request", message);
    let Value::Object(mut request) = request else {
        return Err(wrong("a request is an object"));
    };
    let known = |name: &String| ["jsonrpc", "id", "method", "params"].contains(&name.as_str());
    if !request.keys().all(known) {
        return Err(wrong(
            "a request has `jsonrpc`, `id`, `method` and `params`, nothing else",
        ));
    }
    if request.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(wrong("`jsonrpc` is not \"2.0\""));
    }
    if matches!(
        request.get("id"),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_))
    ) {
        return Err(wrong("`id` is neither text nor number"));
    }
    match take(&mut request, "method") {
        Some(Value::String(method)) => Ok((method, take(&mut request, "params"))),
        _ => Err(wrong("`method` is missing or not a text")),
    }
}

fn take(request: &mut Map<String, Value>, name: &str) -> Option<Value> {
    request.remove(name)
}

fn failure(id: &Value, error: &RpcError) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#,
        error.to_json()
    )
}
