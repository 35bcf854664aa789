//! A client that writes to addresses of its own for as long as its relay is there, and what it was
//! promised.

use std::collections::{BTreeMap, VecDeque};

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};

use crate::client::{Client, State, bundle, decoded, integer};

/// Addresses of a writer for each QoS.
const ADDRESSES: usize = 10;

/// Requests that a writer has under way.
const WINDOW: usize = 16;

/// What the test knows of one address, which only one client writes. Values count the writes.
#[derive(Debug, Clone, Default)]
struct Written {
    sent: i64,
    /// Value and revision of the last confirmed write.
    confirmed: Option<(i64, u64)>,
    /// Values that wait for their ACK.
    waiting: VecDeque<i64>,
}

/// One client's addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    number: usize,
    written: BTreeMap<String, Written>,
    pairs: i64,
}

impl Writer {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Writes that were sent, bundles left out.
    pub(crate) fn sent(&self) -> i64 {
        self.written.values().map(|it| it.sent).sum()
    }

    /// Writes until the relay has gone.
    pub(crate) async fn write(mut self, mut client: Client) -> Self {
        for written in self.written.values_mut() {
            written.waiting.clear();
        }
        let (mut turn, mut waiting) = (0, 0);
        loop {
            while waiting < WINDOW {
                turn += 1;
                let Some(answers) = self.request(&mut client, turn).await else { return self };
                waiting += answers;
            }
            let Some(payload) = client.try_next().await else { return self };
            waiting -= self.take(&payload);
        }
    }

    /// Sends a request; how many answers come, or none if the relay has gone.
    async fn request(&mut self, client: &mut Client, turn: usize) -> Option<usize> {
        let number = self.number;
        if turn.is_multiple_of(7) {
            self.pairs += 1;
            let addresses = [format!("/pair/{number}/a"), format!("/pair/{number}/b")];
            let bundle = bundle(&[&addresses[0], &addresses[1]], self.pairs);
            return client.try_send(&bundle, Qos::Fire).await.then_some(0);
        }
        let (name, qos) =
            if turn.is_multiple_of(2) { ("sure", Qos::Commit) } else { ("fast", Qos::Confirm) };
        let address = format!("/{name}/{number}/{}", turn / 2 % ADDRESSES);
        let written = self.written.entry(address.clone()).or_default();
        written.sent += 1;
        written.waiting.push_back(written.sent);
        let set = Message::Set(Set::new(address, RawValue::int(written.sent)));
        client.try_send(&set, qos).await.then_some(1)
    }

    /// Notes a confirmation; how many requests it answers.
    fn take(&mut self, payload: &[u8]) -> usize {
        match decoded(payload) {
            Message::Ack(ack) => {
                let Some(written) = ack.address.and_then(|at| self.written.get_mut(&*at)) else {
                    return 0;
                };
                let value = written.waiting.pop_front().expect("an ACK for a request");
                written.confirmed = Some((value, ack.revision.unwrap()));
                1
            }
            Message::Error(error) => panic!("{error:?}"),
            _ => 0,
        }
    }

    /// Compares with what came back; how many writes of QoS 1 that were confirmed are lost.
    pub(crate) fn compare(&mut self, state: &State) -> i64 {
        let mut lost = 0;
        for (address, written) in &mut self.written {
            let found = state.get(address).map(|it| (integer(&it.value), it.revision));
            let (value, revision) = found.unwrap_or((0, 0));
            assert!(value <= written.sent, "{address}: nobody wrote {value}");
            let (confirmed, promised) = written.confirmed.unwrap_or((0, 0));
            if address.starts_with("/sure/") {
                assert!(
                    value >= confirmed,
                    "{address}: {confirmed} was confirmed, {value} is here"
                );
                assert!(revision >= promised, "{address}: revision {promised} became {revision}");
            } else {
                lost += (confirmed - value).max(0);
            }
            if revision == promised {
                assert_eq!(value, confirmed, "{address} at revision {revision}");
            }
            // Whatever came back has been stored, so it comes back next time, too.
            written.confirmed = found;
        }
        let pair = |name| state.get(&format!("/pair/{}/{name}", self.number));
        match (pair("a"), pair("b")) {
            (Some(a), Some(b)) => {
                assert_eq!(integer(&a.value), integer(&b.value), "half a bundle");
                assert_eq!(a.revision, b.revision, "half a bundle");
            }
            (None, None) => {}
            half => panic!("half a bundle: {half:?}"),
        }
        lost
    }
}
