//! Through the router without sockets: 64 messages to every outbox, which are then emptied.

use clasp_micro::{Stage, event, event_kibibyte, frame, set};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

const MESSAGES: usize = 64;
const SUBSCRIBERS: [usize; 3] = [1, 10, 100];

fn send(bencher: Bencher<'_, '_>, subscribers: usize, frame: &[u8]) {
    let mut stage = Stage::open(subscribers);
    stage.send(frame);
    stage.drain();
    bencher.counter(ItemsCount::new(MESSAGES * subscribers)).bench_local(|| {
        for _ in 0..MESSAGES {
            stage.send(frame);
        }
        stage.drain()
    });
}

#[divan::bench(args = SUBSCRIBERS)]
fn copies_of_events(bencher: Bencher<'_, '_>, subscribers: usize) {
    send(bencher, subscribers, &frame(&event()));
}

#[divan::bench(args = SUBSCRIBERS)]
fn copies_of_sets(bencher: Bencher<'_, '_>, subscribers: usize) {
    send(bencher, subscribers, &frame(&set()));
}

#[divan::bench(args = SUBSCRIBERS)]
fn copies_of_kibibytes(bencher: Bencher<'_, '_>, subscribers: usize) {
    send(bencher, subscribers, &frame(&event_kibibyte()));
}
