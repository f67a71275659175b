//! Targets and headers of `GET`: a query says the same as a body that says the same.
//!
//! The first line names the method, the second is the query; the rest is a header.
#![no_main]

use std::net::IpAddr;

use serde_json::json;
use starling_fuzz::fuzz_target;
use starling_node::http::probe::{call, events_start, is_own_host, query};

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, asked, header) = (line(), line(), line());
    let target = format!("/?{asked}");
    if let Some(found) = query(method, &target) {
        let same = json!({"jsonrpc": "2.0", "method": method, "params": found.given});
        assert_eq!(call(same), Some(found));
    }
    events_start(header.as_bytes(), &target);
    let own = ([127, 0, 0, 1], 2026).into();
    if is_own_host(own, header) {
        let is_port = |text: &str| text.parse::<u16>().is_ok();
        let named = header.rsplit_once(':').filter(|(_, port)| is_port(port));
        let name = named.map_or(header, |(name, _)| name);
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_own = address.is_ok() || name.eq_ignore_ascii_case("localhost");
        assert!(is_own, "the name of another is allowed");
    }
});
