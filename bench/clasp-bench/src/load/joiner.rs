//! A session that joins late and wants every param that was ever set.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::Meter;
use crate::figure::{Metric, Sample};
use crate::link::{Link, SocketOptions};
use crate::server::Server;
use crate::wire::{Found, Kind, Role, Wire};

/// Params per ping while they are set, so that answers never pile up.
const SETS_PER_PING: usize = 500;
/// Params of one session; a relay may limit how many a session creates.
const SETS_PER_SESSION: usize = 5_000;

pub(super) fn run(server: &Server, wire: &'static dyn Wire, params: usize) -> Result<Sample> {
    set_all(server, wire, params)?;
    let before = Meter::read(server)?;
    let start = Instant::now();
    let role = Role::Subscriber("/late/**");
    let mut link = Link::connect(server.address(), SocketOptions::default())?;
    wire.preamble(&mut link, role)?;
    link.send(&wire.opening(role))?;
    let mut seen = Seen::new(params);
    let mut found = Found::default();
    loop {
        let taken = wire.scan(link.received(), &mut found)?;
        link.consume(taken);
        for sequence in found.sequences.drain(..) {
            seen.note(sequence)?;
        }
        if seen.is_complete() {
            break;
        }
        link.receive()?;
    }
    let elapsed = start.elapsed();
    let cpu = before.cpu_since(server)?;
    Ok(Sample::from([
        (Metric::JoinMs, elapsed.as_secs_f64() * 1e3),
        (Metric::CpuMsPerJoin, cpu.as_secs_f64() * 1e3),
    ]))
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
