//! The readers of requests without the node behind them, for fuzzing and tests alone.

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderValue, Uri};
use serde_json::{Map, Value};

use super::error::RpcError;
use super::host::Hosts;
use super::methods::{self, Method};
use super::parameters::{Kind, Parameters};
use super::{events, json, rpc};

/// A call that the node would carry out.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// What was given for its parameters, by name.
    pub given: Map<String, Value>,
}

/// Parses a body as `POST /rpc` does.
pub fn body(text: &[u8]) -> Option<Value> {
    json::parse(text).ok()
}

/// Reads one request of a body.
pub fn call(request: Value) -> Option<Call> {
    let (name, parameters) = rpc::parse(request).ok()?;
    let method = methods::find(&name).ok()?;
    let parameters = Parameters::from_json(method.parameters, parameters).ok()?;
    taken(method, parameters).ok()
}

/// Reads the target of `GET /rpc/<method>?…`.
pub fn query(method: &str, target: &str) -> Option<Call> {
    let method = methods::find(method).ok()?;
    let uri: Uri = target.parse().ok()?;
    let parameters = Parameters::from_query(method.parameters, &uri).ok()?;
    taken(method, parameters).ok()
}

/// Reads where a subscriber of `GET /events` begins; whether that was understood.
pub fn events_start(last_event_id: &[u8], target: &str) -> bool {
    let mut headers = HeaderMap::new();
    if let Ok(id) = HeaderValue::from_bytes(last_event_id) {
        headers.insert("last-event-id", id);
    }
    target
        .parse()
        .is_ok_and(|uri| events::start(&headers, &uri).is_ok())
}

/// Says whether `host` names the server at `address`, which goes by no name.
pub fn is_own_host(address: SocketAddr, host: &str) -> bool {
    Hosts::new(address, Vec::new()).allow(host)
}

/// Takes every parameter of a method, each as its kind.
fn taken(method: &'static Method, mut parameters: Parameters) -> Result<Call, RpcError> {
    let mut given = Map::new();
    for known in method.parameters {
        let value = match known.kind {
            Kind::Integer => parameters.integer(known.name)?.map(Value::from),
            Kind::Height => parameters.height(known.name)?.map(Value::from),
            Kind::Text => parameters.text(known.name)?.map(Value::from),
        };
        given.extend(value.map(|value| (known.name.to_owned(), value)));
    }
    let method = method.name;
    Ok(Call { method, given })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn request(call: &Call) -> Value {
        json!({"jsonrpc": "2.0", "id": 1, "method": call.method, "params": call.given})
    }

    proptest! {
        /// Whatever the way it came, one call is one call.
        #[test]
        fn a_query_and_a_body_say_the_same(
            height in any::<u64>(),
            hash in "[0-9a-f]{0,66}",
            latest in any::<bool>(),
        ) {
            let height = if latest { "latest".to_owned() } else { height.to_string() };
            let target = format!("/rpc/block?height={height}&hash={hash}");
            let by_query = query("block", &target).unwrap();
            prop_assert_eq!(by_query.given.contains_key("height"), !latest);
            prop_assert_eq!(call(request(&by_query)), Some(by_query));
        }

        #[test]
        fn text_that_is_no_call_is_refused(text in ".{0,200}") {
            prop_assert_eq!(body(text.as_bytes()).and_then(call), None);
            let _ = query("block", &text);
            let _ = events_start(text.as_bytes(), &text);
        }
    }
}
