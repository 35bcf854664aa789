//! Answers to clients that ask the local network by UDP broadcast: HELLO in, WELCOME out
//! (spec: wire.md 20, adapters.md 8).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clasp_auth::{Network, Quota, Throttle};
use clasp_protocol::message::{Features, Welcome};
use clasp_protocol::{Frame, Message, Qos, codec};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;

use crate::mdns::{Identity, cut};
use crate::reach::is_private;

/// Longest question that is read; a HELLO with a token is longer than any that is asked this way.
const QUESTION_BYTES_MAX: usize = 512;

/// Bytes of the IPv4 and UDP headers, which a datagram carries in both directions.
const HEADER_BYTES: usize = 28;

/// An answer is at most so many times as long on the wire as its question, so that nobody gains
/// much by asking in another's name.
const GAIN_MAX: usize = 3;

/// Answers to one address.
const EACH: Quota = Quota::per_seconds(10, 10);

/// Answers to all addresses.
const ALL: Quota = Quota::per_seconds(100, 1);

/// How long to wait after the socket failed.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that questions come to.
#[derive(Debug)]
pub struct Beacon(UdpSocket);

impl Beacon {
    /// Binds, beside other relays of this machine if they do it the same way: each of them gets
    /// broadcasts. Must be called inside a runtime.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn bind(address: SocketAddr) -> io::Result<Beacon> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        UdpSocket::from_std(socket.into()).map(Beacon)
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers until `stop` holds true. Only private networks and this machine are answered.
    pub async fn run(self, identity: Identity, mut stop: watch::Receiver<bool>) {
        let (each, all) = (Throttle::<Network>::new(EACH), Throttle::<()>::new(ALL));
        let began = Instant::now();
        let mut question = [0; QUESTION_BYTES_MAX];
        loop {
            let received = tokio::select! {
                received = self.0.recv_from(&mut question) => received,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let (len, from) = match received {
                Ok(received) => received,
                // An answer that came back as unreachable, usually.
                Err(error) => {
                    tracing::debug!(%error, "discovery: cannot receive");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let now_us = began.elapsed().as_micros().try_into().unwrap_or(u64::MAX);
            let is_near = is_private(from.ip()) || from.ip().to_canonical().is_loopback();
            if !is_near || from.port() == 0 {
                continue;
            }
            let Some(answer) = answer(&question[..len], &identity, unix_us()) else { continue };
            let source: IpAddr = from.ip();
            if each.take(&source.into(), now_us).is_err() || all.take(&(), now_us).is_err() {
                continue;
            }
            // What does not fit the socket's buffer is as good as lost on the way.
            let _ = self.0.try_send_to(&answer, from);
        }
    }
}

/// The answer to a datagram, if it is a question.
pub fn answer(question: &[u8], identity: &Identity, time_us: u64) -> Option<Vec<u8>> {
    let frame = Frame::parse(question).ok().filter(|frame| frame.len == question.len())?;
    let Ok(Message::Hello(_)) = codec::decode(frame.payload) else { return None };
    let bytes_max = (question.len() + HEADER_BYTES) * GAIN_MAX - HEADER_BYTES;
    let welcome = |name: &str| {
        let mut out = Vec::new();
        let message = Message::Welcome(Welcome {
            version: 1,
            features: Features::RELAY,
            time: time_us,
            session: (&*identity.id).into(),
            name: name.into(),
            token: None,
        });
        codec::encode(&message, Qos::Confirm, &mut out).ok().map(|()| out)
    };
    let room = bytes_max.checked_sub(welcome("")?.len())?;
    welcome(cut(&identity.name, room))
}

fn unix_us() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    unix.as_micros().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn identity(name: &str) -> Identity {
        Identity { name: name.into(), id: "3a0f5c8e-77ab-4f5e-9a53-5d1cb7e1c0aa".into() }
    }

    /// What every published client asks.
    fn question() -> Vec<u8> {
        HEXLOWER.decode(b"530100100101000009446973636f766572790000").unwrap()
    }

    #[test]
    fn a_hello_is_answered_with_a_welcome_that_names_the_relay() {
        let answer = answer(&question(), &identity("Studio"), 7).unwrap();
        let frame = Frame::parse(&answer).unwrap();
        assert_eq!(frame.len, answer.len());
        let Ok(Message::Welcome(welcome)) = codec::decode(frame.payload) else { panic!() };
        assert_eq!((&*welcome.name, welcome.time), ("Studio", 7));
        assert_eq!(welcome.session, identity("").id);
        assert_eq!(welcome.features, Features::RELAY);
    }

    #[test]
    fn nothing_but_one_whole_hello_is_answered() {
        let identity = identity("Studio");
        let hello = question();
        for len in 0..hello.len() {
            assert_eq!(answer(&hello[..len], &identity, 0), None, "{len} bytes");
        }
        assert_eq!(answer(&[&hello[..], b"x"].concat(), &identity, 0), None);
        let mut ping = Vec::new();
        codec::encode(&Message::Ping, Qos::Fire, &mut ping).unwrap();
        assert_eq!(answer(&ping, &identity, 0), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_asked_the_answer_is_short(
            head in 0..=20_usize,
            tail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
        ) {
            let asked = [&question()[..head], &tail].concat();
            if let Some(answer) = answer(&asked, &identity("Studio"), 0) {
                let bound = GAIN_MAX * (asked.len() + HEADER_BYTES);
                proptest::prop_assert!(answer.len() + HEADER_BYTES <= bound);
            }
        }
    }

    #[test]
    fn an_answer_is_never_much_longer_than_its_question() {
        let long = answer(&question(), &identity(&"ü".repeat(128)), 0).unwrap();
        assert!(long.len() + HEADER_BYTES <= GAIN_MAX * (question().len() + HEADER_BYTES));
        let Ok(Message::Welcome(welcome)) = codec::decode(Frame::parse(&long).unwrap().payload)
        else {
            panic!()
        };
        assert!(welcome.name.len() > 30 && welcome.name.chars().all(|c| c == 'ü'));
    }
}
