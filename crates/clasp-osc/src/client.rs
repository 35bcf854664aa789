//! One client: a session of the router and what it asks, over UDP or TCP.

mod writes;

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_auth::cpsk::TokenHash;
use clasp_gateway::{Collected, Guest, Introduction, Refused};
use clasp_protocol::message::{Get, SignalType, Subscribe, SubscribeOptions, Unsubscribe};
use clasp_protocol::{Message, Pattern, RawValue};
use clasp_router::metrics::OscDrop;
use clasp_router::{Now, Router, Wake};
use rosc::OscType;

use crate::config::{Config, Guests};
use crate::control::{self, Control, Terms};
use crate::limits::{LEASE_US, MATCHES_MAX, QUEUE_BYTES_MAX, SUBSCRIPTIONS_MAX};
use crate::mailbox::{Asked, Confirm, Mailbox, Subscription, Wish};
use crate::packet::Packet;
use crate::pattern::{OscPattern, Stars, is_pattern};

/// What all clients of the door have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) router: Arc<Router>,
    pub(crate) config: Config,
}

impl Shared {
    pub(crate) fn dropped(&self, reason: OscDrop) {
        self.router.counters().osc_dropped(reason);
    }

    /// The token of clients that show none.
    fn usual_token(&self) -> Option<&str> {
        match &self.config.guests {
            Guests::With(token) => Some(token.reveal()),
            Guests::Plain | Guests::Refused => None,
        }
    }
}

/// Where a client is and how it is woken.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) remote: SocketAddr,
    pub(crate) wake: Arc<dyn Wake>,
    /// Whether subscriptions end with their leases: where silence and absence look alike.
    pub(crate) leases: bool,
}

/// A write that news of it are to be kept from somebody.
pub(crate) struct Written<'a> {
    pub(crate) address: &'a str,
    pub(crate) value: &'a RawValue<'a>,
    /// Until when, on the monotonic clock.
    pub(crate) until_us: u64,
}

/// One client.
pub(crate) struct Client {
    shared: Arc<Shared>,
    post: Post,
    guest: Guest,
    pub(crate) mailbox: Mailbox,
    /// The token it has shown.
    token: Option<TokenHash>,
    next_id: u32,
    heard_us: u64,
    /// Where it wants to be sent to.
    pub(crate) reply_port: Option<u16>,
    /// Whether the router has more for it.
    pending: bool,
}

impl Client {
    /// Opens a session, with the token or what the door gives to those without.
    pub(crate) fn enter(
        shared: &Arc<Shared>,
        post: Post,
        token: Option<&str>,
        mailbox: Mailbox,
        now: Now,
    ) -> Result<Client, Refused> {
        let guest = enter(shared, &post, token, now)?;
        Ok(Client {
            shared: Arc::clone(shared),
            post,
            guest,
            mailbox,
            token: token.map(TokenHash::of),
            next_id: 1,
            heard_us: now.mono_us,
            reply_port: None,
            pending: true,
        })
    }

    /// Carries out a packet. `note` hears of each write.
    pub(crate) fn receive(&mut self, packet: Packet, note: &mut dyn FnMut(&Written<'_>), now: Now) {
        self.heard(now);
        if !self.guest.may_ask() {
            self.collect(now);
        }
        if !self.guest.may_ask() {
            return self.shared.dropped(OscDrop::Overload);
        }
        let bundle = packet.bundle;
        for (at, messages) in packet.groups {
            let mut writes = Vec::new();
            for message in messages {
                match control::parse(&message) {
                    None => writes.push((SignalType::Param, message)),
                    Some(request) => {
                        self.mailbox.speaks = true;
                        match request {
                            Ok(Control::Event) => {
                                writes.push((SignalType::Event, control::event(message)));
                            }
                            Ok(control) => self.control(control, now),
                            Err(text) => self.mailbox.reject(&message.addr, &text, now),
                        }
                    }
                }
            }
            self.write(at, (writes, bundle), note, now);
        }
    }

    fn heard(&mut self, now: Now) {
        self.heard_us = now.mono_us;
        for subscription in &mut self.mailbox.subscriptions {
            if let Some((lease_us, ends_us)) = &mut subscription.lease {
                *ends_us = now.mono_us + *lease_us;
            }
        }
    }

    /// Ends leases that are over; false when the client can be forgotten.
    pub(crate) fn sweep(&mut self, now: Now) -> bool {
        let over = |it: &Subscription| it.lease.is_some_and(|(_, ends_us)| ends_us <= now.mono_us);
        while let Some(place) = self.mailbox.subscriptions.iter().position(over) {
            let id = self.mailbox.subscriptions.swap_remove(place).id;
            let _ = self.guest.tell(&Message::Unsubscribe(Unsubscribe { id }), now);
        }
        self.is_subscribed() || now.mono_us.saturating_sub(self.heard_us) < LEASE_US
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        !self.mailbox.subscriptions.is_empty()
    }

    pub(crate) fn heard_us(&self) -> u64 {
        self.heard_us
    }

    /// Takes what the router has for the client as far as there is room; true when the session is
    /// over.
    pub(crate) fn collect(&mut self, now: Now) -> bool {
        self.pending = true;
        while self.mailbox.queue.bytes() < QUEUE_BYTES_MAX {
            let (mailbox, router) = (&mut self.mailbox, &self.shared.router);
            match self.guest.collect(now, |arrival| mailbox.take(arrival, router, now)) {
                Collected::More => {}
                Collected::Quiet => {
                    self.pending = false;
                    return false;
                }
                Collected::Closed(close) => {
                    let remote = self.post.remote;
                    tracing::debug!(%remote, reason = %close.reason, "an OSC session ended");
                    return true;
                }
            }
        }
        false
    }

    /// Whether another packet can be carried out now.
    pub(crate) fn may_receive(&self) -> bool {
        self.guest.may_ask() && self.mailbox.queue.bytes() < 2 * QUEUE_BYTES_MAX
    }

    /// Whether the router may have more for the client than it was given room for.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Addresses of params that an OSC pattern matches, at least one.
    fn matches(&self, osc: &str, stars: Stars, now: Now) -> Result<Vec<Arc<str>>, String> {
        let pattern = OscPattern::parse(&self.shared.config.namespace.pattern(osc), stars)?;
        let wanted = |address: &str| pattern.refines(address);
        let found = self.guest.find(pattern.cover(), (&wanted, MATCHES_MAX + 1), now);
        match found.len() {
            0 => Err("no param matches".into()),
            1..=MATCHES_MAX => Ok(found),
            _ => Err(format!("more than {MATCHES_MAX} params match")),
        }
    }

    fn control(&mut self, control: Control, now: Now) {
        match control {
            Control::Subscribe { pattern, terms } => {
                if let Err(text) = self.subscribe(&pattern, terms, Confirm::Yes, now) {
                    self.mailbox.reject("/clasp/subscribe", &text, now);
                }
            }
            Control::Xremote => {
                if !self.mailbox.subscriptions.iter().any(|it| *it.text == *XREMOTE_PATTERN) {
                    let everything =
                        self.subscribe(XREMOTE_PATTERN, control::XREMOTE, Confirm::No, now);
                    debug_assert!(everything.is_ok(), "{everything:?}");
                }
            }
            Control::Unsubscribe(pattern) => self.unsubscribe(pattern.as_deref(), now),
            // Events are among the writes.
            Control::Renew | Control::Event => {}
            Control::Get(address) => self.get(&address, now),
            Control::Ping => {
                // Whoever hears the pong has heard of every refusal before it.
                self.collect(now);
                let time = i64::try_from(now.unix_us).unwrap_or(i64::MAX);
                self.mailbox.answer("/clasp/pong", vec![OscType::Long(time)]);
            }
            Control::Auth(token) => self.authenticate(&token, now),
            Control::Port(port) => self.reply_port = (port > 0).then_some(port),
            Control::Format(words) => {
                let mut format = self.mailbox.format;
                match words.iter().try_for_each(|word| format.apply(word)) {
                    Ok(()) => self.mailbox.format = format,
                    Err(text) => self.mailbox.reject("/clasp/format", &text, now),
                }
            }
        }
    }

    /// Subscribes to a pattern over OSC addresses, or begins it anew.
    fn subscribe(
        &mut self,
        text: &str,
        terms: Terms,
        confirm: Confirm,
        now: Now,
    ) -> Result<(), String> {
        let whole = self.shared.config.namespace.pattern(text);
        let pattern = OscPattern::parse(&whole, Stars::AnyParts)?;
        let lease = self.post.leases.then(|| {
            let lease_us = terms.lease_us.unwrap_or(LEASE_US);
            (lease_us, now.mono_us + lease_us)
        });
        self.add(text, (pattern, terms.rate, lease), confirm, now)
    }

    /// Subscribes to a pattern over all addresses, without end.
    pub(crate) fn follow(&mut self, text: &str, now: Now) -> Result<(), String> {
        let pattern = OscPattern::parse(text, Stars::AnyParts)?;
        self.add(text, (pattern, None, None), Confirm::No, now)
    }

    fn add(
        &mut self,
        text: &str,
        (pattern, rate, lease): (OscPattern, Option<u32>, Option<(u64, u64)>),
        confirm: Confirm,
        now: Now,
    ) -> Result<(), String> {
        let subscriptions = &mut self.mailbox.subscriptions;
        let place = match subscriptions.iter().position(|it| *it.text == *text) {
            Some(place) => {
                let known = &mut subscriptions[place];
                (known.rate, known.lease) = (rate, lease);
                place
            }
            None if subscriptions.len() >= SUBSCRIPTIONS_MAX => {
                return Err(format!("there are at most {SUBSCRIPTIONS_MAX} subscriptions"));
            }
            None => {
                let id = self.next_id;
                self.next_id = self.next_id.wrapping_add(1);
                subscriptions.push(Subscription { id, text: text.into(), pattern, rate, lease });
                subscriptions.len() - 1
            }
        };
        self.ask_subscription(place, confirm, now);
        Ok(())
    }

    fn ask_subscription(&mut self, place: usize, confirm: Confirm, now: Now) {
        let Subscription { id, pattern, rate, .. } = &self.mailbox.subscriptions[place];
        let options = SubscribeOptions { max_rate: *rate, ..SubscribeOptions::default() };
        let message = Message::Subscribe(Subscribe {
            id: *id,
            pattern: Pattern::as_str(pattern.cover()).into(),
            types: 0xFF,
            options: rate.map(|_| options),
        });
        let asked = Asked { what: "/clasp/subscribe", wish: Wish::Subscribe(*id, confirm) };
        if let Ok(number) = self.guest.ask(&message, false, now) {
            self.mailbox.asked.push((number, asked));
        }
    }

    fn unsubscribe(&mut self, text: Option<&str>, now: Now) {
        let is_meant = |it: &Subscription| text.is_none_or(|text| *it.text == *text);
        while let Some(place) = self.mailbox.subscriptions.iter().position(is_meant) {
            let id = self.mailbox.subscriptions.swap_remove(place).id;
            let _ = self.guest.tell(&Message::Unsubscribe(Unsubscribe { id }), now);
        }
    }

    /// Asks for a param, or for all that a pattern matches.
    fn get(&mut self, osc: &str, now: Now) {
        let wanted = match is_pattern(osc) {
            true => self.matches(osc, Stars::AnyParts, now),
            false => {
                let address = self.shared.config.namespace.address(osc);
                address.map(|address| vec![address.into()]).map_err(|unfit| unfit.to_string())
            }
        };
        match wanted {
            Ok(addresses) => {
                for address in addresses {
                    let message = Message::Get(Get { address: (&*address).into() });
                    if let Ok(number) = self.guest.ask(&message, false, now) {
                        let wish = Wish::Get((&*address).into());
                        self.mailbox.asked.push((number, Asked { what: "/clasp/get", wish }));
                    }
                    self.collect(now);
                }
            }
            Err(text) => self.mailbox.reject("/clasp/get", &text, now),
        }
    }

    /// Goes on with the rights of a token; what the client is subscribed to, it stays.
    fn authenticate(&mut self, token: &str, now: Now) {
        let hash = TokenHash::of(token);
        if self.token != Some(hash) {
            match enter(&self.shared, &self.post, Some(token), now) {
                Ok(guest) => {
                    self.token = Some(hash);
                    self.mailbox.asked.clear();
                    std::mem::replace(&mut self.guest, guest).leave(now);
                    for place in 0..self.mailbox.subscriptions.len() {
                        self.ask_subscription(place, Confirm::No, now);
                    }
                }
                Err(refused) => return self.mailbox.refuse("/clasp/auth", &refused, now),
            }
        }
        self.mailbox.answer("/clasp/auth", vec![OscType::Bool(true)]);
    }

    /// Ends the session.
    pub(crate) fn leave(self, now: Now) {
        self.guest.leave(now);
    }
}

/// What `/xremote` subscribes to.
const XREMOTE_PATTERN: &str = "/**";

fn enter(
    shared: &Arc<Shared>,
    post: &Post,
    token: Option<&str>,
    now: Now,
) -> Result<Guest, Refused> {
    let who = Introduction {
        remote: post.remote,
        transport: "osc",
        name: &format!("osc:{}", post.remote),
        token: token.or_else(|| shared.usual_token()),
    };
    match post.leases {
        // Anybody can make a UDP peer up, so these have a limit of their own.
        true => Guest::enter_apart(&shared.router, &who, Arc::clone(&post.wake), now),
        false => Guest::enter(&shared.router, &who, Arc::clone(&post.wake), now),
    }
}
