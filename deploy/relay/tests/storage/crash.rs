//! Kills the relay at random instants under load, again and again, and compares what comes back
//! with what was confirmed. `CLASP_CRASH_ROUNDS` sets the rounds (20), `CLASP_CRASH_SEED` the seed.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::task::JoinSet;

use crate::client::{Client, state};
use crate::folder::{Folder, strs};
use crate::random::{Random, from_environment};
use crate::support::Relay;
use crate::writer::Writer;

/// Clients that write at the same time, each to addresses of its own.
const WRITERS: usize = 4;

/// Starts a relay and kills it while it starts.
async fn kill_early(arguments: &[String], random: &mut Random) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clasp-relay"));
    command.args(["--ws-port", "0", "--host", "127.0.0.1"]).args(arguments).env_clear();
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(random.below(60))).await;
    child.kill().await.unwrap();
}

/// Starts a relay, compares, loads and kills it; the losses.
async fn round(arguments: &[String], writers: &mut Vec<Writer>, random: &mut Random) -> i64 {
    let relay = Relay::start(&strs(arguments)).await;
    let state = state(relay.address).await;
    let lost = writers.iter_mut().map(|writer| writer.compare(&state)).sum();
    let mut loads = JoinSet::new();
    for writer in writers.drain(..) {
        let client = Client::join(relay.address).await;
        loads.spawn(writer.write(client));
    }
    tokio::time::sleep(Duration::from_millis(random.below(500))).await;
    relay.signal("KILL").await;
    relay.end().await;
    *writers = loads.join_all().await;
    lost
}

async fn crash(name: &str, options: &[&str]) {
    let rounds = from_environment("CLASP_CRASH_ROUNDS").unwrap_or(20).div_ceil(2);
    let mut random = Random::seeded(name);
    let folder = Folder::new();
    let options: Vec<String> = options.iter().copied().map(String::from).collect();
    let arguments = [folder.journal(), options, vec!["--param-ttl".into(), "0".into()]].concat();
    let persist = if name == "journal" { Vec::new() } else { folder.persist() };
    let arguments = [arguments, persist].concat();
    let mut writers: Vec<Writer> = (0..WRITERS).map(Writer::new).collect();
    let (mut lost, mut most) = (0, 0);
    for turn in 0..rounds {
        if turn % 3 == 2 {
            kill_early(&arguments, &mut random).await;
        }
        let now = round(&arguments, &mut writers, &mut random).await;
        (lost, most) = (lost + now, most.max(now));
    }
    let relay = Relay::start(&strs(&arguments)).await;
    let state = state(relay.address).await;
    let last: i64 = writers.iter_mut().map(|writer| writer.compare(&state)).sum();
    let sent: i64 = writers.iter().map(Writer::sent).sum();
    println!(
        "{name}: {rounds} kills, {sent} writes; {} confirmed writes of QoS 1 were lost, at most {} \
         at a kill",
        lost + last,
        most.max(last)
    );
}

#[tokio::test]
async fn no_confirmed_write_is_lost_with_a_journal_alone() {
    crash("journal", &[]).await;
}

#[tokio::test]
async fn no_confirmed_write_is_lost_while_the_journal_is_compacted_behind_the_state_file() {
    crash("both", &["--persist-interval", "1", "--journal-max-bytes", "100K"]).await;
}
