//! Kills the relay at random instants under load, again and again, and compares what comes back
//! with what was confirmed. `CLASP_CRASH_ROUNDS` sets the rounds (20), `CLASP_CRASH_SEED` the seed.

use std::collections::{BTreeMap, VecDeque};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::client::{Client, State, bundle, decoded, integer, state};
use crate::counter::{Counter, Loss};
use crate::folder::{Folder, strs};
use crate::support::Relay;

/// Clients that write at the same time, each to addresses of its own.
const WRITERS: usize = 4;

/// Clients that write with QoS 1 alone, so that more comes in than is stored.
const COUNTERS: usize = 2;

/// How long an entry waits for others: the span of confirmed writes that a kill may take.
const FLUSH: Duration = Duration::from_millis(5);

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
struct Writer {
    number: usize,
    written: BTreeMap<String, Written>,
    pairs: i64,
}

/// Pseudo-random numbers (xorshift).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

impl Writer {
    /// Writes until the relay dies.
    async fn write(mut self, mut client: Client) -> Self {
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
    fn compare(&mut self, state: &State) -> i64 {
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
        let writer = |number| Writer { number, ..Writer::default() };
        Company {
            writers: (0..WRITERS).map(writer).collect(),
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
    let from_environment =
        |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let rounds = from_environment("CLASP_CRASH_ROUNDS").unwrap_or(20).div_ceil(2);
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    let seed = from_environment("CLASP_CRASH_SEED").unwrap_or_else(clock);
    println!("{name}: CLASP_CRASH_SEED={seed}");
    let folder = Folder::new();
    let options: Vec<String> = options.iter().copied().map(String::from).collect();
    let fixed = ["--param-ttl", "0", "--journal-flush-ms", &FLUSH.as_millis().to_string()];
    let arguments = [folder.journal(), options, fixed.map(String::from).to_vec()].concat();
    let persist = if name == "journal" { Vec::new() } else { folder.persist() };
    let arguments = [arguments, persist].concat();
    let mut random = Random(seed | 1);
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
    let written = company.writers.iter().flat_map(|it| it.written.values());
    let sent: i64 = written.map(|it| it.sent).sum::<i64>()
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
