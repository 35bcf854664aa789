//! Reads the golden vectors (spec: wire.md section 23).

use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;

/// One of the files in `tests/vectors`.
pub(crate) fn load(file: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut reader = serde_json::Deserializer::from_str(&text);
    reader.disable_recursion_limit();
    Json::deserialize(&mut reader).unwrap()
}

/// The entries of one section of a file.
pub(crate) fn section<'j>(file: &'j Json, name: &str) -> &'j [Json] {
    file[name].as_array().map_or(&[], Vec::as_slice)
}
