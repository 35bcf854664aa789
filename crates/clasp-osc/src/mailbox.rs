//! From the router to one client: which news it gets, how they are written, what it is answered.

use clasp_gateway::{Answer, Arrival, News, Refused};
use clasp_protocol::ErrorCode;
use clasp_protocol::message::SignalType;
use clasp_router::metrics::OscDrop;
use clasp_router::{Now, Router};
use rosc::OscType;

use crate::limits::{ERRORS_PER_SECOND_MAX, PACKET_BYTES_MAX};
use crate::memory::Memory;
use crate::namespace::Namespace;
use crate::pattern::OscPattern;
use crate::queue::Queue;
use crate::value::{Format, to_arguments};
use crate::write;

/// A subscription as the client asked for it.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: u32,
    /// The pattern as it was written.
    pub(crate) text: Box<str>,
    pub(crate) pattern: OscPattern,
    pub(crate) rate: Option<u32>,
    /// Its length, and when it ends if nothing comes; absent if it does not end.
    pub(crate) lease: Option<(u64, u64)>,
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Address of the request.
    pub(crate) what: &'static str,
    pub(crate) wish: Wish,
}

#[derive(Debug)]
pub(crate) enum Wish {
    /// The subscription of this id, to be confirmed to the client or not.
    Subscribe(u32, Confirm),
    /// The param at this address.
    Get(Box<str>),
}

/// Whether a client is told that it is subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirm {
    Yes,
    /// It has not asked in words that have an answer.
    No,
}

/// What one client is sent.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) queue: Queue,
    pub(crate) format: Format,
    pub(crate) memory: Memory,
    pub(crate) subscriptions: Vec<Subscription>,
    /// Requests by their numbers.
    pub(crate) asked: Vec<(u32, Asked)>,
    /// What is taken off addresses.
    strip: Namespace,
    /// Whether addresses elsewhere are sent as they are.
    elsewhere: bool,
    /// Whether it has asked for anything, and so expects answers.
    pub(crate) speaks: bool,
    /// Second of the monotonic clock, and errors told in it.
    errors: (u64, u32),
}

impl Mailbox {
    pub(crate) fn new(
        (strip, elsewhere): (Namespace, bool),
        format: Format,
        only_changes: bool,
    ) -> Mailbox {
        Mailbox {
            queue: Queue::default(),
            format,
            memory: Memory::new(only_changes),
            subscriptions: Vec::new(),
            asked: Vec::new(),
            strip,
            elsewhere,
            speaks: false,
            errors: (0, 0),
        }
    }

    /// Takes something that arrived for the client.
    pub(crate) fn take(&mut self, arrival: Arrival<'_>, router: &Router, now: Now) {
        match arrival {
            Arrival::News(news) => self.news(&news, router, now),
            Arrival::Answer(number, answer) => {
                let place = self.asked.iter().position(|(asked, _)| *asked == number);
                if let Some(place) = place {
                    let (_, asked) = self.asked.swap_remove(place);
                    self.answered(asked, &answer, now);
                }
            }
            Arrival::Notice(refused) => {
                let about = refused.address.clone().unwrap_or_default();
                self.refuse(&about, &refused, now);
            }
            Arrival::Other(_) => {}
        }
    }

    fn answered(&mut self, asked: Asked, answer: &Answer<'_>, now: Now) {
        match (asked.wish, answer) {
            (Wish::Subscribe(_, Confirm::No) | Wish::Get(_), Answer::Done(_)) => {}
            (Wish::Subscribe(id, Confirm::Yes), Answer::Done(_)) => {
                let Some(subscription) = self.subscriptions.iter().find(|it| it.id == id) else {
                    return;
                };
                let lease_s = subscription.lease.map_or(0, |(lease_us, _)| lease_us / 1_000_000);
                let lease_s = i32::try_from(lease_s).unwrap_or(i32::MAX);
                let arguments =
                    vec![OscType::String(subscription.text.to_string()), OscType::Int(lease_s)];
                self.answer("/clasp/subscribed", arguments);
            }
            (Wish::Subscribe(id, _), Answer::Refused(refused)) => {
                self.subscriptions.retain(|it| it.id != id);
                self.refuse(asked.what, refused, now);
            }
            (Wish::Get(_), Answer::Refused(refused)) => self.refuse(asked.what, refused, now),
        }
    }

    fn news(&mut self, news: &News<'_>, router: &Router, now: Now) {
        let address = news.address;
        let asked_for = news.state && self.asked_for(address);
        if !asked_for && !self.subscriptions.iter().any(|it| it.pattern.matches(address)) {
            return;
        }
        let counters = router.counters();
        let elsewhere = self.elsewhere && self.strip.strip(address).is_none();
        let osc = match elsewhere {
            true => Namespace::everywhere().osc(address),
            false => self.strip.osc(address),
        };
        let Some(osc) = osc else { return counters.osc_dropped(OscDrop::Unsendable) };
        // An event happens each time anew, whatever was written there.
        let held = matches!(news.signal, SignalType::Param | SignalType::Stream);
        if let (Some(value), true) = (&news.value, held) {
            let idle = self.memory.makes_idle(address, value, now.mono_us);
            if idle && !news.state {
                return;
            }
        }
        let arguments = match &news.value {
            Some(value) => to_arguments(&value.to_value(), self.format),
            None => Vec::new(),
        };
        let message = write::message(osc, arguments);
        if message.len() > PACKET_BYTES_MAX {
            return counters.osc_dropped(OscDrop::Unsendable);
        }
        if !held {
            self.queue.push(message);
        } else if self.queue.push_latest(osc, message) {
            counters.conflated();
        }
    }

    /// Whether a GET of this param is still to be answered.
    fn asked_for(&self, address: &str) -> bool {
        self.asked.iter().any(|(_, asked)| match &asked.wish {
            Wish::Get(wanted) => **wanted == *address,
            Wish::Subscribe(..) => false,
        })
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, address: &str, arguments: Vec<OscType>) {
        self.queue.push_alone(write::message(address, arguments));
    }

    /// Tells of a request that was refused, if the client listens to such, and not too often.
    pub(crate) fn refuse(&mut self, what: &str, refused: &Refused, now: Now) {
        self.error(what, (refused.code, &refused.message), now);
    }

    /// Tells of a request that cannot be understood.
    pub(crate) fn reject(&mut self, what: &str, text: &str, now: Now) {
        self.error(what, (ErrorCode::InvalidMessage.code(), text), now);
    }

    fn error(&mut self, what: &str, (code, text): (u16, &str), now: Now) {
        let second = now.mono_us / 1_000_000;
        if self.errors.0 != second {
            self.errors = (second, 0);
        }
        if self.speaks && self.errors.1 < ERRORS_PER_SECOND_MAX {
            self.errors.1 += 1;
            self.queue.push_alone(error(what, code, text));
        }
    }
}

/// The message that tells of a refusal: the request, a code of CLASP, and a sentence.
pub(crate) fn error(what: &str, code: u16, text: &str) -> Vec<u8> {
    let arguments = vec![what.into(), i32::from(code).into(), text.replace('\0', "").into()];
    write::message("/clasp/error", arguments)
}
