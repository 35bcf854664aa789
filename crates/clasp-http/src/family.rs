//! The neutral form of a metric between its owner, which counts, and the page, which prints.

/// One metric: a name, what it means, and a sample for each set of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The full name, in base units, `_total` at the end of a counter.
    pub name: &'static str,
    /// One sentence for the HELP line.
    pub help: &'static str,
    /// How a scraper should read the samples.
    pub kind: Kind,
    /// The samples; none is legal and prints only the head lines.
    pub samples: Vec<Sample>,
}

/// How a scraper should read a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows while the process lives.
    Counter,
    /// A present amount.
    Gauge,
    /// A distribution in buckets.
    Histogram,
}

/// One line, or for a histogram one group of lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Label names and values; the names are fixed, the values may be any text.
    pub labels: Vec<(&'static str, String)>,
    /// What is told of these labels.
    pub value: Value,
}

/// The amount of one sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// A number in the family's base unit.
    Number(f64),
    /// A distribution: `(upper bound, observations in this bucket alone)` in rising order, the
    /// last bound infinite, and the sum of all observations.
    Histogram {
        /// Upper bounds and the observations that fell into each bucket.
        buckets: Vec<(f64, u64)>,
        /// The sum of all observations, in the family's base unit.
        sum: f64,
    },
}

impl Family {
    /// A family without labels.
    pub fn single(name: &'static str, help: &'static str, kind: Kind, value: Value) -> Self {
        let samples = vec![Sample {
            labels: Vec::new(),
            value,
        }];
        Self {
            name,
            help,
            kind,
            samples,
        }
    }
}
