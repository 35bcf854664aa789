//! The registry of entities in SQLite, in the table that the reference implementation made
//! (spec: relay.md 12.7). What cannot be made sense of is a defect, never a default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clasp_auth::{Defect, Entity, EntityId, EntityStatus, EntityStore, RegistryError};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use crate::error::{ErrorKind, StorageError};
use crate::files::NameLock;
use crate::own_file;

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS entities (
    id TEXT PRIMARY KEY,
    entity_type TEXT NOT NULL,
    name TEXT NOT NULL,
    public_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}',
    tags TEXT NOT NULL DEFAULT '[]',
    namespaces TEXT NOT NULL DEFAULT '[]',
    scopes TEXT NOT NULL DEFAULT '[]',
    status TEXT NOT NULL DEFAULT 'active'
);
CREATE INDEX IF NOT EXISTS idx_entities_public_key ON entities(public_key);
CREATE INDEX IF NOT EXISTS idx_entities_status ON entities(status);
";

/// Cast, because SQLite lets every column hold every type.
const SELECT: &str = "
SELECT CAST(id AS TEXT), CAST(entity_type AS TEXT), CAST(name AS TEXT),
    CAST(public_key AS BLOB), CAST(created_at AS INTEGER), CAST(metadata AS TEXT),
    CAST(tags AS TEXT), CAST(namespaces AS TEXT), CAST(scopes AS TEXT), CAST(status AS TEXT)
FROM entities";

const INSERT: &str = "
INSERT INTO entities (id, entity_type, name, public_key, created_at, metadata, tags, namespaces,
    scopes, status)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING";

/// Entities in a SQLite file.
#[derive(Debug)]
pub struct SqliteEntities {
    path: PathBuf,
    connection: Mutex<Connection>,
    _lock: NameLock,
}

impl SqliteEntities {
    /// Opens a registry, made if there is none, for this process alone; from then on only its owner
    /// may read it.
    ///
    /// # Errors
    /// The file cannot be opened or written, is in use by another relay, or is something else.
    pub fn open(path: &Path) -> Result<SqliteEntities, StorageError> {
        let refuse = |connection: &Connection| refuse_other_tables(connection, path);
        let (connection, lock) = own_file::open(path, TABLE, refuse)?;
        let connection = Mutex::new(connection);
        Ok(SqliteEntities { path: path.to_owned(), connection, _lock: lock })
    }

    fn run<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, RegistryError> {
        let done = work(&self.connection.lock());
        let told = |error| StorageError::sqlite(&self.path, doing, &error).to_string();
        done.map_err(|error| RegistryError(told(error)))
    }
}

/// A file with tables of others belongs to somebody else, say to the journal.
fn refuse_other_tables(connection: &Connection, path: &Path) -> Result<(), StorageError> {
    let other = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'entities' \
                 AND name NOT LIKE 'sqlite_%' LIMIT 1";
    let has_ours = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'entities'";
    let read = |query| connection.query_row(query, [], |_| Ok(())).optional();
    let failed = |error| StorageError::sqlite(path, "read its tables", &error);
    if read(has_ours).map_err(failed)?.is_none() && read(other).map_err(failed)?.is_some() {
        let text = "is a SQLite file of something else; give --registry-db a file of its own";
        return Err(StorageError::new(ErrorKind::Foreign, path, text));
    }
    Ok(())
}

impl EntityStore for SqliteEntities {
    fn load(&self) -> Result<(Vec<Entity>, Vec<Defect>), RegistryError> {
        let (mut entities, mut defects) = (Vec::new(), Vec::new());
        self.run("read its entities", |connection| {
            let mut statement = connection.prepare(SELECT)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                match entity(row) {
                    Ok(entity) => entities.push(entity),
                    Err(what) => {
                        let id: Option<String> = row.get(0).unwrap_or_default();
                        defects.push(Defect { id: id.unwrap_or_default(), what });
                    }
                }
            }
            Ok(())
        })?;
        Ok((entities, defects))
    }

    fn insert(&self, entity: &Entity) -> Result<bool, RegistryError> {
        let json = |list: &[String]| serde_json::Value::from(list).to_string();
        let metadata = serde_json::to_string(&entity.metadata).expect("texts are JSON");
        let created_at = i64::try_from(entity.created_at).unwrap_or(i64::MAX);
        let written = self.run("store an entity", |connection| {
            connection.execute(
                INSERT,
                params![
                    entity.id.as_str(),
                    entity.kind.name(),
                    entity.name,
                    entity.public_key.as_slice(),
                    created_at,
                    metadata,
                    json(&entity.tags),
                    json(&entity.namespaces),
                    json(&entity.scopes),
                    entity.status.name(),
                ],
            )
        })?;
        Ok(written > 0)
    }

    fn set_status(&self, id: &EntityId, status: EntityStatus) -> Result<(), RegistryError> {
        let update = "UPDATE entities SET status = ?2 WHERE id = ?1";
        let parameters = params![id.as_str(), status.name()];
        self.run("store an entity's status", |connection| connection.execute(update, parameters))
            .map(drop)
    }

    fn delete(&self, id: &EntityId) -> Result<bool, RegistryError> {
        let delete = "DELETE FROM entities WHERE id = ?1";
        let deleted = self
            .run("delete an entity", |connection| connection.execute(delete, params![id.as_str()]));
        Ok(deleted? > 0)
    }
}

/// The entity of a row, or what is wrong with it.
fn entity(row: &Row<'_>) -> Result<Entity, String> {
    let id: EntityId = text(row, 0, "id")?.parse().map_err(|error| format!("id: {error}"))?;
    let key: Option<Vec<u8>> = row.get(3).map_err(|error| format!("public_key: {error}"))?;
    let public_key = key.unwrap_or_default().try_into();
    let public_key = public_key.map_err(|_| "public_key: 32 bytes are needed".to_owned())?;
    if EntityId::of(&public_key) != id {
        return Err("its id does not belong to its public_key".to_owned());
    }
    let created_at: i64 = row.get(4).map_err(|error| format!("created_at: {error}"))?;
    let metadata: BTreeMap<String, String> = json(row, 5, "metadata")?;
    Ok(Entity {
        id,
        kind: text(row, 1, "entity_type")?.parse().map_err(|it| format!("entity_type: {it}"))?,
        name: text(row, 2, "name")?,
        public_key,
        created_at: u64::try_from(created_at).unwrap_or_default(),
        metadata,
        tags: json(row, 6, "tags")?,
        namespaces: json(row, 7, "namespaces")?,
        scopes: json(row, 8, "scopes")?,
        status: text(row, 9, "status")?.parse().map_err(|it| format!("status: {it}"))?,
    })
}

fn text(row: &Row<'_>, column: usize, name: &str) -> Result<String, String> {
    let text: Option<String> = row.get(column).map_err(|error| format!("{name}: {error}"))?;
    text.ok_or_else(|| format!("{name}: it is empty"))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize, name: &str) -> Result<T, String> {
    serde_json::from_str(&text(row, column, name)?).map_err(|error| format!("{name}: {error}"))
}
