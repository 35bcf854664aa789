//! The report: tables and text in Markdown, a chart in SVG.

mod chart;
mod method;
mod table;

use std::fmt::Write;

use crate::figure::Metric;
use crate::load::{JOIN_METRICS, Load, Shape};
use crate::machine::Machine;
use crate::peer::PeerId;
use crate::results::{Figure, Results};
use crate::run::Plan;
use crate::target::TARGETS;
use table::Table;

/// What a report is made of.
pub(crate) struct Report<'a> {
    /// Where it was measured.
    pub(crate) machine: Machine,
    /// What was run.
    pub(crate) plan: &'a Plan,
    /// What came out.
    pub(crate) results: &'a Results,
    /// What was left out, and why.
    pub(crate) remarks: Vec<String>,
}

/// A table of some figures for every server.
struct Section {
    title: &'static str,
    metrics: &'static [Metric],
    holds: fn(&Load) -> bool,
}

const SECTIONS: &[Section] = &[
    Section {
        title: "Server CPU time per delivered copy",
        metrics: &[Metric::CpuNsPerCopy],
        holds: |load| is_steady(load) && !is_stalled(load),
    },
    Section {
        title: "Delivered copies per second",
        metrics: &[Metric::CopiesPerS],
        holds: |load| is_steady(load) && !is_stalled(load),
    },
    Section {
        title: "Latency under a fixed rate",
        metrics: &[Metric::P50Us, Metric::P99Us, Metric::P999Us, Metric::CpuNsPerCopy],
        holds: |load| matches!(load.shape, Shape::Latency { .. }),
    },
    Section {
        title: "Sessions",
        metrics: &[Metric::BytesPerSession, Metric::OpenMs, Metric::CpuUsPerOpen],
        holds: |load| matches!(load.shape, Shape::Sessions { .. }),
    },
    Section {
        title: "SETs that nobody listens to",
        metrics: &[Metric::SetsPerS, Metric::CpuNsPerSet],
        holds: |load| matches!(load.shape, Shape::Sets { .. }),
    },
    Section {
        title: "A late joiner",
        metrics: JOIN_METRICS,
        holds: |load| matches!(load.shape, Shape::Joiner { .. }),
    },
    Section {
        title: "A subscriber that does not read",
        metrics: &[Metric::CpuNsPerCopy, Metric::CopiesPerS, Metric::GrowthMib],
        holds: is_stalled,
    },
];

fn is_steady(load: &Load) -> bool {
    matches!(load.shape, Shape::Steady { .. })
}

fn is_stalled(load: &Load) -> bool {
    matches!(load.shape, Shape::Steady { layout, .. } if layout.stalled > 0)
}

impl Report<'_> {
    /// The whole page; `chart` is the file name of the chart beside it.
    pub(crate) fn page(&self, chart: &str) -> String {
        let mut page = String::from("# Benchmarks\n\n");
        page.push_str(&self.introduction());
        if self.has(PeerId::Relay) {
            let _ = write!(page, "\n## Targets\n\n{}", self.targets());
        }
        for section in SECTIONS {
            let Some(table) = self.section(section) else { continue };
            let _ = write!(page, "\n## {}\n\n{table}", section.title);
            if section.metrics == [Metric::CpuNsPerCopy] {
                let _ = write!(page, "\n![{}]({chart})\n", section.title);
            }
        }
        page.push_str(&self.problems());
        page.push_str(&method::text(self));
        page
    }

    /// The chart as an SVG document.
    pub(crate) fn chart(&self) -> String {
        let loads = self.plan.loads.iter().filter(|load| is_steady(load) && !is_stalled(load));
        let panels = loads.map(|load| chart::Panel {
            title: load.title,
            bars: self.figures(load, Metric::CpuNsPerCopy),
        });
        chart::draw("Server CPU time per delivered copy, in nanoseconds", panels.collect())
    }

    /// Every run and its circumstances, for programs.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "machine": self.machine,
            "servers": self.plan.peers,
            "runs": self.results.to_json(),
        })
    }

    fn introduction(&self) -> String {
        let rounds = self.plan.rounds;
        let medians = if rounds == 1 {
            "One round only: a look, not a result.".into()
        } else {
            format!("Figures are medians of {rounds} rounds, ± half the range of the rounds.")
        };
        format!(
            "`clasp-relay` beside its peers, on one machine, in one run, measured on {}.\n\
             {medians} Less is better, but for copies per second.\n\
             The page is made by the command at its end.\n",
            self.machine.day
        )
    }

    fn targets(&self) -> String {
        let headings =
            ["Load", "Figure", "clasp-relay", "Compared with", "", "Ratio", "Target", "Met"];
        let mut table = Table::new(&headings, &[0, 1, 3, 7]);
        let is_run = |id: &str| self.plan.loads.iter().any(|load| load.id == id);
        for target in TARGETS.iter().filter(|target| is_run(target.load)) {
            let title = Load::named(target.load).map_or(target.load, |load| load.title);
            let title = match target.door {
                PeerId::RelayMqtt => format!("{title}, by MQTT"),
                _ => title.to_owned(),
            };
            let figure = target.metric.title();
            let bound = target.bound.write();
            let row = match target.judge(self.results) {
                Some(verdict) => [
                    title,
                    figure.into(),
                    target.metric.write(verdict.own),
                    target.opponent(),
                    target.metric.write(verdict.other),
                    format!("{:.2}", verdict.ratio),
                    bound,
                    if verdict.met { "yes".into() } else { "**no**".into() },
                ],
                None => {
                    let none = || "–".to_owned();
                    let opponent = target.opponent();
                    [title, figure.into(), none(), opponent, none(), none(), bound, none()]
                }
            };
            table.row(row.into());
        }
        table.to_string()
    }

    fn section(&self, section: &Section) -> Option<Table> {
        let loads: Vec<_> = self.plan.loads.iter().filter(|load| (section.holds)(load)).collect();
        let mut headings = vec!["Load"];
        let many = section.metrics.len() > 1;
        if many {
            headings.push("Figure");
        }
        headings.extend(self.plan.peers.iter().map(|peer| peer.id.title()));
        let mut table = Table::new(&headings, if many { &[0, 1] } else { &[0] });
        for load in &loads {
            for metric in section.metrics {
                let mut row = vec![load.title.to_owned()];
                if many {
                    row.push(metric.title().into());
                }
                row.extend(self.figures(load, *metric).iter().map(|(_, f)| cell(*metric, f)));
                table.row(row);
            }
        }
        (!loads.is_empty()).then_some(table)
    }

    fn figures(&self, load: &Load, metric: Metric) -> Vec<(PeerId, Figure)> {
        let peers = self.plan.peers.iter().map(|peer| peer.id);
        peers.map(|peer| (peer, self.results.figure(load.id, peer, metric))).collect()
    }

    fn problems(&self) -> String {
        let failures = self.results.failures().map(|(load, peer, reason)| {
            let title = Load::named(load).map_or(load, |load| load.title);
            format!("- {peer}, {title}: failed: {}\n", reason.lines().next().unwrap_or_default())
        });
        let remarks = self.remarks.iter().map(|remark| format!("- {remark}\n"));
        let lines: String = failures.chain(remarks).collect();
        if lines.is_empty() { lines } else { format!("\n## Failed or left out\n\n{lines}") }
    }

    fn has(&self, peer: PeerId) -> bool {
        self.plan.peers.iter().any(|found| found.id == peer)
    }
}

fn cell(metric: Metric, figure: &Figure) -> String {
    match figure {
        Figure::Measured { median, spread } if *spread > 0.0 => {
            format!("{} ±{:.0} %", metric.write(*median), spread.abs() * 100.0)
        }
        Figure::Measured { median, .. } => metric.write(*median),
        Figure::Failed(_) => "failed".into(),
        Figure::Absent => "–".into(),
    }
}

#[cfg(test)]
mod tests;
