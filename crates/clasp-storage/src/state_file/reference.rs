//! The state file of the reference implementation: one JSON object (relay.md 16.1).

use clasp_protocol::RawValue;
use clasp_router::ParamRecord;
use serde::Deserialize;
use serde_json::Value as Json;

use clasp_json::from_json;

#[derive(Deserialize)]
struct Document {
    params: Vec<Param>,
}

#[derive(Deserialize)]
struct Param {
    address: String,
    value: Json,
    #[serde(default)]
    revision: u64,
    writer: Option<String>,
    timestamp: Option<u64>,
}

/// Shows the params of a document; tells how many could not be used, their value being too large.
///
/// A param without writer was written by "restore", one without time now.
pub(super) fn visit(
    document: &[u8],
    now_us: u64,
    visit: &mut dyn FnMut(&ParamRecord<'_>),
) -> Result<u64, serde_json::Error> {
    let document: Document = serde_json::from_slice(document)?;
    let mut skipped = 0;
    for param in document.params {
        let Ok(value) = RawValue::try_from(&from_json(&param.value)) else {
            skipped += 1;
            continue;
        };
        visit(&ParamRecord {
            address: param.address.into(),
            value,
            revision: param.revision.max(1),
            writer: param.writer.unwrap_or_else(|| "restore".to_owned()).into(),
            timestamp_us: param.timestamp.unwrap_or(now_us),
            ttl: None,
            expires_us: None,
        });
    }
    Ok(skipped)
}
