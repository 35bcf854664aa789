//! Tokens in the auth database, by the hash of their secret.

use clasp_auth::cpsk::TokenHash;
use clasp_auth::store::{StoreError, TokenStore};
use clasp_auth::token::{Holder, Token};
use clasp_auth::{Scope, Scopes};
use rusqlite::{Row, named_params, params};

use super::{AuthDatabase, signed};

/// Tokens of one row, or nothing if the row makes no sense: what cannot be read grants nothing.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<Token>> {
    let holder: String = row.get(3)?;
    let scopes: String = row.get(4)?;
    let scopes: Option<Scopes> = scopes.lines().map(|line| Scope::parse(line).ok()).collect();
    let (Some(holder), Some(scopes)) = (Holder::from_name(&holder), scopes) else {
        return Ok(None);
    };
    let seconds = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Some(Token {
        hash: TokenHash::from_bytes(row.get(0)?),
        subject: row.get(1)?,
        name: row.get(2)?,
        holder,
        scopes,
        parent: row.get::<_, Option<[u8; 32]>>(5)?.map(TokenHash::from_bytes),
        owner: row.get(6)?,
        issued_unix_s: seconds(row.get(7)?),
        expires_unix_s: row.get::<_, Option<i64>>(8)?.map(seconds),
    }))
}

impl TokenStore for AuthDatabase {
    fn load(&self, now_unix_s: u64) -> Result<Vec<Token>, StoreError> {
        self.ask("read the tokens", |connection| {
            let over = "DELETE FROM tokens WHERE expires_at <= ?1";
            connection.execute(over, [signed(now_unix_s)])?;
            let mut query = connection.prepare(
                "SELECT hash, subject, name, holder, scopes, parent, owner, issued_at, expires_at
                 FROM tokens",
            )?;
            let rows = query.query_map([], read)?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    fn insert(&self, token: &Token) -> Result<(), StoreError> {
        self.ask("add a token", |connection| {
            let mut insert = connection.prepare(
                "INSERT INTO tokens
                     (hash, subject, name, holder, scopes, parent, owner, issued_at, expires_at)
                 VALUES (:hash, :subject, :name, :holder, :scopes, :parent, :owner, :issued_at,
                         :expires_at)",
            )?;
            insert.execute(named_params! {
                ":hash": token.hash.as_bytes(),
                ":subject": token.subject,
                ":name": token.name,
                ":holder": token.holder.name(),
                ":scopes": token.scopes.texts().join("\n"),
                ":parent": token.parent.as_ref().map(TokenHash::as_bytes),
                ":owner": token.owner,
                ":issued_at": signed(token.issued_unix_s),
                ":expires_at": token.expires_unix_s.map(signed),
            })?;
            Ok(())
        })
    }

    fn remove(&self, hashes: &[TokenHash]) -> Result<(), StoreError> {
        self.ask("remove tokens", |connection| {
            let transaction = connection.transaction()?;
            let mut remove = transaction.prepare("DELETE FROM tokens WHERE hash = ?1")?;
            for hash in hashes {
                remove.execute(params![hash.as_bytes()])?;
            }
            drop(remove);
            transaction.commit()
        })
    }
}
