//! What a client writes: SETs and events, together where they came in one bundle (spec:
//! adapters.md 2.2, 2.4.1).

use clasp_protocol::message::{Bundle, Publish, Set, SignalType};
use clasp_protocol::{Message, RawValue};
use clasp_router::Now;
use clasp_router::metrics::OscDrop;
use rosc::{OscMessage, OscType};

use super::{Client, Written};
use crate::config::Late;
use crate::pattern::{Stars, is_pattern};
use crate::time::TimeTag;
use crate::value::from_arguments;

/// A message and what it is: a param, or an event.
pub(super) type Write = (SignalType, OscMessage);

impl Client {
    /// Writes what a group of messages says, all at the same time.
    pub(super) fn write(
        &mut self,
        at: Option<TimeTag>,
        (writes, bundle): (Vec<Write>, bool),
        note: &mut dyn FnMut(&Written<'_>),
        now: Now,
    ) {
        let at_us = at.map(|tag| u64::try_from(tag.unix_us()).unwrap_or(0));
        let later = at_us.filter(|at_us| *at_us > now.unix_us);
        if writes.is_empty() {
            return;
        }
        if at.is_some() && later.is_none() && self.shared.config.tuning.late == Late::Discard {
            return self.shared.dropped(OscDrop::Late);
        }
        let mut parts = Vec::new();
        for (signal, message) in writes {
            match signal {
                SignalType::Event => parts.extend(self.event(message, now)),
                _ => self.sets(message, &mut parts, now),
            }
        }
        let wait_us = later.map_or(0, |at_us| at_us - now.unix_us);
        let guard_us = u64::try_from(self.shared.config.tuning.loop_guard.as_micros());
        let until_us = now.mono_us.saturating_add(wait_us).saturating_add(guard_us.unwrap_or(0));
        for part in &parts {
            // The router never tells the sender of an event.
            let Message::Set(Set { address, value, .. }) = part else { continue };
            let written = Written { address, value, until_us };
            if self.is_subscribed() {
                self.note(&written, now);
            }
            note(&written);
        }
        let told = if bundle {
            let parts: Vec<_> = parts.into_iter().map(Into::into).collect();
            if parts.is_empty() {
                return;
            }
            self.guest.tell(&Message::Bundle(Bundle { timestamp: later, parts }), now)
        } else {
            parts.iter().try_for_each(|part| self.guest.tell(part, now))
        };
        if let Err(error) = told {
            self.shared.dropped(OscDrop::TooLarge);
            self.mailbox.reject("", &error.to_string(), now);
        }
    }

    /// Keeps news of a write from the client.
    pub(crate) fn note(&mut self, written: &Written<'_>, now: Now) {
        let Written { address, value, until_us } = *written;
        self.mailbox.memory.wrote(address, value, until_us, now.mono_us);
    }

    /// The SETs that a message is: one for each param that it is for.
    fn sets(
        &mut self,
        OscMessage { addr, args }: OscMessage,
        parts: &mut Vec<Message<'static>>,
        now: Now,
    ) {
        let Some(value) = self.value(args, now) else { return };
        let addresses = self.targets(&addr, now).into_iter();
        parts.extend(addresses.map(|address| Message::Set(Set::new(address, value.clone()))));
    }

    /// The event that a message is; without arguments it has no value.
    fn event(
        &mut self,
        OscMessage { addr, args }: OscMessage,
        now: Now,
    ) -> Option<Message<'static>> {
        let value = if args.is_empty() { None } else { Some(self.value(args, now)?) };
        let address = self.literal(&addr, now)?;
        Some(Message::Publish(Publish { value, ..Publish::new(address, SignalType::Event) }))
    }

    /// What the arguments stand for; `None`, counted, if no value is that large.
    fn value(&self, arguments: Vec<OscType>, now: Now) -> Option<RawValue<'static>> {
        let value = RawValue::try_from(&from_arguments(arguments, now.unix_us)).ok();
        if value.is_none() {
            self.shared.dropped(OscDrop::TooLarge);
        }
        value
    }

    /// The params that a message is for; none, counted, if its address is no good.
    fn targets(&mut self, osc: &str, now: Now) -> Vec<String> {
        if !is_pattern(osc) {
            return Vec::from_iter(self.literal(osc, now));
        }
        match self.matches(osc, Stars::OnePart, now) {
            Ok(found) => found.iter().map(|address| address.to_string()).collect(),
            Err(text) => {
                self.shared.dropped(OscDrop::Unmatched);
                self.mailbox.reject(osc, &text, now);
                Vec::new()
            }
        }
    }

    /// The one address that an OSC address names; none, counted, if it is no good.
    fn literal(&mut self, osc: &str, now: Now) -> Option<String> {
        match self.shared.config.namespace.address(osc) {
            Ok(address) => Some(address),
            Err(unfit) => {
                self.shared.dropped(OscDrop::Address);
                self.mailbox.reject(osc, &unfit.to_string(), now);
                None
            }
        }
    }
}
