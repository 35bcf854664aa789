//! One connection: bytes to packets and back, from CONNECT to the end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use clasp_router::{Close, Now, Taken, Wake};
use clasp_transport::{Departure, Dismissal, Received, Talk, checkpoint, clock};
use parking_lot::Mutex;

use crate::clients::{Bell, Key};
use crate::connect::{self, Admitted, Caller, Denied};
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

/// One connection.
pub(crate) struct Conversation {
    door: Arc<Door>,
    remote: SocketAddr,
    wake: Arc<dyn Wake>,
    me: Weak<Conversation>,
    /// Seconds of silence that the client may take; 0 for what the listener allows.
    silence_s: AtomicU32,
    state: Mutex<State>,
}

struct State {
    /// What is to be written before anything else.
    out: Vec<u8>,
    stage: Stage,
}

enum Stage {
    /// CONNECT has not come.
    Fresh,
    /// The client has a session.
    Open(Box<Opened>),
    /// It has none any more.
    Over,
}

struct Opened {
    session: Box<Session>,
    key: Arc<Key>,
    bell: Option<Arc<Bell>>,
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation").field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl Conversation {
    pub(crate) fn open(
        door: Arc<Door>,
        remote: SocketAddr,
        wake: Arc<dyn Wake>,
    ) -> Arc<Conversation> {
        let state = Mutex::new(State { out: Vec::new(), stage: Stage::Fresh });
        let silence_s = AtomicU32::new(0);
        Arc::new_cyclic(|me| Conversation {
            door,
            remote,
            wake,
            me: Weak::clone(me),
            silence_s,
            state,
        })
    }

    fn wake(&self) {
        Arc::clone(&self.wake).wake();
    }

    /// Takes the session away from this connection, which ends.
    pub(crate) fn evict(&self, reason: u8) -> Option<Box<Session>> {
        let session = {
            let mut state = self.state.lock();
            let opened = state.close(reason, "the client has connected anew")?;
            opened.hush();
            opened.session
        };
        self.wake();
        Some(session)
    }

    /// Once a second, if there is anything to do: `$SYS`, and what is to be stored.
    pub(crate) fn tick(&self, tells: bool, now: Now) {
        let mut state = self.state.lock();
        let State { out, stage: Stage::Open(opened) } = &mut *state else { return };
        let session = &mut opened.session;
        if session.expiry_s > 0 && session.dirty && self.door.clients.is_stored() {
            session.dirty = false;
            let until_s = now.unix_us / 1_000_000 + u64::from(session.expiry_s);
            let written = store::write(session, until_s);
            self.door.clients.note(&opened.key, Some(written));
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
            if let Stage::Open(opened) = &state.stage
                && received.used > 0
                && !opened.session.may_receive(&self.door)
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
            Stage::Open(opened) => {
                let session = &mut opened.session;
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
        let turned_away = |version: Version, denied: &Denied, out: &mut Vec<u8>| {
            tracing::debug!(remote = %self.remote, "MQTT client refused: {}", denied.text);
            connect::turn_away(version, denied, out);
            true
        };
        let connect = match Connect::read(body) {
            Ok(connect) => connect,
            Err(ConnectFault::Version(level)) => {
                let version = if level > 4 { Version::V5 } else { Version::V311 };
                let text = "the relay speaks MQTT 3.1, 3.1.1 and 5".to_owned();
                let denied = Denied { reason: reason::VERSION, text };
                return turned_away(version, &denied, &mut state.out);
            }
            Err(ConnectFault::Broken(Some(Version::V5), fault)) => {
                let denied = Denied { reason: fault.reason, text: fault.text.to_owned() };
                return turned_away(Version::V5, &denied, &mut state.out);
            }
            Err(ConnectFault::Broken(_, fault)) => {
                tracing::debug!(remote = %self.remote, "a CONNECT is no use: {}", fault.text);
                return true;
            }
        };
        let conversation = Weak::clone(&self.me);
        let caller = Caller { remote: self.remote, wake: &self.wake, conversation };
        match connect::admit(&self.door, &connect, &caller, &mut state.out, now) {
            Ok(Admitted { session, key, bell, silence_s }) => {
                let id = session.guest.session_id();
                let client = &key.client;
                let remote = self.remote;
                tracing::info!(%remote, session = id, "MQTT client {client:?} has joined");
                self.silence_s.store(silence_s, Ordering::Relaxed);
                state.stage = Stage::Open(Box::new(Opened { session, key, bell }));
                false
            }
            Err(denied) => turned_away(connect.version, &denied, &mut state.out),
        }
    }

    /// Ends the session, or keeps it without its connection.
    fn part(&self, state: &mut State, now: Now) {
        if let Stage::Open(opened) = std::mem::replace(&mut state.stage, Stage::Over) {
            opened.hush();
            self.door.part(&opened.key, opened.session, now);
        }
    }

    /// Ends the conversation for what the client has done.
    fn fail(&self, state: &mut State, fault: Fault, now: Now) {
        tracing::debug!(remote = %self.remote, "MQTT client cut off: {fault}");
        if let Some(opened) = state.close(fault.reason, fault.text) {
            opened.hush();
            self.door.part(&opened.key, opened.session, now);
        }
    }
}

enum Step {
    /// So many bytes are done with.
    Used(usize),
    /// So many are needed in all; 0 if that is not known.
    Needs(usize),
}

impl Opened {
    fn hush(&self) {
        if let Some(bell) = &self.bell {
            bell.hush();
        }
    }
}

impl State {
    /// Says goodbye with this reason; the session if there was one.
    fn close(&mut self, reason: u8, text: &str) -> Option<Opened> {
        let Stage::Open(opened) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return None;
        };
        farewell(&opened.session, reason, text, &mut self.out);
        Some(*opened)
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
            Stage::Open(opened) => opened.session.may_receive(&self.door),
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
        let Stage::Open(opened) = stage else {
            return match stage {
                Stage::Fresh => Taken::Empty,
                _ => Taken::Close(Close::new(1000, "")),
            };
        };
        let now = clock::now();
        match opened.session.collect(&self.door, into, now) {
            Collected::Bytes => Taken::Bytes,
            Collected::Nothing => {
                *into = Vec::new();
                Taken::Empty
            }
            Collected::Pull => Taken::Pull,
            Collected::Closed(close) => {
                let reason = reason::of_close(close.code, &close.reason);
                farewell(&opened.session, reason, &close.reason, into);
                opened.session.expiry_s = 0;
                Taken::Close(close)
            }
            Collected::Fault(fault) => {
                farewell(&opened.session, fault.reason, fault.text, into);
                Taken::Close(Close::new(1008, fault.text))
            }
        }
    }

    fn pull(&self, now: Now) {
        if let Stage::Open(opened) = &mut self.state.lock().stage {
            opened.session.guest.pull(now);
        }
    }

    fn established(&self) -> bool {
        !matches!(self.state.lock().stage, Stage::Fresh)
    }

    fn silence_max_s(&self) -> Option<u32> {
        match self.silence_s.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(seconds),
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
        if let Some(opened) = state.close(reason, text) {
            opened.hush();
            self.door.part(&opened.key, opened.session, now);
        }
        state.stage = Stage::Over;
        drop(state);
        self.wake();
    }

    fn leave(&self, how: Departure, now: Now) {
        let mut state = self.state.lock();
        tracing::debug!(remote = %self.remote, "an MQTT connection is over: {how:?}");
        self.part(&mut state, now);
        state.out = Vec::new();
    }
}
