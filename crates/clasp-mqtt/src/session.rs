//! One client's session: what it is subscribed to, what is under way, and its session of the
//! router. It outlives the connection if the client wants that (adapters.md 1.6).

mod answers;
mod deliver;
mod handle;
mod subscribe;
mod tell;

use std::cell::OnceCell;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use clasp_gateway::Guest;
use clasp_protocol::Pattern;

use crate::clients::{Bell, Key};
use crate::door::Door;
use crate::packet::Version;
use crate::publish::Will;
use crate::queue::{Flights, Message, Queue};
use crate::shares::Membership;
use crate::topic::{self, Filter};

pub(crate) use answers::Collected;
pub(crate) use handle::Next;
pub(crate) use tell::Told;

/// One client's session. What most idle ones lack is boxed.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) guest: Guest,
    /// Whose it is.
    pub(crate) key: Arc<Key>,
    /// Unique among the sessions of a door.
    pub(crate) serial: u64,
    pub(crate) client: Client,
    pub(crate) kept: Kept,
    pub(crate) will: Option<Box<Will>>,
    /// Wakes the connection of a session that outlives it.
    pub(crate) bell: Option<Arc<Bell>>,
    passing: Option<Box<Passing>>,
    /// It has a connection.
    pub(crate) here: bool,
    /// What is kept has changed since it was last stored.
    pub(crate) dirty: bool,
    /// Whatever comes is sent with QoS 0 and nothing else to it.
    plain: bool,
    /// Messages are worth more to it than their values.
    curious: bool,
}

/// What passes with the connection.
#[derive(Debug, Default)]
struct Passing {
    /// Requests to the router that are not answered yet.
    waiting: VecDeque<(u32, Waiting)>,
    subscribing: VecDeque<Subscribing>,
    aliases: Option<Box<Aliases>>,
}

/// What a client has told of itself in CONNECT.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) version: Version,
    /// Messages above QoS 0 that it takes at a time.
    pub(crate) receive_max: u16,
    /// Bytes of the largest packet it takes.
    pub(crate) packet_bytes_max: u32,
    /// Topic aliases it takes.
    pub(crate) aliases_max: u16,
    /// It wants to be told why something was refused.
    pub(crate) wants_reasons: bool,
    /// Seconds within which it lets itself be heard; 0 if it has not said so.
    pub(crate) keep_alive_s: u16,
}

/// What survives the connection.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) subscriptions: Vec<Subscription>,
    /// Number of the last subscription of the router.
    pub(crate) last_number: u32,
    /// Seconds for which the session outlives its connection.
    pub(crate) expiry_s: u32,
    pub(crate) transit: Option<Box<Transit>>,
}

/// Messages between the client and the relay that are not done with.
#[derive(Debug, Default)]
pub(crate) struct Transit {
    /// Messages that the client has not acknowledged.
    pub(crate) flights: Flights,
    /// Messages that wait for it.
    pub(crate) queue: Queue,
    /// Identifiers of its messages of QoS 2 that are not released.
    pub(crate) received: HashSet<u16>,
}

/// A subscription of a client.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Filter as the client wrote it.
    pub(crate) filter: Box<str>,
    /// The filter over paths, once that has been asked for.
    pattern: OnceCell<Box<Pattern>>,
    /// Number of its subscriptions of the router.
    pub(crate) number: u32,
    pub(crate) options: SubscriptionOptions,
    pub(crate) share: Option<Membership>,
}

/// How a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SubscriptionOptions {
    pub(crate) qos: u8,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    /// It does not match topics that begin with `$`.
    pub(crate) begins_wild: bool,
    /// Subscription identifier; 0 for none.
    pub(crate) identifier: u32,
}

/// What the answer to a request is for.
#[derive(Debug, Clone)]
enum Waiting {
    /// A PUBLISH with this identifier and QoS; and what its publisher is told of it.
    Publish { id: u16, qos: u8, echo: Option<Box<Message>> },
    /// A filter of a SUBSCRIBE, given the number of the latter and the place of the former.
    Subscribe { serial: u32, place: usize },
    /// The last filter of an UNSUBSCRIBE with this identifier.
    Unsubscribe { id: u16, codes: Box<[u8]> },
}

/// A SUBSCRIBE whose answers are not complete.
#[derive(Debug)]
struct Subscribing {
    serial: u32,
    id: u16,
    left: usize,
    filters: Vec<Granting>,
}

/// A filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy)]
struct Granting {
    /// Reason code as far as it is known.
    code: u8,
    /// Number of the subscription, if it is a new one.
    fresh: Option<u32>,
    granted: bool,
    qos: u8,
    /// The present state is not told.
    quiet: bool,
}

/// Short names of topics, for one connection.
#[derive(Debug, Default)]
struct Aliases {
    inward: std::collections::HashMap<u16, Box<str>>,
    outward: std::collections::HashMap<Box<str>, u16>,
}

impl Session {
    /// A session that knows nothing yet.
    pub(crate) fn new(guest: Guest, key: Arc<Key>, serial: u64, client: Client) -> Session {
        Session {
            guest,
            key,
            serial,
            client,
            kept: Kept::default(),
            will: None,
            bell: None,
            passing: None,
            here: true,
            dirty: false,
            plain: false,
            curious: false,
        }
    }

    /// Whether more packets may be taken from the client.
    pub(crate) fn may_receive(&self, door: &Door) -> bool {
        self.guest.may_ask() && self.waiting().len() < usize::from(door.config.limits.receive_max)
    }

    /// Requests to the router that are not answered yet, by their numbers.
    fn waiting(&self) -> impl ExactSizeIterator<Item = &(u32, Waiting)> {
        self.passing.as_ref().map_or_else(Default::default, |passing| passing.waiting.iter())
    }

    /// Notes what the answer to a request is for.
    fn wait_for(&mut self, number: u32, answer: Waiting) {
        self.passing.get_or_insert_default().waiting.push_back((number, answer));
    }

    /// Looks anew at how simple this session is.
    pub(crate) fn size_up(&mut self, door: &Door) {
        let simple = |mine: &Subscription| {
            mine.options.qos == 0
                && !mine.options.no_local
                && !mine.options.retain_as_published
                && mine.options.identifier == 0
                && mine.share.is_none()
        };
        let all_simple = self.kept.subscriptions.iter().all(simple);
        let old = self.client.version != Version::V5;
        self.plain = self.here && all_simple && old;
        let listens = !self.kept.subscriptions.is_empty();
        let curious = listens && (!all_simple || !old);
        if curious != self.curious {
            self.curious = curious;
            door.count_curious(curious);
        }
    }

    /// The connection is over; the session stays.
    pub(crate) fn go_away(&mut self, door: &Door) {
        if let Some(bell) = self.bell.take() {
            bell.hush();
        }
        self.here = false;
        self.dirty = true;
        if let Some(passing) = &mut self.passing {
            passing.aliases = None;
        }
        self.attend();
        self.size_up(door);
    }

    /// What was kept belongs to this session now.
    pub(crate) fn move_in(&mut self) {
        for mine in &mut self.kept.subscriptions {
            if let Some(share) = &mut mine.share {
                share.hand_to(self.serial);
            }
        }
    }

    /// Tells the groups of shared subscriptions whether there is a connection.
    pub(crate) fn attend(&self) {
        for share in self.kept.subscriptions.iter().filter_map(|mine| mine.share.as_ref()) {
            share.is_here(self.here);
        }
    }

    /// The session is over.
    pub(crate) fn end(mut self, door: &Door, now: clasp_router::Now) {
        self.kept = Kept::default();
        self.size_up(door);
        self.guest.leave(now);
    }
}

impl Client {
    /// Seconds of silence that it may keep, if it has a say in that.
    pub(crate) fn silence_max_s(&self) -> Option<u32> {
        (self.keep_alive_s > 0).then(|| (u32::from(self.keep_alive_s) * 3).div_ceil(2))
    }
}

impl Passing {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.subscribing.is_empty() && self.aliases.is_none()
    }
}

impl Kept {
    /// Gives up what is empty.
    fn tidy(&mut self) {
        self.transit = self.transit.take().filter(|transit| !transit.is_empty());
    }
}

impl Transit {
    pub(crate) fn is_empty(&self) -> bool {
        self.flights.len() == 0 && self.queue.is_empty() && self.received.is_empty()
    }
}

impl Subscription {
    /// Whether its filter matches a topic, given as a path.
    fn matches(&self, path: &str) -> bool {
        self.pattern.get_or_init(|| Box::new(pattern(&self.filter))).matches(path)
    }
}

/// A filter, which has been checked, over paths.
fn pattern(filter: &str) -> Pattern {
    let mut pattern = String::new();
    let text = Filter::parse(filter).map_or(filter, |filter| filter.text);
    topic::push_pattern(text.split('/'), &mut pattern);
    Pattern::parse(&pattern).expect("every level makes a segment, which is not empty")
}
