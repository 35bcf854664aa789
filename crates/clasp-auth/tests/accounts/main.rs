//! The account service over a store in memory: who gets which identity, and what it costs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attempts;
mod identities;
mod tokens;

use std::sync::Arc;

use clasp_auth::accounts::{AccountConfig, AccountError, Accounts, Issued, Registration, Visit};
use clasp_auth::password::PasswordCost;
use clasp_auth::store::MemoryStore;
use clasp_auth::tokens::{TokenLimits, Tokens};
use clasp_auth::{FixedEntitlements, Grant, Network, Now, Verifier as _};

/// Hashes at this cost take no time worth mentioning.
const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1 };

/// When the tests take place.
const NOW: Now = Now { unix_us: 1_800_000_000_000_000, mono_us: 5_000_000 };

/// The service and its store.
struct Desk {
    accounts: Accounts,
    store: Arc<MemoryStore>,
}

fn desk() -> Desk {
    desk_with(TokenLimits::default(), 86_400)
}

fn desk_with(limits: TokenLimits, token_ttl_s: u64) -> Desk {
    let store = Arc::new(MemoryStore::default());
    let tokens = Tokens::open(Arc::clone(&store) as _, limits, NOW.unix_s()).unwrap();
    let config = AccountConfig { token_ttl_s, password_cost: CHEAP, ..AccountConfig::default() };
    let rights = Arc::new(FixedEntitlements::default());
    let accounts = Accounts::new(Arc::clone(&store) as _, Arc::new(tokens), rights, config);
    Desk { accounts, store }
}

fn later(seconds: u64) -> Now {
    let us = seconds * 1_000_000;
    Now { unix_us: NOW.unix_us + us, mono_us: NOW.mono_us + us }
}

fn client(last: u8) -> Network {
    std::net::IpAddr::from([192, 0, 2, last]).into()
}

fn alice() -> Registration {
    Registration {
        username: "alice".into(),
        password: "secret123".into(),
        ..Registration::default()
    }
}

fn visit(id: &str) -> Visit {
    Visit { user_id: Some(id.into()), ..Visit::default() }
}

impl Desk {
    fn register(&self, registration: &Registration) -> Result<Issued, AccountError> {
        self.accounts.register(registration, None, NOW)
    }

    fn login(&self, from: u8, name: &str, password: &str) -> Result<Issued, AccountError> {
        let attempt = self.accounts.attempt(client(from), name, NOW)?;
        self.accounts.login(&attempt, (name, password), None, NOW)
    }

    /// What the token gives now.
    fn grant(&self, issued: &Issued) -> Grant {
        let verified = self.accounts.tokens().verify(issued.secret.reveal(), NOW.unix_us);
        verified.unwrap().unwrap()
    }
}

fn scopes(issued: &Issued) -> String {
    issued.token.scopes.to_string()
}
