//! How long a peer takes to answer: a smoothed round trip, and how patient it makes us.
//!
//! # Source
//! RFC 6298, section 2, for the smoothing; RFC 9002, section 6.2.1, for how long a packet that was
//! lost takes to be sent again; gossip.md, section 3.7, for how long an answer may take.

use std::time::Duration;

/// How long QUIC holds back an acknowledgement at most (RFC 9000, `max_ack_delay`).
const ACKNOWLEDGED_AFTER: Duration = Duration::from_millis(25);
/// The most patience for what was sent unasked. Our choice: a block of 2 MiB passes 200 Mbit/s in
/// that time.
const UNASKED_MAX: Duration = Duration::from_millis(100);
/// What a peer needs to answer beside the way (gossip.md, section 3.7).
const ANSWER_WORK: Duration = Duration::from_millis(15);
/// The least and the most time that an answer is given.
const ANSWER_MIN: Duration = Duration::from_millis(60);
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// The time that a peer is given whose round trip is not known yet.
const ANSWER_UNKNOWN: Duration = Duration::from_millis(200);

/// The round trip of one peer, as far as it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoundTrip(Option<Smoothed>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Smoothed {
    mean: Duration,
    variation: Duration,
}

impl RoundTrip {
    /// Takes a measurement.
    pub fn measured(&mut self, sample: Duration) {
        self.0 = Some(match self.0 {
            None => Smoothed {
                mean: sample,
                variation: sample / 2,
            },
            Some(Smoothed { mean, variation }) => Smoothed {
                mean: (mean * 7 + sample) / 8,
                variation: (variation * 3 + mean.abs_diff(sample)) / 4,
            },
        });
    }

    /// Returns the smoothed round trip, once there is one.
    pub fn mean(&self) -> Option<Duration> {
        self.0.map(|smoothed| smoothed.mean)
    }

    /// Returns how long something may still take that the peer sends unasked, after another thing
    /// of it has come: until QUIC has sent again what was lost. To ask before is to ask twice.
    pub fn unasked(&self) -> Duration {
        let lost = |smoothed: Smoothed| smoothed.mean + 4 * smoothed.variation + ACKNOWLEDGED_AFTER;
        self.0.map_or(UNASKED_MAX, lost).min(UNASKED_MAX)
    }

    /// Returns how long the peer may take to answer.
    pub fn answer(&self) -> Duration {
        let answer = |smoothed: Smoothed| 2 * smoothed.mean + 4 * smoothed.variation + ANSWER_WORK;
        let answer = self.0.map_or(ANSWER_UNKNOWN, answer);
        answer.clamp(ANSWER_MIN, ANSWER_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(sample_ms: u64) -> RoundTrip {
        let mut round_trip = RoundTrip::default();
        for _ in 0..50 {
            round_trip.measured(Duration::from_millis(sample_ms));
        }
        round_trip
    }

    #[test]
    fn is_smoothed_as_tcp_does() {
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.mean(), None);
        round_trip.measured(Duration::from_millis(80));
        round_trip.measured(Duration::from_millis(160));
        let expected = Smoothed {
            mean: Duration::from_millis(90),
            variation: Duration::from_millis(50),
        };
        assert_eq!(round_trip, RoundTrip(Some(expected)));
    }

    #[test]
    fn patience_follows_the_round_trip_within_its_bounds() {
        let of = |sample_ms| {
            let round_trip = steady(sample_ms);
            (
                round_trip.unasked().as_millis(),
                round_trip.answer().as_millis(),
            )
        };
        assert_eq!(of(1), (26, 60));
        assert_eq!(of(50), (75, 115));
        assert_eq!(of(200), (100, 415));
        assert_eq!(of(900), (100, 1_000));
        let unknown = RoundTrip::default();
        assert_eq!(
            (unknown.unasked().as_millis(), unknown.answer().as_millis()),
            (100, 200)
        );
    }

    #[test]
    fn a_way_that_varies_makes_patient() {
        let mut round_trip = RoundTrip::default();
        for sample_ms in [5, 25].repeat(20) {
            round_trip.measured(Duration::from_millis(sample_ms));
        }
        assert!(round_trip.unasked() > steady(15).unasked());
        assert!(round_trip.answer() > steady(15).answer());
    }
}
