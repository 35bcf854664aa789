//! Clients that write with QoS 1 as fast as they are confirmed, and what a kill takes of it.

use std::time::{Duration, Instant};

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};

use crate::client::{Client, State, decoded, integer};

/// Requests that a counter has under way: enough for the journal to lag.
const WINDOW: usize = 256;

/// Counts up at an address of its own.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    number: usize,
    /// What is stored of it.
    base: i64,
    /// The writes since, by when they were sent and when confirmed.
    confirmed: Vec<(Instant, Instant)>,
}

/// Confirmed writes of QoS 1 that a kill took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Loss {
    pub(crate) writes: usize,
    pub(crate) ends: Option<Ends>,
}

/// The first and the last of several writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    first_confirmed: Instant,
    last_sent: Instant,
    last_confirmed: Instant,
}

impl Counter {
    pub(crate) fn new(number: usize) -> Counter {
        Counter { number, ..Counter::default() }
    }

    /// How many of its writes are known to be stored.
    pub(crate) fn stored(&self) -> i64 {
        self.base
    }

    fn address(&self) -> String {
        format!("/count/{}", self.number)
    }

    /// Counts until the relay dies.
    pub(crate) async fn count(mut self, mut client: Client) -> Counter {
        let mut sent = Vec::new();
        loop {
            while sent.len() < self.confirmed.len() + WINDOW {
                sent.push(Instant::now());
                let value = RawValue::int(self.base + sent.len() as i64);
                let set = Message::Set(Set::new(self.address(), value));
                if !client.try_send(&set, Qos::Confirm).await {
                    return self;
                }
            }
            let Some(payload) = client.try_next().await else { return self };
            match decoded(&payload) {
                Message::Ack(_) => {
                    self.confirmed.push((sent[self.confirmed.len()], Instant::now()));
                }
                Message::Error(error) => panic!("{error:?}"),
                _ => {}
            }
        }
    }

    /// Compares with what came back.
    pub(crate) fn compare(&mut self, state: &State) -> Loss {
        let kept = state.get(&self.address()).map_or(0, |param| integer(&param.value));
        assert!(kept >= self.base, "{}: {kept} is here, {} was stored", self.address(), self.base);
        let kept_of_these = usize::try_from(kept - self.base).unwrap();
        let lost = self.confirmed.get(kept_of_these..).unwrap_or_default();
        let ends = lost.first().zip(lost.last()).map(|(first, last)| Ends {
            first_confirmed: first.1,
            last_sent: last.0,
            last_confirmed: last.1,
        });
        let writes = lost.len();
        self.base = kept;
        self.confirmed.clear();
        Loss { writes, ends }
    }
}

impl Loss {
    /// That of two clients, or of neither.
    pub(crate) fn and(self, other: Loss) -> Loss {
        let ends = match (self.ends, other.ends) {
            (Some(one), Some(two)) => Some(Ends {
                first_confirmed: one.first_confirmed.min(two.first_confirmed),
                last_sent: one.last_sent.max(two.last_sent),
                last_confirmed: one.last_confirmed.max(two.last_confirmed),
            }),
            (one, two) => one.or(two),
        };
        Loss { writes: self.writes + other.writes, ends }
    }

    /// What the relay must have taken to lie between the first and the last of these writes, as far
    /// as clients can tell: it made the first one before they saw that confirmed, and the last one
    /// after they had sent that. The real span is longer, however slow the machine is, so this may
    /// be compared with a bound.
    pub(crate) fn span(self) -> Duration {
        let span = |ends: Ends| ends.last_sent.saturating_duration_since(ends.first_confirmed);
        self.ends.map_or(Duration::ZERO, span)
    }

    /// What lies between the first and the last confirmation as clients saw them come; on a busy
    /// machine they see them late.
    pub(crate) fn apparent_span(self) -> Duration {
        let span = |ends: Ends| ends.last_confirmed - ends.first_confirmed;
        self.ends.map_or(Duration::ZERO, span)
    }
}
