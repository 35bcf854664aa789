//! Messages to the client.

use clasp_router::Now;
use clasp_router::metrics::DropKind;

use super::{Session, Told, Transit};
use crate::door::Door;
use crate::packet::{Acknowledgement, Outgoing, PacketType, Property, PropertyWriter, Version};
use crate::packet::{ack, publish};
use crate::queue::{Flights, Queue, Stage, View};
use crate::reason;
use crate::topic;

/// What of the subscriptions of a client holds for one message.
#[derive(Default)]
struct Grants {
    qos: Option<u8>,
    retain_as_published: bool,
    identifiers: Vec<u32>,
}

impl Session {
    /// Tells the client of a message, as often as its subscriptions ask for it.
    pub(crate) fn tell(&mut self, door: &Door, told: &Told<'_>, out: &mut Vec<u8>, now: Now) {
        if self.plain && !told.topic.starts_with('$') {
            let packet = Outgoing {
                dup: false,
                qos: 0,
                retain: told.state,
                topic: told.topic,
                id: 0,
                properties: &[],
                payload: told.payload,
            };
            return publish(&packet, self.client.version, out);
        }
        let mut own = Grants::default();
        let mut shared: Vec<(u8, u32)> = Vec::new();
        for mine in &self.kept.subscriptions {
            let options = &mine.options;
            let hidden = options.begins_wild && told.topic.starts_with('$');
            if hidden || !mine.matches(&told.path) {
                continue;
            }
            match &mine.share {
                Some(share) if !told.state && share.is_for_me(told.number) => {
                    shared.push((options.qos, options.identifier));
                }
                Some(_) => {}
                None if options.no_local && told.origin == self.serial => {}
                None => {
                    own.qos = own.qos.max(Some(options.qos));
                    own.retain_as_published |= options.retain_as_published;
                    if options.identifier != 0 {
                        own.identifiers.push(options.identifier);
                    }
                }
            }
        }
        if let Some(granted) = own.qos {
            let retain = told.state || (own.retain_as_published && told.retain);
            self.deliver(door, told, (granted, retain, &own.identifiers), (out, now));
        }
        for (granted, identifier) in shared {
            let identifiers: &[u32] = if identifier == 0 { &[] } else { &[identifier] };
            self.deliver(door, told, (granted, false, identifiers), (out, now));
        }
    }

    /// Whether the client is subscribed to a topic and wants its own messages.
    pub(super) fn hears(&self, topic: &str) -> bool {
        if self.kept.subscriptions.is_empty() {
            return false;
        }
        let mut path = String::new();
        topic::push_path(topic, &mut path);
        self.kept.subscriptions.iter().any(|mine| mine.matches(&path))
    }

    fn deliver(
        &mut self,
        door: &Door,
        told: &Told<'_>,
        (granted, retain, identifiers): (u8, bool, &[u32]),
        (out, now): (&mut Vec<u8>, Now),
    ) {
        let most = if told.state { 1 } else { 2 };
        let qos = told.qos.min(granted).min(most);
        if qos == 0 && !self.here {
            return;
        }
        let message = View {
            topic: told.topic,
            payload: told.payload,
            properties: told.properties,
            identifiers,
            qos,
            retain,
            param: told.param,
            expires_s: told.expires_s,
        };
        let waits = self.kept.transit.as_ref().is_some_and(|it| !it.queue.is_empty());
        if qos == 0 {
            self.send(door, message, (0, false), (out, now));
        } else if self.here && !waits && self.has_room(door) {
            self.launch(door, message, out, now);
        } else {
            self.dirty = true;
            let queue = &mut self.kept.transit.get_or_insert_default().queue;
            let limits = &door.config.limits;
            let most = if self.here { limits.queue_here_max } else { limits.queue_messages_max };
            for _ in 0..queue.push(message.to_message(), most, limits) {
                door.router.counters().dropped(DropKind::Event);
            }
        }
    }

    /// Whether one more message above QoS 0 may be under way.
    fn has_room(&self, door: &Door) -> bool {
        let Some(Transit { flights, .. }) = self.kept.transit.as_deref() else { return true };
        let limits = &door.config.limits;
        flights.len() < usize::from(self.client.receive_max)
            && flights.bytes() < limits.queue_bytes_max
            && (self.kept.expiry_s == 0 || flights.len() < limits.queue_messages_max)
    }

    /// Sends a message above QoS 0.
    fn launch(&mut self, door: &Door, message: View<'_>, out: &mut Vec<u8>, now: Now) {
        // Only a session that is resumed sends a message again.
        let is_kept = self.kept.expiry_s > 0;
        let copy = is_kept.then(|| message.to_message());
        let flights = &mut self.kept.transit.get_or_insert_default().flights;
        let Some(id) = flights.start(message.qos, copy) else { return };
        self.dirty |= is_kept;
        if !self.send(door, message, (id, false), (out, now))
            && let Some(transit) = &mut self.kept.transit
        {
            transit.flights.forget(id);
        }
    }

    /// Sends what waited, as far as the client takes it.
    pub(crate) fn send_queued(&mut self, door: &Door, out: &mut Vec<u8>, now: Now) {
        while self.here && self.has_room(door) {
            let Some(queue) = self.kept.transit.as_mut().map(|transit| &mut transit.queue) else {
                break;
            };
            let Some(message) = queue.pop() else {
                *queue = Queue::default();
                break;
            };
            self.dirty = true;
            if !message.is_expired(now.unix_us / 1_000_000) {
                self.launch(door, message.view(), out, now);
            }
        }
        if !self.here {
            self.kept.tidy();
        }
    }

    /// Sends again what was under way when the last connection ended.
    pub(crate) fn send_again(&mut self, door: &Door, out: &mut Vec<u8>, now: Now) {
        let Some(transit) = &mut self.kept.transit else { return };
        let flights = std::mem::take(&mut transit.flights);
        let mut fresh = Flights::default();
        for (id, stage) in flights.in_order() {
            match stage {
                Stage::Sent(_, Some(message)) => {
                    if self.send(door, message.view(), (id, true), (out, now)) {
                        fresh.restore(id, stage.clone());
                    }
                }
                Stage::Sent(_, None) => {}
                Stage::Released => {
                    let kind = PacketType::Pubrel;
                    let again = Acknowledgement { kind, id, reason: reason::SUCCESS, text: "" };
                    ack(&again, self.client.version, out);
                    fresh.restore(id, Stage::Released);
                }
            }
        }
        if let Some(transit) = &mut self.kept.transit {
            transit.flights = fresh;
        }
        self.kept.tidy();
    }

    /// Appends a message with its identifier and whether it may have come before; false if it is
    /// too large for this client.
    fn send(
        &mut self,
        door: &Door,
        message: View<'_>,
        (id, dup): (u16, bool),
        (out, now): (&mut Vec<u8>, Now),
    ) -> bool {
        let version = self.client.version;
        let mut properties = PropertyWriter::default();
        let mut topic = message.topic;
        if version == Version::V5 {
            properties.raw(message.properties);
            if let Some(end) = message.expires_s {
                let left = end.saturating_sub(now.unix_us / 1_000_000);
                let left = u32::try_from(left).unwrap_or(u32::MAX);
                properties.u32(Property::MessageExpiryInterval, left);
            }
            for identifier in message.identifiers {
                properties.varint(Property::SubscriptionIdentifier, *identifier);
            }
            if self.alias(door, topic, &mut properties) {
                topic = "";
            }
        }
        let packet = Outgoing {
            dup,
            qos: message.qos,
            retain: message.retain,
            topic,
            id,
            properties: properties.bytes(),
            payload: message.payload,
        };
        let most = self.client.packet_bytes_max as usize;
        if packet.total(version) > most {
            let passing = self.passing.as_mut();
            let aliases = passing.and_then(|passing| passing.aliases.as_mut());
            if let (Some(aliases), false) = (aliases, topic.is_empty()) {
                aliases.outward.remove(topic);
            }
            door.router.counters().dropped(DropKind::Event);
            return false;
        }
        publish(&packet, version, out);
        true
    }

    /// Adds an alias for a topic, if there is one left; whether it stands for the topic already.
    fn alias(&mut self, door: &Door, topic: &str, properties: &mut PropertyWriter) -> bool {
        let most = self.client.aliases_max.min(door.config.limits.topic_aliases_max);
        if most == 0 {
            return false;
        }
        let passing = self.passing.get_or_insert_default();
        let outward = &mut passing.aliases.get_or_insert_default().outward;
        if let Some(alias) = outward.get(topic) {
            properties.u16(Property::TopicAlias, *alias);
            return true;
        }
        if outward.len() < usize::from(most) {
            let alias = outward.len() as u16 + 1;
            outward.insert(topic.into(), alias);
            properties.u16(Property::TopicAlias, alias);
        }
        false
    }
}
