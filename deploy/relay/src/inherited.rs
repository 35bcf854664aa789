//! Listening sockets that the service manager opened and hands over (systemd's socket activation:
//! LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES).

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use listenfd::ListenFd;

/// The names that sockets may have: those of the doors.
const NAMES: [&str; 7] =
    ["websocket", "auth", "health", "metrics", "oscquery", "rendezvous", "tcp"];

/// Sockets that wait for their doors.
#[derive(Debug, Clone, Default)]
pub struct Inherited(Arc<Mutex<Vec<(String, TcpListener)>>>);

impl Inherited {
    /// Takes over what the service manager passed to this process. To be called once, before there
    /// are other threads.
    ///
    /// # Errors
    /// A socket is no TCP listener, or there is no door of its name.
    pub fn from_environment() -> Result<Inherited, String> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        let count = passed.len();
        let mut sockets: Vec<(String, TcpListener)> = Vec::new();
        for (index, name) in named(&names, count)?.into_iter().enumerate() {
            if sockets.iter().any(|(known, _)| *known == name) {
                return Err(format!("socket activation: there are two sockets named {name}"));
            }
            let socket = passed.take_tcp_listener(index).map_err(|error| {
                format!("socket activation: {name} is no listening TCP socket: {error}")
            })?;
            sockets.extend(socket.map(|socket| (name, socket)));
        }
        Ok(Inherited(Arc::new(Mutex::new(sockets))))
    }

    /// The socket of a door, if one was passed; each can be taken once.
    pub(crate) fn take(&self, door: &str) -> Option<TcpListener> {
        let mut sockets = self.0.lock().expect("no holder panics");
        let place = sockets.iter().position(|(name, _)| name.eq_ignore_ascii_case(door))?;
        Some(sockets.swap_remove(place).1)
    }

    /// Sockets that no door has taken.
    pub(crate) fn left(&self) -> Vec<String> {
        let sockets = self.0.lock().expect("no holder panics");
        sockets.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// The door of each socket. A single one needs no name.
fn named(names: &str, count: usize) -> Result<Vec<String>, String> {
    let names: Vec<&str> = names.split(':').collect();
    let name = |index: usize| names.get(index).copied().unwrap_or_default();
    if count == 1 && !NAMES.contains(&name(0)) {
        return Ok(vec![NAMES[0].to_owned()]);
    }
    let each = (0..count).map(|index| match name(index) {
        known if NAMES.contains(&known) => Ok(known.to_owned()),
        other => Err(format!(
            "socket activation: socket {} is named {other:?}; name each with FileDescriptorName=, \
             one of {}",
            index + 1,
            NAMES.join(", ")
        )),
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_socket_is_for_websockets_whatever_its_unit_is_called() {
        for names in ["", "unknown", "clasp-relay.socket", "websocket"] {
            assert_eq!(named(names, 1).unwrap(), ["websocket"]);
        }
        assert_eq!(named("auth", 1).unwrap(), ["auth"]);
    }

    #[test]
    fn several_sockets_need_names() {
        assert_eq!(named("auth:websocket", 2).unwrap(), ["auth", "websocket"]);
        assert!(named("websocket:clasp-relay.socket", 2).unwrap_err().contains("socket 2"));
        assert!(named("", 2).is_err());
        assert!(named("", 0).unwrap().is_empty());
    }
}
