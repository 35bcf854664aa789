//! The open sessions as an operator sees them, and how to end one (spec: relay.md 10.16).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clasp_auth::CredentialKind;
use clasp_protocol::ErrorCode;

use crate::clock::Now;
use crate::connection::LinkInfo;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;

/// One open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// UUID in 36 characters.
    pub id: Arc<str>,
    /// Whom its token was issued to.
    pub subject: Option<Arc<str>>,
    /// What the client calls itself: at most 256 bytes without control characters.
    pub name: Box<str>,
    /// Where it is and by which wire.
    pub link: LinkInfo,
    /// Kind of its token.
    pub credential: Option<CredentialKind>,
    /// Time of its HELLO, microseconds since 1970-01-01 UTC.
    pub since_unix_us: u64,
    /// Patterns it is subscribed to.
    pub subscriptions: usize,
    /// Messages it has sent since HELLO.
    pub messages_in: u64,
    /// Bytes that wait for it.
    pub queued_bytes: usize,
}

/// Some of the open sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// Number of all open sessions.
    pub total: usize,
    /// Those asked for, in the order in which they came.
    pub sessions: Vec<SessionInfo>,
}

impl SessionInfo {
    fn of(session: &Session) -> SessionInfo {
        let guest = &session.guest;
        SessionInfo {
            id: Arc::clone(&session.id),
            subject: session.grant.subject.clone(),
            name: guest.name.clone(),
            link: guest.link,
            credential: session.grant.credential.as_ref().map(|credential| credential.kind),
            since_unix_us: guest.since_unix_us,
            subscriptions: session.subscriptions.lock().len(),
            messages_in: session.received.load(Ordering::Relaxed),
            queued_bytes: session.outbox.backlog_bytes(),
        }
    }
}

impl Router {
    /// At most `limit` open sessions after the first `offset`.
    pub fn sessions(&self, offset: usize, limit: usize) -> SessionPage {
        let mut all: Vec<_> = self.sessions.read().values().cloned().collect();
        all.sort_unstable_by_key(|session| session.peer);
        let page = all.iter().skip(offset).take(limit);
        SessionPage { total: all.len(), sessions: page.map(|one| SessionInfo::of(one)).collect() }
    }

    /// Number of all open sessions.
    pub fn session_count(&self) -> usize {
        self.sessions.read().len()
    }

    /// The open session with this id.
    pub fn session(&self, id: &str) -> Option<SessionInfo> {
        let session = self.sessions.read().get(id).cloned();
        session.map(|session| SessionInfo::of(&session))
    }

    /// Ends a session with ERROR 300 and Close 1008, which both give the reason; false if there is
    /// none with this id. It is in the list until its door has seen it off.
    pub fn end(&self, id: &str, reason: &str) -> bool {
        let Some(session) = self.sessions.read().get(id).cloned() else { return false };
        let refusal = Refusal::new(ErrorCode::Unauthorized, reason.to_owned());
        self.expel(&session, &refusal, self.last_now());
        true
    }

    /// Ends a session whose right to be here has ended (routing.md 12.5).
    pub(crate) fn expel(&self, session: &Session, refusal: &Refusal, now: Now) {
        if !session.outbox.is_closing() {
            self.refuse(&session.outbox, refusal, None, now);
            session.outbox.close(refusal.to_close(1008));
        }
    }
}
