//! Memory that a reader of each library holds when its client has said something and is silent:
//! growth of the process over 10,000 of them.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

#[path = "codecs/readers.rs"]
mod readers;

use std::fs;
use std::rc::Rc;

use readers::{Fast, Own, Reader, Tokio, Tungstenite, masked};

const READERS: usize = 10_000;

/// Pages of the process in memory are of this size.
const PAGE_BYTES: usize = 4_096;

fn main() {
    // One kind per process: what one has freed the next one would use again.
    let kind =
        std::env::args().find_map(|argument| argument.strip_prefix("kind=").map(str::to_owned));
    match kind.as_deref() {
        Some("own") => hold::<Own>(),
        Some("tungstenite") => hold::<Tungstenite<{ 128 << 10 }>>(),
        Some("tungstenite-4k") => hold::<Tungstenite<4_096>>(),
        Some("fastwebsockets") => hold::<Fast>(),
        Some("tokio-websockets") => hold::<Tokio>(),
        Some(other) => println!("there is no {other}"),
        None => all(),
    }
}

fn all() {
    let program = std::env::current_exe().expect("a running program has a path");
    for kind in ["own", "tungstenite", "tungstenite-4k", "fastwebsockets", "tokio-websockets"] {
        let child = std::process::Command::new(&program).arg(format!("kind={kind}")).output();
        let told = child.expect("the same program starts again").stdout;
        println!("{kind}: {}", String::from_utf8_lossy(&told).trim());
    }
}

fn hold<R: Reader>() {
    let input: Rc<[u8]> = masked(1, 30).into();
    R::new(&input).read(1);
    let mut readers = Vec::with_capacity(READERS);
    let before = resident_bytes();
    for _ in 0..READERS {
        let mut reader = R::new(&input);
        reader.read(1);
        readers.push(reader);
    }
    let grown = resident_bytes().saturating_sub(before);
    println!("{} bytes", grown / readers.len());
}

fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("the system tells");
    let pages = statm.split(' ').nth(1).and_then(|field| field.parse::<usize>().ok());
    pages.expect("the second field is a number") * PAGE_BYTES
}
