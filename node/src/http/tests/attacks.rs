//! Requests that mean no good: they are refused, and cost nobody else anything.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::json;

use super::client::{call, connect, exchange, get, post, post_with, read_to_end, request};
use super::node::{Node, quick};
use crate::http::HttpLimits;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"mempool"}"#;

#[test]
fn a_request_that_names_another_host_is_forbidden() {
    let node = Node::start(quick());
    let server = node.address();
    let port = server.port();
    for host in [
        "Host: attacker.example\r\n".to_owned(),
        format!("Host: attacker.example:{port}\r\n"),
        format!("Host: 127.0.0.1.nip.io:{port}\r\n"),
        "Host: \r\n".to_owned(),
        String::new(),
        format!("Host: {server}\r\nHost: {server}\r\n"),
    ] {
        let told = request(server, "GET /rpc/status", &host);
        // hyper itself refuses what is not even HTTP.
        assert!(matches!(told.status, 400 | 403), "{host}: {}", told.head);
    }
    let absolute = "GET http://attacker.example/rpc/status";
    let told = request(server, absolute, &format!("Host: {server}\r\n"));
    assert_eq!(told.status, 403);
    let named = request(
        server,
        "GET /rpc/status",
        &format!("Host: localhost:{port}\r\n"),
    );
    assert_eq!(named.status, 200);
}

#[test]
fn a_socket_of_another_origin_is_forbidden() {
    let node = Node::start(quick());
    let server = node.address();
    let headers =
        format!("Host: {server}\r\nUpgrade: websocket\r\nOrigin: http://attacker.example\r\n");
    assert_eq!(request(server, "GET /events", &headers).status, 403);
}

#[test]
fn a_page_of_another_origin_can_neither_call_nor_read() {
    let node = Node::start(quick());
    let server = node.address();
    let origin = "Origin: http://attacker.example\r\n";
    let simple = post_with(
        server,
        &format!("{origin}Content-Type: text/plain\r\n"),
        CALL,
    );
    let bare = post_with(server, origin, CALL);
    let json = format!("{origin}Content-Type: application/json\r\n");
    let unasked = post_with(server, &json, CALL);
    let preflight = format!("Host: {server}\r\n{origin}Access-Control-Request-Method: POST\r\n");
    let preflight = request(server, "OPTIONS /rpc", &preflight);
    let read = request(
        server,
        "GET /rpc/status",
        &format!("Host: {server}\r\n{origin}"),
    );
    let statuses = [&simple, &bare, &unasked, &preflight].map(|told| told.status);
    assert_eq!(statuses, [415, 415, 403, 405]);
    for told in [simple, bare, unasked, preflight, read] {
        assert!(!told.head.contains("access-control"), "{}", told.head);
    }
    let own = format!("Origin: http://{server}\r\nContent-Type: application/json\r\n");
    assert_eq!(post_with(server, &own, CALL).status, 200);
}

#[test]
fn what_is_too_long_is_refused() {
    let node = Node::start(quick());
    let server = node.address();
    let fits = format!("{CALL}{}", " ".repeat(64 * 1024 - CALL.len()));
    assert_eq!(post(server, &fits).status, 200);
    assert_eq!(post(server, &format!("{fits} ")).status, 413);
    let head = format!("Host: {server}\r\nX-Long: {}\r\n", "x".repeat(1024 * 1024));
    let mut stream = connect(server);
    // The server closes before all of it is sent.
    let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\n{head}\r\n").as_bytes());
    let told = read_to_end(&mut stream);
    assert!(told.is_empty() || told.contains(" 431 "), "{told}");
}

#[test]
fn a_length_that_is_told_twice_or_wrongly_is_refused() {
    let node = Node::start(quick());
    let server = node.address();
    let head =
        format!("POST /rpc HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n");
    for lengths in [
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        "Transfer-Encoding: identity\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 18446744073709551616\r\n\r\n",
    ] {
        let told = exchange(server, format!("{head}{lengths}").as_bytes());
        assert!(
            (400..500).contains(&told.status),
            "{lengths}: {}",
            told.head
        );
    }
}

#[test]
fn strange_paths_and_admin_methods_lead_nowhere() {
    let node = Node::start(quick());
    let server = node.address();
    for path in [
        "/rpc/../status",
        "/rpc/%2e%2e%2fstatus",
        "/rpc/stop",
        "/rpc/peer_ban",
        "/rpc/",
        "/admin",
        "/..",
        "/rpc/status/",
    ] {
        assert_eq!(get(server, path).status, 404, "{path}");
    }
    let long = format!("/rpc/block?hash={}", "0".repeat(10_000));
    assert_eq!(get(server, &long).status, 400);
}

#[test]
fn slow_connections_are_closed_and_others_are_served_meanwhile() {
    let deadline = Duration::from_secs(1);
    let node = Node::start(HttpLimits {
        header_deadline: deadline,
        body_deadline: deadline,
        ..quick()
    });
    let server = node.address();
    let partial = format!("GET /healthz HTTP/1.1\r\nHost: {server}\r\n");
    let body = format!(
        "POST /rpc HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{"
    );
    let idle = format!("{partial}\r\n");
    let mut slow = Vec::new();
    for _ in 0..20 {
        for start in ["", &partial, &body, &idle] {
            let mut stream = connect(server);
            stream.write_all(start.as_bytes()).unwrap();
            slow.push(stream);
        }
    }
    assert_eq!(call(server, "mempool", json!({}))["count"], 1);
    for mut stream in slow {
        // Only what the server closes has an end.
        read_to_end(&mut stream);
    }
}

/// Few places, and so much time for a head that nobody waits for its end.
fn two_places() -> HttpLimits {
    HttpLimits {
        connections_max: 2,
        header_deadline: Duration::from_secs(3_600),
        ..quick()
    }
}

#[test]
fn connections_without_a_request_give_way_where_places_run_out() {
    let node = Node::start(two_places());
    let mut held = [connect(node.address()), connect(node.address())];
    held[0].write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    for _ in 0..10 {
        assert_eq!(get(node.address(), "/healthz").status, 200);
    }
    // The one that waited longest was closed.
    read_to_end(&mut held[0]);
}

#[test]
fn connections_that_are_idle_after_an_answer_give_way_too() {
    let node = Node::start(two_places());
    let server = node.address();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {server}\r\n\r\n");
    let idle = [(); 2].map(|()| {
        let mut stream = connect(server);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    });
    assert_eq!(get(server, "/healthz").status, 200);
    drop(idle);
}

#[test]
fn a_subscriber_keeps_its_place_where_others_give_way() {
    let node = Node::start(two_places());
    let server = node.address();
    let mut events = connect(server);
    let request = format!("GET /events HTTP/1.1\r\nHost: {server}\r\n\r\n");
    events.write_all(request.as_bytes()).unwrap();
    let mut heard = [0; 12];
    events.read_exact(&mut heard).unwrap();
    for _ in 0..5 {
        let _silent = connect(server);
        assert_eq!(get(server, "/healthz").status, 200);
    }
    events.read_exact(&mut [0; 20]).unwrap();
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let node = Node::start(quick());
    let error = crate::http::serve(node.address(), Vec::new(), node.handle.clone()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn a_server_that_stopped_no_longer_listens() {
    let node = Node::start(quick());
    let server = node.address();
    let mut held = connect(server);
    let handle = node.stop();
    read_to_end(&mut held);
    let again = crate::http::serve(server, Vec::new(), handle).unwrap();
    assert_eq!(again.address(), server);
}
