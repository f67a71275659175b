//! Which names a request may come by, and which not.

use super::client::{exchange, post_with, request};
use super::node::{NAME, Node, quick};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"mempool"}"#;

/// A tunnel, a container and a proxy have ports of their own.
#[test]
fn addresses_localhost_and_given_names_are_served_whatever_the_port() {
    let node = Node::start(quick());
    for host in [
        "localhost",
        "localhost:8080",
        "127.0.0.1:8080",
        "[::1]:80",
        "192.0.2.7:8080",
        NAME,
        &format!("{NAME}:9090"),
    ] {
        let host = format!("Host: {host}\r\n");
        for path in ["/rpc/status", "/metrics", "/healthz"] {
            let told = request(node.address(), &format!("GET {path}"), &host);
            assert_eq!(told.status, 200, "{host}{path}: {}", told.body);
        }
    }
    let absolute = format!("GET http://{NAME}/rpc/status");
    let told = request(node.address(), &absolute, &format!("Host: {NAME}\r\n"));
    assert_eq!(told.status, 200);
}

#[test]
fn a_name_that_was_not_given_is_refused_with_what_to_do() {
    let node = Node::start(quick());
    let host = "Host: n1.example:7100\r\n";
    let told = request(node.address(), "GET /metrics", host);
    assert_eq!(told.status, 403);
    let message = told.json()["error"]["message"].take();
    let message = message.as_str().unwrap();
    assert!(message.contains("--http-host n1.example"), "{message}");
    assert!(message.contains("`http_hosts`"), "{message}");
}

/// No browser leaves `Host` out, so nothing is lost for what it protects from.
#[test]
fn health_needs_no_host_and_all_else_does() {
    let node = Node::start(quick());
    let ask = |line: &str| exchange(node.address(), format!("{line}\r\n\r\n").as_bytes());
    for path in ["/healthz", "/readyz"] {
        for version in ["1.0", "1.1\r\nConnection: close"] {
            let told = ask(&format!("GET {path} HTTP/{version}"));
            assert_eq!(told.status, 200, "{path} {version}: {}", told.body);
        }
        let told = ask(&format!("GET {path} HTTP/1.0\r\nHost: attacker.example"));
        assert_eq!(told.status, 403, "{path}");
    }
    for path in ["/rpc/status", "/events", "/metrics", "/healthz/"] {
        let told = ask(&format!("GET {path} HTTP/1.0"));
        assert_eq!(told.status, 403, "{path}");
    }
}

/// What a proxy with a certificate passes on: the page came by `https`.
#[test]
fn a_page_that_came_by_a_given_name_may_call() {
    let node = Node::start(quick());
    let told = |origin: &str| {
        let headers = format!("Origin: {origin}\r\nContent-Type: application/json\r\n");
        post_with(node.address(), &headers, CALL).status
    };
    assert_eq!(told(&format!("https://{NAME}")), 200);
    for foreign in [
        format!("https://{NAME}.attacker.example"),
        "http://localhost:1".to_owned(),
        "null".to_owned(),
    ] {
        assert_eq!(told(&foreign), 403, "{foreign}");
    }
}
