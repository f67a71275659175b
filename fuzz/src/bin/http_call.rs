//! Bodies of `POST /rpc`: strict JSON, and the calls in it.
#![no_main]

use serde_json::{Value, json};
use starling_fuzz::fuzz_target;
use starling_node::http::probe::{body, call};

fuzz_target!(|bytes: &[u8]| {
    let Some(value) = body(bytes) else {
        return;
    };
    let lenient: Value = serde_json::from_slice(bytes).expect("strict JSON is JSON");
    assert_eq!(value, lenient);
    let requests = match value {
        Value::Array(batch) => batch,
        request => vec![request],
    };
    for request in requests {
        if let Some(found) = call(request) {
            let again = json!({"jsonrpc": "2.0", "method": found.method, "params": found.given});
            assert_eq!(call(again), Some(found));
        }
    }
});
