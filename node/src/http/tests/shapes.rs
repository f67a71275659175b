//! Bodies that are JSON, and bodies that only look like it; numbers that stay what they are.

use serde_json::{Value, json};

use super::client::{exchange, post};
use super::node::{Node, quick};

const SHAPES: &str = include_str!("vectors/json.txt");

const PARSE: i64 = -32_700;
const PARAMETERS: i64 = -32_602;

/// Turns `%` and two digits into a byte.
fn unescape(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}

/// Posts bytes; returns the status and the code of the error, or of the first of a batch.
fn told(node: &Node, body: &[u8]) -> (u16, i64) {
    let address = node.address();
    let mut request = format!(
        "POST /rpc HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    let response = exchange(address, &request);
    let answer = response.json();
    let first = answer.get(0).unwrap_or(&answer);
    (response.status, first["error"]["code"].as_i64().unwrap())
}

#[test]
fn what_is_json_is_parsed_and_what_is_not_is_a_bad_request() {
    let node = Node::start(quick());
    let (mut good, mut bad) = (0, 0);
    for line in SHAPES.lines() {
        let (verdict, text) = line.split_once(' ').unwrap();
        let (status, code) = told(&node, &unescape(text));
        match verdict {
            "y" => {
                assert_ne!(code, PARSE, "{text}");
                good += 1;
            }
            _ => {
                assert_eq!((status, code), (400, PARSE), "{text}");
                bad += 1;
            }
        }
    }
    assert!(good >= 75 && bad >= 190, "{good} and {bad} shapes");
}

/// What is a hundred thousand deep does not fit into a body; what fits is refused by its depth.
#[test]
fn nesting_of_a_hundred_thousand_levels_is_refused() {
    let node = Node::start(quick());
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"block","params":"#;
    for (open, close, fits) in [("[", "]", 30_000), ("{\"a\":", "}", 10_000)] {
        let nested = |levels| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        assert_eq!(post(node.address(), &nested(100_000)).status, 413);
        assert_eq!(told(&node, open.repeat(fits).as_bytes()), (400, PARSE));
        assert_eq!(told(&node, nested(fits).as_bytes()), (400, PARSE));
        let parameters = format!("{call}{}}}", nested(fits));
        assert_eq!(told(&node, parameters.as_bytes()), (400, PARSE));
    }
}

/// Asks for the block of a number, as it is written.
fn block(node: &Node, number: &str) -> Value {
    let call =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"block","params":{{"height":{number}}}}}"#);
    post(node.address(), &call).json()["error"].take()
}

#[test]
fn numbers_are_exact_or_refused_and_never_rounded() {
    let node = Node::start(quick());
    for exact in [
        "9007199254740993",
        "9223372036854775809",
        "18446744073709551615",
    ] {
        let message = block(&node, exact)["message"].to_string();
        assert!(message.contains(exact), "{exact}: {message}");
    }
    let other = [
        "18446744073709551616",
        "-0",
        "-1",
        "2.0",
        "2e0",
        "0.1e1",
        "9007199254740993.0",
        "\"2\"",
        "[2]",
        "true",
    ];
    for number in other {
        let error = block(&node, number);
        assert_eq!(error["code"], json!(PARAMETERS), "{number}");
        let message = error["message"].to_string();
        assert!(message.contains("not an integer"), "{number}: {message}");
    }
    for number in ["1e400", "-1e400", "02", "0x2", "1,\"height\":2", "NaN"] {
        assert_eq!(block(&node, number)["code"], json!(PARSE), "{number}");
    }
}
