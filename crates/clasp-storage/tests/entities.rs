//! The registry of entities across restarts, with files of others, and with damaged rows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;

use clasp_auth::{Entities, EntitiesError, Entity, EntityId, EntityKind, EntityStatus, SigningKey};
use clasp_storage::{ErrorKind, SqliteEntities};
use rusqlite::{Connection, params};
use support::Folder;

fn entity(seed: u8) -> Entity {
    let public_key = SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes();
    Entity {
        id: EntityId::of(&public_key),
        kind: EntityKind::Service,
        name: "Désk \"1\"".to_owned(),
        public_key,
        created_at: 1_700_000_000 + u64::from(seed),
        metadata: BTreeMap::from([("loc".to_owned(), "roof".to_owned())]),
        tags: vec!["sensor".to_owned()],
        namespaces: vec!["/s".to_owned()],
        scopes: vec!["read:/s/*".to_owned()],
        status: EntityStatus::Active,
    }
}

fn open(folder: &Folder) -> Entities {
    let store = SqliteEntities::open(&folder.join("registry.db")).unwrap();
    Entities::open(Box::new(store)).unwrap()
}

#[test]
fn entities_come_back_as_they_were() {
    let folder = Folder::new();
    let (first, second, third) = (entity(1), entity(2), entity(3));
    let entities = open(&folder);
    for one in [&first, &second, &third] {
        entities.create(one.clone()).unwrap();
    }
    assert_eq!(entities.create(first.clone()), Err(EntitiesError::Exists(first.id.clone())));
    entities.set_status(&second.id, EntityStatus::Suspended).unwrap();
    entities.delete(&third.id).unwrap();
    assert_eq!(entities.delete(&third.id), Err(EntitiesError::Unknown));
    drop(entities);
    let entities = open(&folder);
    assert_eq!(entities.get(&first.id).as_deref(), Some(&first));
    let suspended = Entity { status: EntityStatus::Suspended, ..second };
    assert_eq!(entities.list(0, 9), [suspended.into(), first.into()]);
    assert_eq!(entities.defects(), []);
}

#[test]
fn the_file_is_for_its_owner_and_one_relay() {
    let folder = Folder::new();
    let path = folder.join("registry.db");
    std::fs::write(&path, b"").unwrap();
    let _open = SqliteEntities::open(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mode: String = Connection::open(&path)
        .and_then(|it| it.pragma_query_value(None, "journal_mode", |row| row.get(0)))
        .unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(SqliteEntities::open(&path).unwrap_err().kind(), ErrorKind::InUse);
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let folder = Folder::new();
    let path = folder.join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE entries (seq)").unwrap();
    assert_eq!(SqliteEntities::open(&path).unwrap_err().kind(), ErrorKind::Foreign);
    let text = folder.join("text.db");
    std::fs::write(&text, "this is no database, whatever its name says".repeat(20)).unwrap();
    assert_eq!(SqliteEntities::open(&text).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn rows_that_make_no_sense_grant_nothing_and_can_be_deleted() {
    let folder = Folder::new();
    let entities = open(&folder);
    let changes = [
        ("status", "'enabled'"),
        ("status", "NULL"),
        ("scopes", "'[\"read:/a\"'"),
        ("scopes", "'[\"fly:/a\"]'"),
        ("namespaces", "'[1]'"),
        ("metadata", "'[]'"),
        ("entity_type", "'robot'"),
        ("public_key", "x'00'"),
        ("public_key", "zeroblob(32)"),
        ("created_at", "NULL"),
    ];
    for seed in 0..=changes.len() {
        entities.create(entity(seed as u8 + 1)).unwrap();
    }
    drop(entities);
    loosen(&folder);
    let database = Connection::open(folder.join("registry.db")).unwrap();
    for (index, (column, value)) in changes.iter().enumerate() {
        let change = format!("UPDATE entities SET {column} = {value} WHERE id = ?1");
        let id = entity(index as u8 + 1).id;
        assert_eq!(database.execute(&change, params![id.as_str()]), Ok(1));
    }
    drop(database);
    let entities = open(&folder);
    assert_eq!(entities.len(), 1, "{:?}", entities.list(0, 99));
    assert_eq!(entities.defects().len(), changes.len());
    for (index, (column, _)) in changes.iter().enumerate() {
        let id = entity(index as u8 + 1).id;
        let defect = entities.defects().iter().find(|it| it.id == id.as_str()).unwrap();
        let word = if *column == "scopes" { "" } else { column };
        assert!(defect.what.contains(word), "{column}: {}", defect.what);
        entities.delete(&id).unwrap();
    }
    drop(entities);
    assert_eq!(open(&folder).defects(), []);
}

/// Makes the table one that takes NULL everywhere.
fn loosen(folder: &Folder) {
    let copy = "CREATE TABLE loose AS SELECT * FROM entities; DROP TABLE entities;
                ALTER TABLE loose RENAME TO entities;";
    Connection::open(folder.join("registry.db")).unwrap().execute_batch(copy).unwrap();
}
