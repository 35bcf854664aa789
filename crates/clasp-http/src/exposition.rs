//! The Prometheus text format, version 0.0.4: the one place that knows its spelling.

use std::fmt::{Arguments, Write as _};

use clasp_router::metrics::{Family, Kind, Sample};

/// The content type that a scraper expects of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes families as Prometheus text, in the order given.
pub fn render(families: &[Family]) -> String {
    let mut page = Page(String::with_capacity(16 << 10));
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
    fn push(&mut self, text: Arguments<'_>) {
        self.0.write_fmt(text).expect("writing to a String cannot fail");
    }

    fn head(&mut self, family: &Family) {
        let help = family.help.replace('\\', r"\\").replace('\n', r"\n");
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let name = family.name;
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, sample: &Sample) {
        self.push(format_args!("{name}{}", sample.suffix));
        let mut separator = '{';
        for (key, text) in &sample.labels {
            let text = text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
            self.push(format_args!("{separator}{key}=\"{text}\""));
            separator = ',';
        }
        if !sample.labels.is_empty() {
            self.push(format_args!("}}"));
        }
        // The format spells infinities with a capital; the metrics that are told have none.
        self.push(format_args!(" {}\n", sample.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(kind: Kind, help: &'static str, samples: Vec<Sample>) -> Family {
        Family { name: "clasp_things", help, kind, samples }
    }

    fn sample(suffix: &'static str, labels: &[(&'static str, &str)], value: f64) -> Sample {
        let labels = labels.iter().map(|(key, text)| (*key, (*text).to_string())).collect();
        Sample { suffix, labels, value }
    }

    #[test]
    fn a_family_has_help_type_and_a_line_for_each_sample() {
        let samples =
            vec![sample("", &[("type", "set")], 31.0), sample("", &[("type", "get")], 0.5)];
        assert_eq!(
            render(&[family(Kind::Counter, "Things.", samples)]),
            "# HELP clasp_things Things.\n\
             # TYPE clasp_things counter\n\
             clasp_things{type=\"set\"} 31\n\
             clasp_things{type=\"get\"} 0.5\n"
        );
    }

    #[test]
    fn a_sample_without_labels_has_no_braces() {
        let page = render(&[family(Kind::Gauge, "Things.", vec![sample("", &[], 1e15)])]);
        assert!(page.ends_with("# TYPE clasp_things gauge\nclasp_things 1000000000000000\n"));
    }

    #[test]
    fn a_histogram_keeps_suffixes_and_the_order_of_labels() {
        let labels = [("type", "set"), ("le", "+Inf")];
        let samples = vec![sample("_bucket", &labels, 2.0), sample("_sum", &[], 0.25)];
        let page = render(&[family(Kind::Histogram, "Things.", samples)]);
        let lines: Vec<&str> = page.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "# TYPE clasp_things histogram",
                "clasp_things_bucket{type=\"set\",le=\"+Inf\"} 2",
                "clasp_things_sum 0.25",
            ]
        );
    }

    #[test]
    fn quotes_backslashes_and_line_ends_are_escaped() {
        let samples = vec![sample("", &[("name", "a\"b\\c\nd")], 1.0)];
        let page = render(&[family(Kind::Gauge, "one\ntwo\\", samples)]);
        assert!(page.starts_with("# HELP clasp_things one\\ntwo\\\\\n"), "{page}");
        assert!(page.contains(r#"clasp_things{name="a\"b\\c\nd"} 1"#), "{page}");
        assert_eq!(page.lines().count(), 3);
    }
}
