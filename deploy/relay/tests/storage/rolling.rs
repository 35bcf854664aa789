//! Restarts the relay in order under load, again and again: every client comes back by itself and
//! finds all that it was promised. `CLASP_RESTARTS` sets how often (10).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clasp_protocol::Qos;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::client::{Client, State, told};
use crate::folder::{Folder, strs};
use crate::random::{Random, from_environment};
use crate::support::{Relay, soon};
use crate::writer::Writer;

/// Clients that write at the same time, each to addresses of its own.
const WRITERS: usize = 6;

/// Where the relay listens: nobody's outgoing connection takes a port from this address meanwhile.
const HOST: &str = "127.0.0.2";

/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(5);

/// Tries until there is a relay; the session and the params it was greeted with.
async fn come_back(address: SocketAddr) -> (Client, State) {
    let trying = async {
        loop {
            if let Some(mut client) = Client::try_open(address).await
                && let Some(greeting) = client.try_sync().await
            {
                return (client, told(&greeting));
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    soon("the reconnection", trying).await
}

/// Connects, compares, tells `back` and writes until the relay leaves; for so many relays.
async fn live(
    mut writer: Writer,
    address: SocketAddr,
    relays: u64,
    back: mpsc::Sender<u64>,
) -> Writer {
    let number = writer.number();
    for relay in 1..=relays {
        let (mut client, state) = come_back(address).await;
        assert_eq!(writer.compare(&state), 0, "an orderly stop takes no confirmed write");
        let revision = client.set(&format!("/turn/{number}"), relay as i64, Qos::Commit).await;
        assert_eq!(revision, relay, "one write for each relay so far");
        back.send(relay).await.unwrap();
        writer = writer.write(client).await;
    }
    writer
}

#[tokio::test]
async fn rolling_restarts_lose_no_confirmed_write_and_no_client() {
    let restarts = from_environment("CLASP_RESTARTS").unwrap_or(10);
    let mut random = Random::seeded("restarts");
    let folder = Folder::new();
    let options = ["--host", HOST, "--param-ttl", "0"].map(String::from);
    let mut arguments = [folder.guide(), options.to_vec()].concat();
    let mut relay = Relay::start(&strs(&arguments)).await;
    let address = relay.address;
    arguments.extend(["--ws-port".into(), address.port().to_string()]);

    let (back, mut came) = mpsc::channel(WRITERS);
    let mut clients = JoinSet::new();
    for number in 0..WRITERS {
        clients.spawn(live(Writer::new(number), address, restarts + 1, back.clone()));
    }
    drop(back);
    let mut away = Vec::new();
    let mut left = Instant::now();
    for turn in 1..=restarts + 1 {
        for _ in 0..WRITERS {
            let came = soon("every client", came.recv()).await;
            assert_eq!(came, Some(turn), "a client has ended; its panic says why");
        }
        away.push(left.elapsed());
        tokio::time::sleep(Duration::from_millis(random.below(50))).await;
        left = Instant::now();
        let (code, log) = relay.stop().await;
        assert_eq!(code, Some(0), "{log:#?}");
        relay = Relay::start(&strs(&arguments)).await;
    }
    let mut writers = clients.join_all().await;
    let state = crate::client::state(address).await;
    let lost: i64 = writers.iter_mut().map(|writer| writer.compare(&state)).sum();
    assert_eq!(lost, 0, "an orderly stop takes no confirmed write");
    // The first is no restart.
    away.remove(0);
    away.sort_unstable();
    let sent: i64 = writers.iter().map(Writer::sent).sum();
    println!(
        "{restarts} restarts, {sent} writes, none of those confirmed was lost; {WRITERS} clients \
         were back after {:?} (median), {:?} (longest)",
        away[away.len() / 2],
        away.last().unwrap()
    );
}
