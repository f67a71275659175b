//! How links say goodbye: the codes and texts inside QUIC's closing, and what we read from them.
//!
//! A text is short, printable, and says nothing that the peer could not know.

use quinn::{Connection, ConnectionError, TransportErrorCode, VarInt};

use crate::link::{DialFailure, DisconnectReason, LinkFault};

/// Bytes of a closing text, sent or shown. Our choice: one line.
pub const MAX_CLOSE_TEXT_BYTES: usize = 120;

/// The core ended the link.
pub(super) const CLOSE_NORMAL: VarInt = VarInt::from_u32(0);
/// The peer broke a rule.
pub(super) const CLOSE_FAULT: VarInt = VarInt::from_u32(1);
/// The node is shutting down.
pub(super) const CLOSE_SHUTDOWN: VarInt = VarInt::from_u32(2);
/// There is no free link.
pub(super) const CLOSE_BUSY: VarInt = VarInt::from_u32(3);

/// TLS alerts, RFC 8446 section 6.
const ALERT_BAD_CERTIFICATE: u8 = 42;
const ALERT_ACCESS_DENIED: u8 = 49;
const ALERT_NO_APPLICATION_PROTOCOL: u8 = 120;

/// Cuts a text to what is sent and shown, and replaces what a terminal might obey.
pub(super) fn clean_text(text: &[u8]) -> String {
    let printable = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    };
    text.iter()
        .take(MAX_CLOSE_TEXT_BYTES)
        .map(printable)
        .collect()
}

/// Ends a connection and tells the peer why.
pub(super) fn close(connection: &Connection, reason: &DisconnectReason) {
    let (code, text) = match reason {
        DisconnectReason::Local { text } => (CLOSE_NORMAL, text.clone()),
        DisconnectReason::Fault { fault } => (CLOSE_FAULT, fault.to_string()),
        DisconnectReason::ShuttingDown => (CLOSE_SHUTDOWN, reason.to_string()),
        _ => (CLOSE_NORMAL, String::new()),
    };
    connection.close(code, clean_text(text.as_bytes()).as_bytes());
}

/// Says why a link ended that we did not end.
pub(super) fn disconnect_reason(error: ConnectionError) -> DisconnectReason {
    match error {
        ConnectionError::ApplicationClosed(close) => DisconnectReason::Remote {
            text: clean_text(&close.reason),
        },
        // The peer's QUIC ended it: from us it is a hang-up, whatever its reasons.
        ConnectionError::ConnectionClosed(_) => DisconnectReason::Remote {
            text: "aborted".to_owned(),
        },
        ConnectionError::TimedOut => DisconnectReason::TimedOut,
        ConnectionError::Reset => DisconnectReason::Reset,
        // We closed without a reason of our own only when the endpoint shuts down.
        ConnectionError::LocallyClosed => DisconnectReason::ShuttingDown,
        ConnectionError::TransportError(_)
        | ConnectionError::VersionMismatch
        | ConnectionError::CidsExhausted => DisconnectReason::Fault {
            fault: LinkFault::Quic,
        },
    }
}

/// Says why a handshake that we began did not become a link.
pub(super) fn dial_failure(error: &ConnectionError) -> DialFailure {
    match error {
        ConnectionError::ConnectionClosed(close) => refusal(close.error_code),
        ConnectionError::ApplicationClosed(close) if close.error_code == CLOSE_BUSY => {
            DialFailure::Busy
        }
        ConnectionError::ApplicationClosed(_) | ConnectionError::CidsExhausted => {
            DialFailure::Protocol
        }
        ConnectionError::TransportError(error) => refusal(error.code),
        ConnectionError::VersionMismatch => DialFailure::WrongProtocol,
        ConnectionError::TimedOut | ConnectionError::Reset => DialFailure::TimedOut,
        ConnectionError::LocallyClosed => DialFailure::ShuttingDown,
    }
}

fn refusal(code: TransportErrorCode) -> DialFailure {
    let is_alert = |alert| code == TransportErrorCode::crypto(alert);
    if code == TransportErrorCode::CONNECTION_REFUSED {
        DialFailure::Busy
    } else if is_alert(ALERT_ACCESS_DENIED) || is_alert(ALERT_BAD_CERTIFICATE) {
        DialFailure::Refused
    } else if is_alert(ALERT_NO_APPLICATION_PROTOCOL) {
        DialFailure::WrongProtocol
    } else {
        DialFailure::Protocol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_cannot_drive_a_terminal() {
        assert_eq!(clean_text(b"bye"), "bye");
        assert_eq!(clean_text("\u{1b}[2J\n\u{fc}".as_bytes()), "?[2J???");
        assert_eq!(clean_text(&[b'a'; 500]).len(), MAX_CLOSE_TEXT_BYTES);
    }
}
