//! SUBSCRIBE and UNSUBSCRIBE.

use std::cell::OnceCell;

use clasp_protocol::Message as Request;
use clasp_protocol::message::{Subscribe as Wanted, TypeMask, Unsubscribe as Unwanted};
use clasp_router::Now;

use super::{Granting, Kept, Session, Subscribing, Subscription, SubscriptionOptions, Waiting};
use crate::door::Door;
use crate::packet::{
    Asked, Fault, PacketType, Property, PropertyWriter, Subscribe, Unsubscribe, Version, write,
};
use crate::reason;
use crate::topic::{Filter, TopicError};

/// Subscriptions of one client, and filters of one packet that are looked at.
const SUBSCRIPTIONS_MAX: usize = 1_000;

fn invalid(error: TopicError) -> Fault {
    let text = match error {
        TopicError::Share => "a shared subscription is $share/GROUP/FILTER",
        TopicError::Misplaced => "+ stands for a whole level, # for all levels at the end",
        _ => "the topic filter is invalid",
    };
    Fault { reason: reason::TOPIC_FILTER, text }
}

impl Session {
    pub(super) fn subscribe(
        &mut self,
        door: &Door,
        packet: &Subscribe<'_>,
        out: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), Fault> {
        let identifier = packet.properties.number(Property::SubscriptionIdentifier).unwrap_or(0);
        let subscribing = &mut self.passing.get_or_insert_default().subscribing;
        let serial = subscribing.back().map_or(0, |last| last.serial.wrapping_add(1));
        let (id, left) = (packet.id, 0);
        subscribing.push_back(Subscribing { serial, id, left, filters: Vec::new() });
        for (place, asked) in packet.filters().enumerate() {
            let granting = match Filter::parse(asked.filter) {
                Err(error) if error.is_violation() => return Err(invalid(error)),
                Err(_) => Granting::refused(reason::TOPIC_FILTER),
                Ok(filter) if filter.group.is_some() && asked.no_local => {
                    let text = "a shared subscription cannot leave out its client's own messages";
                    return Err(Fault::protocol(text));
                }
                Ok(_) if place >= SUBSCRIPTIONS_MAX => Granting::refused(reason::QUOTA),
                Ok(filter) => self.want(door, (&asked, &filter, identifier), (serial, place), now),
            };
            self.note(serial, |subscribing| subscribing.filters.push(granting));
        }
        self.dirty = true;
        self.size_up(door);
        self.finish_subscribing(door, out, now);
        Ok(())
    }

    /// Makes a subscription or changes one, and asks the router for it.
    fn want(
        &mut self,
        door: &Door,
        (asked, filter, identifier): (&Asked<'_>, &Filter<'_>, u32),
        (serial, place): (u32, usize),
        now: Now,
    ) -> Granting {
        let options = SubscriptionOptions {
            qos: asked.qos,
            no_local: asked.no_local,
            retain_as_published: asked.retain_as_published,
            begins_wild: filter.begins_wild(),
            identifier,
        };
        let full = self.kept.subscriptions.len() >= SUBSCRIPTIONS_MAX;
        let known = self.kept.subscriptions.iter_mut().find(|mine| *mine.filter == *asked.filter);
        let (number, fresh) = match known {
            Some(mine) => {
                mine.options = options;
                (mine.number, None)
            }
            None if full => return Granting::refused(reason::QUOTA),
            None => {
                let made = self.kept.subscribe(door, (asked.filter, filter), options, self.serial);
                (made, Some(made))
            }
        };
        let quiet = match asked.retain_handling {
            _ if filter.group.is_some() => true,
            0 => false,
            1 => fresh.is_none(),
            _ => true,
        };
        let answers = self.ask_router(door, (filter, number, quiet), now);
        let granted = answers.is_empty();
        self.note(serial, |subscribing| subscribing.left += answers.len());
        for number in answers {
            self.wait_for(number, Waiting::Subscribe { serial, place });
        }
        Granting { code: reason::UNSPECIFIED, fresh, granted, qos: asked.qos, quiet }
    }

    /// Subscribes at the router to everything that a filter can mean; the numbers of the answers.
    pub(crate) fn ask_router(
        &mut self,
        door: &Door,
        (filter, number, quiet): (&Filter<'_>, u32, bool),
        now: Now,
    ) -> Vec<u32> {
        let mut numbers = Vec::new();
        for pattern in door.config.mapping.patterns(filter) {
            let request = Request::Subscribe(Wanted {
                id: number,
                pattern: pattern.as_str().into(),
                types: TypeMask::ALL.to_wire(),
                options: None,
            });
            let asked = match quiet {
                true => self.guest.ask_quietly(&request, now),
                false => self.guest.ask(&request, false, now),
            };
            numbers.extend(asked);
        }
        numbers
    }

    fn note(&mut self, serial: u32, change: impl FnOnce(&mut Subscribing)) {
        let mut all = self.passing.iter_mut().flat_map(|passing| &mut passing.subscribing);
        if let Some(mine) = all.find(|mine| mine.serial == serial) {
            change(mine);
        }
    }

    /// The router's answer to a pattern of a filter.
    pub(super) fn granted(&mut self, serial: u32, place: usize, outcome: Result<(), u8>) {
        self.note(serial, |mine| {
            mine.left = mine.left.saturating_sub(1);
            match (mine.filters.get_mut(place), outcome) {
                (Some(granting), Ok(())) => granting.granted = true,
                (Some(granting), Err(reason)) => granting.code = reason,
                (None, _) => {}
            }
        });
    }

    /// Answers every SUBSCRIBE that has all its own answers.
    pub(super) fn finish_subscribing(&mut self, door: &Door, out: &mut Vec<u8>, now: Now) {
        while let Some(done) = self
            .passing
            .as_mut()
            .and_then(|it| it.subscribing.pop_front_if(|first| first.left == 0))
        {
            let mut codes = Vec::with_capacity(done.filters.len());
            for granting in &done.filters {
                codes.push(match (granting.granted, self.client.version) {
                    (true, _) => granting.qos,
                    (false, Version::V5) => granting.code,
                    (false, _) => reason::UNSPECIFIED,
                });
                if let (false, Some(number)) = (granting.granted, granting.fresh) {
                    self.kept.subscriptions.retain(|mine| mine.number != number);
                    self.size_up(door);
                }
            }
            self.answer_list(PacketType::Suback, done.id, &codes, out);
            // Most clients subscribe once.
            if self.passing.as_ref().is_some_and(|passing| passing.is_idle()) {
                self.passing = None;
                self.kept.subscriptions.shrink_to_fit();
            }
            if done.filters.iter().any(|granting| granting.granted && !granting.quiet) {
                self.tell_system(door, true, out, now);
            }
        }
    }

    fn answer_list(&self, kind: PacketType, id: u16, codes: &[u8], out: &mut Vec<u8>) {
        let none = PropertyWriter::default();
        let properties = (self.client.version == Version::V5).then_some(&none);
        write(kind, &id.to_be_bytes(), properties, codes, out);
    }

    pub(super) fn unsubscribe(
        &mut self,
        door: &Door,
        packet: &Unsubscribe<'_>,
        out: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), Fault> {
        let mut codes = Vec::new();
        let mut last = None;
        for text in packet.filters() {
            if let Err(error) = Filter::parse(text)
                && error.is_violation()
            {
                return Err(invalid(error));
            }
            let known = self.kept.subscriptions.iter().position(|mine| *mine.filter == *text);
            codes.push(if known.is_some() { reason::SUCCESS } else { reason::NO_SUBSCRIPTION });
            if let Some(place) = known {
                let gone = self.kept.subscriptions.swap_remove(place);
                let request = Request::Unsubscribe(Unwanted { id: gone.number });
                last = self.guest.ask(&request, false, now).ok().or(last);
            }
        }
        self.dirty = true;
        self.size_up(door);
        let codes = codes.into_boxed_slice();
        match last {
            Some(number) => {
                self.wait_for(number, Waiting::Unsubscribe { id: packet.id, codes });
            }
            None => self.unsubscribed(packet.id, &codes, out),
        }
        Ok(())
    }

    pub(super) fn unsubscribed(&self, id: u16, codes: &[u8], out: &mut Vec<u8>) {
        let codes = if self.client.version == Version::V5 { codes } else { &[] };
        self.answer_list(PacketType::Unsuback, id, codes, out);
    }
}

impl Kept {
    /// Adds a subscription that the router does not know yet; its number.
    pub(crate) fn subscribe(
        &mut self,
        door: &Door,
        (text, filter): (&str, &Filter<'_>),
        options: SubscriptionOptions,
        session: u64,
    ) -> u32 {
        let number = self.last_number.wrapping_add(1);
        self.last_number = number;
        let share = filter.group.map(|name| door.shares.join(name, filter.text, session));
        let (filter, pattern) = (text.into(), OnceCell::new());
        self.subscriptions.push(Subscription { filter, pattern, number, options, share });
        number
    }
}

impl Granting {
    fn refused(code: u8) -> Granting {
        Granting { code, fresh: None, granted: false, qos: 0, quiet: true }
    }
}
