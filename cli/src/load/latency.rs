//! Percentiles of a list of spans.

use std::time::Duration;

use crate::duration::as_ms;

/// Spans from submission to finality.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    ms: Vec<u64>,
}

impl Latencies {
    /// Adds one.
    pub(crate) fn add(&mut self, latency: Duration) {
        self.ms.push(as_ms(latency));
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> usize {
        self.ms.len()
    }

    /// Returns the smallest span that at least `percent` of a hundred do not exceed; 0 if there is
    /// none.
    pub(crate) fn percentile_ms(&self, percent: usize) -> u64 {
        let mut sorted = self.ms.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_spans_that_occurred() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile_ms(50), 0);
        for ms in (1..=100).rev() {
            latencies.add(Duration::from_millis(ms));
        }
        let found = [50, 90, 99, 100].map(|percent| latencies.percentile_ms(percent));
        assert_eq!(found, [50, 90, 99, 100]);
        assert_eq!(latencies.count(), 100);
    }

    #[test]
    fn one_span_is_every_percentile() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_millis(7));
        assert_eq!(
            (latencies.percentile_ms(1), latencies.percentile_ms(99)),
            (7, 7)
        );
    }
}
