//! JSON-RPC 2.0: one request or a batch in, one answer or a list out.
//!
//! # Source
//! JSON-RPC 2.0 specification (2013-01-04).
//!
//! # Limits
//! A batch holds [`BATCH_MAX`] requests. Where its answers are long, each is made when the client
//! has taken the one before (module `batch`).

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::{Told, too_many};
use super::batch::Batch;
use super::error::{PARSE, REQUEST, RpcError};
use super::json;
use super::methods::{self, Method};
use super::parameters::Parameters;
use super::site::Site;

/// Most requests of a batch. Our choice, as for ranges of blocks.
pub(super) const BATCH_MAX: usize = 100;

/// What a body of JSON-RPC comes to.
pub(super) enum Reply {
    /// The body was no call: the answer, and an error of HTTP.
    Refused(String),
    /// The answer.
    Answer(Told),
    /// The answers of a batch, which are still being made.
    Batch(Batch),
    /// There were only notifications, which are not answered.
    Nothing,
}

/// Takes the body of a `POST`.
pub(super) async fn answer(site: &Arc<Site>, body: Bytes) -> Reply {
    let parsed = json::parse(&body);
    drop(body);
    let value = match parsed {
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
        Value::Array(batch) => Batch::begin(site, batch).await,
        request => call(site, request)
            .await
            .map_or(Reply::Nothing, Reply::Answer),
    }
}

/// Makes one call; `None` for a notification.
pub(super) async fn call(site: &Arc<Site>, request: Value) -> Option<Told> {
    let id = answerable(&request);
    let result = match parse(request) {
        // What is no request cannot be a notification either.
        Err(error) => return Some(Told::short(failure(&id.unwrap_or_default(), &error))),
        Ok((method, parameters)) => invoke(site, &method, parameters).await,
    };
    let id = id?;
    Some(match result {
        Ok(mut told) => {
            told.text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, told.text);
            told
        }
        Err(error) => Told::short(failure(&id, &error)),
    })
}

async fn invoke(
    site: &Arc<Site>,
    method: &str,
    parameters: Option<Value>,
) -> Result<Told, RpcError> {
    let method = methods::find(method)?;
    let parameters = Parameters::from_json(method.parameters, parameters)?;
    make(site, method, parameters).await
}

/// Calls a method when there is memory for what it answers.
///
/// # Errors
/// Those of the method; unavailable if there is no memory in time.
pub(super) async fn make(
    site: &Arc<Site>,
    method: &Method,
    parameters: Parameters,
) -> Result<Told, RpcError> {
    let share = match method.bytes_max {
        0 => None,
        bytes => {
            let share = site.answers.take(bytes, site.limits.answer_deadline);
            Some(share.await.ok_or_else(too_many)?)
        }
    };
    let text = (method.call)(Arc::clone(site), parameters).await?;
    Told::new(site, text, share)
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
