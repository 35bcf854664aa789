//! Frames to messages and back.

use clasp_micro::{encode_again, event, frame, set, set_kibibyte};
use clasp_protocol::codec::decode;
use clasp_protocol::{Frame, Message};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const CASES: [&str; 3] = ["event", "set", "set_kibibyte"];

fn message(case: &str) -> Message<'static> {
    match case {
        "event" => event(),
        "set" => set(),
        _ => set_kibibyte(),
    }
}

#[divan::bench(args = CASES)]
fn decode_frame(bencher: Bencher<'_, '_>, case: &str) {
    let bytes = frame(&message(case));
    bencher.bench_local(|| {
        let frame = Frame::parse(black_box(&bytes)).expect("the frame is whole");
        decode(frame.payload).expect("the message is sound")
    });
}

#[divan::bench(args = CASES)]
fn encode_frame(bencher: Bencher<'_, '_>, case: &str) {
    let message = message(case);
    let mut out = Vec::new();
    bencher.bench_local(|| {
        encode_again(black_box(&message), &mut out);
        out.len()
    });
}
