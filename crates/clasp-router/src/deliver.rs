//! Finds who receives what happens at an address, and offers it to them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clasp_protocol::message::{Publish, Set, SignalType, TypeMask};
use clasp_protocol::value::Number;
use clasp_protocol::{Message, Qos, RawValue};

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::outbox::{Class, Outbox};
use crate::p2p;
use crate::policy::Visibility;
use crate::router::Router;
use crate::session::Session;
use crate::state::store::Entry;
use crate::subscription::index::{PatternId, Scratch};
use crate::subscription::pace::{self, Offer, Pace, Paces};
use crate::subscription::{Subscription, merge};

/// One receiving session.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) session: Arc<Session>,
    pub(crate) takes: TypeMask,
    /// Limits on params and streams; `None` where there are none.
    pub(crate) pace: Option<Box<Paces>>,
}

/// Everyone who receives what happens at an address; shared by all addresses that the same
/// patterns match.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    pub(crate) targets: Box<[Target]>,
}

/// Audiences by the patterns they come from, valid for one generation of the index.
#[derive(Default)]
pub(crate) struct Audiences {
    generation: u64,
    by_patterns: HashMap<Box<[PatternId]>, Arc<Audience>>,
    scratch: Scratch,
    matched: Vec<PatternId>,
}

/// What is delivered, as a message, for sessions that may not see all of it.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Set(&'a Set<'a>),
    Publish(&'a Publish<'a>, Qos),
}

/// Something on its way to an audience.
pub(crate) struct Delivery<'a> {
    pub(crate) frame: Broadcast,
    pub(crate) source: Source<'a>,
    /// Is not told.
    pub(crate) except: Option<&'a Arc<Outbox>>,
    pub(crate) now: Now,
}

/// Frames of a bundle, kept together per session.
#[derive(Default)]
pub(crate) struct Group {
    parts: Vec<(Broadcast, Arc<str>, SignalType)>,
    links: HashMap<u64, (Arc<Outbox>, Vec<usize>)>,
}

/// What one session is about to see of a delivery.
struct Shown<'a> {
    source: Source<'a>,
    frame: &'a Broadcast,
    number: Option<Number>,
    now: Now,
}

impl Delivery<'_> {
    /// All of it.
    fn whole(&self) -> Shown<'_> {
        self.shown(&self.frame, self.source.value().and_then(RawValue::number))
    }

    /// A frame in its place, with this number in it.
    fn shown<'a>(&'a self, frame: &'a Broadcast, number: Option<Number>) -> Shown<'a> {
        Shown { source: self.source, frame, number, now: self.now }
    }
}

impl Source<'_> {
    fn revision(&self) -> Option<u64> {
        match self {
            Source::Set(set) => set.revision,
            Source::Publish(..) => None,
        }
    }

    fn signal(&self) -> SignalType {
        match self {
            Source::Set(_) => SignalType::Param,
            Source::Publish(publish, _) => publish.signal.unwrap_or(SignalType::Event),
        }
    }

    /// The type that type masks are asked for; P2P announcements pass all of them (routing.md 10).
    fn filtered_by(&self) -> Option<SignalType> {
        let announcement = self.address() == p2p::ANNOUNCE_ADDRESS;
        (!(announcement && matches!(self, Source::Publish(..)))).then(|| self.signal())
    }

    /// What a policy is asked about.
    fn subject(&self) -> (&str, Option<&RawValue<'_>>) {
        (self.address(), self.value())
    }

    pub(crate) fn value(&self) -> Option<&RawValue<'_>> {
        match self {
            Source::Set(set) => Some(&set.value),
            Source::Publish(publish, _) => publish.value.as_ref().or(publish.payload.as_ref()),
        }
    }

    fn address(&self) -> &str {
        match self {
            Source::Set(set) => &set.address,
            Source::Publish(publish, _) => &publish.address,
        }
    }

    fn class<'c>(&self, address: &'c Arc<str>) -> Class<'c> {
        match self {
            Source::Set(_) => Class::Param(address),
            Source::Publish(publish, _) => crate::write::publish::class(publish, address),
        }
    }

    /// The frame with another value in it.
    pub(crate) fn redacted(&self, value: RawValue<'static>) -> Option<Broadcast> {
        match *self {
            Source::Set(set) => {
                let set = Set { value, ..set.clone() };
                Broadcast::new(&Message::Set(set), Qos::Confirm).ok()
            }
            Source::Publish(publish, qos) => {
                let publish = Publish { value: Some(value), payload: None, ..publish.clone() };
                Broadcast::new(&Message::Publish(publish), qos).ok()
            }
        }
    }
}

impl Router {
    /// Offers a frame to everyone who subscribed to its address; returns how many sessions.
    /// Runs inside the critical section of the address's shard, so that order is kept (5.1).
    #[inline]
    pub(crate) fn deliver(&self, entry: &mut Entry, delivery: &mut Delivery<'_>) -> usize {
        self.freshen_audience(entry);
        let Some(audience) = &entry.audience else { return 0 };
        let copies_bytes = audience.targets.len() * delivery.frame.len();
        if copies_bytes > self.config.outbox.copies_bytes_max && audience.targets.len() > 1 {
            delivery.frame.put_down();
        }
        let fanout = if self.ports.policy.filters() {
            self.deliver_filtered(audience, &entry.address, delivery)
        } else {
            self.deliver_plain(audience, &entry.address, delivery)
        };
        self.metrics.delivered(fanout);
        fanout
    }

    /// [`Router::deliver`] of a part of a bundle: the frame joins those of the same session.
    pub(crate) fn deliver_together(
        &self,
        entry: &mut Entry,
        delivery: Delivery<'_>,
        group: &mut Group,
    ) -> usize {
        self.freshen_audience(entry);
        let Some(audience) = &entry.audience else { return 0 };
        let fanout = self.deliver_group(audience, &entry.address, delivery, group);
        self.metrics.delivered(fanout);
        fanout
    }

    #[inline]
    fn deliver_plain(
        &self,
        audience: &Audience,
        address: &Arc<str>,
        delivery: &Delivery<'_>,
    ) -> usize {
        let signal = delivery.source.filtered_by();
        let class = delivery.source.class(address);
        let mut fanout = 0;
        for target in &audience.targets {
            if !target.wants(signal, delivery.except) {
                continue;
            }
            fanout += 1;
            if target.pace.is_some() && self.holds_back(target, address, &delivery.whole()) {
                continue;
            }
            target.outbox.push(&delivery.frame, class, delivery.now.mono_us);
        }
        fanout
    }

    #[cold]
    fn deliver_filtered(
        &self,
        audience: &Audience,
        address: &Arc<str>,
        delivery: &Delivery<'_>,
    ) -> usize {
        let signal = delivery.source.filtered_by();
        let class = delivery.source.class(address);
        let mut fanout = 0;
        for target in &audience.targets {
            if !target.wants(signal, delivery.except) {
                continue;
            }
            match self.visibility(&target.session, delivery.source.subject(), delivery.now) {
                Visibility::Withhold => continue,
                Visibility::Deliver => {
                    if !self.holds_back(target, address, &delivery.whole()) {
                        target.outbox.push(&delivery.frame, class, delivery.now.mono_us);
                    }
                }
                Visibility::Redacted(value) => {
                    let number = value.number();
                    if let Some(frame) = delivery.source.redacted(value)
                        && !self.holds_back(target, address, &delivery.shown(&frame, number))
                    {
                        target.outbox.push(&frame, class, delivery.now.mono_us);
                    }
                }
            }
            fanout += 1;
        }
        fanout
    }

    fn deliver_group(
        &self,
        audience: &Audience,
        address: &Arc<str>,
        delivery: Delivery<'_>,
        group: &mut Group,
    ) -> usize {
        let signal = delivery.source.signal();
        let filtered_by = delivery.source.filtered_by();
        let part = group.parts.len();
        let mut redacted = Vec::new();
        let mut fanout = 0;
        for target in &audience.targets {
            if !target.wants(filtered_by, delivery.except) {
                continue;
            }
            match self.visibility(&target.session, delivery.source.subject(), delivery.now) {
                Visibility::Withhold => continue,
                Visibility::Deliver if self.holds_back(target, address, &delivery.whole()) => {}
                Visibility::Deliver => group.add(target, part),
                Visibility::Redacted(value) => {
                    let number = value.number();
                    if let Some(frame) = delivery.source.redacted(value)
                        && !self.holds_back(target, address, &delivery.shown(&frame, number))
                    {
                        redacted.push(frame);
                        group.add(target, part + redacted.len());
                    }
                }
            }
            fanout += 1;
        }
        group.parts.push((delivery.frame, Arc::clone(address), signal));
        group.parts.extend(redacted.into_iter().map(|frame| (frame, Arc::clone(address), signal)));
        fanout
    }

    /// Whether the session's limits keep this frame for later.
    fn holds_back(&self, target: &Target, address: &Arc<str>, shown: &Shown<'_>) -> bool {
        let Some(limits) = &target.pace else { return false };
        let stream = match shown.source.signal() {
            SignalType::Param => false,
            SignalType::Stream => true,
            _ => return false,
        };
        let limits = limits.of(stream);
        if *limits == Pace::FREE {
            return false;
        }
        let Shown { number, frame, now, .. } = *shown;
        let revision = shown.source.revision();
        let arrival = pace::Arrival { address, stream, number, revision, frame };
        pace::offer(&self.timers, &target.session, limits, &arrival, now) == Offer::Held
    }

    /// Limits of a session at an address as they are now; `None` if it is not subscribed.
    pub(crate) fn pace_of(
        &self,
        entry: &mut Entry,
        session: &Session,
        stream: bool,
    ) -> Option<Pace> {
        self.freshen_audience(entry);
        let targets = &entry.audience.as_ref()?.targets;
        let place = targets.binary_search_by_key(&session.peer, |target| target.session.peer);
        let target = &targets[place.ok()?];
        let kind = if stream { SignalType::Stream } else { SignalType::Param };
        let pace = target.pace.as_ref().map_or(Pace::FREE, |paces| *paces.of(stream));
        target.takes.takes(kind).then_some(pace)
    }

    #[inline]
    fn freshen_audience(&self, entry: &mut Entry) {
        if entry.generation != self.generation.load(Ordering::Acquire) || entry.audience.is_none() {
            self.refresh_audience(entry);
        }
    }

    /// Makes the list of receivers anew after subscriptions have changed.
    #[cold]
    fn refresh_audience(&self, entry: &mut Entry) {
        let index = self.index.read();
        let mut audiences = self.audiences.lock();
        let Audiences { generation, by_patterns, scratch, matched } = &mut *audiences;
        if *generation != index.generation() {
            *generation = index.generation();
            by_patterns.clear();
        }
        matched.clear();
        index.matching(&entry.address, scratch, matched);
        let audience = match by_patterns.get(matched.as_slice()) {
            Some(audience) => Arc::clone(audience),
            None => {
                let audience = Arc::new(gather(&index, matched));
                by_patterns.insert(matched.as_slice().into(), Arc::clone(&audience));
                audience
            }
        };
        entry.audience = Some(audience);
        entry.generation = *generation;
    }
}

impl Target {
    #[inline]
    fn wants(&self, signal: Option<SignalType>, except: Option<&Arc<Outbox>>) -> bool {
        signal.is_none_or(|signal| self.takes.takes(signal))
            && except.is_none_or(|except| !Arc::ptr_eq(except, &self.outbox))
    }
}

impl Group {
    fn add(&mut self, target: &Target, part: usize) {
        self.link(&target.session).push(part);
    }

    /// Adds a frame for one session only.
    pub(crate) fn add_direct(&mut self, session: &Session, frame: Broadcast, address: &str) {
        let part = self.parts.len();
        self.parts.push((frame, Arc::from(address), SignalType::Event));
        self.link(session).push(part);
    }

    fn link(&mut self, session: &Session) -> &mut Vec<usize> {
        let fresh = || (Arc::clone(&session.outbox), Vec::new());
        &mut self.links.entry(session.peer).or_insert_with(fresh).1
    }

    /// Queues the parts of each session in one go (O5).
    pub(crate) fn flush(self, now: Now) {
        for (outbox, parts) in self.links.values() {
            let frames: Vec<_> = parts
                .iter()
                .map(|part| {
                    let (frame, address, signal) = &self.parts[*part];
                    let class = match signal {
                        SignalType::Param => Class::BundledParam(address),
                        _ => Class::Ordered,
                    };
                    (frame, class)
                })
                .collect();
            outbox.push_together(&frames, now.mono_us);
        }
    }
}

/// One target per session, whatever number of its subscriptions match.
fn gather(
    index: &crate::subscription::index::Index<Subscription>,
    matched: &[PatternId],
) -> Audience {
    let mut all: Vec<(u64, &Subscription)> = matched
        .iter()
        .flat_map(|pattern| index.subscribers(*pattern))
        .map(|(key, subscription)| (key.peer, subscription))
        .collect();
    if matched.len() > 1 {
        all.sort_by_key(|(peer, _)| *peer);
    }
    let targets = all.chunk_by(|one, other| one.0 == other.0).map(merge).collect::<Box<[_]>>();
    Audience { targets }
}
