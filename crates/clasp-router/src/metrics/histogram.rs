//! Distributions with fixed bounds: a counter per bucket and a sum.

use super::stripe::Counter;

/// Upper bounds of `clasp_broadcast_fanout`, in sessions.
pub(super) const FANOUT_BOUNDS: [u64; 13] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// Upper bounds of `clasp_message_latency_seconds`, in nanoseconds.
pub(super) const LATENCY_BOUNDS: [u64; 22] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
];

/// The same bounds in seconds, as Prometheus writes them.
pub(super) const LATENCY_LABELS: [&str; 22] = [
    "0.0000001",
    "0.00000025",
    "0.0000005",
    "0.000001",
    "0.0000025",
    "0.000005",
    "0.00001",
    "0.000025",
    "0.00005",
    "0.0001",
    "0.00025",
    "0.0005",
    "0.001",
    "0.0025",
    "0.005",
    "0.01",
    "0.025",
    "0.05",
    "0.1",
    "0.25",
    "0.5",
    "1",
];

pub(super) type Fanout = Histogram<13>;
pub(super) type Latency = Histogram<22>;

/// Amounts by bucket; each amount is counted in one bucket only.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    buckets: [Counter; N],
    /// Amounts above the last bound.
    above: Counter,
    sum: Counter,
}

/// What a histogram held at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Distribution<const N: usize> {
    /// Amounts up to each bound, counted from the lowest.
    pub(super) up_to: [u64; N],
    pub(super) count: u64,
    pub(super) sum: u64,
}

impl<const N: usize> Histogram<N> {
    pub(super) fn new(bounds: &'static [u64; N]) -> Histogram<N> {
        let buckets = std::array::from_fn(|_| Counter::default());
        Histogram { bounds, buckets, above: Counter::default(), sum: Counter::default() }
    }

    #[inline]
    pub(super) fn observe(&self, amount: u64) {
        let first = amount <= self.bounds[0];
        let bucket = if first { 0 } else { self.bounds.partition_point(|bound| *bound < amount) };
        self.buckets.get(bucket).unwrap_or(&self.above).add(1);
        self.sum.add(amount);
    }

    /// Several histograms as one.
    pub(super) fn together<'a>(parts: impl Iterator<Item = &'a Histogram<N>>) -> Distribution<N> {
        let mut whole = Distribution { up_to: [0; N], count: 0, sum: 0 };
        for part in parts {
            for (bucket, counter) in whole.up_to.iter_mut().zip(&part.buckets) {
                *bucket += counter.get();
            }
            whole.count += part.above.get();
            whole.sum = whole.sum.wrapping_add(part.sum.get());
        }
        let mut below = 0;
        for bucket in &mut whole.up_to {
            below += *bucket;
            *bucket = below;
        }
        whole.count += below;
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_bounds_agree() {
        for (bound, label) in LATENCY_BOUNDS.iter().zip(LATENCY_LABELS) {
            let seconds: f64 = label.parse().unwrap();
            assert_eq!((seconds * 1e9).round() as u64, *bound);
        }
        assert!(LATENCY_BOUNDS.is_sorted() && FANOUT_BOUNDS.is_sorted());
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let (one, two) = (Histogram::new(&FANOUT_BOUNDS), Histogram::new(&FANOUT_BOUNDS));
        one.observe(1);
        two.observe(10_000);
        two.observe(10_001);
        let whole = Histogram::together([&one, &two].into_iter());
        assert_eq!((whole.up_to[0], whole.up_to[11], whole.up_to[12]), (1, 1, 2));
        assert_eq!((whole.count, whole.sum), (3, 20_002));
    }
}
