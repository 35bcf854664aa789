//! Kills the relay at random instants under load, again and again, and compares what comes back
//! with what was confirmed. `CLASP_CRASH_ROUNDS` sets the rounds (20), `CLASP_CRASH_SEED` the seed.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::task::JoinSet;

use crate::client::{Client, state};
use crate::counter::{Counter, Loss};
use crate::folder::{Folder, strs};
use crate::random::{Random, from_environment};
use crate::support::Relay;
use crate::writer::Writer;

/// Clients that write at the same time, each to addresses of its own.
const WRITERS: usize = 4;

/// Clients that write with QoS 1 alone, so that more comes in than is stored.
const COUNTERS: usize = 2;

/// How long an entry waits for others: the span of confirmed writes that a kill may take.
const FLUSH: Duration = Duration::from_millis(5);

/// Starts a relay and kills it while it starts.
async fn kill_early(arguments: &[String], random: &mut Random) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clasp-relay"));
    command.args(["--ws-port", "0", "--host", "127.0.0.1"]).args(arguments).env_clear();
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(random.below(60))).await;
    child.kill().await.unwrap();
}

/// Everybody who writes.
struct Company {
    writers: Vec<Writer>,
    counters: Vec<Counter>,
}

impl Company {
    fn new() -> Company {
        Company {
            writers: (0..WRITERS).map(Writer::new).collect(),
            counters: (0..COUNTERS).map(Counter::new).collect(),
        }
    }

    /// Compares with what came back, and tells what the kill took of confirmed writes of QoS 1.
    async fn compare(&mut self, relay: &Relay) -> Loss {
        let state = state(relay.address).await;
        let of_writers = self.writers.iter_mut().map(|writer| writer.compare(&state)).sum::<i64>();
        let losses = self.counters.iter_mut().map(|counter| counter.compare(&state));
        let loss = losses.fold(Loss::default(), Loss::and);
        assert!(loss.span() <= FLUSH, "{loss:?} in {:?}", loss.span());
        Loss { writes: loss.writes + of_writers as usize, ..loss }
    }

    /// Writes until the relay is killed.
    async fn load(&mut self, relay: Relay, random: &mut Random) {
        let (mut writing, mut counting) = (JoinSet::new(), JoinSet::new());
        for writer in self.writers.drain(..) {
            let client = Client::join(relay.address).await;
            writing.spawn(writer.write(client));
        }
        for counter in self.counters.drain(..) {
            let client = Client::join(relay.address).await;
            counting.spawn(counter.count(client));
        }
        tokio::time::sleep(Duration::from_millis(random.below(500))).await;
        relay.signal("KILL").await;
        relay.end().await;
        self.writers = writing.join_all().await;
        self.counters = counting.join_all().await;
    }
}

async fn crash(name: &str, options: &[&str]) {
    let rounds = from_environment("CLASP_CRASH_ROUNDS").unwrap_or(20).div_ceil(2);
    let folder = Folder::new();
    let options: Vec<String> = options.iter().copied().map(String::from).collect();
    let fixed = ["--param-ttl", "0", "--journal-flush-ms", &FLUSH.as_millis().to_string()];
    let arguments = [folder.journal(), options, fixed.map(String::from).to_vec()].concat();
    let persist = if name == "journal" { Vec::new() } else { folder.persist() };
    let arguments = [arguments, persist].concat();
    let mut random = Random::seeded(name);
    let mut company = Company::new();
    let (mut lost, mut most, mut longest) = (0, 0, Duration::ZERO);
    for turn in 0..=rounds {
        if turn % 3 == 2 {
            kill_early(&arguments, &mut random).await;
        }
        let relay = Relay::start(&strs(&arguments)).await;
        let loss = company.compare(&relay).await;
        (lost, most) = (lost + loss.writes, most.max(loss.writes));
        longest = longest.max(loss.apparent_span());
        if turn < rounds {
            company.load(relay, &mut random).await;
        }
    }
    let sent = company.writers.iter().map(Writer::sent).sum::<i64>()
        + company.counters.iter().map(Counter::stored).sum::<i64>();
    println!(
        "{name}: {rounds} kills, {sent} writes; {lost} confirmed writes of QoS 1 were lost, at \
         most {most} at a kill, those of {longest:.1?}"
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
