//! The Prometheus text format, version 0.0.4: the one place that knows its spelling.

use std::fmt::Write as _;

use crate::family::{Family, Kind, Sample, Value};

/// The content type that a scraper expects of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes families as Prometheus text, in the order given.
pub fn render(families: &[Family]) -> String {
    let mut page = Page(String::with_capacity(4096));
    for family in families {
        page.head(family);
        for sample in &family.samples {
            page.sample(family.name, sample);
        }
    }
    page.0
}

struct Page(String);

impl Page {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(text)
            .expect("writing to a String cannot fail");
    }

    fn head(&mut self, family: &Family) {
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let name = family.name;
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, sample: &Sample) {
        let labels = &sample.labels;
        match &sample.value {
            Value::Count(count) => self.line(name, "", (labels, None), &count.to_string()),
            Value::Number(number) => self.line(name, "", (labels, None), &spell(*number)),
            Value::Histogram { buckets, sum } => {
                let mut seen = 0;
                for (bound, count) in buckets {
                    seen += count;
                    self.line(name, "_bucket", (labels, Some(*bound)), &seen.to_string());
                }
                self.line(name, "_sum", (labels, None), &spell(*sum));
                self.line(name, "_count", (labels, None), &seen.to_string());
            }
        }
    }

    fn line(
        &mut self,
        name: &str,
        suffix: &str,
        (labels, bound): (&[(&'static str, String)], Option<f64>),
        value: &str,
    ) {
        self.push(format_args!("{name}{suffix}"));
        let bound = bound.map(|bound| ("le", spell(bound)));
        let mut separator = '{';
        for (key, text) in labels.iter().chain(&bound) {
            let text = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            self.push(format_args!("{separator}{key}=\"{text}\""));
            separator = ',';
        }
        let close = if separator == ',' { "}" } else { "" };
        self.push(format_args!("{close} {value}\n"));
    }
}

/// A number as the format spells it: infinities have a sign and a capital.
fn spell(number: f64) -> String {
    if number == f64::INFINITY {
        "+Inf".into()
    } else if number == f64::NEG_INFINITY {
        "-Inf".into()
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(value: Value) -> Sample {
        Sample {
            labels: vec![("type", "set".into())],
            value,
        }
    }

    #[test]
    fn a_counter_has_help_type_and_labels() {
        let family = Family {
            name: "clasp_messages_total",
            help: "Messages received.",
            kind: Kind::Counter,
            samples: vec![labelled(Value::Count(31))],
        };
        assert_eq!(
            render(&[family]),
            "# HELP clasp_messages_total Messages received.\n\
             # TYPE clasp_messages_total counter\n\
             clasp_messages_total{type=\"set\"} 31\n"
        );
    }

    #[test]
    fn a_gauge_without_labels_has_no_braces() {
        let family = Family::single("open", "Open ones.", Kind::Gauge, Value::Number(0.5));
        assert!(render(&[family]).ends_with("\nopen 0.5\n"));
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_sum_and_count() {
        let family = Family {
            name: "wait_seconds",
            help: "Waits.",
            kind: Kind::Histogram,
            samples: vec![labelled(Value::Histogram {
                buckets: vec![(0.001, 2), (0.5, 0), (f64::INFINITY, 1)],
                sum: 1.25,
            })],
        };
        let page = render(&[family]);
        let lines: Vec<&str> = page.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "wait_seconds_bucket{type=\"set\",le=\"0.001\"} 2",
                "wait_seconds_bucket{type=\"set\",le=\"0.5\"} 2",
                "wait_seconds_bucket{type=\"set\",le=\"+Inf\"} 3",
                "wait_seconds_sum{type=\"set\"} 1.25",
                "wait_seconds_count{type=\"set\"} 3",
            ]
        );
    }

    #[test]
    fn quotes_backslashes_and_line_ends_are_escaped() {
        let family = Family {
            name: "n",
            help: "one\ntwo\\",
            kind: Kind::Gauge,
            samples: vec![Sample {
                labels: vec![("name", "a\"b\\c\nd".into())],
                value: Value::Count(1),
            }],
        };
        let page = render(&[family]);
        assert!(page.starts_with("# HELP n one\\ntwo\\\\\n"), "{page}");
        assert!(page.contains(r#"n{name="a\"b\\c\nd"} 1"#), "{page}");
        assert_eq!(page.lines().count(), 3);
    }
}
