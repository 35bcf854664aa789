//! Who may open a session, as the assembly sees it: everybody, or whoever the build's auth server
//! has given a token.

use std::fmt;
use std::sync::Arc;

use clasp_auth::cpsk::{self, Secret, TokenHash};
use clasp_auth::{Authenticator, Denied, Grant, Open, Scopes};

use crate::app::App;
use crate::doors::{self, Desk};
use crate::options::Options;
use crate::relay::StartError;
use crate::reload::Reloader;

/// Messages per second of one session where tokens are demanded and no option says otherwise.
const MESSAGES_PER_SECOND: u32 = 1_000;

/// What HELLO is checked with, and who hands out tokens.
pub(crate) struct Access {
    /// Checks tokens.
    pub(crate) authenticator: Arc<dyn Authenticator>,
    /// Hands them out, if there is an auth port.
    pub(crate) desk: Option<Desk>,
    /// Files that are read again on SIGHUP.
    pub(crate) reloaders: Vec<Reloader>,
    /// What OSC clients that show no token come in with, if there is such a thing.
    pub(crate) osc: Option<Secret>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("desk", &self.desk.is_some()).finish_non_exhaustive()
    }
}

impl Access {
    /// Sets up what the options ask for, and tells the log.
    ///
    /// # Errors
    /// A file cannot be had, or this build has no auth server.
    pub(crate) async fn open(options: &Options, app: Option<&App>) -> Result<Access, StartError> {
        if options.auth.auth_port.is_some() {
            return doors::access(options, app).await;
        }
        tracing::info!("access: open, every client may read and write everything");
        let mut idle = options.auth.idle();
        idle.extend(options.tokens.wishes());
        if !idle.is_empty() {
            let idle = idle.join(", ");
            tracing::warn!("{idle}: without --auth-port nobody is asked for a token, so ignored");
        }
        let (mut authenticator, mut osc): (Arc<dyn Authenticator>, _) = (Arc::new(Open), None);
        if let Some(scopes) = options.osc.osc_scopes.clone() {
            let secret = cpsk::mint();
            authenticator = Arc::new(OpenBut { token: TokenHash::of(secret.reveal()), scopes });
            osc = Some(secret);
        }
        Ok(Access { authenticator, desk: None, reloaders: Vec::new(), osc })
    }
}

/// Open mode, in which one token that only this process knows gives less than none does.
struct OpenBut {
    token: TokenHash,
    scopes: Scopes,
}

impl Authenticator for OpenBut {
    fn authenticate(&self, token: Option<&str>, now_unix_us: u64) -> Result<Grant, Denied> {
        match token.map(TokenHash::of) {
            Some(hash) if hash == self.token => {
                Ok(Grant { scopes: Some(self.scopes.clone()), ..Grant::default() })
            }
            _ => Open.authenticate(token, now_unix_us),
        }
    }
}

/// Messages that a session may send per second, 0 meaning any number: as the operator says, or
/// else the application.
pub(crate) fn messages_per_second(options: &Options, app: Option<&App>) -> u32 {
    let default = options.auth.auth_port.map_or(0, |_| MESSAGES_PER_SECOND);
    let asked = options.sessions.max_messages_per_second;
    asked.or_else(|| app.and_then(App::messages_per_second)).unwrap_or(default)
}
