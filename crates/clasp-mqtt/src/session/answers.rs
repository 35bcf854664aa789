//! What the router answers.

use clasp_gateway::{Answer, Arrival};
use clasp_router::{Close, Now, Taken};

use super::{Session, Told, Waiting, tell};
use crate::door::Door;
use crate::packet::{Fault, PacketType};
use crate::publish::Refusal;
use crate::reason;

/// What was collected for a client.
#[derive(Debug)]
pub(crate) enum Collected {
    /// Something to write.
    Bytes,
    /// Nothing; the next arrival wakes.
    Nothing,
    /// The router has more: [`Session::pull`], then again.
    Pull,
    /// The router has ended the session.
    Closed(Close),
    /// The client has to go.
    Fault(Fault),
}

impl Session {
    /// Appends what has come for the client to `out`.
    pub(crate) fn collect(&mut self, door: &Door, out: &mut Vec<u8>, now: Now) -> Collected {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match self.guest.outbox().take(&mut bytes) {
                Taken::Bytes => {}
                Taken::Empty => return Collected::Nothing,
                Taken::Pull => return Collected::Pull,
                Taken::Close(close) => return Collected::Closed(close),
            }
            if let Err(fault) = self.translate(door, &bytes, out, now) {
                return Collected::Fault(fault);
            }
            if !out.is_empty() {
                return Collected::Bytes;
            }
        }
    }

    /// Appends what the router has for the client already.
    pub(super) fn catch_up(
        &mut self,
        door: &Door,
        out: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        match self.guest.outbox().take(&mut bytes) {
            Taken::Bytes => self.translate(door, &bytes, out, now),
            _ => Ok(()),
        }
    }

    /// Turns frames of the router into packets.
    pub(crate) fn translate(
        &mut self,
        door: &Door,
        frames: &[u8],
        out: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), Fault> {
        if self.plain && tell::from_cache(door, frames, self.client.version, out) {
            return Ok(());
        }
        let start = out.len();
        let mut outcome = Ok(());
        // What such sessions are told is the same for all of them.
        let mut alike = self.plain;
        clasp_gateway::unpack(frames, &mut |arrival| {
            if outcome.is_err() {
                return;
            }
            match arrival {
                Arrival::News(news) => {
                    alike &= !news.state;
                    tell::with_news(door, &news, |told| {
                        alike &= !told.topic.starts_with('$');
                        self.tell(door, told, out, now);
                    });
                }
                Arrival::Answer(number, answer) => {
                    alike = false;
                    outcome = self.answered(door, number, answer, (out, now));
                }
                Arrival::Notice(refused) => {
                    let session = self.guest.session_id();
                    tracing::debug!(session, "the router says: {refused}");
                    alike = false;
                }
                Arrival::Other(_) => alike = false,
            }
        });
        if alike {
            tell::to_cache(door, frames, self.client.version, &out[start..]);
        }
        outcome
    }

    /// What the answer with this number is for.
    fn waited_for(&mut self, number: u32) -> Option<Waiting> {
        let waiting = &mut self.passing.as_mut()?.waiting;
        let place = waiting.iter().position(|(asked, _)| *asked == number)?;
        waiting.remove(place).map(|(_, waiting)| waiting)
    }

    fn answered(
        &mut self,
        door: &Door,
        number: u32,
        answer: Answer<'_>,
        (out, now): (&mut Vec<u8>, Now),
    ) -> Result<(), Fault> {
        let Some(waiting) = self.waited_for(number) else { return Ok(()) };
        let outcome = match answer {
            Answer::Done(_) => Ok(()),
            Answer::Refused(refused) => {
                Err(Refusal::new(reason::of_code(refused.code), refused.message))
            }
        };
        match waiting {
            Waiting::Publish { id, qos, echo } => match outcome {
                Ok(()) => {
                    match qos {
                        0 => {}
                        1 => self.answer((PacketType::Puback, id), reason::SUCCESS, "", out),
                        _ => self.answer((PacketType::Pubrec, id), reason::SUCCESS, "", out),
                    }
                    if let Some(message) = echo {
                        Told::with_own(&message, self.serial, |told| {
                            self.tell(door, told, out, now);
                        });
                    }
                }
                Err(refusal) => return self.refuse(door, (id, qos), &refusal, out),
            },
            Waiting::Subscribe { serial, place } => {
                self.granted(serial, place, outcome.map_err(|refusal| refusal.reason));
                self.finish_subscribing(door, out, now);
            }
            Waiting::Unsubscribe { id, codes } => self.unsubscribed(id, &codes, out),
        }
        Ok(())
    }
}
