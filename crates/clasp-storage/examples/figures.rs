//! Prints what storing costs on this machine: `cargo run --profile dist-check -p clasp-storage
//! --example figures -- FOLDER [ROWS]`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clasp_protocol::{Pattern, RawValue};
use clasp_router::journal::{Entry, Journal, Query, Record};
use clasp_router::{Config, Now, Ports, Router};
use clasp_storage::{
    JournalOptions, Recovery, RelayFiles, SqliteJournal, StateFile, SyncMode, backup,
};

const AUTHOR: &str = "6f0a7c1e-1f43-4f0c-9d1c-0a7f5f3f0001";
const ADDRESSES: usize = 100_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder to write in");
    let rows: u64 = arguments.next().map_or(1_000_000, |rows| rows.parse().unwrap());
    let folder = Path::new(&folder);
    let addresses: Vec<String> =
        (0..ADDRESSES).map(|number| format!("/lights/{}/dimmer/{number}", number % 64)).collect();
    for sync in [SyncMode::Full, SyncMode::Normal, SyncMode::Off] {
        append(&folder.join(format!("{sync:?}.db")), sync, (rows, &addresses));
    }
    latency(&folder.join("latency.db"));
    recover(folder, &folder.join("Full.db"));
    ask(&folder.join("Full.db"));
}

fn entry(address: &str, time: u64) -> Entry<'_> {
    let record = Record::Set {
        value: RawValue::float(time as f64),
        revision: time / ADDRESSES as u64 + 1,
        ttl: None,
    };
    let timestamp_us = 1_750_000_000_000_000 + time;
    Entry { timestamp_us, author: AUTHOR, address, record }
}

/// Time that the process has spent on its processors.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat
        .rsplit(") ")
        .next()
        .map(|rest| rest.split(' ').skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum())
        .unwrap_or_default();
    Duration::from_millis(ticks * 10)
}

fn append(path: &Path, sync: SyncMode, (rows, addresses): (u64, &[String])) {
    let options = JournalOptions { sync, ..JournalOptions::default() };
    let journal = SqliteJournal::open(path, options).unwrap();
    let (begin, cpu_begin) = (Instant::now(), cpu());
    let mut appending = Duration::ZERO;
    for time in 0..rows {
        // A stride, so that neighbours in time are no neighbours in the alphabet.
        let address = &addresses[(time as usize * 7_919) % addresses.len()];
        let entry = entry(address, time);
        let before = Instant::now();
        journal.append(&entry);
        appending += before.elapsed();
        if journal.is_full() {
            journal.flush().unwrap();
        }
    }
    journal.flush().unwrap();
    let (wall, cpu) = (begin.elapsed(), cpu() - cpu_begin);
    drop(journal);
    let bytes = std::fs::metadata(path).unwrap().len();
    println!(
        "append, sync {sync:?}: {:.0} entries/s, append {:.0} ns, CPU {:.2} us and {:.1} bytes \
         an entry",
        rows as f64 / wall.as_secs_f64(),
        appending.as_nanos() as f64 / rows as f64,
        cpu.as_micros() as f64 / rows as f64,
        bytes as f64 / rows as f64,
    );
}

/// From append to durable, one at a time.
fn latency(path: &Path) {
    let journal = SqliteJournal::open(path, JournalOptions::default()).unwrap();
    let mut times: Vec<Duration> = (0..200)
        .map(|time| {
            let begin = Instant::now();
            journal.append(&entry("/a", time));
            journal.flush().unwrap();
            begin.elapsed()
        })
        .collect();
    times.sort();
    println!("flush of one entry: p50 {:?}, p99 {:?}", times[100], times[198]);
}

fn recover(folder: &Path, journal: &Path) {
    let running = SqliteJournal::open(journal, JournalOptions::default()).unwrap();
    let crashed = folder.join("crashed.db");
    std::fs::copy(journal, &crashed).unwrap();
    std::fs::copy(folder.join("Full.db-wal"), folder.join("crashed.db-wal")).unwrap();
    drop(running);
    let begin = Instant::now();
    let crashed = SqliteJournal::open(&crashed, JournalOptions::default()).unwrap();
    println!("open after a crash: {:?}, {:?}", begin.elapsed(), crashed.opening());
    let begin = Instant::now();
    let journal = Arc::new(SqliteJournal::open(journal, JournalOptions::default()).unwrap());
    let opened = begin.elapsed();
    let mut config = Config::default();
    config.params.count_max = 0;
    let port = Some(Arc::clone(&journal) as Arc<dyn Journal>);
    let router = Router::new(config.clone(), Ports { journal: port, ..Ports::default() }).unwrap();
    let now = Now::new(1_750_000_100_000_000, 1_000_000);
    let recovery =
        |state_file| Recovery { state_file, journal: Some(&journal), allow_data_loss: false, now };
    let (begin, cpu_begin) = (Instant::now(), cpu());
    let report = recovery(None).run(&router, &mut |_| ()).unwrap();
    println!(
        "recovery of {} entries to {} params: open {opened:?}, replay {:?}, CPU {:?}",
        report.entries,
        report.params,
        begin.elapsed(),
        cpu() - cpu_begin,
    );
    let path = folder.join("state.db");
    let mut state = StateFile::new(&path, Some(Arc::clone(&journal)));
    let begin = Instant::now();
    let saved = state.save(&router, now).unwrap();
    println!("state file: {:?}, {saved:?}", begin.elapsed());
    println!("hold of a shard while exporting: {:?}", hold(&router, now));
    let router = Router::new(config, Ports::default()).unwrap();
    let begin = Instant::now();
    recovery(Some(&path)).run(&router, &mut |_| ()).unwrap();
    println!("recovery from the state file: {:?}", begin.elapsed());
    let begin = Instant::now();
    let from = RelayFiles { state_file: Some(&path), journal: Some(journal.path()) };
    let content = backup(from, &folder.join("backup")).unwrap();
    println!("backup: {:?}, {content:?}", begin.elapsed());
}

/// How long the slowest shard is locked, when nothing else disturbs.
fn hold(router: &Router, now: Now) -> Duration {
    let once = |shard| {
        let mut bytes = Vec::with_capacity(1 << 20);
        let begin = Instant::now();
        router.export(shard, now, &mut |param| bytes.extend_from_slice(param.value.data()));
        begin.elapsed()
    };
    let best = |shard| (0..10).map(|_| once(shard)).min().unwrap_or_default();
    (0..Router::SHARDS).map(best).max().unwrap_or_default()
}

fn ask(path: &Path) {
    let journal = SqliteJournal::open(path, JournalOptions::default()).unwrap();
    for (text, newest) in [
        ("/lights/7/dimmer/7", None),
        ("/lights/7/dimmer/7", Some(10)),
        ("/lights/7/**", Some(1)),
        ("/none/**", None),
        ("/**", None),
    ] {
        let pattern = Pattern::parse(text).unwrap();
        let mut query = Query { newest_per_address: newest, ..Query::of(&pattern) };
        let (begin, mut pages, mut longest, mut seen) = (Instant::now(), 0, Duration::ZERO, 0);
        loop {
            let page = Instant::now();
            let scan = journal
                .query(&query, &mut |_| {
                    seen += 1;
                    true
                })
                .unwrap();
            longest = longest.max(page.elapsed());
            pages += 1;
            query.after = scan.through;
            if scan.complete {
                break;
            }
        }
        let whole = begin.elapsed();
        println!(
            "{text} {newest:?}: {seen} entries, {whole:?}, {pages} pages, longest {longest:?}"
        );
    }
}
