//! Progress of long work: one line that updates itself on a terminal, and a log line now and then.

use std::io::{self, IsTerminal as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two updates of the line on a terminal.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Time between two lines of the log.
const LOG_INTERVAL: Duration = Duration::from_secs(3);

/// Shows how far something is.
#[derive(Debug)]
pub(super) struct Meter {
    terminal: bool,
    drawn: Option<Instant>,
    logged: Instant,
}

impl Meter {
    /// Nothing is shown yet. The line goes to standard error, if that is a terminal.
    pub(super) fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), drawn: None, logged: Instant::now() }
    }

    /// Shows the text, if it is time to.
    pub(super) fn show(&mut self, text: impl Fn() -> String) {
        if self.logged.elapsed() >= LOG_INTERVAL {
            self.clear();
            tracing::info!("{}", text());
            self.logged = Instant::now();
        }
        self.draw(text);
    }

    fn draw(&mut self, text: impl Fn() -> String) {
        if self.terminal && self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW_INTERVAL) {
            // Without a terminal to write to nobody misses the line.
            let _gone = write!(io::stderr(), "\r\x1b[K{}", text());
            let _gone = io::stderr().flush();
            self.drawn = Some(Instant::now());
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.drawn.take().is_some() {
            let _gone = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Does `work` and shows meanwhile, on a terminal, how far it is.
pub(super) fn watched<T: Send>(text: impl Fn() -> String, work: impl FnOnce() -> T + Send) -> T {
    let mut meter = Meter::new();
    if !meter.terminal {
        return work();
    }
    let begun = Instant::now();
    let outcome = thread::scope(|scope| {
        let working = scope.spawn(work);
        while !working.is_finished() {
            thread::sleep(DRAW_INTERVAL / 2);
            meter.draw(|| format!("{}, {} s", text(), begun.elapsed().as_secs()));
        }
        meter.clear();
        working.join()
    });
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A number with its digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in the unit that fits it.
pub(super) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64;
    let mut name = "bytes";
    for unit in units {
        if amount < 1_024.0 {
            break;
        }
        amount /= 1_024.0;
        name = unit;
    }
    if name == "bytes" { format!("{bytes} bytes") } else { format!("{amount:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups() {
        let numbers = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn sizes_have_a_fitting_unit() {
        let sizes = [0, 1_023, 1_024, 1_572_864, 1 << 40].map(size);
        assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 MiB", "1.0 TiB"]);
    }
}
