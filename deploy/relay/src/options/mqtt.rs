//! MQTT: where its clients come in, and how their topics are mapped.

use std::path::{Path, PathBuf};

use clap::Args;

use super::StorageOptions;

/// Where MQTT clients come in.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "MQTT")]
pub struct MqttOptions {
    /// Serve MQTT 3.1, 3.1.1 and 5 on this port, 1883 by convention, and on the WebSocket port
    /// (subprotocol mqtt)
    #[arg(long, env = "CLASP_MQTT_PORT", value_name = "PORT", hide_env_values = true)]
    pub mqtt_port: Option<u16>,

    /// Serve MQTT on this port, 8883 by convention, encrypted only; needs --cert
    #[arg(long, env = "CLASP_MQTTS_PORT", value_name = "PORT", requires = "cert")]
    #[arg(hide_env_values = true)]
    pub mqtts_port: Option<u16>,

    /// Address that topics are below: topic a/b is then /mqtt/a/b; empty for the root
    #[arg(long, env = "CLASP_MQTT_NAMESPACE", value_name = "ADDRESS", default_value = "/mqtt")]
    #[arg(hide_env_values = true)]
    pub mqtt_namespace: String,

    /// Rules for topics and payloads, and limits (TOML; see docs/doors/mqtt.md)
    #[arg(long, env = "CLASP_MQTT_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub mqtt_config: Option<PathBuf>,
}

const SESSIONS_DB: &str = "relay-mqtt.db";

impl MqttOptions {
    /// The first option that asks for MQTT, if any does.
    pub fn wish(&self) -> Option<&'static str> {
        let wishes = [
            (self.mqtt_port.is_some(), "--mqtt-port"),
            (self.mqtts_port.is_some(), "--mqtts-port"),
        ];
        wishes.into_iter().find_map(|(wanted, flag)| wanted.then_some(flag))
    }

    /// Where sessions are kept: beside what else outlives the process; nowhere if nothing does.
    pub fn sessions(&self, storage: &StorageOptions) -> Option<PathBuf> {
        let kept = storage.persist.as_deref().or(storage.journal.as_deref());
        if let Some(directory) = &storage.data_dir {
            return Some(directory.join(SESSIONS_DB));
        }
        let path = storage.resolve(kept?);
        Some(path.parent().unwrap_or(Path::new("")).join(SESSIONS_DB))
    }
}
