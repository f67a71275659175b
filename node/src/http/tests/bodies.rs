//! Bodies in chunks, and clients that have said all they have to say.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr};

use super::client::{Response, connect, exchange, post, read_response};
use super::node::{Node, quick};
use crate::api::hex;
use serde_json::json;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"mempool"}"#;

/// Posts a body that is chunked already.
fn chunked(address: SocketAddr, coding: &str, chunks: &str) -> Response {
    let request = format!(
        "POST /rpc HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: {coding}\r\n\r\n{chunks}"
    );
    exchange(address, request.as_bytes())
}

/// Cuts a body into chunks of at most so many bytes.
fn cut(body: &str, most: usize) -> String {
    let chunks = body.as_bytes().chunks(most).map(|chunk| {
        let text = std::str::from_utf8(chunk).unwrap();
        format!("{:x}\r\n{text}\r\n", chunk.len())
    });
    chunks.collect::<String>() + "0\r\n\r\n"
}

#[test]
fn a_body_in_chunks_is_read_as_one_with_a_length() {
    let node = Node::start(quick());
    let whole = post(node.address(), CALL).body;
    for most in [1, 7, CALL.len()] {
        let told = chunked(node.address(), "chunked", &cut(CALL, most));
        assert_eq!((told.status, &told.body), (200, &whole), "{most}");
    }
    let length = CALL.len();
    let extended = format!("{length:X};a=b\r\n{CALL}\r\n0\r\nX-After: 1\r\n\r\n");
    let told = chunked(node.address(), "Chunked", &extended);
    assert_eq!((told.status, told.body), (200, whole));
}

#[test]
fn a_body_in_chunks_has_the_same_bound() {
    let node = Node::start(quick());
    let fits = format!("{CALL}{}", " ".repeat(64 * 1024 - CALL.len()));
    for most in [1, 1000, 100_000] {
        let told = chunked(node.address(), "chunked", &cut(&fits, most));
        assert_eq!(told.status, 200, "{most}");
        let told = chunked(node.address(), "chunked", &cut(&format!("{fits} "), most));
        assert_eq!(told.status, 413, "{most}");
    }
}

#[test]
fn chunks_that_are_none_and_other_codings_are_refused() {
    let node = Node::start(quick());
    let length = CALL.len();
    for (coding, chunks, status) in [
        ("chunked", format!("{length:x}\r\n{CALL}0\r\n\r\n"), 400),
        ("chunked", format!("x\r\n{CALL}\r\n0\r\n\r\n"), 400),
        ("gzip, chunked", cut(CALL, length), 501),
    ] {
        let told = chunked(node.address(), coding, &chunks);
        assert_eq!(told.status, status, "{coding} {chunks}");
    }
}

/// Sends a request, closes that direction, and reads what comes: `nc -N`, socat.
fn say_all(address: SocketAddr, request: &str) -> Response {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_response(&mut stream)
}

fn say_call(node: &Node, call: &serde_json::Value) -> Response {
    let (address, body) = (node.address(), call.to_string());
    let length = body.len();
    say_all(
        address,
        &format!(
            "POST /rpc HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

#[test]
fn who_has_said_all_is_answered_every_time() {
    let node = Node::start(quick());
    let address = node.address();
    for number in 0..20 {
        let get = format!("GET /rpc/blocks?from=1 HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let told = say_all(address, &get);
        assert_eq!(told.json()["latest"], 3, "{number}");
        let raw = hex(&node.chain.payment(3).raw().0);
        let call = json!({"jsonrpc": "2.0", "id": number, "method": "submit", "params": [raw]});
        let told = say_call(&node, &call).json();
        assert_eq!(told["result"]["id"], node.chain.payment(3).id().to_string());
    }
}

#[test]
fn a_body_that_ends_too_early_is_refused() {
    let node = Node::start(quick());
    let address = node.address();
    let told = say_all(
        address,
        &format!(
            "POST /rpc HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{CALL}"
        ),
    );
    assert_eq!(told.status, 400);
}

/// Many clients write it for a method without parameters.
#[test]
fn parameters_may_be_null() {
    let node = Node::start(quick());
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"mempool","params":null}"#;
    assert_eq!(
        post(node.address(), call).body,
        post(node.address(), CALL).body
    );
    let missing = r#"{"jsonrpc":"2.0","id":1,"method":"account","params":null}"#;
    assert_eq!(
        post(node.address(), missing).json()["error"]["code"],
        -32602
    );
}
