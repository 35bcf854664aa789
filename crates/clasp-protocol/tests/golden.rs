//! What the published packages send is understood, and what we send is what they would send.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/parse.rs"]
mod parse;
#[path = "support/vectors.rs"]
mod vectors;
#[path = "support/view.rs"]
mod view;

use clasp_protocol::message::Message;
use clasp_protocol::{Frame, Qos, codec, frame};
use hex::frame_of;
use serde_json::Value as Json;
use vectors::{load, section};

fn qos_of(name: &Json) -> Qos {
    match name.as_str().unwrap() {
        "confirm" => Qos::Confirm,
        "commit" => Qos::Commit,
        _ => Qos::Fire,
    }
}

/// What a decoder must find: `decoded` where the encoding loses something, else `message`.
///
/// Where the reference gives up although the bytes are sound, the message itself counts, if the
/// vector tells it.
fn expected(vector: &Json) -> Option<Json> {
    let mut json = match vector.get("decoded") {
        Some(decoded) if decoded["outcome"] != "error" => decoded.clone(),
        _ => vector["message"].clone(),
    };
    view::canonical(&mut json);
    json.get("type").is_some().then_some(json)
}

fn name(vector: &Json) -> &str {
    vector["name"].as_str().unwrap_or("?")
}

/// What a check finds wrong with a vector.
type Checked = Result<(), String>;

/// Runs a check over vectors and tells all that fail.
fn check_all<'j>(
    vectors: impl IntoIterator<Item = &'j Json>,
    check: impl Fn(&Json) -> Checked,
) -> usize {
    let mut count = 0;
    let mut failures = Vec::new();
    for vector in vectors {
        count += 1;
        if let Err(failure) = check(vector) {
            failures.push(format!("{}: {failure}", name(vector)));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    count
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: &T, theirs: &T) -> Checked {
    if ours == theirs {
        Ok(())
    } else {
        Err(format!("{what}\n  ours   {ours:?}\n  theirs {theirs:?}"))
    }
}

fn read_frame(bytes: &[u8]) -> Result<Frame<'_>, String> {
    Frame::parse(bytes).map_err(|error| error.to_string())
}

fn read_message(payload: &[u8]) -> Result<Message<'_>, String> {
    codec::decode(payload).map_err(|error| error.to_string())
}

/// Decodes the frame of a vector and compares frame header and fields.
fn decodes(vector: &Json) -> Checked {
    let bytes = frame_of(vector);
    let frame = read_frame(&bytes)?;
    same("frame length", &frame.len, &bytes.len())?;
    if let Some(header) = vector.get("frame") {
        same("qos", &frame.qos, &qos_of(&header["qos"]))?;
        let timestamp = match &header["timestamp"] {
            Json::String(digits) => digits.parse().ok(),
            number => number.as_u64(),
        };
        same("header timestamp", &frame.timestamp, &timestamp)?;
    }
    let message = read_message(frame.payload)?;
    match expected(vector) {
        Some(expected) => same("message", &view::view(&message), &expected),
        None => Ok(()),
    }
}

/// Whether the frame has the header that we write: version 1 and nothing but QoS.
fn plain_header(frame: &[u8]) -> bool {
    frame[1] & 0x3F == 0x01
}

/// Encodes the message of a vector and compares the bytes.
fn encodes(vector: &Json) -> Checked {
    let message = parse::parse(&vector["message"]);
    let bytes = frame_of(vector);
    let theirs = read_frame(&bytes)?;
    let mut ours = Vec::new();
    codec::encode(&message, theirs.qos, &mut ours).map_err(|error| error.to_string())?;
    same("payload", &read_frame(&ours)?.payload, &theirs.payload)?;
    if plain_header(&bytes) {
        same("frame", &ours, &bytes)?;
    }
    default_qos(vector, &message, theirs.qos)
}

/// The vectors about frames try every QoS; all others have the usual one.
fn default_qos(vector: &Json, message: &Message<'_>, theirs: Qos) -> Checked {
    if name(vector).starts_with("frame/") {
        return Ok(());
    }
    same("default qos", &message.default_qos(), &theirs)
}

/// Decodes and encodes again; the bytes must come back.
fn comes_back(vector: &Json) -> Checked {
    let bytes = frame_of(vector);
    let frame = read_frame(&bytes)?;
    if codec::is_legacy(frame.payload) {
        return Ok(());
    }
    let message = read_message(frame.payload)?;
    let mut payload = Vec::new();
    codec::encode_payload(&message, &mut payload).map_err(|error| error.to_string())?;
    same("payload after decoding", &&*payload, &frame.payload)?;
    if plain_header(&bytes) {
        let mut again = Vec::new();
        frame::write(frame.qos, &payload, &mut again).map_err(|error| error.to_string())?;
        same("frame after decoding", &again, &bytes)?;
    }
    Ok(())
}

#[test]
fn frames_of_the_rust_codec_and_client_are_decoded_and_reproduced() {
    let file = load("rust-clasp-core-4.5.0.json");
    let count = check_all(section(&file, "vectors"), |vector| {
        decodes(vector)?;
        comes_back(vector)?;
        encodes(vector)
    });
    assert_eq!(count, 434);
    let count = check_all(section(&file, "client_api_vectors"), |vector| {
        decodes(vector)?;
        comes_back(vector)
    });
    assert_eq!(count, 25);
}

#[test]
fn frames_of_the_javascript_codec_and_client_are_decoded() {
    let file = load("js-clasp-to-core-3.3.2.json");
    for (name, expected) in
        [("vectors", 401), ("client_api_vectors", 36), ("newer_source_4.3.1_differences", 23)]
    {
        let count = check_all(section(&file, name), |vector| {
            decodes(vector)?;
            comes_back(vector)
        });
        assert_eq!(count, expected, "{name}");
    }
}

#[test]
fn frames_of_the_python_codec_and_client_are_decoded() {
    let file = load("python-clasp-to-4.2.0.json");
    for (name, expected) in [("vectors", 260), ("client_api_vectors", 37)] {
        let count = check_all(section(&file, name), |vector| {
            decodes(vector)?;
            comes_back(vector)
        });
        assert_eq!(count, expected, "{name}");
    }
}

#[test]
fn frames_of_embedded_devices_are_decoded() {
    let file = load("embedded-and-arduino.json");
    assert_eq!(check_all(section(&file, "vectors"), decodes), 23);
    assert_eq!(check_all(section(&file, "embedded_decoder_on_relay_output"), comes_back), 22);
}

#[test]
fn messagepack_of_early_packages_is_decoded() {
    let file = load("legacy-msgpack.json");
    let count = check_all(section(&file, "vectors"), |vector| {
        let bytes = frame_of(vector);
        same("detected", &codec::is_legacy(read_frame(&bytes)?.payload), &true)?;
        decodes(vector)
    });
    assert_eq!(count, 446);
}

/// Vectors whose bytes hang on the order of a hash map or of the features.
const REORDERED: [&str; 12] = [
    "publish/p2p_signal_answer",
    "publish/p2p_signal_connected",
    "publish/p2p_signal_disconnected",
    "publish/p2p_signal_ice_candidate",
    "publish/p2p_signal_offer",
    "publish/stream_value_map_nested",
    "publish/stream_value_map_several",
    "set/value_map_nested",
    "set/value_map_several",
    "snapshot/all_value_kinds",
    "welcome/default_router",
    "welcome/federation_feature_dropped",
];

/// Vectors with fields that mean nothing and that our messages do not have.
const LOSSY: [&str; 3] = [
    "hello/capabilities_not_encoded",
    "hello/features_duplicate_and_reordered",
    "hello/features_unknown_dropped",
];

#[test]
fn messagepack_of_early_rust_is_reproduced() {
    let file = load("legacy-msgpack.json");
    let of_rust = |vector: &&Json| vector["producer"].as_str().unwrap().starts_with("clasp-core");
    let count = check_all(section(&file, "vectors").iter().filter(of_rust), |vector| {
        let message = parse::parse(&vector["message"]);
        let bytes = frame_of(vector);
        let theirs = read_frame(&bytes)?;
        let mut ours = Vec::new();
        codec::encode_legacy(&message, &mut ours).map_err(|error| error.to_string())?;
        if LOSSY.contains(&name(vector)) {
            return Ok(());
        }
        if REORDERED.contains(&name(vector)) {
            let (ours, theirs) = (read_message(&ours)?, read_message(theirs.payload)?);
            return same("message", &view::view(&ours), &view::view(&theirs));
        }
        same("payload", &&*ours, &theirs.payload)?;
        default_qos(vector, &message, theirs.qos)
    });
    assert_eq!(count, 409);
}

#[test]
fn frames_seen_on_a_running_relay_are_decoded_and_reproduced() {
    let file = load("relay-exchanges.json");
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for scenario in section(&file, "scenarios") {
        for step in section(scenario, "steps") {
            collect_frames(&step["send"], &mut sent);
            collect_frames(&step["received"], &mut received);
        }
    }
    assert_eq!(sent.len() + received.len(), 371);
    check_all(sent, decodes);
    check_all(received, |vector| {
        decodes(vector)?;
        comes_back(vector)
    });
}

/// Everything in here that holds a frame and the message it is.
fn collect_frames<'j>(json: &'j Json, frames: &mut Vec<&'j Json>) {
    match json {
        Json::Object(fields) => {
            if fields.contains_key("frame_hex") && fields.contains_key("message") {
                frames.push(json);
            }
            fields.values().for_each(|inner| collect_frames(inner, frames));
        }
        Json::Array(items) => items.iter().for_each(|inner| collect_frames(inner, frames)),
        _ => {}
    }
}
