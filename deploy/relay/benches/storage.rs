//! What storing costs, measured on the executable as it ships: `cargo bench -p clasp-relay --bench
//! storage`, with a part's name behind `--` for that one only. Wants a machine with nothing else
//! to do.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

#[path = "../tests/storage/client.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod client;
#[path = "../tests/storage/counter.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod counter;
#[path = "../tests/storage/folder.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod folder;
#[path = "storage/pace.rs"]
mod pace;
#[path = "../tests/blackbox/support.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod support;

use std::time::{Duration, Instant};

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};

use client::Client;
use counter::Counter;
use folder::{Folder, strs};
use support::Relay;

/// Writes between two looks at what the relay has taken.
const WINDOW: u64 = 500;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // As a test there is nothing to check here.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let chosen = arguments.iter().find(|argument| !argument.starts_with("--"));
    let wanted = |name: &str| chosen.is_none_or(|chosen| chosen == name);
    if wanted("cpu") {
        cpu().await;
    }
    if wanted("recovery") {
        recovery().await;
    }
    if wanted("saving") {
        pace::saving().await;
    }
    if wanted("loss") {
        loss().await;
    }
}

/// No limits that the load would meet.
fn options(more: &str) -> Vec<String> {
    let options = format!("--max-params 0 --max-params-per-session 0 --param-ttl 0 {more}");
    options.split_whitespace().map(String::from).collect()
}

/// So many SETs over so many addresses, as fast as the relay takes them.
async fn write(relay: &Relay, (writes, addresses): (u64, u64), qos: Qos) {
    let mut client = Client::join(relay.address).await;
    for begin in (0..writes).step_by(WINDOW as usize) {
        let sets = (begin..begin + WINDOW).map(|number| {
            // A stride, so that neighbours in time are no neighbours in the alphabet.
            let address = format!("/stage/{}/dimmer", number * 7_919 % addresses);
            Message::Set(Set::new(address, RawValue::float(number as f64)))
        });
        client.send_all(sets, qos).await;
        client.sync().await;
    }
    client.set("/end", 1, Qos::Commit).await;
}

/// CPU time of all threads of a process.
fn cpu_time(relay: &Relay) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", relay.id())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|it| it.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

async fn cpu() {
    const WRITES: u64 = 400_000;
    for (name, journal, qos) in [
        ("QoS 0, no journal", false, Qos::Fire),
        ("QoS 0, journal", true, Qos::Fire),
        ("QoS 1, no journal", false, Qos::Confirm),
        ("QoS 1, journal", true, Qos::Confirm),
        ("QoS 2, journal", true, Qos::Commit),
    ] {
        let folder = Folder::new();
        let files = if journal { folder.journal() } else { Vec::new() };
        let arguments = [files, options("--persist-interval 0")].concat();
        let relay = Relay::start(&strs(&arguments)).await;
        let (cpu, begun) = (cpu_time(&relay), Instant::now());
        write(&relay, (WRITES, 10_000), qos).await;
        let (cpu, wall) = (cpu_time(&relay) - cpu, begun.elapsed());
        println!(
            "cpu: {name}: {:.2} us a SET, {:.0} SETs/s",
            cpu.as_secs_f64() * 1e6 / WRITES as f64,
            WRITES as f64 / wall.as_secs_f64()
        );
    }
}

/// A million entries that no state file holds, after a crash.
async fn recovery() {
    const WRITES: u64 = 1_000_000;
    for addresses in [100_000, 1_000] {
        let folder = Folder::new();
        let arguments = [folder.journal(), options("--persist-interval 0")].concat();
        let relay = Relay::start(&strs(&arguments)).await;
        write(&relay, (WRITES, addresses), Qos::Fire).await;
        relay.signal("KILL").await;
        relay.end().await;
        let bytes = std::fs::metadata(folder.file("journal.db")).unwrap().len();
        let begun = Instant::now();
        let relay = Relay::start(&strs(&arguments)).await;
        let whole = begun.elapsed();
        let told = relay.log().line_with("recovered ").await;
        let told = &told[told.find("recovered ").unwrap()..told.find(" s: ").unwrap() + 2];
        println!(
            "recovery: {WRITES} SETs to {addresses} addresses: ready in {whole:.2?}, {told}; {} \
             MiB of journal",
            bytes >> 20
        );
    }
}

/// Writes of QoS 1 that were confirmed and are gone after a kill.
async fn loss() {
    const ROUNDS: u32 = 20;
    let (mut most, mut longest) = (0, Duration::ZERO);
    for round in 0..ROUNDS {
        let folder = Folder::new();
        let arguments = [folder.journal(), options("")].concat();
        let relay = Relay::start(&strs(&arguments)).await;
        let client = Client::join(relay.address).await;
        let counting = tokio::spawn(Counter::new(0).count(client));
        tokio::time::sleep(Duration::from_millis(300 + u64::from(round) * 7)).await;
        relay.signal("KILL").await;
        relay.end().await;
        let mut counter = counting.await.unwrap();
        let relay = Relay::start(&strs(&arguments)).await;
        let loss = counter.compare(&client::state(relay.address).await);
        (most, longest) = (most.max(loss.writes), longest.max(loss.apparent_span()));
    }
    println!(
        "loss: {ROUNDS} kills: at most {most} confirmed writes of QoS 1, those of the last \
         {longest:.1?}"
    );
}
