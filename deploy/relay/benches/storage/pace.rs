//! A load that goes at a pace of its own: events whose way is timed while the state is saved.

use std::time::{Duration, Instant};

use clasp_protocol::message::{Publish, Set, SignalType};
use clasp_protocol::{Message, Qos, RawValue};

use crate::client::{Client, decoded, integer};
use crate::folder::{Folder, strs};
use crate::support::Relay;
use crate::{options, write};

const PARAMS: u64 = 100_000;

/// Events of one measurement, and the time between two.
const EVENTS: i64 = 8_000;
const PAUSE: Duration = Duration::from_millis(1);

/// Measurements of each kind, in turns.
const ROUNDS: usize = 3;

/// Latencies of one measurement.
#[derive(Debug, Clone, Copy)]
struct Latency {
    p50: Duration,
    p99: Duration,
    most: Duration,
}

/// The latency of events while 100,000 params are saved every second, and while none are.
pub(crate) async fn saving() {
    let (mut still, mut saving) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        still.push(latency("0").await);
        saving.push(latency("1").await);
    }
    for (name, mut found) in [("nothing is saved", still), ("saved every second", saving)] {
        let mut median = |of: fn(&Latency) -> Duration| {
            found.sort_by_key(of);
            of(&found[ROUNDS / 2])
        };
        let [p50, p99, most] = [median(|it| it.p50), median(|it| it.p99), median(|it| it.most)];
        println!("saving: {PARAMS} params, {name}: p50 {p50:.0?}, p99 {p99:.0?}, most {most:.0?}");
    }
}

async fn latency(interval: &str) -> Latency {
    let folder = Folder::new();
    let more = options(&format!("--persist-interval {interval} --initial-snapshot empty"));
    let arguments = [folder.guide(), more].concat();
    // The guide's interval comes first, and the last one counts.
    let arguments = [&arguments[..4], &arguments[6..]].concat();
    let relay = Relay::start(&strs(&arguments)).await;
    write(&relay, (PARAMS, PARAMS), Qos::Fire).await;
    let mut listener = Client::join(relay.address).await;
    listener.subscribe("/live/tick").await;
    let begun = Instant::now();
    let listening = tokio::spawn(listen(listener, begun));
    let mut client = Client::join(relay.address).await;
    for number in 0..EVENTS {
        tokio::time::sleep_until((begun + PAUSE * number as u32).into()).await;
        let nanoseconds = begun.elapsed().as_nanos() as i64;
        let value = Some(RawValue::int(nanoseconds));
        let event = Publish { value, ..Publish::new("/live/tick", SignalType::Event) };
        client.send(&Message::Publish(event), Qos::Fire).await;
        // Something has to change for a state to be saved again.
        let set = Set::new("/live/count", RawValue::int(number));
        client.send(&Message::Set(set), Qos::Fire).await;
    }
    let mut found = listening.await.unwrap();
    found.sort();
    let at = |share: f64| found[((found.len() - 1) as f64 * share) as usize];
    Latency { p50: at(0.5), p99: at(0.99), most: at(1.0) }
}

async fn listen(mut client: Client, begun: Instant) -> Vec<Duration> {
    let mut found = Vec::new();
    while found.len() < EVENTS as usize {
        let payload = client.next().await;
        let Message::Publish(publish) = decoded(&payload) else { panic!("{payload:?}") };
        let sent = Duration::from_nanos(integer(&publish.value.unwrap()) as u64);
        found.push(begun.elapsed() - sent);
    }
    found
}
