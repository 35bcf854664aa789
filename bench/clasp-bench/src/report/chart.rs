//! A chart of bars, one panel for each load with a scale of its own, as SVG.

use std::fmt::Write;

use crate::peer::PeerId;
use crate::results::Figure;

/// The bars of one load.
pub(crate) struct Panel {
    /// Its heading.
    pub(crate) title: &'static str,
    /// A bar for each server.
    pub(crate) bars: Vec<(PeerId, Figure)>,
}

const COLUMNS: usize = 2;
const PANEL_WIDTH: usize = 460;
const HEAD_HEIGHT: usize = 44;
const PANEL_HEAD_HEIGHT: usize = 30;
const BAR_PITCH: usize = 24;
const PANEL_GAP: usize = 18;
const NAME_WIDTH: usize = 130;
const VALUE_WIDTH: usize = 80;
const MARGIN: usize = 16;

const STYLE: &str = "\
    text { font: 13px system-ui, sans-serif; fill: #24292f }\n\
    .title { font-size: 16px; font-weight: 600 }\n\
    .load { font-weight: 600 }\n\
    .name { text-anchor: end }\n\
    .bar { fill: #9aa4b2 }\n\
    .own { fill: #2f6fde }\n\
    .page { fill: #ffffff }\n\
    @media (prefers-color-scheme: dark) {\n\
      text { fill: #d7dde5 } .page { fill: #0d1117 }\n\
      .bar { fill: #606b7a } .own { fill: #5a93f5 }\n\
    }\n";

/// Draws the panels; servers without a figure get a word instead of a bar.
pub(crate) fn draw(title: &str, mut panels: Vec<Panel>) -> String {
    for panel in &mut panels {
        panel.bars.retain(|(_, figure)| *figure != Figure::Absent);
    }
    panels.retain(|panel| !panel.bars.is_empty());
    let bars_max = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or_default();
    let panel_height = PANEL_HEAD_HEIGHT + bars_max * BAR_PITCH + PANEL_GAP;
    let width = MARGIN * 2 + COLUMNS * PANEL_WIDTH;
    let height = HEAD_HEIGHT + panels.len().div_ceil(COLUMNS) * panel_height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>\n{STYLE}</style>\n\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"28\">{title}</text>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        let x = MARGIN + index % COLUMNS * PANEL_WIDTH;
        let y = HEAD_HEIGHT + index / COLUMNS * panel_height;
        draw_panel(panel, (x, y), &mut svg);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_panel(panel: &Panel, (x, y): (usize, usize), svg: &mut String) {
    // Writing into a String cannot fail.
    let _ = writeln!(svg, "<text class=\"load\" x=\"{x}\" y=\"{}\">{}</text>", y + 18, panel.title);
    let medians = panel.bars.iter().filter_map(|(_, figure)| figure.median());
    let greatest = medians.fold(0.0, f64::max);
    for (index, (peer, figure)) in panel.bars.iter().enumerate() {
        let top = y + PANEL_HEAD_HEIGHT + index * BAR_PITCH;
        let (left, base) = (x + NAME_WIDTH, top + 14);
        let _ = writeln!(svg, "<text class=\"name\" x=\"{}\" y=\"{base}\">{peer}</text>", left - 8);
        let Some(median) = figure.median() else {
            let _ = writeln!(svg, "<text x=\"{left}\" y=\"{base}\">failed</text>");
            continue;
        };
        let room = (PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH) as f64;
        let length = (median / greatest * room).max(1.0);
        let class = if peer.is_ours() { "bar own" } else { "bar" };
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{length:.1}\" height=\"18\" \
             rx=\"2\"/>\n<text x=\"{:.1}\" y=\"{base}\">{median:.0}</text>",
            left as f64 + length + 6.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(median: f64) -> Figure {
        Figure::Measured { median, spread: 0.0 }
    }

    #[test]
    fn bars_are_in_proportion_within_their_panel() {
        let bars = vec![
            (PeerId::Relay, measured(50.0)),
            (PeerId::Uws, measured(100.0)),
            (PeerId::Nats, Figure::Failed("lost".into())),
            (PeerId::Mosquitto, Figure::Absent),
        ];
        let svg = draw("CPU", vec![Panel { title: "1 → 1", bars }]);
        assert!(svg.contains("width=\"250.0\"") && svg.contains("width=\"125.0\""), "{svg}");
        assert_eq!(svg.matches("<rect class=\"bar").count(), 2);
        assert_eq!(svg.matches(">failed<").count(), 1);
        assert!(!svg.contains("mosquitto"));
    }

    #[test]
    fn a_panel_without_figures_is_left_out() {
        let bars = vec![(PeerId::Relay, Figure::Absent)];
        assert!(!draw("CPU", vec![Panel { title: "1 → 1", bars }]).contains("1 → 1"));
    }
}
