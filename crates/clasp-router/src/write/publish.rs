//! Carries out a checked PUBLISH: to its P2P target, through the gesture throttle, to subscribers.

use std::borrow::Cow;
use std::sync::Arc;

use clasp_protocol::message::{Phase, Publish, SignalType};
use clasp_protocol::{ErrorCode, Message, Qos, RawValue, codec};

use super::{CheckedPublish, validate};
use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::deliver::{Delivery, Group, Source};
use crate::gesture::{self, Step};
use crate::journal::{Entry, Record};
use crate::outbox::Class;
use crate::p2p;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::state::store::Shard;

/// A PUBLISH as it came.
#[derive(Clone, Copy)]
pub(crate) struct Forward<'a> {
    pub(crate) publish: &'a Publish<'a>,
    /// Its binary payload; `None` when it came as MessagePack or was made here.
    pub(crate) wire: Option<&'a [u8]>,
    pub(crate) qos: Qos,
}

impl<'a> Forward<'a> {
    /// The payload that goes out: the one that came in, unless its bytes are not for every client.
    pub(crate) fn payload(&self) -> Option<Cow<'a, [u8]>> {
        let narrow = self.publish.value.as_ref().is_some_and(RawValue::is_narrow);
        if let Some(wire) = self.wire
            && !narrow
        {
            return Some(Cow::Borrowed(wire));
        }
        let mut publish = self.publish.clone();
        publish.value = publish.value.or(publish.payload.take()).map(RawValue::widened);
        if let Some(timeline) = publish.timeline.take()
            && publish.value.is_none()
        {
            publish.timestamp = publish.timestamp.or(timeline.start_time);
            publish.value = crate::timeline::to_value(&timeline);
        }
        let mut payload = Vec::new();
        codec::encode_payload(&Message::Publish(publish), &mut payload).ok()?;
        Some(Cow::Owned(payload))
    }

    pub(crate) fn frame(&self) -> Option<Broadcast> {
        Broadcast::from_payload(&self.payload()?, self.qos).ok()
    }

    /// What the application's rules look at.
    pub(crate) fn value(&self) -> Option<&RawValue<'a>> {
        self.publish.value.as_ref().or(self.publish.payload.as_ref())
    }

    pub(crate) fn is_gesture(&self) -> bool {
        self.publish.signal == Some(SignalType::Gesture)
    }
}

/// What may happen to this PUBLISH on its way to a slow session.
pub(crate) fn class<'c>(publish: &Publish<'_>, address: &'c Arc<str>) -> Class<'c> {
    match (publish.signal, publish.phase) {
        (Some(SignalType::Stream), _) => Class::Latest(address, None),
        (Some(SignalType::Gesture), Some(Phase::Move)) => {
            Class::Latest(address, Some(publish.id.unwrap_or(0)))
        }
        _ => Class::Ordered,
    }
}

/// Asks the application's rules.
pub(crate) fn check_rules(
    router: &Router,
    session: &Session,
    forward: &Forward<'_>,
    now: Now,
) -> Result<(), Refusal> {
    validate(router, session.actor(now), &forward.publish.address, forward.value())
}

/// Sends a PUBLISH to whoever is to have it.
pub(crate) fn commit(
    router: &Arc<Router>,
    session: &Arc<Session>,
    checked: &CheckedPublish<'_>,
    now: Now,
) -> Result<(), Refusal> {
    let forward = checked.forward();
    check_rules(router, session, forward, now)?;
    if let Some(target) = p2p::find(router, &forward.publish.address) {
        let target = target?;
        check_signal_rate(router, session, &forward.publish.address, now)?;
        if let Some(frame) = router.shown(&target, forward, now) {
            target.outbox.push(&frame, Class::Ordered, now.mono_us);
        }
        return Ok(());
    }
    if !forward.is_gesture() {
        fan_out(router, session, forward, now);
        return Ok(());
    }
    let mut gestures = session.gestures.lock();
    let Step { flush, now: at_once } = gesture::step(router, session, &mut gestures, forward, now);
    if let Some(held) = flush {
        held.forward(|held| fan_out(router, session, &held, now));
    }
    if at_once {
        fan_out(router, session, forward, now);
    }
    Ok(())
}

/// Refuses floods of P2P signals.
pub(crate) fn check_signal_rate(
    router: &Router,
    session: &Session,
    address: &str,
    now: Now,
) -> Result<(), Refusal> {
    if session.may_signal(router.config.p2p_signals_per_second_max, now) {
        return Ok(());
    }
    let text = "too many P2P signals in one second";
    Err(Refusal::new(ErrorCode::TooManyRequests, text).at(address))
}

/// Offers a PUBLISH to everyone who subscribed, except its sender.
pub(crate) fn fan_out(router: &Router, session: &Arc<Session>, forward: &Forward<'_>, now: Now) {
    let place = router.store.place(&forward.publish.address);
    let mut shard = router.store.lock(place.shard);
    fan_out_in(router, session, (&mut shard, place.hash), forward, (None, now));
}

/// [`fan_out`] inside the critical section of the address's shard; `hash` is the address's.
pub(crate) fn fan_out_in(
    router: &Router,
    session: &Arc<Session>,
    (shard, hash): (&mut Shard, u64),
    forward: &Forward<'_>,
    (group, now): (Option<&mut Group>, Now),
) {
    let publish = forward.publish;
    let Some(frame) = forward.frame() else { return };
    if &*publish.address == p2p::ANNOUNCE_ADDRESS {
        router.announcements.remember(session, &frame);
    }
    if group.is_none() && router.durability.journal().is_some() {
        router.durability.record(&[journal_entry(session, forward, &frame, now)], now);
    }
    let slot = shard.intern(&publish.address, hash);
    let source = Source::Publish(publish, forward.qos);
    let mut delivery = Delivery { frame, source, except: Some(&session.outbox), now };
    match group {
        None => router.deliver(shard.entry(slot), &mut delivery),
        Some(group) => router.deliver_together(shard.entry(slot), delivery, group),
    };
}

/// The journal entry of a PUBLISH.
pub(crate) fn journal_entry<'a>(
    session: &'a Session,
    forward: &Forward<'a>,
    frame: &'a Broadcast,
    now: Now,
) -> Entry<'a> {
    Entry {
        timestamp_us: now.unix_us,
        author: &session.id,
        address: &forward.publish.address,
        record: Record::Publish {
            signal: forward.publish.signal.unwrap_or(SignalType::Event),
            payload: Cow::Borrowed(frame.payload()),
        },
    }
}
