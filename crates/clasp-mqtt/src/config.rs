//! What an operator may choose about the door, and its file.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::mapping::{Direction, Mapping, PublishAs, Rule};
use crate::payload::PayloadMode;

/// How the door works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Topics and addresses.
    pub mapping: Mapping,
    /// Limits.
    pub limits: Limits,
    /// A client of MQTT 3.1.1 whose PUBLISH is refused is disconnected, not ignored.
    pub disconnect_refused: bool,
}

/// Limits of the door (adapters.md 1.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of CONNECT.
    pub connect_bytes_max: usize,
    /// Bytes of any other packet.
    pub packet_bytes_max: usize,
    /// Messages of QoS 1 and 2 a client may have under way to the relay.
    pub receive_max: u16,
    /// Messages kept for one client that is away.
    pub queue_messages_max: usize,
    /// Messages kept for one that is connected and has to acknowledge others first.
    pub queue_here_max: usize,
    /// Bytes of these.
    pub queue_bytes_max: usize,
    /// Topic aliases in each direction.
    pub topic_aliases_max: u16,
    /// Seconds for which a session outlives its connection.
    pub session_expiry_s_max: u32,
    /// Sessions without a connection.
    pub away_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect_bytes_max: 64 << 10,
            packet_bytes_max: 1 << 20,
            receive_max: 256,
            queue_messages_max: 1_000,
            queue_here_max: 16_000,
            queue_bytes_max: 4 << 20,
            topic_aliases_max: 64,
            session_expiry_s_max: 24 * 3_600,
            away_max: 10_000,
        }
    }
}

/// Why there is no configuration; the text names the file, the line and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    payload: PayloadMode,
    #[serde(default)]
    publish_as: PublishAs,
    #[serde(default)]
    disconnect_refused: bool,
    session_expiry_seconds: Option<u32>,
    max_packet_bytes: Option<Spanned<usize>>,
    #[serde(default)]
    rule: Vec<Spanned<RuleTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    topic: String,
    address: String,
    #[serde(default)]
    direction: Direction,
    payload: Option<PayloadMode>,
    publish_as: Option<PublishAs>,
}

/// Packets that a client may be told to keep to.
const PACKET_BYTES: std::ops::RangeInclusive<usize> = 1 << 10..=16 << 20;

impl Config {
    /// Everything below `namespace`, all else as usual.
    ///
    /// # Errors
    /// The namespace is neither empty nor an address.
    pub fn new(namespace: &str) -> Result<Config, ConfigError> {
        Self::of(namespace, &Document::default(), |_, problem| problem)
    }

    /// As the file at `path` says.
    ///
    /// # Errors
    /// It cannot be read, or is not what is expected.
    pub fn read(namespace: &str, path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError(format!("cannot read {}: {error}; check --mqtt-config", path.display()))
        })?;
        Self::parse(namespace, &text, &path.display().to_string())
    }

    fn parse(namespace: &str, text: &str, name: &str) -> Result<Config, ConfigError> {
        let at = |start: usize, problem: String| {
            let line = 1 + text[..start.min(text.len())].matches('\n').count();
            format!("{name}:{line}: {problem}")
        };
        let document: Document = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            ConfigError(at(start, error.message().to_owned()))
        })?;
        Self::of(namespace, &document, at)
    }

    fn of(
        namespace: &str,
        document: &Document,
        at: impl Fn(usize, String) -> String,
    ) -> Result<Config, ConfigError> {
        let mut otherwise = Mapping::namespace(namespace)
            .map_err(|problem| ConfigError(format!("--mqtt-namespace {namespace}: {problem}")))?;
        otherwise.payload = document.payload;
        otherwise.publish_as = document.publish_as;
        let mut rules = Vec::new();
        for table in &document.rule {
            let start = table.span().start;
            let table = table.get_ref();
            let mut rule = Rule::new(&table.topic, &table.address)
                .map_err(|problem| ConfigError(at(start, problem)))?;
            rule.direction = table.direction;
            rule.payload = table.payload.unwrap_or(document.payload);
            rule.publish_as = table.publish_as.unwrap_or(document.publish_as);
            rules.push(rule);
        }
        let mut limits = Limits::default();
        if let Some(seconds) = document.session_expiry_seconds {
            limits.session_expiry_s_max = seconds;
        }
        if let Some(bytes) = &document.max_packet_bytes {
            if !PACKET_BYTES.contains(bytes.get_ref()) {
                let (least, most) = (PACKET_BYTES.start(), PACKET_BYTES.end());
                let problem = format!("max_packet_bytes: expected {least} to {most}");
                return Err(ConfigError(at(bytes.span().start, problem)));
            }
            limits.packet_bytes_max = *bytes.get_ref();
        }
        let mapping = Mapping::new(rules, otherwise);
        Ok(Config { mapping, limits, disconnect_refused: document.disconnect_refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse("/mqtt", text, "mqtt.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_file_sets_rules_and_what_holds_for_all_others() {
        let text = "payload = \"json\"\n[[rule]]\ntopic = \"zb/#\"\naddress = \"/z/**\"\n\
                    publish_as = \"stream\"\n";
        let config = Config::parse("/mqtt", text, "mqtt.toml").unwrap();
        let rule = config.mapping.rule("zb/lamp").unwrap();
        assert_eq!((rule.payload, rule.publish_as), (PayloadMode::Json, PublishAs::Stream));
        let otherwise = config.mapping.rule("x").unwrap();
        assert_eq!(
            (otherwise.payload, otherwise.publish_as),
            (PayloadMode::Json, PublishAs::Param)
        );
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        assert!(error("payload = 3").starts_with("mqtt.toml:1: "));
        assert!(error("\n\nwrong = 1").starts_with("mqtt.toml:3: unknown field"));
        let rule = error("\n[[rule]]\ntopic = \"a/#\"\naddress = \"/a\"");
        assert!(rule.starts_with("mqtt.toml:2: topic and address go together"), "{rule}");
        assert!(error("max_packet_bytes = 3").contains("expected 1024 to"));
        let namespace = Config::new("mqtt").unwrap_err().to_string();
        assert!(namespace.starts_with("--mqtt-namespace mqtt: "), "{namespace}");
    }
}
