//! The load generator: one thread, one epoll, sockets of publishers and subscribers. It checks
//! that every subscriber gets every number, once and in order.

mod pipe;

use std::io::ErrorKind;
use std::iter;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token};

pub(crate) use self::pipe::{Pipe, Scratch};
use crate::link::{self, Link, SocketOptions};
use crate::wire::{Kind, Role, Template, Wire};

const EVENTS_MAX: usize = 1024;
/// Small, so that a subscriber that does not read is felt by the server soon.
const STALLED_RECEIVE_BYTES: usize = 4096;

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Each has a topic of its own.
    pub(crate) publishers: usize,
    /// On the topic of each publisher.
    pub(crate) subscribers_each: usize,
    /// Subscribers of the first topic that never read and are not counted.
    pub(crate) stalled: usize,
    /// What is sent.
    pub(crate) kind: Kind,
    /// At least 8.
    pub(crate) value_bytes: usize,
}

/// Open sessions in an event loop.
pub(crate) struct Rig {
    poll: Poll,
    events: Events,
    scratch: Scratch,
    layout: Layout,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    _stalled: Vec<Link>,
    copies: u64,
}

struct Publisher {
    pipe: Pipe,
    template: Template,
    out: Vec<u8>,
    written: usize,
    next: u64,
}

struct Subscriber {
    pipe: Pipe,
    expected: u64,
}

impl Rig {
    /// Opens all sessions; the subscribers' come first.
    pub(crate) fn open(
        address: SocketAddr,
        wire: &'static dyn Wire,
        layout: Layout,
    ) -> Result<Rig> {
        let mut rig = Rig {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            scratch: Scratch::new(wire),
            layout,
            publishers: Vec::new(),
            subscribers: Vec::new(),
            _stalled: Vec::new(),
            copies: 0,
        };
        let topics: Vec<String> =
            (0..layout.publishers).map(|index| format!("/bench/{index}")).collect();
        let audience: Vec<_> = topics
            .iter()
            .flat_map(|topic| iter::repeat_n(Role::Subscriber(topic), layout.subscribers_each))
            .collect();
        for link in link::open_all(address, wire, &audience)? {
            let pipe = rig.register(link, Interest::READABLE)?;
            rig.subscribers.push(Subscriber { pipe, expected: 0 });
        }
        for _ in 0..layout.stalled {
            let receive_bytes = Some(STALLED_RECEIVE_BYTES);
            let options = SocketOptions { receive_bytes, ..SocketOptions::default() };
            let link = Link::connect(address, options)?;
            rig._stalled.push(link.greet(wire, Role::Subscriber(&topics[0]))?);
        }
        let roles: Vec<_> = topics.iter().map(|topic| Role::Publisher(topic)).collect();
        for (link, topic) in link::open_all(address, wire, &roles)?.into_iter().zip(&topics) {
            let pipe = rig.register(link, Interest::READABLE | Interest::WRITABLE)?;
            let template = wire.message(topic, layout.kind, layout.value_bytes);
            rig.publishers.push(Publisher { pipe, template, out: Vec::new(), written: 0, next: 0 });
        }
        Ok(rig)
    }

    /// Tokens count through the subscribers and then the publishers.
    fn register(&self, link: Link, interest: Interest) -> Result<Pipe> {
        let token = Token(self.subscribers.len() + self.publishers.len());
        let (mut stream, carry) = link.into_nonblocking()?;
        self.poll.registry().register(&mut stream, token, interest)?;
        Ok(Pipe::new(stream, carry))
    }

    /// Sends on every topic until `window` messages wait for their last copy.
    pub(crate) fn fill(&mut self, window: u64) -> Result<()> {
        for index in 0..self.publishers.len() {
            let floor = self.complete(index);
            let publisher = &mut self.publishers[index];
            if publisher.next < floor + window {
                while publisher.next < floor + window {
                    publisher.push();
                }
                publisher.flush()?;
            }
        }
        Ok(())
    }

    /// Sends one message on the first topic, whatever is still under way; returns its number.
    pub(crate) fn send(&mut self) -> Result<u64> {
        let publisher = &mut self.publishers[0];
        let sequence = publisher.next;
        publisher.push();
        publisher.flush()?;
        Ok(sequence)
    }

    /// How many messages of a publisher every subscriber of its topic has got.
    fn complete(&self, publisher: usize) -> u64 {
        let first = publisher * self.layout.subscribers_each;
        let audience = &self.subscribers[first..first + self.layout.subscribers_each];
        audience.iter().map(|subscriber| subscriber.expected).min().unwrap_or_default()
    }

    /// Whether copies are under way.
    pub(crate) fn is_pending(&self) -> bool {
        let mut indices = 0..self.publishers.len();
        indices.any(|index| self.complete(index) < self.publishers[index].next)
    }

    /// Copies received so far.
    pub(crate) fn copies(&self) -> u64 {
        self.copies
    }

    /// Waits for sockets to become ready and serves them once. `arrived` gets the number of every
    /// copy and when it was read.
    ///
    /// # Errors
    /// A copy that is not the next one of its subscriber, a lost connection, a refusal.
    pub(crate) fn turn(
        &mut self,
        wait: Option<Duration>,
        mut arrived: impl FnMut(u64, Instant),
    ) -> Result<()> {
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other.context("epoll")?,
        }
        for event in &self.events {
            let Token(index) = event.token();
            if let Some(subscriber) = self.subscribers.get_mut(index) {
                let of = |error: anyhow::Error| error.context(format!("subscriber {index}"));
                subscriber.pipe.drain(&mut self.scratch).map_err(of)?;
                let at = Instant::now();
                for sequence in self.scratch.found.sequences.drain(..) {
                    subscriber.check(sequence).map_err(of)?;
                    arrived(sequence, at);
                    self.copies += 1;
                }
            } else {
                let publisher = &mut self.publishers[index - self.subscribers.len()];
                publisher.pipe.drain(&mut self.scratch).context("publisher")?;
                let echo = self.scratch.found.sequences.first();
                ensure!(echo.is_none(), "a publisher got a copy, it is no subscriber");
                publisher.flush()?;
            }
        }
        Ok(())
    }

    /// Waits until no copy is under way, and a little longer for copies too many.
    ///
    /// # Errors
    /// A copy that does not come within `patience`.
    pub(crate) fn settle(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while self.is_pending() {
            self.turn(Some(Duration::from_millis(10)), |_, _| {})?;
            if Instant::now() > deadline {
                bail!("{} copies are lost", self.sent().saturating_sub(self.copies));
            }
        }
        Ok(())
    }

    /// Looks for copies that nobody sent, and for values of another length than sent.
    pub(crate) fn check_no_excess(&mut self) -> Result<()> {
        self.turn(Some(Duration::from_millis(20)), |_, _| {})?;
        let sent = self.sent();
        ensure!(self.copies == sent, "{} copies came, {sent} were due", self.copies);
        let due = self.copies * self.layout.value_bytes as u64;
        let came = self.scratch.found.value_bytes;
        ensure!(came == due, "{came} bytes of values came, {due} were due");
        Ok(())
    }

    /// Copies that the messages sent so far make.
    fn sent(&self) -> u64 {
        let each = self.layout.subscribers_each as u64;
        self.publishers.iter().map(|publisher| publisher.next * each).sum()
    }
}

impl Publisher {
    fn push(&mut self) {
        self.template.append(self.next, &mut self.out);
        self.next += 1;
    }

    /// Writes as much as the socket takes; the rest goes when it is writable again.
    fn flush(&mut self) -> Result<()> {
        self.written += self.pipe.write(&self.out[self.written..]).context("publisher")?;
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        Ok(())
    }
}

impl Subscriber {
    #[inline]
    fn check(&mut self, sequence: u64) -> Result<()> {
        if sequence != self.expected {
            bail!("copy {sequence} came where {} was due: lost or out of order", self.expected);
        }
        self.expected += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
