//! What the HTTP door reads: paths as addresses, bodies as values.

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue, codec};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

// By its file, since its crate brings a whole HTTP server along.
#[path = "../../crates/clasp-rest/src/address.rs"]
#[allow(dead_code, reason = "texts are not looked at")]
mod address;

/// What a client has to escape, and more.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/');

/// Reads the input as a path and, behind the first line break, a body.
pub fn check(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    if let Ok(path) = std::str::from_utf8(&data[..end]) {
        check_path(path);
    }
    if let Ok(json) = serde_json::from_slice(data.get(end + 1..).unwrap_or_default()) {
        check_value(&json);
    }
}

fn check_path(path: &str) {
    let Ok(address) = address::decode(path) else { return };
    let slashes = |text: &str| text.matches('/').count();
    assert_eq!(slashes(path), slashes(&address), "{path}");
    let escaped = utf8_percent_encode(&address, ESCAPED).to_string();
    assert_eq!(address::decode(&escaped), Ok(address), "{path} as {escaped}");
}

fn check_value(json: &Json) {
    let value = clasp_json::from_json(json);
    let Ok(raw) = RawValue::try_from(&value) else { return };
    let read = raw.to_value();
    assert_eq!(read, value, "{json}");
    let back = clasp_json::to_json(&read);
    assert_eq!(clasp_json::from_json(&back), value, "{json}");
    // It may be too large for a frame, and is refused then.
    let _fits = codec::encode(&Message::Set(Set::new("/a", raw)), Qos::Fire, &mut Vec::new());
}
