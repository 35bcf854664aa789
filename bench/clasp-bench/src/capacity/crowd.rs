//! Many sessions in one event loop. Each hears what the one before it writes.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::{Events, Interest, Poll, Token};

use crate::link::{self, Link, SocketOptions};
use crate::rig::{Pipe, Scratch};
use crate::wire::{Clasp, Kind, Role, Template, Wire};

const EVENTS_MAX: usize = 4096;
/// Sessions that are being opened at the same time.
const OPENING_MAX: usize = 100;
/// No session may take longer to open.
const OPEN_MAX: Duration = Duration::from_secs(5);

/// Open sessions.
pub(super) struct Crowd {
    poll: Poll,
    events: Events,
    scratch: Scratch,
    address: SocketAddr,
    members: Vec<Member>,
}

struct Member {
    pipe: Pipe,
    template: Template,
    /// What its neighbour sent last.
    last: u64,
}

impl Crowd {
    pub(super) fn new(address: SocketAddr) -> Result<Crowd> {
        Ok(Crowd {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            scratch: Scratch::new(&Clasp),
            address,
            members: Vec::new(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Opens so many more, of a ring that has `whole` at its end. Tells how long the slowest batch
    /// took for each of its sessions.
    pub(super) fn grow(&mut self, more: usize, whole: usize) -> Result<Duration> {
        let end = self.members.len() + more;
        let mut slowest = Duration::ZERO;
        while self.members.len() < end {
            let first = self.members.len();
            let batch = OPENING_MAX.min(end - first);
            let begun = Instant::now();
            let mut links = Vec::with_capacity(batch);
            for number in first..first + batch {
                let heard = topic((number + whole - 1) % whole);
                let source = link::source(u32::try_from(number)?);
                let options = SocketOptions { source, ..SocketOptions::default() };
                let link = Link::connect(self.address, options)?;
                links.push(link.begin(&Clasp, Role::Subscriber(&heard))?);
            }
            for mut link in links {
                link.await_pong(&Clasp).with_context(|| format!("session {}", self.len()))?;
                self.admit(link)?;
            }
            let took = begun.elapsed();
            if took > OPEN_MAX {
                bail!("the sessions after {first} took {took:.1?} to open");
            }
            slowest = slowest.max(took / u32::try_from(batch)?);
            self.turn(Some(Duration::ZERO), |_| {})?;
        }
        Ok(slowest)
    }

    fn admit(&mut self, link: Link) -> Result<()> {
        let number = self.members.len();
        let (mut stream, carry) = link.into_nonblocking()?;
        self.poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
        let template = Clasp.message(&topic(number), Kind::Set, 8);
        self.members.push(Member { pipe: Pipe::new(stream, carry), template, last: 0 });
        Ok(())
    }

    /// Writes a value, which has to be greater than the session's last one.
    pub(super) fn send(&mut self, number: usize, value: u64, out: &mut Vec<u8>) -> Result<()> {
        let member = &mut self.members[number];
        out.clear();
        member.template.append(value, out);
        let written = member.pipe.write(out)?;
        if written < out.len() {
            bail!("the relay reads session {number} too slowly");
        }
        Ok(())
    }

    /// Reads what has come and answers the relay's pings; `heard` gets each value.
    pub(super) fn turn(
        &mut self,
        wait: Option<Duration>,
        mut heard: impl FnMut(u64),
    ) -> Result<()> {
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other.context("epoll")?,
        }
        for event in &self.events {
            let Token(number) = event.token();
            let member = &mut self.members[number];
            let of = |error: anyhow::Error| error.context(format!("session {number}"));
            member.pipe.drain(&mut self.scratch).map_err(of)?;
            let found = &mut self.scratch.found;
            if std::mem::take(&mut found.pings) > 0 {
                member.pipe.write(&Clasp.pong())?;
            }
            for value in found.sequences.drain(..) {
                if value <= member.last {
                    bail!("session {number} heard {value} after {}", member.last);
                }
                member.last = value;
                heard(value);
            }
        }
        Ok(())
    }
}

fn topic(number: usize) -> String {
    format!("/bench/{number}")
}
