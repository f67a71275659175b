//! What a request must look like before anything else is looked at.
//!
//! A page in a browser can make its own name point to this machine and then talk to the node as if
//! it were of the same origin (DNS rebinding); but it cannot choose the `Host` header, which holds
//! that name. So only names that are this machine's for everybody count, and addresses, which are
//! nobody's name.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING, UPGRADE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;

use super::answer::refuse_and_close;

/// The port of a `Host` that names none.
const DEFAULT_PORT: u16 = 80;

/// Checks whom a request is meant for, and that its length can be told in one way only.
///
/// # Errors
/// The response that refuses it.
#[expect(
    clippy::result_large_err,
    reason = "the error is the response that is sent"
)]
pub(super) fn check<B>(address: SocketAddr, request: &Request<B>) -> Result<(), Response> {
    let foreign = |what: &str| Err(refuse_and_close(StatusCode::FORBIDDEN, what));
    let headers = request.headers();
    match single(headers, HOST.as_str()) {
        Some(host) if allowed(address, host) => {}
        _ => return foreign("the Host header does not name this node"),
    }
    if request
        .uri()
        .authority()
        .is_some_and(|name| !allowed(address, name.as_str()))
    {
        return foreign("the request is addressed to another host");
    }
    if headers.contains_key(UPGRADE) && !same_origin(address, headers) {
        return foreign("the request comes from another origin");
    }
    let is_chunked = |coding: &str| coding.trim().eq_ignore_ascii_case("chunked");
    if headers.contains_key(TRANSFER_ENCODING)
        && !single(headers, TRANSFER_ENCODING.as_str()).is_some_and(is_chunked)
    {
        let message = "of the transfer codings only `chunked` is read";
        return Err(refuse_and_close(StatusCode::NOT_IMPLEMENTED, message));
    }
    Ok(())
}

/// Checks that a `POST` is one that a page of another origin cannot send.
///
/// # Errors
/// The response that refuses it.
#[expect(
    clippy::result_large_err,
    reason = "the error is the response that is sent"
)]
pub(super) fn check_post(address: SocketAddr, headers: &HeaderMap) -> Result<(), Response> {
    let content_type = single(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        let message = "the content type has to be application/json";
        return Err(refuse_and_close(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message,
        ));
    }
    if !same_origin(address, headers) {
        let message = "the request comes from another origin";
        return Err(refuse_and_close(StatusCode::FORBIDDEN, message));
    }
    Ok(())
}

/// Says whether no origin is given, or only this node's own.
fn same_origin(address: SocketAddr, headers: &HeaderMap) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        origin
            .strip_prefix("http://")
            .is_some_and(|host| allowed(address, host))
    })
}

/// Returns a header's value if it stands there once, as text.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values
        .next()
        .is_none()
        .then(|| value.to_str().ok())
        .flatten()
}

/// Says whether `host` names the server at `address`.
pub(super) fn allowed(address: SocketAddr, host: &str) -> bool {
    let Some((name, port)) = split(host) else {
        return false;
    };
    if port != address.port() {
        return false;
    }
    let ip = match name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        Some(name) => name.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => name.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::from),
    };
    match ip {
        // Whoever binds all addresses is reached by any of them.
        Some(ip) => ip.is_loopback() || ip == address.ip() || address.ip().is_unspecified(),
        None => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Splits a host into name and port.
fn split(host: &str) -> Option<(&str, u16)> {
    let after_name = host.rfind(']').map_or(0, |end| end + 1);
    match host.get(after_name..)?.find(':') {
        None => Some((host, DEFAULT_PORT)),
        Some(colon) => {
            let (name, port) = host.split_at(after_name + colon);
            let digits = port.strip_prefix(':')?;
            let port: u16 = digits.parse().ok()?;
            // One way to write a port: no sign, no zeros in front.
            (port.to_string() == digits).then_some((name, port))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_with_the_right_port_are_allowed() {
        let address = SocketAddr::from(([127, 0, 0, 1], 7100));
        for host in [
            "127.0.0.1:7100",
            "localhost:7100",
            "LOCALHOST:7100",
            "[::1]:7100",
        ] {
            assert!(allowed(address, host), "{host}");
        }
        for host in [
            "",
            ":7100",
            "localhost",
            "localhost:80",
            "localhost:+7100",
            "localhost:07100",
            "localhost.:7100",
            "attacker.example:7100",
            "127.0.0.1.nip.io:7100",
            "user@127.0.0.1:7100",
            "10.0.0.1:7100",
            "0x7f.1:7100",
            "::1:7100",
            "[::1]x:7100",
            "127.0.0.1:7100:7100",
        ] {
            assert!(!allowed(address, host), "{host}");
        }
    }

    #[test]
    fn an_open_bind_is_reached_by_addresses_but_not_by_names() {
        let address = SocketAddr::from(([0, 0, 0, 0], 7100));
        assert!(allowed(address, "10.1.2.3:7100"));
        assert!(!allowed(address, "attacker.example:7100"));
    }

    #[test]
    fn a_host_without_port_means_port_80() {
        assert!(allowed(SocketAddr::from(([127, 0, 0, 1], 80)), "localhost"));
    }
}
