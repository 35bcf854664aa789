//! One client's session, from HELLO to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_protocol::codec::{self, EncodeError};
use clasp_protocol::message::{Ack, ErrorMessage, Features, Hello, SignalInfo, Subscribe};
use clasp_protocol::{ErrorCode, Frame, Message, Pattern, Qos};
use clasp_router::{
    Close, Connection, Flow, Framing, LinkInfo, Manners, Now, Outbox, Page, Router, Taken, Wake,
    Wanted,
};

use crate::news::{self, News};

/// Who wants a session.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// Where the client is; with port 0 if only a proxy knows that.
    pub remote: SocketAddr,
    /// Name of its protocol for logs and metrics.
    pub transport: &'static str,
    /// Its name for logs and operators, such as `mqtt:<client id>`.
    pub name: &'a str,
    /// Its token, in any of the relay's formats.
    pub token: Option<&'a str>,
}

/// A request, or a session, that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refused {
    /// One of [`ErrorCode`].
    pub code: u16,
    /// For a person.
    pub message: String,
    /// The address it is about.
    pub address: Option<String>,
}

impl Refused {
    /// Whether it was refused for this reason.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == code.code()
    }

    fn told(error: &ErrorMessage<'_>) -> Refused {
        let address = error.address.as_ref().map(ToString::to_string);
        Refused { code: error.code, message: error.message.to_string(), address }
    }
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<'a> {
    /// It was carried out; of a write also durable as far as its QoS promises.
    Done(Ack<'a>),
    /// Nothing happened.
    Refused(Refused),
}

/// What came for a guest.
#[derive(Debug)]
pub enum Arrival<'a> {
    /// The answer to the request with this number; exactly one for each that was asked.
    Answer(u32, Answer<'a>),
    /// A signal it is subscribed to, or the state it asked for.
    News(News<'a>),
    /// A refusal that answers no request, such as a notice of lost messages.
    Notice(Refused),
    /// Anything else, such as RESULT.
    Other(&'a Message<'a>),
}

/// What [`Guest::collect`] has left behind.
#[derive(Debug, PartialEq, Eq)]
pub enum Collected {
    /// There may be more at once: call again when there is room for it.
    More,
    /// Nothing; the next arrival wakes.
    Quiet,
    /// The router has ended the session.
    Closed(Close),
}

/// A session of the router for a client of another protocol; dropping it ends the session.
///
/// Its methods never wait. Doors call them inside [`clasp_transport`]'s `batch`, so that what they
/// cause is written out by the same thread.
///
/// [`clasp_transport`]: https://docs.rs/clasp-transport
#[derive(Debug)]
pub struct Guest {
    connection: Connection,
    /// Number of the last request.
    number: u32,
}

impl Guest {
    /// Says HELLO for a client. `wake` is called from then on when [`Guest::collect`] is due.
    ///
    /// # Errors
    /// The relay is full, or the token is missing, invalid or expired.
    pub fn enter(
        router: &Arc<Router>,
        who: &Introduction<'_>,
        wake: Arc<dyn Wake>,
        now: Now,
    ) -> Result<Guest, Refused> {
        Guest::introduce(router.connect(link(who), wake, now), who, now)
    }

    /// Says HELLO for a client that does not count against the relay's most sessions, because its
    /// door has a limit of its own.
    ///
    /// # Errors
    /// The token is missing, invalid or expired.
    pub fn enter_apart(
        router: &Arc<Router>,
        who: &Introduction<'_>,
        wake: Arc<dyn Wake>,
        now: Now,
    ) -> Result<Guest, Refused> {
        Guest::introduce(router.connect_apart(link(who), wake), who, now)
    }

    fn introduce(
        connection: Connection,
        who: &Introduction<'_>,
        now: Now,
    ) -> Result<Guest, Refused> {
        let mut guest = Guest { connection, number: 0 };
        let hello = Message::Hello(Hello {
            version: 1,
            features: Features::RELAY,
            name: who.name.into(),
            token: who.token.map(Into::into),
        });
        let mut outcome = Ok(());
        match guest.send(&hello, Qos::Fire, None, now) {
            Ok(_) => {}
            // Only a token can be that long.
            Err(error) => {
                let code = ErrorCode::Unauthorized.code();
                return Err(Refused { code, message: error.to_string(), address: None });
            }
        }
        guest.collect(now, |arrival| {
            if let Arrival::Notice(refused) = arrival {
                outcome = Err(refused);
            }
        });
        outcome.map(|()| guest)
    }

    /// Hands a request over whose answer comes with the number that is returned.
    ///
    /// # Errors
    /// The message is larger than a frame can be; nothing happened.
    pub fn ask(
        &mut self,
        message: &Message<'_>,
        durable: bool,
        now: Now,
    ) -> Result<u32, EncodeError> {
        self.number = self.number.wrapping_add(1);
        let qos = if durable { Qos::Commit } else { Qos::Confirm };
        self.send(message, qos, Some(self.number), now)?;
        Ok(self.number)
    }

    /// As [`Guest::ask`] for a SUBSCRIBE that does not begin with the present state.
    ///
    /// # Errors
    /// The message is larger than a frame can be; nothing happened.
    pub fn ask_quietly(&mut self, message: &Message<'_>, now: Now) -> Result<u32, EncodeError> {
        self.number = self.number.wrapping_add(1);
        let mut frame = Vec::new();
        codec::encode(message, Qos::Confirm, &mut frame)?;
        self.connection.receive_quietly(&frame, self.number, now);
        Ok(self.number)
    }

    /// Hands a request over that is not answered unless it is refused.
    ///
    /// # Errors
    /// The message is larger than a frame can be; nothing happened.
    pub fn tell(&mut self, message: &Message<'_>, now: Now) -> Result<(), EncodeError> {
        self.send(message, Qos::Fire, None, now).map(|_| ())
    }

    fn send(
        &mut self,
        message: &Message<'_>,
        qos: Qos,
        number: Option<u32>,
        now: Now,
    ) -> Result<Flow, EncodeError> {
        let mut frame = Vec::new();
        codec::encode(message, qos, &mut frame)?;
        Ok(match number {
            Some(number) => self.connection.receive_numbered(&frame, number, now),
            None => self.connection.receive(&frame, now),
        })
    }

    /// Reads some of the params that match a pattern, without subscribing to it.
    ///
    /// # Errors
    /// What a SUBSCRIBE with this pattern would be refused with.
    pub fn page(&mut self, wanted: &Wanted<'_>, now: Now) -> Result<Page, Refused> {
        self.connection.page(wanted, now).map_err(|error| Refused::told(&error))
    }

    /// Subscribes and is told what the journal holds after this entry, where
    /// [`Router::can_resume`] says that nothing is missing; answered like [`Guest::ask`].
    pub fn resume(&mut self, subscribe: &Subscribe<'_>, after: u64, now: Now) -> u32 {
        self.number = self.number.wrapping_add(1);
        self.connection.resume((subscribe, after), self.number, now);
        self.number
    }

    /// Whether requests may be handed over, or have to wait until what has arrived is collected or
    /// the journal has caught up; `wake` is called then. Cheap enough to ask each time.
    pub fn may_ask(&self) -> bool {
        self.connection.may_read()
    }

    /// Hands some of what has arrived to `take`, at most what the outbox held at once.
    pub fn collect(&mut self, now: Now, mut take: impl FnMut(Arrival<'_>)) -> Collected {
        let mut bytes = Vec::new();
        match self.connection.outbox().take(&mut bytes) {
            Taken::Bytes => {
                unpack(&bytes, &mut take);
                Collected::More
            }
            Taken::Pull => {
                self.connection.pull(now);
                Collected::More
            }
            Taken::Empty => Collected::Quiet,
            Taken::Close(close) => Collected::Closed(close),
        }
    }

    /// Hands all that has arrived to `take`; for doors that ask and wait for the answer.
    pub fn collect_all(&mut self, now: Now, mut take: impl FnMut(Arrival<'_>)) -> Option<Close> {
        loop {
            match self.collect(now, &mut take) {
                Collected::More => {}
                Collected::Quiet => return None,
                Collected::Closed(close) => return Some(close),
            }
        }
    }

    /// The signals announced so far that match and that the guest may see, as many as a RESULT of
    /// so many bytes holds; with unit, range and description, which RESULT leaves out.
    pub fn announced(
        &self,
        pattern: &Pattern,
        bytes_max: usize,
        now: Now,
    ) -> Vec<SignalInfo<'static>> {
        self.connection.announced(pattern, bytes_max, now)
    }

    /// Produces more after [`Taken::Pull`], for doors that empty the outbox themselves.
    pub fn pull(&mut self, now: Now) {
        self.connection.pull(now);
    }

    /// Whom its token was issued to.
    pub fn subject(&self) -> Option<&str> {
        self.connection.subject()
    }

    /// Whether the guest's scopes let it write to an address; rules may still refuse it.
    pub fn may_write(&self, address: &str) -> bool {
        self.connection.may_write(address)
    }

    /// Addresses of params that match, that a GET would show and that are wanted; at most so many,
    /// in no particular order. For requests that name several params at once.
    pub fn find(
        &self,
        pattern: &Pattern,
        (wanted, count_max): (&dyn Fn(&str) -> bool, usize),
        now: Now,
    ) -> Vec<Arc<str>> {
        self.connection.find(pattern, (wanted, count_max), now)
    }

    /// The revision of its last SET that was carried out, known as soon as the SET is handed over;
    /// 0 before the first.
    pub fn last_revision(&self) -> u64 {
        self.connection.last_revision()
    }

    /// Where the client is, as it was introduced.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.connection.link().map(|link| link.remote)
    }

    /// Session id, a UUID in 36 characters.
    pub fn session_id(&self) -> &str {
        self.connection.session_id().unwrap_or_default()
    }

    /// The queue towards this guest.
    pub fn outbox(&self) -> &Arc<Outbox> {
        self.connection.outbox()
    }

    /// Ends the session.
    pub fn leave(mut self, now: Now) {
        self.connection.leave(now);
    }
}

/// What the router is told of a client.
fn link(who: &Introduction<'_>) -> LinkInfo {
    LinkInfo {
        framing: Framing::Bare,
        remote: who.remote,
        transport: who.transport,
        manners: Manners::Foreign,
    }
}

/// Reads frames back to back, as the router wrote them.
pub fn unpack(mut bytes: &[u8], take: &mut impl FnMut(Arrival<'_>)) {
    while let Ok(frame) = Frame::parse(bytes) {
        if let Ok(message) = codec::decode(frame.payload) {
            sort(&message, frame.qos, take);
        }
        bytes = &bytes[frame.len..];
    }
}

fn sort(message: &Message<'_>, qos: Qos, take: &mut impl FnMut(Arrival<'_>)) {
    match message {
        Message::Ack(ack) => match ack.correlation {
            Some(number) => take(Arrival::Answer(number, Answer::Done(ack.clone()))),
            None => take(Arrival::Other(message)),
        },
        Message::Error(error) => match error.correlation {
            Some(number) => {
                take(Arrival::Answer(number, Answer::Refused(Refused::told(error))));
            }
            None => take(Arrival::Notice(Refused::told(error))),
        },
        Message::Set(_) | Message::Publish(_) | Message::Snapshot(_) | Message::Bundle(_) => {
            news::each(message, qos, &mut |news| take(Arrival::News(news)));
        }
        other => take(Arrival::Other(other)),
    }
}
