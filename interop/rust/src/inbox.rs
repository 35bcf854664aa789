//! Published clients with known points of order: after `settle` everything sent before is done.

use std::sync::Arc;

use clasp_client::prelude::{Clasp, Value};
use tokio::sync::{Notify, mpsc};

use crate::{JOINED, READY, Relay, within};

const INBOX_DELIVERIES_MAX: usize = 4_096;

/// What one subscription heard, in order; parameters of the harness itself are left out.
pub struct Inbox {
    deliveries: mpsc::Receiver<(String, Value)>,
}

impl Inbox {
    /// The next delivery.
    pub async fn next(&mut self) -> (String, Value) {
        within("a delivery", self.deliveries.recv()).await.expect("the client keeps its callbacks")
    }

    /// The next delivery, which has to be this one.
    pub async fn expect(&mut self, address: &str, value: impl Into<Value>) {
        assert_eq!(self.next().await, (address.to_owned(), value.into()));
    }

    /// Everything heard before the delivery at `address`, which is taken too.
    pub async fn until(&mut self, address: &str) -> Vec<(String, Value)> {
        let mut before = Vec::new();
        loop {
            let delivery = self.next().await;
            if delivery.0 == address {
                return before;
            }
            before.push(delivery);
        }
    }

    /// What has arrived and was not taken yet.
    pub fn pending(&mut self) -> Vec<(String, Value)> {
        std::iter::from_fn(|| self.deliveries.try_recv().ok()).collect()
    }
}

/// Connects a client and waits until it has taken in the relay's initial snapshot.
pub async fn connect(relay: &Relay) -> Clasp {
    let client =
        within("WELCOME", Clasp::connect_to(&relay.url())).await.expect("the relay accepts us");
    within("the initial snapshot", client.get(JOINED)).await.expect("the relay holds JOINED");
    client
}

/// The same with a token, and without coming back when the session ends.
pub async fn enter(relay: &Relay, token: &str) -> Clasp {
    let connecting = Clasp::builder(&relay.url()).token(token).reconnect(false).connect();
    let client = within("WELCOME", connecting).await.expect("the relay accepts the token");
    within("the initial snapshot", client.get(JOINED)).await.expect("the relay holds JOINED");
    client
}

/// Subscribes and waits until the subscription is in force; not for patterns that match
/// `/interop/ready`.
pub async fn listen(client: &Clasp, pattern: &str) -> Inbox {
    let inbox = subscribe(client, pattern).await.1;
    settle(client).await;
    inbox
}

/// Waits until the relay has answered everything that this client sent so far.
pub async fn settle(client: &Clasp) {
    let answered = Arc::new(Notify::new());
    let answer = Arc::clone(&answered);
    let id = client
        .subscribe(READY, move |_, _| answer.notify_one())
        .await
        .expect("an open connection takes a subscription");
    within("the answer to a subscription", answered.notified()).await;
    client.unsubscribe(id).await.expect("an open connection takes an unsubscribe");
}

/// Subscribes without waiting for the relay; gives the id for `unsubscribe` too.
pub async fn subscribe(client: &Clasp, pattern: &str) -> (u32, Inbox) {
    let (sender, deliveries) = mpsc::channel(INBOX_DELIVERIES_MAX);
    let keep = move |value: Value, address: &str| {
        if !address.starts_with("/interop/") {
            let _ = sender.try_send((address.to_owned(), value));
        }
    };
    let id = client.subscribe(pattern, keep).await.expect("an open connection subscribes");
    (id, Inbox { deliveries })
}
