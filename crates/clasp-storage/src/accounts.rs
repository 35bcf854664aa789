//! The auth database: accounts, and tokens by their hashes, in one SQLite file
//! (spec: relay.md 9.2, 10.17). Opens files of the reference implementation.

mod schema;
mod tokens;

use std::path::{Path, PathBuf};

use clasp_auth::account::{Account, name_key};
use clasp_auth::store::{AccountStore, StoreError};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use crate::error::StorageError;
use crate::files::{self, NameLock};

/// An open auth database; one relay at a time has it.
#[derive(Debug)]
pub struct AuthDatabase {
    path: PathBuf,
    connection: Mutex<Connection>,
    has_log: bool,
    _lock: NameLock,
}

const COLUMNS: &str = "id, username, password_hash, created_at";

impl AuthDatabase {
    /// Opens the file, or makes it, for its owner's eyes only; old tables are brought up to date.
    ///
    /// # Errors
    /// The file is in use, damaged, something else, or cannot be written to.
    pub fn open(path: &Path) -> Result<AuthDatabase, StorageError> {
        let lock = NameLock::take(path)?;
        files::open_or_create_private(path)?;
        let (connection, has_log) = schema::open(path)?;
        let (path, connection) = (path.to_owned(), Mutex::new(connection));
        Ok(AuthDatabase { path, connection, has_log, _lock: lock })
    }

    /// Whether it has a write-ahead log; some file systems cannot hold one.
    pub fn has_log(&self) -> bool {
        self.has_log
    }

    fn failed(&self, doing: &str, error: &rusqlite::Error) -> StoreError {
        StoreError::Failed(StorageError::sqlite(&self.path, doing, error).to_string())
    }

    fn ask<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&mut self.connection.lock()).map_err(|error| self.failed(doing, &error))
    }

    fn account(&self, condition: &str, value: &str) -> Result<Option<Account>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM users WHERE {condition} = ?1");
        self.ask("read an account", |connection| {
            connection.prepare(&query)?.query_row([value], read).optional()
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Account> {
    let created: i64 = row.get(3)?;
    Ok(Account {
        id: row.get(0)?,
        username: row.get(1)?,
        password_hash: row.get(2)?,
        created_unix_s: created.try_into().unwrap_or(0),
    })
}

/// SQLite's integers are signed.
fn signed(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

impl AccountStore for AuthDatabase {
    fn insert(&self, account: &Account) -> Result<(), StoreError> {
        let inserted = self.connection.lock().execute(
            "INSERT INTO users (id, username, password_hash, created_at, username_key)
             VALUES (:id, :username, :password_hash, :created_at, :username_key)",
            named_params! {
                ":id": account.id,
                ":username": account.username,
                ":password_hash": account.password_hash,
                ":created_at": signed(account.created_unix_s),
                ":username_key": name_key(&account.username),
            },
        );
        match inserted {
            Ok(_) => Ok(()),
            Err(error) if is_taken(&error) => Err(StoreError::Taken),
            Err(error) => Err(self.failed("add an account", &error)),
        }
    }

    fn by_id(&self, id: &str) -> Result<Option<Account>, StoreError> {
        self.account("id", id)
    }

    fn by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        match self.account("username", name)? {
            Some(account) => Ok(Some(account)),
            None => self.account("username_key", &name_key(name)),
        }
    }

    fn set_password_hash(&self, id: &str, password_hash: &str) -> Result<(), StoreError> {
        let update = "UPDATE users SET password_hash = ?2 WHERE id = ?1";
        self.ask("change a password", |connection| {
            connection.execute(update, params![id, password_hash]).map(drop)
        })
    }

    fn knows(&self, id: &str) -> Result<bool, StoreError> {
        let query = "SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1)
                         OR EXISTS (SELECT 1 FROM removed_ids WHERE id = ?1)";
        self.ask("look for an id", |connection| connection.query_row(query, [id], |row| row.get(0)))
    }

    fn remove(&self, id: &str) -> Result<bool, StoreError> {
        self.ask("remove an account", |connection| {
            let transaction = connection.transaction()?;
            let rows = transaction.execute("DELETE FROM users WHERE id = ?1", [id])?;
            if rows > 0 {
                transaction.execute("INSERT OR IGNORE INTO removed_ids (id) VALUES (?1)", [id])?;
            }
            transaction.commit()?;
            Ok(rows > 0)
        })
    }

    fn list(&self, offset: u64, limit: u64) -> Result<(Vec<Account>, u64), StoreError> {
        let query =
            format!("SELECT {COLUMNS} FROM users ORDER BY created_at, id LIMIT ?1 OFFSET ?2");
        self.ask("list accounts", |connection| {
            let mut statement = connection.prepare(&query)?;
            let rows = statement.query_map([signed(limit), signed(offset)], read)?;
            let accounts = rows.collect::<rusqlite::Result<_>>()?;
            let total: i64 =
                connection.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
            Ok((accounts, total.try_into().unwrap_or(0)))
        })
    }
}

fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}
