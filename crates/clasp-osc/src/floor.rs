//! All peers and destinations of the UDP socket, without the socket: who is admitted, who is woken,
//! whose turn it is.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clasp_auth::Network;
use clasp_protocol::ErrorCode;
use clasp_router::metrics::OscDrop;
use clasp_router::{Now, Router, Wake};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::client::{Client, Post, Shared};
use crate::config::{Config, Destination, Guests};
use crate::control::{self, Control};
use crate::limits::{BURST_PACKETS, BURST_PAUSE_US, SESSIONS_MAX, SESSIONS_PER_ADDRESS_MAX};
use crate::mailbox::{self, Mailbox};
use crate::packet::{self, Packet};

/// Pause before a destination whose session ended gets a new one.
const RETRY_US: u64 = 1_000_000;

/// Pause after the system took no more.
const BLOCKED_US: u64 = 2_000;

/// Replies per second to those who are not admitted.
const STRANGERS_PER_SECOND_MAX: u32 = 100;

/// Who is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Peer(SocketAddr),
    Destination(usize),
}

/// Those whose outboxes have something.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    keys: Mutex<Vec<Key>>,
    notify: Notify,
}

impl Woken {
    /// Waits until somebody is woken; safe to cancel.
    pub(crate) async fn any(&self) {
        self.notify.notified().await;
    }
}

/// The router wakes each client through one of these.
struct Waker {
    key: Key,
    woken: Arc<Woken>,
}

impl Wake for Waker {
    fn wake(self: Arc<Self>) {
        self.woken.keys.lock().push(self.key);
        self.woken.notify.notify_one();
    }
}

/// What became of a packet that was given to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    /// Not now.
    Blocked,
    /// Never.
    Failed,
}

/// Sends one packet.
pub(crate) type Send<'a> = dyn FnMut(&[u8], SocketAddr) -> Sent + 'a;

/// A client and when it is served next.
struct Place {
    client: Client,
    to: SocketAddr,
    pause_us: u64,
    /// Nothing is sent before.
    not_before_us: u64,
    due_us: Option<u64>,
}

/// A destination of the config; without a session while it could not have one.
struct Fixed {
    wanted: Destination,
    place: Option<Place>,
    retry_us: u64,
}

/// All peers and destinations.
pub(crate) struct Floor {
    shared: Arc<Shared>,
    woken: Arc<Woken>,
    peers: HashMap<SocketAddr, Place>,
    crowds: HashMap<Network, u32>,
    fixed: Vec<Fixed>,
    due: BTreeSet<(u64, Key)>,
    /// Second, and replies to strangers in it.
    strangers: (u64, u32),
}

impl Floor {
    pub(crate) fn new(router: Arc<Router>, config: Config) -> Floor {
        let fixed = config.tuning.destinations.iter().cloned();
        let fixed = fixed.map(|wanted| Fixed { wanted, place: None, retry_us: 0 }).collect();
        Floor {
            shared: Arc::new(Shared { router, config }),
            woken: Arc::default(),
            peers: HashMap::new(),
            crowds: HashMap::new(),
            fixed,
            due: BTreeSet::new(),
            strangers: (0, 0),
        }
    }

    /// Tells when [`Floor::work`] is due.
    pub(crate) fn woken(&self) -> &Arc<Woken> {
        &self.woken
    }

    /// Takes a datagram.
    pub(crate) fn datagram(
        &mut self,
        bytes: &[u8],
        from: SocketAddr,
        now: Now,
        send: &mut Send<'_>,
    ) {
        self.shared.router.counters().bytes_received(bytes.len());
        if from.port() == 0 || !self.shared.config.sources.allow(from.ip()) {
            return self.shared.dropped(OscDrop::Source);
        }
        let packet = match packet::decode(bytes) {
            Ok(packet) => packet,
            Err(fault) => {
                tracing::debug!(%from, %fault, "no OSC packet");
                return self.shared.dropped(OscDrop::Malformed);
            }
        };
        if !self.peers.contains_key(&from) && !self.admit(from, &packet, now, send) {
            return;
        }
        let Floor { peers, fixed, .. } = self;
        let Some(place) = peers.get_mut(&from) else { return };
        let host = from.ip().to_canonical();
        let mut own: Vec<&mut Client> = fixed
            .iter_mut()
            .filter(|fixed| fixed.wanted.address.ip().to_canonical() == host)
            .filter_map(|fixed| Some(&mut fixed.place.as_mut()?.client))
            .collect();
        let note = &mut |written: &crate::client::Written<'_>| {
            own.iter_mut().for_each(|client| client.note(written, now));
        };
        place.client.receive(packet, note, now);
        place.to = SocketAddr::new(from.ip(), place.client.reply_port.unwrap_or(from.port()));
        // Answers are made here, without the router.
        self.woken.keys.lock().push(Key::Peer(from));
    }

    /// Gives somebody new a session, if that may be.
    fn admit(&mut self, from: SocketAddr, packet: &Packet, now: Now, send: &mut Send<'_>) -> bool {
        let token = packet.messages().find_map(|message| match control::parse(message) {
            Some(Ok(Control::Auth(token))) => Some(token),
            _ => None,
        });
        if token.is_none() && matches!(self.shared.config.guests, Guests::Refused) {
            self.shared.dropped(OscDrop::Unauthorized);
            self.turn_away(from, packet, now, send);
            return false;
        }
        let network = Network::from(from.ip());
        let crowd = self.crowds.get(&network).copied().unwrap_or(0);
        let full = crowd >= SESSIONS_PER_ADDRESS_MAX || self.peers.len() >= SESSIONS_MAX;
        let alike = (crowd >= SESSIONS_PER_ADDRESS_MAX).then_some(network);
        if full && !self.make_room(alike, now) {
            self.shared.dropped(OscDrop::Full);
            return false;
        }
        let tuning = &self.shared.config.tuning;
        let strip = (self.shared.config.namespace.clone(), false);
        let mailbox = Mailbox::new(strip, tuning.format, tuning.only_changes);
        let pause_us = microseconds(tuning.pause);
        let post = self.post(Key::Peer(from), from);
        match Client::enter(&self.shared, post, token.as_deref(), mailbox, now) {
            Ok(client) => {
                let place = Place { client, to: from, pause_us, not_before_us: 0, due_us: None };
                self.peers.insert(from, place);
                *self.crowds.entry(network).or_default() += 1;
                true
            }
            Err(refused) => {
                self.shared.dropped(OscDrop::Unauthorized);
                tracing::debug!(%from, "an OSC client was refused: {refused}");
                if token.is_some() && self.may_answer(now) {
                    let text = mailbox::error("/clasp/auth", refused.code, &refused.message);
                    send(&text, from);
                }
                false
            }
        }
    }

    fn post(&self, key: Key, remote: SocketAddr) -> Post {
        let wake = Arc::new(Waker { key, woken: Arc::clone(&self.woken) });
        Post { remote, wake, leases: true }
    }

    /// Tells those who ask for something how to be admitted; others are not answered.
    fn turn_away(&mut self, from: SocketAddr, packet: &Packet, now: Now, send: &mut Send<'_>) {
        let asks = packet.messages().find(|message| control::parse(message).is_some());
        if let Some(asks) = asks
            && self.may_answer(now)
        {
            let code = ErrorCode::Unauthorized.code();
            let text = "show a token first: /clasp/auth ,s TOKEN";
            send(&mailbox::error(&asks.addr, code, text), from);
        }
    }

    fn may_answer(&mut self, now: Now) -> bool {
        let second = now.mono_us / 1_000_000;
        if self.strangers.0 != second {
            self.strangers = (second, 0);
        }
        self.strangers.1 += 1;
        self.strangers.1 <= STRANGERS_PER_SECOND_MAX
    }

    /// Forgets who has been silent longest of those who are told nothing: they lose nothing by it.
    fn make_room(&mut self, alike: Option<Network>, now: Now) -> bool {
        let candidates = self.peers.iter().filter(|(from, place)| {
            !place.client.is_subscribed()
                && alike.is_none_or(|network| Network::from(from.ip()) == network)
        });
        let oldest = candidates.min_by_key(|(_, place)| place.client.heard_us());
        match oldest.map(|(from, _)| *from) {
            Some(from) => {
                self.forget(from, now);
                true
            }
            None => false,
        }
    }

    fn forget(&mut self, from: SocketAddr, now: Now) {
        let Some(place) = self.peers.remove(&from) else { return };
        if let Some(due_us) = place.due_us {
            self.due.remove(&(due_us, Key::Peer(from)));
        }
        place.client.leave(now);
        let network = Network::from(from.ip());
        if let Some(crowd) = self.crowds.get_mut(&network) {
            *crowd -= 1;
            if *crowd == 0 {
                self.crowds.remove(&network);
            }
        }
    }

    /// Serves whoever was woken or is due; when to come again at the latest.
    pub(crate) fn work(&mut self, now: Now, send: &mut Send<'_>) -> Option<u64> {
        let woken = std::mem::take(&mut *self.woken.keys.lock());
        for key in woken {
            self.serve(key, now, send);
        }
        while let Some((_, key)) = self.due.first().copied().filter(|(us, _)| *us <= now.mono_us) {
            self.serve(key, now, send);
        }
        self.due.first().map(|(due_us, _)| *due_us)
    }

    fn serve(&mut self, key: Key, now: Now, send: &mut Send<'_>) {
        let place = match key {
            Key::Peer(from) => self.peers.get_mut(&from),
            Key::Destination(number) => {
                self.fixed.get_mut(number).and_then(|fixed| fixed.place.as_mut())
            }
        };
        let Some(place) = place else { return };
        if let Some(due_us) = place.due_us.take() {
            self.due.remove(&(due_us, key));
        }
        match place.serve(&self.shared, now, send) {
            Turn::Quiet => {}
            Turn::Again(at_us) => {
                place.due_us = Some(at_us);
                self.due.insert((at_us, key));
            }
            Turn::Over => match key {
                Key::Peer(from) => self.forget(from, now),
                Key::Destination(number) => {
                    let fixed = &mut self.fixed[number];
                    fixed.place = None;
                    fixed.retry_us = now.mono_us + RETRY_US;
                }
            },
        }
    }

    /// Ends leases and begins what could not be begun before; once a second.
    pub(crate) fn sweep(&mut self, now: Now) {
        let over =
            |(from, place): (&SocketAddr, &mut Place)| (!place.client.sweep(now)).then_some(*from);
        let over: Vec<SocketAddr> = self.peers.iter_mut().filter_map(over).collect();
        over.into_iter().for_each(|from| self.forget(from, now));
        for number in 0..self.fixed.len() {
            let fixed = &self.fixed[number];
            if fixed.place.is_none() && fixed.retry_us <= now.mono_us {
                let post = self.post(Key::Destination(number), fixed.wanted.address);
                let (shared, fixed) = (&self.shared, &mut self.fixed[number]);
                fixed.begin(shared, post, now);
            }
        }
    }

    /// Peers that have a session.
    #[cfg(test)]
    pub(crate) fn peers(&self) -> usize {
        self.peers.len()
    }
}

impl Fixed {
    fn begin(&mut self, shared: &Arc<Shared>, post: Post, now: Now) {
        let Destination { address, patterns, strip, pause, format } = &self.wanted;
        let only_changes = shared.config.tuning.only_changes;
        let mailbox = Mailbox::new((strip.clone(), true), *format, only_changes);
        match Client::enter(shared, post, None, mailbox, now) {
            Ok(mut client) => {
                for pattern in patterns {
                    let followed = client.follow(pattern, now);
                    debug_assert!(followed.is_ok(), "the config has checked {pattern}");
                }
                let pause_us = microseconds(*pause);
                let (to, not_before_us) = (*address, 0);
                self.place = Some(Place { client, to, pause_us, not_before_us, due_us: None });
            }
            Err(refused) => {
                tracing::warn!(%address, "cannot serve an OSC destination: {refused}");
                // It may be let in later, say when the relay is less full.
                self.retry_us = now.mono_us + 60 * RETRY_US;
            }
        }
    }
}

/// How a turn ended.
enum Turn {
    Quiet,
    /// There is more, not before this microsecond.
    Again(u64),
    /// The session is over.
    Over,
}

impl Place {
    /// Collects and sends what may be sent now.
    fn serve(&mut self, shared: &Shared, now: Now, send: &mut Send<'_>) -> Turn {
        if self.client.collect(now) {
            return Turn::Over;
        }
        if self.not_before_us > now.mono_us {
            return match self.client.mailbox.queue.bytes() {
                0 => Turn::Quiet,
                _ => Turn::Again(self.not_before_us),
            };
        }
        let mut packets = 0;
        loop {
            let Mailbox { queue, format, .. } = &mut self.client.mailbox;
            let Some((packet, count)) = queue.packet(!format.single_messages) else {
                if self.client.is_pending() {
                    if self.client.collect(now) {
                        return Turn::Over;
                    }
                    if self.client.mailbox.queue.bytes() > 0 {
                        continue;
                    }
                }
                break;
            };
            if packets == BURST_PACKETS {
                self.not_before_us = now.mono_us + BURST_PAUSE_US;
                return Turn::Again(self.not_before_us);
            }
            packets += 1;
            match send(&packet, self.to) {
                Sent::Yes => shared.router.counters().bytes_sent(packet.len()),
                Sent::Failed => shared.dropped(OscDrop::Send),
                Sent::Blocked => return Turn::Again(now.mono_us + BLOCKED_US),
            }
            queue.drop_front(count);
        }
        if packets > 0 {
            self.not_before_us = now.mono_us + self.pause_us;
        }
        Turn::Quiet
    }
}

fn microseconds(pause: Option<Duration>) -> u64 {
    pause.map_or(0, |pause| u64::try_from(pause.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
