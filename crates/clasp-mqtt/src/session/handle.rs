//! What a client asks for.

use clasp_router::Now;

use super::{Session, Transit, Waiting};
use crate::door::Door;
use crate::packet::{
    Acknowledgement, Answer, Fault, Packet, PacketType, Property, Publish, Version, ack, write,
};
use crate::publish::{self, Refusal, Submission};
use crate::reason;
use crate::topic::{self, LEVELS_MAX};

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It does.
    Go,
    /// The client has said goodbye.
    Over,
}

impl Session {
    /// Does what a packet asks; what is to be written at once is appended to `out`.
    ///
    /// # Errors
    /// The connection has to end.
    pub(crate) fn handle(
        &mut self,
        door: &Door,
        packet: &Packet<'_>,
        out: &mut Vec<u8>,
        now: Now,
    ) -> Result<Next, Fault> {
        match packet {
            Packet::Publish(publish) => self.publish(door, publish, out, now)?,
            Packet::Puback(answer) => self.acknowledged(door, answer, false, (out, now)),
            Packet::Pubcomp(answer) => self.acknowledged(door, answer, true, (out, now)),
            Packet::Pubrec(answer) => self.received(door, answer, out, now),
            Packet::Pubrel(answer) => self.released(answer, out),
            Packet::Subscribe(subscribe) => self.subscribe(door, subscribe, out, now)?,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(door, unsubscribe, out, now)?,
            Packet::Pingreq => write(PacketType::Pingresp, &[], None, &[], out),
            Packet::Disconnect(farewell) => {
                let expiry_s = farewell.properties.number(Property::SessionExpiryInterval);
                if let Some(expiry_s) = expiry_s {
                    if self.kept.expiry_s == 0 && expiry_s > 0 {
                        let text = "a session that ends with its connection cannot be kept now";
                        return Err(Fault::protocol(text));
                    }
                    let most = door.config.limits.session_expiry_s_max;
                    self.kept.expiry_s = expiry_s.min(most);
                }
                if farewell.reason == reason::SUCCESS {
                    self.will = None;
                }
                return Ok(Next::Over);
            }
            Packet::Auth(_) => {
                return Err(Fault::protocol("there is nothing to authenticate again"));
            }
        }
        Ok(Next::Go)
    }

    fn publish(
        &mut self,
        door: &Door,
        packet: &Publish<'_>,
        out: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), Fault> {
        let alias = self.aliased(door, packet)?;
        let topic = alias.as_deref().unwrap_or(packet.topic);
        topic::check_name(topic).map_err(|_| Fault {
            reason: reason::TOPIC_NAME,
            text: "a topic name has at least one character and no wildcard",
        })?;
        if packet.qos == 2 && self.is_repeated(packet.id, out) {
            return Ok(());
        }
        if packet.qos > 0 {
            self.check_quota(door)?;
        }
        if packet.qos == 2 {
            self.kept.transit.get_or_insert_default().received.insert(packet.id);
            self.dirty = true;
        }
        match self.submit(door, packet, topic, now) {
            Ok(()) => Ok(()),
            Err(refusal) => {
                // What the router has answered before comes first.
                self.catch_up(door, out, now)?;
                self.refuse(door, (packet.id, packet.qos), &refusal, out)
            }
        }
    }

    /// Hands a PUBLISH to the router; the answer comes by its outbox.
    fn submit(
        &mut self,
        door: &Door,
        packet: &Publish<'_>,
        topic: &str,
        now: Now,
    ) -> Result<(), Refusal> {
        if topic.bytes().filter(|byte| *byte == b'/').count() >= LEVELS_MAX {
            return Err(Refusal::new(reason::TOPIC_NAME, "the topic has more than 32 levels"));
        }
        let submission = Submission {
            topic,
            payload: packet.payload,
            qos: packet.qos,
            retain: packet.retain,
            properties: packet.properties.forwarded().into(),
            all: packet.properties,
            expires_s: publish::deadline(packet.properties, now),
        };
        let mut prepared = publish::prepare(door, &submission, now)?;
        let echo = prepared.echo(&submission).filter(|_| self.hears(topic)).map(Box::new);
        let wanted = packet.qos > 0 || echo.is_some();
        let number = prepared.send(door, (&mut self.guest, self.serial), wanted, now)?;
        if wanted {
            let (id, qos) = (packet.id, packet.qos);
            self.wait_for(number, Waiting::Publish { id, qos, echo });
        }
        Ok(())
    }

    /// The topic that an alias stands for, if the packet names none.
    fn aliased(&mut self, door: &Door, packet: &Publish<'_>) -> Result<Option<Box<str>>, Fault> {
        let Some(alias) = packet.properties.number(Property::TopicAlias) else { return Ok(None) };
        let fault = Fault { reason: reason::TOPIC_ALIAS, text: "there is no such topic alias" };
        let alias = u16::try_from(alias).map_err(|_| fault)?;
        if alias > door.config.limits.topic_aliases_max {
            return Err(fault);
        }
        let passing = self.passing.get_or_insert_default();
        let aliases = &mut **passing.aliases.get_or_insert_default();
        if packet.topic.is_empty() {
            let known = aliases.inward.get(&alias).cloned();
            return known
                .map(Some)
                .ok_or(Fault::protocol("a topic alias is used before it is set"));
        }
        if topic::check_name(packet.topic).is_ok() {
            aliases.inward.insert(alias, packet.topic.into());
        }
        Ok(None)
    }

    /// Whether a message of QoS 2 came before; then it is answered again if that was done.
    fn is_repeated(&mut self, id: u16, out: &mut Vec<u8>) -> bool {
        let known = self.kept.transit.as_ref().is_some_and(|it| it.received.contains(&id));
        let under_way = self.waiting().any(|(_, waiting)| {
            matches!(waiting, Waiting::Publish { id: other, qos: 2, .. } if *other == id)
        });
        if known && !under_way {
            self.answer((PacketType::Pubrec, id), reason::SUCCESS, "", out);
        }
        known
    }

    fn check_quota(&self, door: &Door) -> Result<(), Fault> {
        let received = self.kept.transit.as_ref().map_or(0, |transit| transit.received.len());
        let once =
            |waiting: &&(u32, Waiting)| matches!(waiting, (_, Waiting::Publish { qos: 1, .. }));
        let under_way = self.waiting().filter(once).count() + received;
        let allowed = match self.client.version {
            Version::V5 => usize::from(door.config.limits.receive_max),
            _ => usize::from(u16::MAX),
        };
        if under_way < allowed {
            return Ok(());
        }
        let text = "more messages are under way than the relay said it takes";
        Err(Fault { reason: reason::RECEIVE_MAXIMUM, text })
    }

    /// Answers a PUBLISH that was refused.
    pub(super) fn refuse(
        &mut self,
        door: &Door,
        (id, qos): (u16, u8),
        refusal: &Refusal,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let session = self.guest.session_id();
        tracing::debug!(session, reason = refusal.reason, "PUBLISH refused: {}", refusal.text);
        let old = self.client.version != Version::V5;
        if old && (door.config.disconnect_refused || refusal.fatal) {
            return Err(Fault { reason: refusal.reason, text: "a PUBLISH was refused" });
        }
        match qos {
            0 => {}
            1 => self.answer((PacketType::Puback, id), refusal.reason, &refusal.text, out),
            _ => {
                if !old && let Some(transit) = &mut self.kept.transit {
                    // Such an answer ends the exchange.
                    transit.received.remove(&id);
                }
                self.answer((PacketType::Pubrec, id), refusal.reason, &refusal.text, out);
            }
        }
        Ok(())
    }

    /// Appends an acknowledgement.
    pub(super) fn answer(
        &self,
        (kind, id): (PacketType, u16),
        reason: u8,
        text: &str,
        out: &mut Vec<u8>,
    ) {
        let text = if self.client.wants_reasons { text } else { "" };
        ack(&Acknowledgement { kind, id, reason, text }, self.client.version, out);
    }

    /// PUBREL: the client knows that its message of QoS 2 has arrived.
    fn released(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        let transit = self.kept.transit.as_mut();
        let known = transit.is_some_and(|transit| transit.received.remove(&answer.id));
        self.kept.tidy();
        self.dirty |= known;
        let reason = if known { reason::SUCCESS } else { reason::ID_NOT_FOUND };
        self.answer((PacketType::Pubcomp, answer.id), reason, "", out);
    }

    /// PUBREC: the client has a message of QoS 2, or does not want it.
    fn received(&mut self, door: &Door, answer: &Answer<'_>, out: &mut Vec<u8>, now: Now) {
        let mut known = false;
        if let Some(Transit { flights, .. }) = self.kept.transit.as_deref_mut() {
            self.dirty = true;
            if answer.reason >= reason::UNSPECIFIED {
                flights.forget(answer.id);
                return self.send_queued(door, out, now);
            }
            known = flights.release(answer.id);
        }
        let reason = if known { reason::SUCCESS } else { reason::ID_NOT_FOUND };
        self.answer((PacketType::Pubrel, answer.id), reason, "", out);
    }

    /// PUBACK or, of QoS 2, PUBCOMP: the client has a message.
    fn acknowledged(
        &mut self,
        door: &Door,
        answer: &Answer<'_>,
        released: bool,
        (out, now): (&mut Vec<u8>, Now),
    ) {
        let Some(transit) = &mut self.kept.transit else { return };
        if transit.flights.end(answer.id, released) {
            self.dirty = true;
            self.send_queued(door, out, now);
        }
    }
}
