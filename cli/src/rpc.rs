//! The client of a node's HTTP interface.
//!
//! # Limits
//! A reply is at most [`REPLY_BYTES_MAX`]; a node cannot make the client hold more.

pub(crate) mod events;
pub(crate) mod reply;

use std::io;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use starling_ledger::codec::decode;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;

use crate::error::{CliError, ExitContext as _, NO_ANSWER, Outcome, PROTOCOL};
use crate::exit::Exit;
use crate::verify::unhex;

/// Most bytes of one reply. Our choice: a block of 3 MiB in hex, decoded beside it, and some room.
const REPLY_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Most bytes of an encoded genesis, half of the largest reply in hex.
const GENESIS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long one call may take when the user says nothing.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a connection: a node on the other side of the world answers within a
/// second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// JSON-RPC's code for a transaction that the node refused.
const CODE_REJECTED: i64 = -32_001;
const CODE_NO_METHOD: i64 = -32_601;
const CODE_PARAMETERS: i64 = -32_602;
/// The word for a request that a node does not even read as a call: it has no effect.
const REFUSED: &str = "refused";

/// A node, as seen through its HTTP interface.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    agent: ureq::Agent,
    url: String,
}

#[derive(Deserialize)]
struct Envelope {
    result: Option<Value>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    /// JSON-RPC's code; left out where the request was refused before it was read as a call.
    code: Option<i64>,
    message: String,
    data: Option<FaultData>,
}

#[derive(Deserialize)]
struct FaultData {
    code: Option<String>,
    reason: Option<String>,
}

impl Rpc {
    /// Names a node by its URL. Nothing is sent yet.
    ///
    /// # Errors
    /// A usage error if the text is no such URL.
    pub(crate) fn new(url: &str, timeout: Option<Duration>) -> Outcome<Self> {
        let address = url.strip_prefix("http://").unwrap_or(url);
        let address = address.trim_end_matches('/');
        if address.is_empty() || address.contains("://") || address.contains('/') {
            let message = format!("`{url}` is no address of a node");
            return Err(CliError::usage(message).next("write http://HOST:PORT"));
        }
        let timeout = timeout.unwrap_or(CALL_TIMEOUT);
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .timeout_connect(Some(CONNECT_TIMEOUT.min(timeout)))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        Ok(Self {
            agent,
            url: format!("http://{address}"),
        })
    }

    /// Returns the URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Calls `method` and returns its result.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] if nobody answers, with [`NO_ANSWER`] if the call may have been heard;
    /// [`Exit::Rejected`] if the node refuses a
    /// transaction, and [`Exit::Failure`] for other errors.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Outcome<Value> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let mut response = self
            .agent
            .post(format!("{}/rpc", self.url))
            .send_json(&request)
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let reply: Result<Envelope, _> = response
            .body_mut()
            .with_config()
            .limit(REPLY_BYTES_MAX)
            .read_json();
        match reply {
            Ok(Envelope {
                error: Some(fault), ..
            }) => Err(fault.into_error(status.as_u16())),
            Ok(Envelope { result, .. }) => Ok(result.unwrap_or(Value::Null)),
            Err(ureq::Error::Json(error)) => {
                let message = format!(
                    "{} does not answer like a node of Starling (HTTP {status}): {error}",
                    self.url
                );
                Err(CliError::new(Exit::Failure, message).code(PROTOCOL))
            }
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    /// Calls `method` and reads its result.
    ///
    /// # Errors
    /// Those of [`Rpc::call`], and [`Exit::Failure`] if the result has another shape.
    pub(crate) fn typed<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: &Value,
    ) -> Outcome<T> {
        parse(method, self.call(method, parameters)?)
    }

    /// Asks how the node is.
    ///
    /// # Errors
    /// Those of [`Rpc::typed`].
    pub(crate) fn status(&self) -> Outcome<reply::Status> {
        self.typed("status", &json!({}))
    }

    fn unreachable(&self, error: &ureq::Error) -> CliError {
        let reason = match error {
            ureq::Error::ConnectionFailed => "connection failed".to_owned(),
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::HostNotFound => "no such host".to_owned(),
            other => other.to_string(),
        };
        let (error, what) = match is_unheard(error) {
            true => (CliError::new(Exit::Unreachable, ""), "not reachable"),
            false => (
                CliError::new(Exit::Unreachable, "").code(NO_ANSWER),
                "does not answer",
            ),
        };
        CliError {
            message: format!("node {} {what}: {reason}", self.url),
            ..error.next("starling testnet status, or name another node with --node")
        }
    }
}

/// Says whether nothing can have reached the node: there was no connection.
fn is_unheard(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound | ureq::Error::BadUri(_) => true,
        ureq::Error::Timeout(during) => {
            matches!(during, ureq::Timeout::Resolve | ureq::Timeout::Connect)
        }
        ureq::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

/// Reads the result of `method`.
///
/// # Errors
/// [`Exit::Failure`] if it has another shape than this release knows.
pub(crate) fn parse<T: DeserializeOwned>(method: &str, result: Value) -> Outcome<T> {
    serde_json::from_value(result).map_err(|error| {
        let message = format!("the node's answer to `{method}` is not understood: {error}");
        CliError::new(Exit::Failure, message)
            .code(PROTOCOL)
            .next("compare the versions: starling --version, starling status")
    })
}

impl Fault {
    fn into_error(self, status: u16) -> CliError {
        let Some(code) = self.code else {
            // Whoever stands between may report trouble (5xx) after the node has heard.
            let word = if (400..500).contains(&status) {
                REFUSED
            } else {
                PROTOCOL
            };
            let message = format!(
                "the node refuses the call (HTTP {status}): {}",
                self.message
            );
            return CliError::new(Exit::Failure, message).code(word);
        };
        let data = self.data.unwrap_or(FaultData {
            code: None,
            reason: None,
        });
        let message = data.reason.unwrap_or(self.message);
        let (exit, message) = match code {
            CODE_REJECTED => (Exit::Rejected, format!("rejected: {message}")),
            CODE_NO_METHOD | CODE_PARAMETERS => (
                Exit::Failure,
                format!("the node refuses the call: {message}"),
            ),
            _ => (Exit::Failure, format!("the node reports: {message}")),
        };
        let error = CliError::new(exit, message);
        match data.code {
            Some(code) => error.code(code),
            None => error,
        }
    }
}

/// Asks for the genesis, which has to be the one with this hash.
///
/// # Errors
/// Those of the call, and [`Exit::Verification`] if the node shows another document.
pub(crate) fn genesis(rpc: &Rpc, hash: &Hash) -> Outcome<Genesis> {
    let told: reply::Genesis = rpc.typed("genesis", &json!({}))?;
    let bytes = unhex("genesis", &told.raw)?;
    let genesis: Genesis = decode::<_, GENESIS_BYTES_MAX>(&bytes).exit(Exit::Verification)?;
    if genesis.hash() != *hash {
        let message = "verification failed, the node lied: its genesis has another hash";
        return Err(CliError::new(Exit::Verification, message));
    }
    Ok(genesis)
}
