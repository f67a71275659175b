//! QUIC's settings, and the rule about windows that keeps urgent lanes from starving.
//!
//! Priority acts only when packets are built. Before that a write needs the connection's send
//! credit, and quinn wakes blocked writers last-in-first-out; so the credit must suffice for all
//! lanes at once. With less, a vote was measured to wait 2.7–11.9 s for bulk to end; quinn's
//! defaults are such a case. [`assert_window_rule`] runs at start.
//!
//! # Limits
//! A link costs at most [`RECEIVE_WINDOW`] + [`SEND_WINDOW`] bytes inside QUIC, 5.5 MiB, besides
//! the frames in our own queues.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{IdleTimeout, VarInt};

use crate::lane::LANES;

/// Unacknowledged bytes on one lane. A lane carries at most this per round trip: 10 MB/s at 50 ms.
/// `WIRE.md` makes it the most that any implementation may announce.
pub const LANE_WINDOW: u64 = 512 << 10;
/// Unread bytes on all lanes of a link.
pub const RECEIVE_WINDOW: u64 = LANES as u64 * LANE_WINDOW;
/// Unacknowledged bytes on all lanes of a link; half a megabyte above the rule's minimum.
pub const SEND_WINDOW: u64 = LANES as u64 * LANE_WINDOW + (512 << 10);
/// Measured: with the usual 12 KB, bursts of 20 KB on a quiet link had p99 10.8 ms; with this 0.49.
const INITIAL_CONGESTION_WINDOW: u64 = 128 << 10;
/// Keep-alives go after this time without traffic; three may be lost before the idle timeout.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Makes the settings of every connection.
///
/// # Panics
/// If the windows break the rule, or `idle` is above 2^62 ms.
pub(super) fn quic_config(idle: Duration) -> Arc<quinn::TransportConfig> {
    assert_window_rule(LANE_WINDOW, RECEIVE_WINDOW, SEND_WINDOW);
    let window = |bytes| VarInt::from_u64(bytes).expect("windows are small");
    let mut congestion = CubicConfig::default();
    congestion.initial_window(INITIAL_CONGESTION_WINDOW);
    let mut config = quinn::TransportConfig::default();
    config
        .max_concurrent_uni_streams(window(LANES as u64))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .stream_receive_window(window(LANE_WINDOW))
        .receive_window(window(RECEIVE_WINDOW))
        .send_window(SEND_WINDOW)
        .congestion_controller_factory(Arc::new(congestion))
        .max_idle_timeout(Some(
            IdleTimeout::try_from(idle).expect("an idle timeout of seconds"),
        ))
        .keep_alive_interval(Some(KEEP_ALIVE.min(idle / 3)))
        .datagram_receive_buffer_size(None)
        .allow_spin(false);
    Arc::new(config)
}

/// Checks that the connection's windows suffice for all lanes at once.
///
/// # Panics
/// If they do not.
fn assert_window_rule(lane: u64, receive: u64, send: u64) {
    let needed = LANES as u64 * lane;
    assert!(
        receive >= needed && send >= needed,
        "windows of {receive} and {send} bytes starve urgent lanes: {needed} are needed"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "starve urgent lanes")]
    fn refuses_a_send_window_below_the_rule() {
        assert_window_rule(LANE_WINDOW, RECEIVE_WINDOW, 4 * LANE_WINDOW);
    }

    #[test]
    #[should_panic(expected = "starve urgent lanes")]
    fn refuses_a_receive_window_below_the_rule() {
        assert_window_rule(LANE_WINDOW, 4 * LANE_WINDOW, SEND_WINDOW);
    }
}
