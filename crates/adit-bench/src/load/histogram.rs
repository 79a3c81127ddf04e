//! Latencies, counted in buckets of a few percent each.

use std::time::Duration;

/// Buckets for each doubling: a bucket is about 4.4 % wide.
const PER_DOUBLING: f64 = 16.0;
/// Up to 2^28 µs, more than four minutes.
const BUCKETS: usize = 16 * 28;

/// How often each latency was seen.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = (latency.as_nanos() as f64 / 1000.0).max(1.0);
        let bucket = ((micros.log2() * PER_DOUBLING) as usize).min(BUCKETS - 1);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
            self.total += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(count, more)| *count += more);
        self.total += other.total;
    }

    /// How many were recorded.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// The latency that this share of all stayed below, in milliseconds; 0 if nothing was recorded.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return ((bucket as f64 + 0.5) / PER_DOUBLING).exp2() / 1000.0;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_few_percent() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|micros| histogram.record(Duration::from_micros(micros * 10)));
        for (share, expected) in [(0.5, 5.0), (0.99, 9.9)] {
            let found = histogram.quantile_ms(share);
            assert!((found / expected - 1.0).abs() < 0.05, "{share}: {found} ms");
        }
        assert_eq!(Histogram::default().quantile_ms(0.5), 0.0);
    }

    #[test]
    fn merging_adds() {
        let (mut one, mut two) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_millis(1));
        two.record(Duration::from_secs(3600));
        one.merge(&two);
        assert_eq!(one.total(), 2);
        assert!(one.quantile_ms(1.0) > 100_000.0);
    }
}
