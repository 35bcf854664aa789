//! One connection: bytes to packets and back, from CONNECT to the end.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use clasp_router::{Close, Now, Taken, Wake};
use clasp_transport::{Departure, Dismissal, Received, Talk, checkpoint, clock};
use parking_lot::Mutex;
use tracing::field::display;

use crate::connect::{self, Caller, Denied};
use crate::door::Door;
use crate::packet::{
    Connect, ConnectFault, Fault, Header, Packet, PacketType, Property, PropertyWriter, Version,
    write,
};
use crate::reason;
use crate::session::{Collected, Next, Session};
use crate::store;

/// Packets of one read after which receivers are served, so that a burst that came in one read does
/// not make them look slow.
const PACKETS_PER_FLUSH: u32 = 256;

/// One connection. As small as it can be, since there is one per client.
pub(crate) struct Conversation {
    door: Arc<Door>,
    wake: Arc<dyn Wake>,
    state: Mutex<State>,
}

struct State {
    /// What is to be written before anything else.
    out: Vec<u8>,
    stage: Stage,
}

enum Stage {
    /// CONNECT has not come.
    Fresh(Box<Newcomer>),
    /// The client has a session.
    Open(Box<Session>),
    /// It has none any more.
    Over,
}

/// What is needed for CONNECT only.
struct Newcomer {
    remote: SocketAddr,
    me: Weak<Conversation>,
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation").finish_non_exhaustive()
    }
}

impl Conversation {
    pub(crate) fn open(
        door: Arc<Door>,
        remote: SocketAddr,
        wake: Arc<dyn Wake>,
    ) -> Arc<Conversation> {
        Arc::new_cyclic(|me| {
            let stage = Stage::Fresh(Box::new(Newcomer { remote, me: Weak::clone(me) }));
            Conversation { door, wake, state: Mutex::new(State { out: Vec::new(), stage }) }
        })
    }

    fn wake(&self) {
        Arc::clone(&self.wake).wake();
    }

    /// Takes the session away from this connection, which ends.
    pub(crate) fn evict(&self, reason: u8) -> Option<Box<Session>> {
        let session = self.state.lock().close(reason, "the client has connected anew")?;
        self.wake();
        Some(session)
    }

    /// Once a second, if there is anything to do: `$SYS`, and what is to be stored.
    pub(crate) fn tick(&self, tells: bool, now: Now) {
        let mut state = self.state.lock();
        let State { out, stage: Stage::Open(session) } = &mut *state else { return };
        if session.kept.expiry_s > 0 && session.dirty && self.door.clients.is_stored() {
            session.dirty = false;
            let until_s = now.unix_us / 1_000_000 + u64::from(session.kept.expiry_s);
            let written = store::write(session, until_s);
            self.door.clients.note(&session.key, Some(written));
        }
        if tells {
            session.tell_system(&self.door, false, out, now);
            if !out.is_empty() {
                drop(state);
                self.wake();
            }
        }
    }

    /// Takes some packets; whether there are more to take at once.
    fn some(&self, input: &[u8], received: &mut Received, now: Now) -> bool {
        let mut state = self.state.lock();
        let mut more = false;
        for count in 0.. {
            if received.used >= input.len() || matches!(state.stage, Stage::Over) {
                break;
            }
            if let Stage::Open(session) = &state.stage
                && received.used > 0
                && !session.may_receive(&self.door)
            {
                break;
            }
            if count >= PACKETS_PER_FLUSH {
                more = true;
                break;
            }
            match self.step(&mut state, &input[received.used..], now) {
                Ok(Step::Used(bytes)) => received.used += bytes,
                Ok(Step::Needs(bytes)) => {
                    received.needed = bytes;
                    break;
                }
                Err(fault) => {
                    self.fail(&mut state, fault, now);
                    state.stage = Stage::Over;
                }
            }
        }
        if matches!(state.stage, Stage::Over) {
            *received = Received { used: input.len(), needed: 0, open: false };
        }
        if !state.out.is_empty() {
            drop(state);
            self.wake();
        }
        more
    }

    /// Reads one packet from the start of `input`.
    fn step(&self, state: &mut State, input: &[u8], now: Now) -> Result<Step, Fault> {
        let Some(header) = Header::read(input)? else { return Ok(Step::Needs(0)) };
        let limits = &self.door.config.limits;
        let (most, is_open) = match state.stage {
            Stage::Open(_) => (limits.packet_bytes_max, true),
            _ => (limits.connect_bytes_max, false),
        };
        if header.total() > most {
            return Err(Fault { reason: reason::TOO_LARGE, text: "the packet is too large" });
        }
        if !is_open && header.kind != PacketType::Connect {
            return Err(Fault::protocol("the first packet is not CONNECT"));
        }
        let Some(body) = input.get(header.bytes..header.total()) else {
            return Ok(Step::Needs(header.total()));
        };
        let State { out, stage } = state;
        let over = match stage {
            Stage::Open(session) => {
                let packet = Packet::read(&header, body, session.client.version)?;
                session.handle(&self.door, &packet, out, now)? == Next::Over
            }
            _ => self.connect(state, body, now),
        };
        if over {
            self.part(state, now);
        }
        Ok(Step::Used(header.total()))
    }

    /// Takes CONNECT; whether that is the end already.
    fn connect(&self, state: &mut State, body: &[u8], now: Now) -> bool {
        let State { out, stage } = state;
        let Stage::Fresh(newcomer) = stage else { return true };
        let remote = newcomer.remote;
        let turned_away = |version: Version, denied: &Denied, out: &mut Vec<u8>| {
            tracing::debug!(%remote, "MQTT client refused: {}", denied.text);
            connect::turn_away(version, denied, out);
            true
        };
        let connect = match Connect::read(body) {
            Ok(connect) => connect,
            Err(ConnectFault::Version(level)) => {
                let version = if level > 4 { Version::V5 } else { Version::V311 };
                let text = "the relay speaks MQTT 3.1, 3.1.1 and 5".to_owned();
                let denied = Denied { reason: reason::VERSION, text };
                return turned_away(version, &denied, out);
            }
            Err(ConnectFault::Broken(Some(Version::V5), fault)) => {
                let denied = Denied { reason: fault.reason, text: fault.text.to_owned() };
                return turned_away(Version::V5, &denied, out);
            }
            Err(ConnectFault::Broken(_, fault)) => {
                tracing::debug!(%remote, "a CONNECT is no use: {}", fault.text);
                return true;
            }
        };
        let caller = Caller { remote, wake: &self.wake, conversation: &newcomer.me };
        match connect::admit(&self.door, &connect, &caller, out, now) {
            Ok(session) => {
                let id = session.guest.session_id();
                let client = &session.key.client;
                tracing::info!(%remote, session = id, "MQTT client {client:?} has joined");
                *stage = Stage::Open(session);
                false
            }
            Err(denied) => turned_away(connect.version, &denied, out),
        }
    }

    /// Ends the session, or keeps it without its connection.
    fn part(&self, state: &mut State, now: Now) {
        if let Stage::Open(session) = std::mem::replace(&mut state.stage, Stage::Over) {
            let remote = session.guest.remote().map(display);
            tracing::debug!(remote, "MQTT client {:?} has left", session.key.client);
            self.door.part(session, now);
        }
    }

    /// Ends the conversation for what the client has done.
    fn fail(&self, state: &mut State, fault: Fault, now: Now) {
        let remote = state.remote().map(display);
        tracing::debug!(remote, "MQTT client cut off: {fault}");
        if let Some(session) = state.close(fault.reason, fault.text) {
            self.door.part(session, now);
        }
    }
}

enum Step {
    /// So many bytes are done with.
    Used(usize),
    /// So many are needed in all; 0 if that is not known.
    Needs(usize),
}

impl State {
    /// Says goodbye with this reason; the session if there was one.
    fn close(&mut self, reason: u8, text: &str) -> Option<Box<Session>> {
        let Stage::Open(session) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return None;
        };
        farewell(&session, reason, text, &mut self.out);
        Some(session)
    }

    /// Where the client is, as long as that matters.
    fn remote(&self) -> Option<SocketAddr> {
        match &self.stage {
            Stage::Fresh(newcomer) => Some(newcomer.remote),
            Stage::Open(session) => session.guest.remote(),
            Stage::Over => None,
        }
    }
}

/// DISCONNECT, which only MQTT 5 has.
fn farewell(session: &Session, reason: u8, text: &str, out: &mut Vec<u8>) {
    if session.client.version != Version::V5 {
        return;
    }
    let mut properties = PropertyWriter::default();
    if !text.is_empty() && session.client.wants_reasons {
        properties.text(Property::ReasonString, text);
    }
    write(PacketType::Disconnect, &[reason], Some(&properties), &[], out);
}

impl Talk for Conversation {
    fn receive(&self, input: &[u8], now: Now) -> Received {
        let mut received = Received { used: 0, needed: 0, open: true };
        while self.some(input, &mut received, now) {
            checkpoint();
        }
        received
    }

    fn may_receive(&self) -> bool {
        match &self.state.lock().stage {
            Stage::Open(session) => session.may_receive(&self.door),
            _ => true,
        }
    }

    fn take(&self, into: &mut Vec<u8>) -> Taken {
        let mut state = self.state.lock();
        let State { out, stage } = &mut *state;
        if !out.is_empty() {
            // No buffer stays with an idle session.
            *into = std::mem::take(out);
            return Taken::Bytes;
        }
        let Stage::Open(session) = stage else {
            return match stage {
                Stage::Fresh(_) => Taken::Empty,
                _ => Taken::Close(Close::new(1000, "")),
            };
        };
        let now = clock::now();
        match session.collect(&self.door, into, now) {
            Collected::Bytes => Taken::Bytes,
            Collected::Nothing => {
                *into = Vec::new();
                Taken::Empty
            }
            Collected::Pull => Taken::Pull,
            Collected::Closed(close) => {
                let reason = reason::of_close(close.code, &close.reason);
                farewell(session, reason, &close.reason, into);
                session.kept.expiry_s = 0;
                Taken::Close(close)
            }
            Collected::Fault(fault) => {
                farewell(session, fault.reason, fault.text, into);
                Taken::Close(Close::new(1008, fault.text))
            }
        }
    }

    fn pull(&self, now: Now) {
        if let Stage::Open(session) = &mut self.state.lock().stage {
            session.guest.pull(now);
        }
    }

    fn established(&self) -> bool {
        !matches!(self.state.lock().stage, Stage::Fresh(_))
    }

    fn silence_max_s(&self) -> Option<u32> {
        match &self.state.lock().stage {
            Stage::Open(session) => session.client.silence_max_s(),
            _ => None,
        }
    }

    fn dismiss(&self, why: Dismissal, now: Now) {
        let (reason, text) = match why {
            Dismissal::Shutdown => (reason::SHUTTING_DOWN, "the relay ends"),
            Dismissal::Silent | Dismissal::Late => {
                (reason::KEEP_ALIVE, "nothing came for too long")
            }
        };
        let mut state = self.state.lock();
        if let Some(session) = state.close(reason, text) {
            self.door.part(session, now);
        }
        state.stage = Stage::Over;
        drop(state);
        self.wake();
    }

    fn leave(&self, how: Departure, now: Now) {
        let mut state = self.state.lock();
        let remote = state.remote().map(display);
        tracing::debug!(remote, "an MQTT connection is over: {how:?}");
        self.part(&mut state, now);
        state.out = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Place;
    use crate::session::Subscription;

    /// The system's allocator adds 8 bytes to each allocation and rounds up to a multiple of 16; a
    /// shared one has 16 bytes for its counts.
    #[test]
    fn what_every_session_costs_does_not_grow() {
        assert!(size_of::<Conversation>() <= 72, "{}", size_of::<Conversation>());
        assert!(size_of::<Session>() <= 168, "{}", size_of::<Session>());
        assert!(size_of::<Subscription>() <= 56, "{}", size_of::<Subscription>());
        assert!(size_of::<Place>() <= 24, "{}", size_of::<Place>());
    }
}
