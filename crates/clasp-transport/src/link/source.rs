//! Where the bytes of a link come from.

use std::sync::Arc;

use clasp_router::{Close, Now, Outbox, Run, Taken};

use crate::batch::batch;
use crate::talk::{Dismissal, Talk};

/// Queue towards one client. As small as it can be, since there is one per session.
#[derive(Clone)]
pub(crate) enum Source {
    /// Frames from the router; none before the link knows its outbox, and after the end.
    Clasp(Option<Arc<Outbox>>),
    /// Bytes of another protocol.
    Foreign(Arc<dyn Talk>),
}

impl Default for Source {
    fn default() -> Source {
        Source::Clasp(None)
    }
}

impl Source {
    #[inline]
    pub(super) fn take_run(&self) -> Option<Run> {
        match self {
            Source::Clasp(outbox) => outbox.as_ref()?.take_run(),
            Source::Foreign(_) => None,
        }
    }

    #[inline]
    pub(super) fn take(&self, into: &mut Vec<u8>) -> Taken {
        match self {
            Source::Clasp(Some(outbox)) => outbox.take(into),
            Source::Clasp(None) => Taken::Empty,
            Source::Foreign(talk) => talk.take(into),
        }
    }

    /// Nothing more will be taken.
    pub(super) fn abandon(self) {
        if let Source::Clasp(Some(outbox)) = self {
            outbox.abandon();
        }
    }

    /// Asks for the end after everything queued.
    pub(super) fn dismiss(&self, why: Dismissal, now: Now) {
        match self {
            Source::Clasp(Some(outbox)) => outbox.close(why.close()),
            Source::Clasp(None) => {}
            Source::Foreign(talk) => batch(|| talk.dismiss(why, now)),
        }
    }

    /// Asks for this Close after everything queued; false if the source knows none.
    pub(super) fn close(&self, close: &Close) -> bool {
        match self {
            Source::Clasp(Some(outbox)) => {
                outbox.close(close.clone());
                true
            }
            Source::Clasp(None) | Source::Foreign(_) => false,
        }
    }

    /// Seconds of silence that this client may keep, if it has a say in that.
    pub(super) fn silence_max_s(&self) -> Option<u32> {
        match self {
            Source::Foreign(talk) => talk.silence_max_s(),
            Source::Clasp(_) => None,
        }
    }
}
