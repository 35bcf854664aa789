//! The auth database: old files open, foreign ones are refused, secrets stay secret.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clasp_auth::Scopes;
use clasp_auth::account::Account;
use clasp_auth::cpsk::TokenHash;
use clasp_auth::store::{AccountStore, StoreError, TokenStore};
use clasp_auth::token::{Holder, Token};
use clasp_storage::{AuthDatabase, ErrorKind};
use rusqlite::Connection;
use support::Folder;

fn account(id: &str, username: &str) -> Account {
    Account {
        id: id.into(),
        username: username.into(),
        password_hash: "$argon2id$…".into(),
        created_unix_s: 1_700_000_000,
    }
}

fn token(secret: &str, expires_unix_s: Option<u64>) -> Token {
    Token {
        hash: TokenHash::of(secret),
        subject: "u-1".into(),
        name: "alice".into(),
        holder: Holder::Child,
        scopes: Scopes::parse_list("read:/a/**,write:/b").unwrap(),
        parent: Some(TokenHash::of("parent")),
        owner: Some("u-0".into()),
        issued_unix_s: 7,
        expires_unix_s,
    }
}

/// A file as the reference implementation leaves it.
fn reference_file(path: &Path, rows: &[(&str, &str)]) {
    let connection = Connection::open(path).unwrap();
    let table = "CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT UNIQUE NOT NULL,
                 password_hash TEXT NOT NULL, created_at INTEGER NOT NULL)";
    connection.execute_batch(table).unwrap();
    for (number, (id, name)) in rows.iter().enumerate() {
        let insert = "INSERT INTO users VALUES (?1, ?2, 'phc', ?3)";
        connection.execute(insert, (id, name, number as i64)).unwrap();
    }
}

#[test]
fn what_was_added_is_there_after_opening_again() {
    let folder = Folder::new();
    let path = folder.path().join("auth.db");
    let tokens = [token("a", None), token("b", Some(50))];
    {
        let database = AuthDatabase::open(&path).unwrap();
        AccountStore::insert(&database, &account("u-1", "Alice")).unwrap();
        tokens.iter().for_each(|token| TokenStore::insert(&database, token).unwrap());
    }
    let database = AuthDatabase::open(&path).unwrap();
    assert_eq!(database.by_name("ALICE").unwrap(), Some(account("u-1", "Alice")));
    let mut loaded = database.load(49).unwrap();
    loaded.sort_by_key(|token| token.expires_unix_s);
    assert_eq!(loaded, tokens);
    assert_eq!(database.load(50).unwrap(), tokens[..1]);
    TokenStore::remove(&database, &[tokens[0].hash]).unwrap();
    assert_eq!(database.load(50).unwrap(), []);
}

#[test]
fn ids_and_names_that_read_alike_are_taken() {
    let folder = Folder::new();
    let database = AuthDatabase::open(&folder.path().join("auth.db")).unwrap();
    let add = |id: &str, name: &str| AccountStore::insert(&database, &account(id, name));
    add("u-1", "Alice").unwrap();
    assert_eq!(add("u-1", "bob"), Err(StoreError::Taken));
    assert_eq!(add("u-2", "aLICE"), Err(StoreError::Taken));
    add("u-2", "bob").unwrap();
    let (page, total) = database.list(1, 10).unwrap();
    assert_eq!((page, total), (vec![account("u-2", "bob")], 2));
    assert!(AccountStore::remove(&database, "u-1").unwrap());
    assert!(!AccountStore::remove(&database, "u-1").unwrap());
    add("u-3", "alice").unwrap();
}

#[test]
fn files_of_the_reference_open_with_all_their_names() {
    let folder = Folder::new();
    let path = folder.path().join("auth.db");
    reference_file(&path, &[("u-1", "alice"), ("u-2", "Alice"), ("u-3", "bob")]);
    let database = AuthDatabase::open(&path).unwrap();
    let id = |name: &str| database.by_name(name).unwrap().map(|account| account.id);
    assert_eq!(id("alice").as_deref(), Some("u-1"));
    assert_eq!(id("Alice").as_deref(), Some("u-2"), "each is found by its own spelling");
    assert_eq!(id("ALICE").as_deref(), Some("u-1"), "any other leads to the older");
    assert_eq!(id("BOB").as_deref(), Some("u-3"));
}

#[test]
fn the_file_and_what_stands_beside_it_are_for_their_owner() {
    let folder = Folder::new();
    let path = folder.path().join("auth.db");
    reference_file(&path, &[]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let database = AuthDatabase::open(&path).unwrap();
    assert!(database.has_log());
    AccountStore::insert(&database, &account("u-1", "alice")).unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        seen += 1;
    }
    assert!(seen >= 3, "the database, its log, its lock");
}

#[test]
fn no_token_is_in_the_file() {
    let folder = Folder::new();
    let path = folder.path().join("auth.db");
    let secret = "cpsk_0123456789abcdef0123456789abcdef";
    TokenStore::insert(&AuthDatabase::open(&path).unwrap(), &token(secret, None)).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(20).any(|window| window == &secret.as_bytes()[5..25]));
    }
}

#[test]
fn without_a_place_for_the_log_it_works_without() {
    let folder = Folder::new();
    let path = folder.path().join("auth.db");
    std::fs::create_dir(folder.path().join("auth.db-shm")).unwrap();
    let database = AuthDatabase::open(&path).unwrap();
    assert!(!database.has_log());
    AccountStore::insert(&database, &account("u-1", "alice")).unwrap();
    assert!(database.by_id("u-1").unwrap().is_some());
}

#[test]
fn what_is_no_auth_database_is_refused_and_left_alone() {
    let folder = Folder::new();
    let refusal = |name: &str, make: &dyn Fn(&Path)| {
        let path = folder.path().join(name);
        make(&path);
        let before = std::fs::read(&path).unwrap();
        let error = AuthDatabase::open(&path).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        error.kind()
    };
    let other = |path: &Path| {
        Connection::open(path).unwrap().execute_batch("CREATE TABLE entries (a)").unwrap();
    };
    assert_eq!(refusal("other.db", &other), ErrorKind::Foreign);
    let newer = |path: &Path| {
        reference_file(path, &[]);
        Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    };
    assert_eq!(refusal("newer.db", &newer), ErrorKind::Foreign);
    let text = |path: &Path| std::fs::write(path, "not a database at all, but long".repeat(40));
    assert_eq!(refusal("text.db", &|path| text(path).unwrap()), ErrorKind::Damaged);
}

#[test]
fn one_relay_at_a_time_has_it() {
    let folder = Folder::new();
    let path = folder.path().join("auth.db");
    let _first = AuthDatabase::open(&path).unwrap();
    assert_eq!(AuthDatabase::open(&path).unwrap_err().kind(), ErrorKind::InUse);
}

#[test]
fn the_id_of_a_removed_account_is_remembered() {
    let folder = Folder::new();
    let path = folder.path().join("auth.db");
    let database = AuthDatabase::open(&path).unwrap();
    AccountStore::insert(&database, &account("u-1", "alice")).unwrap();
    assert!(database.knows("u-1").unwrap() && !database.knows("u-2").unwrap());
    assert!(AccountStore::remove(&database, "u-1").unwrap());
    drop(database);
    let database = AuthDatabase::open(&path).unwrap();
    assert!(database.knows("u-1").unwrap() && database.by_id("u-1").unwrap().is_none());
    AccountStore::insert(&database, &account("u-3", "alice")).unwrap();
}
