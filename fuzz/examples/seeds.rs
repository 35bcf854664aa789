//! Writes `seeds/<target>/`, what fuzzing starts from, out of the golden vectors.

#![expect(clippy::unwrap_used, reason = "without its vectors this program is of no use")]

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use clasp_protocol::Frame;
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::Value as Json;

/// Larger inputs teach a fuzzer little.
const SEED_BYTES_MAX: usize = 4_096;

const VECTORS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/clasp-protocol/tests/vectors");

const TOKENS: [&str; 3] = [
    include_str!("../../crates/clasp-auth/tests/vectors/root.cap"),
    include_str!("../../crates/clasp-auth/tests/vectors/legacy-child.cap"),
    include_str!("../../crates/clasp-auth/tests/vectors/entity.ent"),
];

const OSC: [&[u8]; 4] = [
    b"/a\0\0",
    b"/all\0\0\0\0,ifsShdc\0\0\0\0\0\0\0\x07\x3f\0\0\0s\0\0\0S\0\0\0\0\0\0\0\0\0\0\x01\
      \x3f\xf0\0\0\0\0\0\0\0\0\0x",
    b"/odd\0\0\0\0,btrm[TF[NI]]\0\0\0\0\0\0\x02\x01\x02\0\0\0\0\0\0\0\0\0\x01\x01\x02\x03\x04\
      \x01\x90\x3c\x7f",
    b"#bundle\0\0\0\0\0\0\0\0\x01\0\0\0\x08/a\0\0,T\0\0\0\0\0\x1c#bundle\0\xe0\0\0\0\0\0\0\0\
      \0\0\0\x08/b\0\0,F\0\0",
];

/// What MQTT clients say after CONNECT, in 3.1.1 and in 5.
const MQTT: [&[u8]; 4] = [
    b"\x33\x06\x00\x01t\x00\x01x\x40\x02\x00\x01\xa2\x05\x00\x02\x00\x01#\xc0\x00\xe0\x00",
    b"\x34\x09\x00\x01t\x00\x01\x03\x23\x00\x01\x62\x02\x00\x01\x50\x02\x00\x01\x70\x02\x00\x01",
    b"\x30\x13\x00\x01t\x0f\x26\x00\x01a\x00\x01b\x09\x00\x01x\x08\x00\x01r1",
    b"\x82\x10\x00\x03\x02\x0b\x05\x00\x08$share/g\x2e\xe0\x02\x04\x00",
];

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds");

fn main() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(VECTORS).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut frames = Vec::new();
    let mut addresses = Vec::new();
    for file in &files {
        let json = read(file);
        collect(&json, &mut frames, &mut addresses);
    }
    let targets = [
        "capability_token",
        "frame",
        "message",
        "mqtt",
        "osc_packet",
        "pattern",
        "rest",
        "router_ops",
        "stream",
    ];
    for target in targets {
        let folder = Path::new(SEEDS).join(target);
        fs::create_dir_all(&folder).unwrap();
    }
    for frame in &frames {
        write("frame", frame);
        if let Ok(parsed) = Frame::parse(frame) {
            write("message", parsed.payload);
        }
    }
    for pair in addresses.windows(3).step_by(3) {
        write("pattern", pair.join("\n").as_bytes());
    }
    for (number, frames) in frames.chunks(5).enumerate() {
        write("router_ops", &operations(number, frames));
        write("stream", &stream(frames, false));
        write("stream", &stream(frames, true));
    }
    for token in TOKENS {
        write("capability_token", token.as_bytes());
        write("capability_token", &BASE64URL_NOPAD.decode(&token.as_bytes()[4..]).unwrap());
    }
    for packet in OSC {
        write("osc_packet", packet);
        write("osc_packet", &[b"\xc0", packet, b"\xc0"].concat());
        write("osc_packet", &[&(packet.len() as u32).to_be_bytes(), packet].concat());
    }
    for (choice, packets) in MQTT.iter().enumerate() {
        write("mqtt", &[&[choice as u8 * 5 + 1], *packets].concat());
    }
    for address in &addresses {
        write("rest", format!("{address}\n{{\"a\":[1,2.0,null]}}").as_bytes());
    }
    println!("{} frames, {} addresses and patterns: see {SEEDS}", frames.len(), addresses.len());
}

/// Frames one after the other, in pieces of seven bytes.
fn stream(frames: &[Vec<u8>], prefixed: bool) -> Vec<u8> {
    let mut stream = vec![7];
    for frame in frames {
        if prefixed {
            stream.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        }
        stream.extend_from_slice(frame);
    }
    stream
}

fn read(file: &Path) -> Json {
    let text = fs::read_to_string(file).unwrap();
    let mut reader = serde_json::Deserializer::from_str(&text);
    reader.disable_recursion_limit();
    Json::deserialize(&mut reader).unwrap()
}

/// Finds frames and everything that looks like an address or a pattern.
fn collect(json: &Json, frames: &mut Vec<Vec<u8>>, addresses: &mut Vec<String>) {
    match json {
        Json::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(hex) if key == "frame_hex" => frames.extend(unhex(hex)),
                    Some(text) if text.starts_with('/') && text.len() < 100 => {
                        addresses.push(text.to_owned());
                    }
                    _ => collect(value, frames, addresses),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, frames, addresses)),
        _ => {}
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// HELLO by every client, then these frames by one after the other (see `router_ops`).
fn operations(variant: usize, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![variant as u8];
    for peer in 0..4 {
        out.extend([28 * 4 + peer, 0xF8]);
        out.extend([45 * 4 + peer, 1, 3, 0xFF, 0]);
    }
    for (number, frame) in frames.iter().enumerate() {
        let padded = frame.len().div_ceil(4);
        if padded > 255 {
            continue;
        }
        out.extend([12 * 4 + (number % 4) as u8, padded as u8]);
        out.extend_from_slice(frame);
        out.resize(out.len() + padded * 4 - frame.len(), 0);
        out.extend([6 * 4, 0x51]);
    }
    out
}

fn write(target: &str, bytes: &[u8]) {
    if bytes.len() > SEED_BYTES_MAX {
        return;
    }
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let name = format!("{:016x}", hasher.finish());
    fs::write(Path::new(SEEDS).join(target).join(name), bytes).unwrap();
}
