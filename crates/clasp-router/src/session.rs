//! One connected client after its HELLO.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use clasp_auth::Grant;
use clasp_protocol::message::TypeMask;
use parking_lot::Mutex;

use crate::clock::Now;
use crate::connection::LinkInfo;
use crate::feed::Feed;
use crate::gesture::Gestures;
use crate::outbox::Outbox;
use crate::policy::Actor;
use crate::state::param::Owner;
use crate::subscription::index::PatternId;
use crate::subscription::pace::Pacer;

/// One connected client after its HELLO.
///
/// Locks are taken in this order: gestures of a session, shards of the store (ascending), the
/// subscription index, the rest of a session, timers, its outbox.
#[derive(Debug)]
pub(crate) struct Session {
    /// Number of the connection, never used twice in a process.
    pub(crate) peer: u64,
    /// UUID in 36 characters.
    pub(crate) id: Arc<str>,
    pub(crate) grant: Grant,
    pub(crate) outbox: Arc<Outbox>,
    /// Who and where it is, for people.
    pub(crate) guest: Guest,
    /// Messages it has sent since HELLO.
    pub(crate) received: AtomicU64,
    /// Revision of its last SET that was carried out.
    pub(crate) last_revision: AtomicU64,
    /// Params this session created, once it has.
    owner: OnceLock<Arc<Owner>>,
    pub(crate) subscriptions: Mutex<Vec<Subscribed>>,
    /// Params this session has locked.
    pub(crate) locks: Mutex<Option<Box<Locks>>>,
    pub(crate) gestures: Mutex<Option<Box<Gestures>>>,
    pub(crate) pacer: Mutex<Option<Box<Pacer>>>,
    /// What is still to be produced for it, in order.
    pub(crate) feeds: Mutex<VecDeque<Feed>>,
    pub(crate) replaying: AtomicBool,
    /// Bundles it has scheduled.
    pub(crate) scheduled: AtomicU32,
    /// Bytes of these.
    pub(crate) scheduled_bytes: AtomicUsize,
    /// Second on the monotonic clock, and P2P signals sent in it.
    signalled: Mutex<(u64, u32)>,
}

/// What a client and its door say of themselves.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) link: LinkInfo,
    /// The name in HELLO, cut and without control characters.
    pub(crate) name: Box<str>,
    /// Time of HELLO, microseconds since 1970-01-01 UTC.
    pub(crate) since_unix_us: u64,
}

/// Addresses of params a session has locked.
#[derive(Debug, Default)]
pub(crate) struct Locks(pub(crate) HashSet<Arc<str>>);

/// A pattern the session is subscribed to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscribed {
    pub(crate) id: u32,
    pub(crate) pattern: PatternId,
    pub(crate) types: TypeMask,
}

impl Session {
    pub(crate) fn new(
        peer: u64,
        id: Arc<str>,
        grant: Grant,
        outbox: Arc<Outbox>,
        guest: Guest,
    ) -> Arc<Session> {
        Arc::new(Session {
            peer,
            id,
            grant,
            outbox,
            guest,
            received: AtomicU64::new(0),
            last_revision: AtomicU64::new(0),
            owner: OnceLock::new(),
            subscriptions: Mutex::default(),
            locks: Mutex::default(),
            gestures: Mutex::default(),
            pacer: Mutex::default(),
            feeds: Mutex::default(),
            replaying: AtomicBool::new(false),
            scheduled: AtomicU32::new(0),
            scheduled_bytes: AtomicUsize::new(0),
            signalled: Mutex::default(),
        })
    }

    /// The session as policies see it.
    pub(crate) fn actor(&self, now: Now) -> Actor<'_> {
        Actor { session: &self.id, grant: &self.grant, now }
    }

    /// What counts the live params that it created.
    pub(crate) fn owner(&self) -> &Arc<Owner> {
        self.owner.get_or_init(Arc::default)
    }

    /// Live params that it created.
    pub(crate) fn created(&self) -> usize {
        self.owner.get().map_or(0, |owner| owner.created.load(Ordering::Relaxed) as usize)
    }

    /// What is to be produced next, taken out; the memory of the queue goes with the last.
    pub(crate) fn next_feed(&self) -> Option<Feed> {
        let mut feeds = self.feeds.lock();
        let next = feeds.pop_front();
        if feeds.is_empty() {
            *feeds = VecDeque::new();
        }
        next
    }

    /// Notes that the session holds the lock of an address.
    pub(crate) fn note_lock(&self, address: &Arc<str>) {
        self.locks.lock().get_or_insert_default().0.insert(Arc::clone(address));
    }

    /// Notes that it does not hold it any more.
    pub(crate) fn forget_lock(&self, address: &str) {
        let mut locks = self.locks.lock();
        if let Some(held) = locks.as_mut() {
            held.0.remove(address);
            if held.0.is_empty() {
                *locks = None;
            }
        }
    }

    /// Counts a message; only the session's own connection does.
    #[inline]
    pub(crate) fn count_received(&self) {
        self.received.store(self.received.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Whether one more P2P signal is all right in this second; 0 means no limit.
    pub(crate) fn may_signal(&self, per_second_max: u32, now: Now) -> bool {
        let second = now.mono_us / 1_000_000;
        let mut signalled = self.signalled.lock();
        if signalled.0 != second {
            *signalled = (second, 0);
        }
        signalled.1 += 1;
        per_second_max == 0 || signalled.1 <= per_second_max
    }
}
