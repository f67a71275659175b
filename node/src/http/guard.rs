//! What a request must look like before anything else is looked at.

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING, UPGRADE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;

use super::answer::refuse_and_close;
use super::host::{self, HostName, Hosts};

/// What supervisors ask, often without a `Host`. No browser leaves it out.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// Checks whom a request is meant for, and that its length can be told.
///
/// # Errors
/// The response that refuses it.
#[expect(
    clippy::result_large_err,
    reason = "the error is the response that is sent"
)]
pub(super) fn check<B>(hosts: &Hosts, request: &Request<B>) -> Result<(), Response> {
    let headers = request.headers();
    let is_health = HEALTH.contains(&request.uri().path());
    if headers.contains_key(HOST) || !is_health {
        check_host(hosts, single(headers, HOST.as_str()))?;
    }
    if let Some(authority) = request.uri().authority() {
        check_host(hosts, Some(authority.as_str()))?;
    }
    if headers.contains_key(UPGRADE) && !same_origin(hosts, headers) {
        return Err(foreign("the request comes from another origin"));
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

#[expect(
    clippy::result_large_err,
    reason = "the error is the response that is sent"
)]
fn check_host(hosts: &Hosts, host: Option<&str>) -> Result<(), Response> {
    let Some(host) = host else {
        return Err(foreign("the request does not say whom it is for in `Host`"));
    };
    if hosts.allow(host) {
        return Ok(());
    }
    let name = host::split(host).and_then(|(name, _)| name.parse::<HostName>().ok());
    Err(match name {
        Some(name) => foreign(&format!(
            "this node does not go by the name {name}; if it should, start it with --http-host \
             {name}, or list the name under `http_hosts` in its config"
        )),
        None => foreign("`Host` does not name this node"),
    })
}

/// Checks that a `POST` is one that a page of another origin cannot send.
///
/// # Errors
/// The response that refuses it.
#[expect(
    clippy::result_large_err,
    reason = "the error is the response that is sent"
)]
pub(super) fn check_post(hosts: &Hosts, headers: &HeaderMap) -> Result<(), Response> {
    let content_type = single(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        let message = "the content type has to be application/json";
        return Err(refuse_and_close(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message,
        ));
    }
    if !same_origin(hosts, headers) {
        return Err(foreign("the request comes from another origin"));
    }
    Ok(())
}

fn foreign(what: &str) -> Response {
    refuse_and_close(StatusCode::FORBIDDEN, what)
}

/// Says whether no origin is given, or only this node's own.
fn same_origin(hosts: &Hosts, headers: &HeaderMap) -> bool {
    let host = single(headers, HOST.as_str()).unwrap_or_default();
    let mut origins = headers.get_all(ORIGIN).iter();
    origins.all(|origin| hosts.is_own_origin(origin.to_str().unwrap_or_default(), host))
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
