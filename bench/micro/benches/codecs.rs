//! Reading a client's frames with the relay's decoder and with other libraries, per frame: a read
//! that brings one frame, and one that brings 64.

#[path = "codecs/readers.rs"]
mod readers;

use std::rc::Rc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

use readers::{Fast, Own, Reader, Tokio, Tungstenite, masked};

fn main() {
    divan::main();
}

/// Frames in a read, and bytes of each payload.
const CASES: [(usize, usize); 4] = [(1, 30), (64, 30), (1, 1024), (64, 1024)];

fn read<R: Reader>(bencher: Bencher<'_, '_>, (frames, payload_bytes): (usize, usize)) {
    let input: Rc<[u8]> = masked(frames, payload_bytes).into();
    let mut reader = R::new(&input);
    assert_eq!(reader.read(frames), 0xA5 * frames as u64);
    bencher
        .counter(ItemsCount::new(frames))
        .bench_local(|| black_box(&mut reader).read(black_box(frames)));
}

#[divan::bench(args = CASES)]
fn own(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    read::<Own>(bencher, case);
}

#[divan::bench(args = CASES)]
fn tungstenite(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    read::<Tungstenite<{ 128 << 10 }>>(bencher, case);
}

#[divan::bench(args = CASES)]
fn tungstenite_with_4_kib(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    read::<Tungstenite<4_096>>(bencher, case);
}

#[divan::bench(args = CASES)]
fn fastwebsockets(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    read::<Fast>(bencher, case);
}

#[divan::bench(args = CASES)]
fn tokio_websockets(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    read::<Tokio>(bencher, case);
}
