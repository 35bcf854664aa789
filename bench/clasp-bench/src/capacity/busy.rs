//! Sessions in a ring: each sets a param so many times a second and hears its neighbour's. How many
//! until updates come late.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::crowd::Crowd;
use super::{Bench, Bound};
use crate::stats::percentile;

/// The search begins with so many sessions and ends when it knows the limit to this share.
const SESSIONS_FIRST: usize = 500;
const SHARE: f64 = 0.05;
const WARM: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(5);
/// Afterwards everything that is under way has to arrive within this time.
const SETTLE: Duration = Duration::from_secs(2);
/// A relay that keeps up delivers 99 of 100 updates within this time.
const LATE: Duration = Duration::from_millis(100);
/// The generator keeps its pace if 99 of 100 updates leave no later than this after they were due.
const LAG: Duration = Duration::from_millis(20);

/// One number of sessions, tried.
#[derive(Debug)]
struct Trial {
    sessions: usize,
    p50: Duration,
    p99: Duration,
    /// How late the generator was, at the 99th percentile.
    lag: Duration,
    lost: u64,
    cpu_share: f64,
    resident_bytes: u64,
}

impl Trial {
    /// Why it is too much, if it is.
    fn bound(&self) -> Option<Bound> {
        if self.lag > LAG {
            return Some(Bound::Generator);
        }
        (self.p99 > LATE || self.lost > 0).then_some(Bound::Relay)
    }
}

/// Every trial, and what bounds.
#[derive(Debug)]
pub(super) struct Busy {
    trials: Vec<Trial>,
    bound: Bound,
}

pub(super) fn run(bench: &Bench) -> Result<Busy> {
    let mut trials: Vec<Trial> = Vec::new();
    let (mut good, mut bad) = (0, None);
    loop {
        let sessions = match bad {
            None if good == 0 => SESSIONS_FIRST,
            None => good * 2,
            Some((bad, _)) => usize::midpoint(good, bad),
        };
        if sessions > bench.sessions_max() {
            return Ok(Busy { trials, bound: Bound::Files });
        }
        let trial = attempt(bench, sessions)?;
        eprintln!("{trial:?}");
        match trial.bound() {
            None => good = sessions,
            Some(Bound::Generator) if good == 0 => {
                bail!("others use this machine: the generator was {:.0?} late", trial.lag)
            }
            Some(bound) => bad = Some((sessions, bound)),
        }
        trials.push(trial);
        if let Some((bad, bound)) = bad
            && (bad - good) as f64 <= bad as f64 * SHARE
        {
            return Ok(Busy { trials, bound });
        }
    }
}

/// Runs one number of sessions against a fresh relay.
fn attempt(bench: &Bench, sessions: usize) -> Result<Trial> {
    let server = bench.start()?;
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(sessions, sessions)?;
    let mut pace = Pace::new(sessions, bench.updates);
    pace.keep(&mut crowd, WARM)?;
    pace.restart_figures();
    let (cpu, begun) = (server.cpu()?, Instant::now());
    pace.keep(&mut crowd, MEASURED)?;
    let cpu_share = (server.cpu()? - cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
    pace.settle(&mut crowd)?;
    pace.latencies_us.sort_unstable();
    pace.lags_us.sort_unstable();
    let at = |sorted: &[u64], share| {
        Duration::from_micros(percentile(sorted, share).unwrap_or(u64::MAX >> 20))
    };
    Ok(Trial {
        sessions,
        p50: at(&pace.latencies_us, 0.5),
        p99: at(&pace.latencies_us, 0.99),
        lag: at(&pace.lags_us, 0.99),
        lost: pace.sent - pace.heard,
        cpu_share,
        resident_bytes: server.resident_bytes()?,
    })
}

/// Sends at a fixed rate, spread evenly over all sessions, whatever comes back.
struct Pace {
    sessions: usize,
    /// Time between two sessions' turns.
    step: Duration,
    begun: Instant,
    sent: u64,
    heard: u64,
    out: Vec<u8>,
    latencies_us: Vec<u64>,
    lags_us: Vec<u64>,
}

impl Pace {
    fn new(sessions: usize, updates: u32) -> Pace {
        let step = Duration::from_secs(1).div_f64(sessions as f64 * f64::from(updates));
        let (latencies_us, lags_us) = (Vec::new(), Vec::new());
        let begun = Instant::now();
        Pace { sessions, step, begun, sent: 0, heard: 0, out: Vec::new(), latencies_us, lags_us }
    }

    fn restart_figures(&mut self) {
        self.latencies_us.clear();
        self.lags_us.clear();
    }

    fn keep(&mut self, crowd: &mut Crowd, duration: Duration) -> Result<()> {
        let end = self.begun.elapsed() + duration;
        loop {
            let now = self.begun.elapsed();
            if now >= end {
                return Ok(());
            }
            // Not more at once than arrives meanwhile, or nothing would be read for long.
            for _ in 0..256 {
                let due = self.step.mul_f64(self.sent as f64);
                let now = self.begun.elapsed();
                if now < due {
                    break;
                }
                self.lags_us.push((now - due).as_micros() as u64);
                let number = (self.sent % self.sessions as u64) as usize;
                // Values are times, and no session has the same twice.
                crowd.send(number, now.as_nanos() as u64, &mut self.out)?;
                self.sent += 1;
            }
            self.listen(crowd, Duration::ZERO)?;
        }
    }

    fn listen(&mut self, crowd: &mut Crowd, wait: Duration) -> Result<()> {
        let Pace { begun, heard, latencies_us, .. } = self;
        crowd.turn(Some(wait), |value| {
            let late = begun.elapsed().saturating_sub(Duration::from_nanos(value));
            latencies_us.push(late.as_micros() as u64);
            *heard += 1;
        })
    }

    /// Waits for what is under way.
    fn settle(&mut self, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + SETTLE;
        while self.heard < self.sent && Instant::now() < end {
            self.listen(crowd, Duration::from_millis(10))?;
        }
        Ok(())
    }
}

impl Busy {
    pub(super) fn page(&self, bench: &Bench) -> String {
        let mut page = format!(
            "Sessions that write {} updates/s and hear as many, bound by {}\n\n\
             | sessions | updates heard/s | relay's core | p50 | p99 | lost | generator's lag | \
             process |\n|---|---|---|---|---|---|---|---|\n",
            bench.updates,
            self.bound.text()
        );
        let mut trials: Vec<&Trial> = self.trials.iter().collect();
        trials.sort_by_key(|trial| trial.sessions);
        for trial in trials {
            let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
            let (p50, p99, lag) = (ms(trial.p50), ms(trial.p99), ms(trial.lag));
            let Trial { sessions, cpu_share, lost, resident_bytes, .. } = trial;
            let (heard, share) = (sessions * bench.updates as usize, cpu_share * 100.0);
            let size = resident_bytes >> 20;
            // Writing to a String does not fail.
            let _ok = writeln!(
                page,
                "| {sessions} | {heard} | {share:.0} % | {p50} | {p99} | {lost} | {lag} | \
                 {size} MiB |"
            );
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_or_lost_updates_are_the_relays_unless_the_generator_was_late() {
        let trial = |p99, lag, lost| Trial {
            sessions: 1,
            p50: Duration::ZERO,
            p99,
            lag,
            lost,
            cpu_share: 0.0,
            resident_bytes: 0,
        };
        assert_eq!(trial(LATE, LAG, 0).bound(), None);
        assert_eq!(trial(LATE * 2, LAG, 0).bound(), Some(Bound::Relay));
        assert_eq!(trial(LATE, LAG, 1).bound(), Some(Bound::Relay));
        assert_eq!(trial(LATE * 2, LAG * 2, 1).bound(), Some(Bound::Generator));
    }
}
