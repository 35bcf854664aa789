//! Message to verb: the one match.

use std::sync::Arc;

use clasp_protocol::message::Ack;
use clasp_protocol::{ErrorCode, Message, Qos, codec};

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::config::AckPolicy;
use crate::connection::Manners;
use crate::outbox::Class;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::verbs;

/// One message of an open session with all that its verb needs.
#[derive(Clone, Copy)]
pub(crate) struct Request<'r> {
    pub(crate) router: &'r Arc<Router>,
    pub(crate) session: &'r Arc<Session>,
    pub(crate) qos: Qos,
    /// Number that the answer carries.
    pub(crate) correlation: Option<u32>,
    /// A SUBSCRIBE is not to tell the present state.
    pub(crate) quiet: bool,
    /// Payload as received.
    pub(crate) wire: &'r [u8],
    pub(crate) now: Now,
}

/// What a message costs in a rate limit (routing.md 5.5).
pub(crate) fn cost(message: &Message<'_>) -> u32 {
    match message {
        Message::Ping | Message::Pong => 0,
        Message::Bundle(bundle) => bundle.parts.len().max(1) as u32,
        Message::Replay(_) => 10,
        Message::Subscribe(subscribe) if subscribe.pattern == "/**" => 10,
        _ => 1,
    }
}

impl Request<'_> {
    /// Carries out one message.
    pub(crate) fn dispatch(&self, message: &Message<'_>) -> Result<(), Refusal> {
        match message {
            Message::Set(set) => verbs::set::set(self, set),
            Message::Publish(publish) => verbs::publish::publish(self, publish),
            Message::Get(get) => {
                verbs::get::get(self, get)?;
                self.acknowledge_read();
                Ok(())
            }
            Message::Subscribe(subscribe) => {
                verbs::subscribe::subscribe(self, subscribe)?;
                self.acknowledge_read();
                Ok(())
            }
            Message::Unsubscribe(unsubscribe) => {
                verbs::subscribe::unsubscribe(self, *unsubscribe);
                self.acknowledge_read();
                Ok(())
            }
            Message::Bundle(bundle) => verbs::bundle::bundle(self, bundle),
            Message::Announce(announce) => verbs::announce::announce(self, announce),
            Message::Query(query) => verbs::announce::query(self, query),
            Message::Replay(replay) => verbs::replay::replay(self, replay),
            Message::Sync(sync) => {
                verbs::clock::sync(self, *sync);
                Ok(())
            }
            Message::Ping => {
                self.reply(&Message::Pong, Qos::Fire);
                Ok(())
            }
            Message::FederationSync(_) => {
                Err(Refusal::new(ErrorCode::Rejected, "federation is not enabled on this relay"))
            }
            Message::Hello(_) => {
                Err(Refusal::new(ErrorCode::InvalidMessage, "the session is already established"))
            }
            // What only a relay sends is ignored when a client does (routing.md 2.5).
            Message::Welcome(_)
            | Message::Snapshot(_)
            | Message::Pong
            | Message::Ack(_)
            | Message::Error(_)
            | Message::Result(_) => Ok(()),
        }
    }

    /// Confirms to another protocol's door what no CLASP client is told.
    pub(crate) fn acknowledge_read(&self) {
        if self.is_foreign() {
            self.acknowledge(Ack::default());
        }
    }

    /// Whether another protocol's door asks.
    pub(crate) fn is_foreign(&self) -> bool {
        self.session.guest.link.manners == Manners::Foreign
    }

    /// Answers the sender.
    pub(crate) fn reply(&self, message: &Message<'_>, qos: Qos) {
        self.router.reply(&self.session.outbox, message, qos, self.now);
    }

    /// Confirms a write whose journal entry has this sequence number; with QoS 2 not before the
    /// entry is durable, with QoS 1 not while the journal lags. Refuses that if the journal had no
    /// room for the entry.
    pub(crate) fn acknowledge_write(
        &self,
        ack: Ack<'_>,
        sequence: Option<u64>,
    ) -> Result<(), Refusal> {
        let Request { router, session, qos, now, .. } = *self;
        if sequence.is_none() && router.durability.journal().is_some() {
            router.durability.check(qos)?;
        }
        let ack = self.numbered(ack);
        if let Some(sequence) = sequence
            && qos != Qos::Fire
            && router.durability.hold((sequence, qos, now), &session.outbox, &ack)
        {
            return Ok(());
        }
        self.confirm(&ack);
        Ok(())
    }

    /// Confirms the request, if its sender wants that.
    pub(crate) fn acknowledge(&self, ack: Ack<'_>) {
        self.confirm(&self.numbered(ack));
    }

    #[inline]
    fn numbered<'a>(&self, mut ack: Ack<'a>) -> Ack<'a> {
        ack.correlation = self.correlation;
        ack
    }

    #[inline]
    fn confirm(&self, ack: &Ack<'_>) {
        let always = self.router.config.ack == AckPolicy::Always && !self.is_foreign();
        if (always || self.qos != Qos::Fire)
            && let Ok(frame) = Broadcast::build(|out| codec::encode_ack(ack, Qos::Fire, out))
        {
            self.session.outbox.push(&frame, Class::Reply, self.now.mono_us);
        }
    }
}
