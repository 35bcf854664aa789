//! What is measured, and how it is written.

use std::collections::BTreeMap;

/// One measured quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Server CPU time per delivered copy, in nanoseconds.
    CpuNsPerCopy,
    /// Delivered copies per second.
    CopiesPerS,
    /// Median latency in microseconds.
    P50Us,
    /// 99th percentile of latency in microseconds.
    P99Us,
    /// 99.9th percentile of latency in microseconds.
    P999Us,
    /// Growth of resident memory per session, in bytes.
    BytesPerSession,
    /// Time to open all sessions, in milliseconds.
    OpenMs,
    /// Server CPU time per opened session, in microseconds.
    CpuUsPerOpen,
    /// Time from connecting to having every param, in milliseconds.
    JoinMs,
    /// Server CPU time of that, in milliseconds.
    CpuMsPerJoin,
    /// 99th percentile of others' latency during that, in microseconds.
    P99MeanwhileUs,
    /// The same of a stretch of time without that, the median of many, in microseconds.
    StretchP99Us,
    /// The same of one such time, the median of many, in microseconds.
    StretchP99MeanwhileUs,
    /// SETs per second.
    SetsPerS,
    /// Server CPU time per SET, in nanoseconds.
    CpuNsPerSet,
    /// Growth of resident memory during the load, in MiB.
    GrowthMib,
}

impl Metric {
    /// Heading of a column or table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Metric::CpuNsPerCopy => "Server CPU per copy",
            Metric::CopiesPerS => "Copies per second",
            Metric::P50Us => "Latency p50",
            Metric::P99Us => "Latency p99",
            Metric::P999Us => "Latency p99.9",
            Metric::BytesPerSession => "Memory per idle session",
            Metric::OpenMs => "Opening all sessions",
            Metric::CpuUsPerOpen => "Server CPU per session opened",
            Metric::JoinMs => "Until a late joiner has everything",
            Metric::CpuMsPerJoin => "Server CPU for a late joiner",
            Metric::P99MeanwhileUs => "Others' latency p99 meanwhile",
            Metric::StretchP99Us => "Latency p99 of a stretch",
            Metric::StretchP99MeanwhileUs => "Others' latency p99 during one join",
            Metric::SetsPerS => "SETs per second",
            Metric::CpuNsPerSet => "Server CPU per SET",
            Metric::GrowthMib => "Growth of server memory",
        }
    }

    /// The value with its unit, in three significant digits or so.
    pub(crate) fn write(self, value: f64) -> String {
        match self {
            Metric::CpuNsPerCopy | Metric::CpuNsPerSet => format!("{} ns", digits(value)),
            Metric::CopiesPerS | Metric::SetsPerS => format!("{} k/s", digits(value / 1e3)),
            Metric::P50Us
            | Metric::P99Us
            | Metric::P999Us
            | Metric::P99MeanwhileUs
            | Metric::StretchP99Us
            | Metric::StretchP99MeanwhileUs
            | Metric::CpuUsPerOpen => format!("{} µs", digits(value)),
            Metric::BytesPerSession => format!("{} KiB", digits(value / 1024.0)),
            Metric::OpenMs | Metric::JoinMs | Metric::CpuMsPerJoin => {
                format!("{} ms", digits(value))
            }
            Metric::GrowthMib => format!("{} MiB", digits(value)),
        }
    }
}

/// Three significant digits, thousands set apart.
fn digits(value: f64) -> String {
    match value.abs() {
        small if small < 9.995 => format!("{value:.2}"),
        medium if medium < 99.95 => format!("{value:.1}"),
        large => group(large.round() as u64, value < 0.0),
    }
}

fn group(number: u64, negative: bool) -> String {
    let plain = number.to_string();
    let mut grouped = String::from(if negative { "-" } else { "" });
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// What one run of one load against one server gave.
pub(crate) type Sample = BTreeMap<Metric, f64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_a_unit_and_three_digits() {
        for (metric, value, text) in [
            (Metric::CpuNsPerCopy, 412.6, "413 ns"),
            (Metric::CopiesPerS, 1_234_567.0, "1,235 k/s"),
            (Metric::P50Us, 99.96, "100 µs"),
            (Metric::P50Us, 9.996, "10.0 µs"),
            (Metric::BytesPerSession, 2560.0, "2.50 KiB"),
            (Metric::GrowthMib, -0.25, "-0.25 MiB"),
        ] {
            assert_eq!(metric.write(value), text);
        }
    }
}
