//! Sessions of MQTT clients on disk.

use std::collections::HashMap;

use clasp_mqtt::{Key, Store, Stored};
use clasp_storage::SqliteSessions;

use crate::options::Options;
use crate::relay::StartError;

/// Where sessions are kept, if anywhere; blocks.
pub(super) fn mqtt_store(options: &Options) -> Result<Option<Box<dyn Store>>, StartError> {
    let Some(path) = options.mqtt.sessions(&options.storage) else { return Ok(None) };
    if let Some(directory) = &options.storage.data_dir {
        super::storage::make_private(directory)?;
    }
    let opened = SqliteSessions::open(&path);
    let sessions = opened.map_err(|error| StartError::Mqtt(error.to_string()))?;
    tracing::info!("MQTT: sessions are kept in {}", path.display());
    Ok(Some(Box::new(File(sessions))))
}

/// Sessions in a SQLite file.
struct File(SqliteSessions);

impl Store for File {
    fn load(&self) -> Result<Vec<Stored>, String> {
        let all = self.0.load().map_err(|error| error.to_string())?;
        let stored = all.into_iter().map(|session| Stored {
            key: Key { subject: session.subject.map(Into::into), client: session.client.into() },
            record: session.state,
        });
        Ok(stored.collect())
    }

    fn save(&self, changed: &HashMap<Key, Option<Vec<u8>>>) -> Result<(), String> {
        let rows = changed
            .iter()
            .map(|(key, state)| (key.subject.as_deref(), &*key.client, state.as_deref()));
        self.0.save(rows).map_err(|error| error.to_string())
    }
}
