//! A session that joins late and wants every param that was ever set, while others go on.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Meter;
use super::latency::{Pacer, percentiles_us};
use crate::figure::{Metric, Sample};
use crate::link::{Link, SocketOptions};
use crate::rig::Layout;
use crate::server::Server;
use crate::wire::{Found, Kind, Role, Wire};

/// Params per ping while they are set, so that answers never pile up.
const SETS_PER_PING: usize = 500;
/// Params of one session; a relay may limit how many a session creates.
const SETS_PER_SESSION: usize = 5_000;

/// How often a session joins in one run; the figures are medians, or over all of them. After each
/// join comes a stretch without one, equally long, so that both see the same machine.
const JOINS: usize = 60;
/// Time for a join to be complete.
const PATIENCE: Duration = Duration::from_secs(60);
/// Messages of the others before the first join.
const WARM: u64 = 1_000;
/// Messages of the others between a join and the stretch without one, and after that.
const CALM: u64 = 20;
/// Nothing came for so long, so it may be that everything has come. Looking at it takes
/// milliseconds, during which the others' messages would seem late.
const QUIET: Duration = Duration::from_millis(20);

pub(super) fn run(
    server: &Server,
    wire: &'static dyn Wire,
    params: usize,
    (layout, messages_per_s): (Layout, u32),
) -> Result<Sample> {
    set_all(server, wire, params)?;
    let mut pacer = Pacer::open(server, wire, (layout, messages_per_s))?;
    pacer.finish(WARM, |_, _| {})?;
    let (mut alone, mut meanwhile) = (Heard::default(), Heard::default());
    let (mut times_ms, mut cpu_ms) = (Vec::new(), Vec::new());
    for _ in 0..JOINS {
        let before = Meter::read(server)?;
        let start = Instant::now();
        let mut join = Join::begin(server, wire, params)?;
        let stretch = Stretch { start, heard: &mut meanwhile };
        let took =
            stretch.listen(&mut pacer, || Ok(join.is_complete()?.then_some(join.completed)))?;
        times_ms.push(took.as_secs_f64() * 1e3);
        cpu_ms.push(before.cpu_since(server)?.as_secs_f64() * 1e3);
        drop(join);
        let calm = pacer.next() + CALM;
        pacer.finish(calm, |_, _| {})?;
        let start = Instant::now();
        let end = start + took;
        let stretch = Stretch { start, heard: &mut alone };
        stretch.listen(&mut pacer, || Ok((Instant::now() >= end).then_some(end)))?;
        let calm = pacer.next() + CALM;
        pacer.finish(calm, |_, _| {})?;
    }
    Ok(Sample::from([
        (Metric::JoinMs, median(times_ms)),
        (Metric::CpuMsPerJoin, median(cpu_ms)),
        (Metric::StretchP99Us, alone.stretch_p99_us()),
        (Metric::StretchP99MeanwhileUs, meanwhile.stretch_p99_us()),
        (Metric::P99Us, alone.p99_us()),
        (Metric::P99MeanwhileUs, meanwhile.p99_us()),
    ]))
}

/// Latencies of the others' copies, a list for each stretch of time.
#[derive(Default)]
struct Heard(Vec<Vec<Duration>>);

impl Heard {
    /// Of all copies; some milliseconds that the machine takes for something else once decide it.
    fn p99_us(&self) -> f64 {
        percentiles_us(&self.0.concat())(0.99)
    }

    /// Of a stretch, in the median of all.
    fn stretch_p99_us(&self) -> f64 {
        median(self.0.iter().map(|stretch| percentiles_us(stretch)(0.99)).collect())
    }
}

/// A time during which the others are listened to.
struct Stretch<'a> {
    start: Instant,
    /// Gets the latencies of the messages that were due in this time.
    heard: &'a mut Heard,
}

impl Stretch<'_> {
    /// Until `end` is known; how long that took.
    fn listen(
        self,
        pacer: &mut Pacer,
        mut end: impl FnMut() -> Result<Option<Instant>>,
    ) -> Result<Duration> {
        let mut heard = Vec::new();
        let end = loop {
            if let Some(end) = end()? {
                break end;
            }
            pacer.turn(u64::MAX, |sequence, latency| heard.push((sequence, latency)))?;
            ensure!(self.start.elapsed() < PATIENCE, "not everything came within {PATIENCE:?}");
        };
        let sent = pacer.next();
        pacer.finish(sent, |sequence, latency| heard.push((sequence, latency)))?;
        let within = |sequence| (self.start..end).contains(&pacer.due(sequence));
        self.heard.0.push(heard.iter().filter(|it| within(it.0)).map(|it| it.1).collect());
        Ok(end - self.start)
    }
}

/// A session that subscribes to everything. What it gets is only looked at when nothing more
/// comes: to do so earlier would hold up the generator, and with it the latency of the others.
struct Join {
    link: Link,
    wire: &'static dyn Wire,
    seen: Seen,
    found: Found,
    /// When bytes came last, and so, in the end, when everything was there.
    completed: Instant,
    looked: bool,
}

impl Join {
    fn begin(server: &Server, wire: &'static dyn Wire, params: usize) -> Result<Join> {
        let role = Role::Subscriber("/late/**");
        let mut link = Link::connect(server.address(), SocketOptions::default())?;
        wire.preamble(&mut link, role)?;
        link.send(&wire.opening(role))?;
        let (seen, found, completed) = (Seen::new(params), Found::default(), Instant::now());
        Ok(Join { link, wire, seen, found, completed, looked: true })
    }

    /// Reads once, and looks at what has come if that is over.
    fn is_complete(&mut self) -> Result<bool> {
        if self.link.receive_ready()? {
            (self.completed, self.looked) = (Instant::now(), false);
        } else if !self.looked && self.completed.elapsed() > QUIET {
            self.looked = true;
            let taken = self.wire.scan(self.link.received(), &mut self.found)?;
            self.link.consume(taken);
            for sequence in self.found.sequences.drain(..) {
                self.seen.note(sequence)?;
            }
        }
        Ok(self.seen.is_complete())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Sets `/late/0` to its number, and so on, and closes the sessions that did it.
fn set_all(server: &Server, wire: &dyn Wire, params: usize) -> Result<()> {
    for first in (0..params).step_by(SETS_PER_SESSION) {
        let mut link = Link::open(server.address(), wire, Role::Publisher("/late"))?;
        let last = params.min(first + SETS_PER_SESSION);
        for begin in (first..last).step_by(SETS_PER_PING) {
            let mut out = Vec::new();
            for number in begin..last.min(begin + SETS_PER_PING) {
                let template = wire.message(&format!("/late/{number}"), Kind::Set, 8);
                template.append(number as u64, &mut out);
            }
            out.extend(wire.ping());
            link.send(&out)?;
            link.await_pong(wire)?;
        }
    }
    Ok(())
}

/// Which params have come; a relay may send one twice.
struct Seen {
    params: Vec<bool>,
    missing: usize,
}

impl Seen {
    fn new(params: usize) -> Seen {
        Seen { params: vec![false; params], missing: params }
    }

    fn note(&mut self, sequence: u64) -> Result<()> {
        let param = usize::try_from(sequence).ok().and_then(|index| self.params.get_mut(index));
        ensure!(param.is_some(), "param {sequence} came, it was never set");
        if let Some(seen @ false) = param {
            *seen = true;
            self.missing -= 1;
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_param_counts_once() {
        let mut seen = Seen::new(2);
        seen.note(1).unwrap();
        seen.note(1).unwrap();
        assert!(!seen.is_complete());
        seen.note(0).unwrap();
        assert!(seen.is_complete());
        assert!(seen.note(2).is_err());
    }
}
