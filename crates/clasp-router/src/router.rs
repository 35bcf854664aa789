//! Owns the parts and ties them together: connect, tick, end of a session.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clasp_auth::{Authenticator, Network, Quota, Throttle};
use clasp_protocol::{Message, Pattern, Qos};
use parking_lot::{Mutex, RwLock};

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::config::Config;
use crate::connection::{Connection, LinkInfo};
use crate::deliver::Audiences;
use crate::durability::Durability;
use crate::journal::{Journal, JournalError, Query};
use crate::metrics::{Family, Gauges, HandshakeFailure, Metrics};
use crate::observation::Observer;
use crate::outbox::{Class, Close, Outbox, OutboxShared, Wake};
use crate::p2p::Announcements;
use crate::policy::Policy;
use crate::rate::Rates;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::signals::Catalogue;
use crate::state::Strategy;
use crate::state::store::Store;
use crate::subscription::Subscription;
use crate::subscription::index::Index;
use crate::timer::Timers;
use clasp_protocol::ErrorCode;
use clasp_protocol::pattern::PatternError;

/// What a router uses without knowing how it is made.
pub struct Ports {
    /// Who may open a session.
    pub authenticator: Arc<dyn Authenticator>,
    /// Rules of the application.
    pub policy: Arc<dyn Policy>,
    /// Where history goes; without one REPLAY is refused.
    pub journal: Option<Arc<dyn Journal>>,
}

impl Default for Ports {
    /// Everyone may do everything, nothing is kept.
    fn default() -> Ports {
        Ports {
            authenticator: Arc::new(clasp_auth::Open),
            policy: Arc::new(crate::policy::OpenPolicy),
            journal: None,
        }
    }
}

/// The mind of a relay. All methods take `&self` and never wait for a peer.
pub struct Router {
    pub(crate) config: Config,
    pub(crate) ports: Ports,
    pub(crate) store: Store,
    pub(crate) strategies: Vec<(Pattern, Strategy)>,
    pub(crate) index: RwLock<Index<Subscription>>,
    /// Generation of the index, readable without its lock.
    pub(crate) generation: AtomicU64,
    pub(crate) audiences: Mutex<Audiences>,
    pub(crate) sessions: RwLock<HashMap<Arc<str>, Arc<Session>>>,
    pub(crate) connections: AtomicUsize,
    pub(crate) timers: Timers,
    pub(crate) scheduled: AtomicUsize,
    /// Bytes of scheduled bundles.
    pub(crate) scheduled_bytes: AtomicUsize,
    pub(crate) rates: Rates,
    /// Refused HELLOs of each address.
    pub(crate) failed_hellos: Throttle<Network>,
    pub(crate) signals: Catalogue,
    pub(crate) announcements: Announcements,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) outboxes: Arc<OutboxShared>,
    pub(crate) durability: Arc<Durability>,
    /// What [`Authenticator::revision`] was when the sessions' grants were last looked at.
    pub(crate) grants_checked: AtomicU64,
    /// Generation of the index when lists of subscribers were last swept.
    pub(crate) swept_generation: AtomicU64,
    next_peer: AtomicU64,
    unix_us: AtomicU64,
    mono_us: AtomicU64,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").field("name", &self.config.name).finish_non_exhaustive()
    }
}

impl Router {
    /// A router with nothing in it.
    ///
    /// # Errors
    /// A pattern of [`crate::config::ParamConfig::strategies`] does not parse.
    pub fn new(config: Config, ports: Ports) -> Result<Arc<Router>, PatternError> {
        let metrics = Arc::new(Metrics::new());
        let strategies = config
            .params
            .strategies
            .iter()
            .map(|(pattern, strategy)| Ok((Pattern::parse(pattern)?, *strategy)))
            .collect::<Result<_, PatternError>>()?;
        Ok(Arc::new(Router {
            store: Store::new(
                config.params.tombstones_max,
                Observer::new(Arc::clone(&ports.policy)),
            ),
            strategies,
            index: RwLock::new(Index::default()),
            generation: AtomicU64::new(0),
            audiences: Mutex::default(),
            sessions: RwLock::default(),
            connections: AtomicUsize::new(0),
            timers: Timers::default(),
            scheduled: AtomicUsize::new(0),
            scheduled_bytes: AtomicUsize::new(0),
            rates: Rates::new(&config),
            failed_hellos: Throttle::new(Quota::per_seconds(
                config.groups.failed_hellos_per_minute_max,
                60,
            )),
            signals: Catalogue::new(config.signals.catalogue_limits()),
            announcements: Announcements::default(),
            outboxes: OutboxShared::new(config.outbox.clone(), Arc::clone(&metrics)),
            durability: Durability::new(ports.journal.clone(), Arc::clone(&metrics)),
            metrics,
            grants_checked: AtomicU64::new(ports.authenticator.revision()),
            swept_generation: AtomicU64::new(0),
            next_peer: AtomicU64::new(1),
            unix_us: AtomicU64::new(0),
            mono_us: AtomicU64::new(0),
            config,
            ports,
        }))
    }

    /// Takes a new link. When the relay is full the outbox already holds an ERROR and a close.
    pub fn connect(
        self: &Arc<Router>,
        link: LinkInfo,
        wake: Arc<dyn Wake>,
        now: Now,
    ) -> Connection {
        let outbox = Outbox::new(link.framing, Arc::clone(&self.outboxes), wake);
        let peer = self.next_peer.fetch_add(1, Ordering::Relaxed);
        let others = self.connections.fetch_add(1, Ordering::Relaxed);
        if self.config.sessions_max > 0 && others >= self.config.sessions_max {
            let refusal = Refusal::new(ErrorCode::ServiceUnavailable, "server full");
            self.metrics.handshake_failed(HandshakeFailure::Full);
            self.refuse(&outbox, &refusal, None, now);
            outbox.close(refusal.to_close(1013));
        }
        Connection::new(Arc::clone(self), outbox, peer, link)
    }

    /// Takes a new link that does not count against the most sessions: its door has a limit of its
    /// own, because its clients can be made up.
    pub fn connect_apart(self: &Arc<Router>, link: LinkInfo, wake: Arc<dyn Wake>) -> Connection {
        let outbox = Outbox::new(link.framing, Arc::clone(&self.outboxes), wake);
        let peer = self.next_peer.fetch_add(1, Ordering::Relaxed);
        Connection::new(Arc::clone(self), outbox, peer, link).apart()
    }

    /// Links that are open, whether or not their HELLO came.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Runs what is due; returns when to come again, in microseconds of the monotonic clock.
    pub fn tick(self: &Arc<Router>, now: Now) -> Option<u64> {
        self.unix_us.store(now.unix_us, Ordering::Relaxed);
        self.mono_us.store(now.mono_us, Ordering::Relaxed);
        crate::timer::run_due(self, now);
        self.timers.next_us()
    }

    /// Whom to wake when something becomes due earlier than [`Router::tick`] said.
    pub fn set_alarm(&self, alarm: Arc<dyn Wake>) {
        self.timers.set_alarm(alarm);
    }

    /// Counters, gauges and histograms as they stand.
    pub fn metrics(&self) -> Vec<Family> {
        self.metrics.families(&Gauges {
            sessions_active: self.sessions.read().len() as u64,
            subscriptions_active: self.index.read().len() as u64,
            state_params_active: self.store.len() as u64,
            state_bytes: self.store.bytes() as u64,
            queue_bytes: self.outboxes.queued_bytes.load(Ordering::Relaxed),
            bundles_pending: self.scheduled.load(Ordering::Relaxed) as u64,
            journal_lag_entries: self.durability.lag(),
            signals_active: self.signals.len() as u64,
        })
    }

    /// Whether what is written is also stored.
    ///
    /// # Errors
    /// What keeps the journal from storing.
    pub fn storage_health(&self) -> Result<(), JournalError> {
        self.durability.health()
    }

    /// Where changes and signals are recorded, if anywhere.
    pub fn journal(&self) -> Option<&Arc<dyn Journal>> {
        self.durability.journal()
    }

    /// A position in the journal such that everything up to it has been queued for whoever hears
    /// it; `None` without a journal.
    pub fn settled_sequence(&self) -> Option<u64> {
        let latest = self.durability.journal()?.latest();
        // Entries get their numbers inside the critical sections that queue the news.
        self.store.barrier();
        Some(latest)
    }

    /// Whether the journal still holds everything after this entry, and no more than one REPLAY
    /// would tell.
    pub fn can_resume(&self, after: u64) -> bool {
        let Some(journal) = self.durability.journal() else { return false };
        let latest = journal.latest();
        let behind = latest.checked_sub(after);
        if behind.is_none_or(|behind| behind > u64::from(self.config.replay_entries_max)) {
            return false;
        }
        let Ok(everything) = Pattern::parse("/**") else { return false };
        let mut oldest = None;
        let query = Query { limit: 1, deletions: true, ..Query::of(&everything) };
        let read = journal.query(&query, &mut |stored| {
            oldest = Some(stored.sequence);
            false
        });
        read.is_ok() && oldest.map_or(after == latest, |oldest| oldest <= after.saturating_add(1))
    }

    /// Counters that doors feed.
    pub fn counters(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Encodes an answer into an outbox.
    pub(crate) fn reply(&self, outbox: &Arc<Outbox>, message: &Message<'_>, qos: Qos, now: Now) {
        if let Ok(frame) = Broadcast::new(message, qos) {
            outbox.push(&frame, Class::Reply, now.mono_us);
        }
    }

    /// Tells why a request is not carried out.
    pub(crate) fn refuse(
        &self,
        outbox: &Arc<Outbox>,
        refusal: &Refusal,
        correlation: Option<u32>,
        now: Now,
    ) {
        self.metrics.error(refusal.code);
        self.reply(outbox, &refusal.to_message(correlation), Qos::Fire, now);
    }

    /// The time of the last tick, for what happens without one.
    pub(crate) fn last_now(&self) -> Now {
        Now::new(self.unix_us.load(Ordering::Relaxed), self.mono_us.load(Ordering::Relaxed))
    }

    /// The conflict strategy of a new param.
    pub(crate) fn strategy(&self, address: &str) -> Strategy {
        self.strategies
            .iter()
            .find(|(pattern, _)| pattern.matches(address))
            .map_or(Strategy::default(), |(_, strategy)| *strategy)
    }

    /// The one cleanup of a session (routing.md 2.7); runs once, when its connection is dropped.
    pub(crate) fn end_session(self: &Arc<Router>, session: &Arc<Session>, now: Now) {
        session.outbox.abandon();
        self.sessions.write().remove(&session.id);
        crate::verbs::subscribe::forget_all(self, session);
        self.let_go(session, now);
        session.feeds.lock().clear();
        *session.pacer.lock() = None;
    }

    /// Ends what a session that is gone holds or has begun; again after each of its bundles that
    /// run later.
    pub(crate) fn let_go(self: &Arc<Router>, session: &Arc<Session>, now: Now) {
        self.announcements.forget(session.peer);
        crate::gesture::end_all(self, session, now);
        crate::write::release_locks(self, session, now);
    }

    /// Ends every session with this close.
    pub fn close_all(&self, close: &Close) {
        let sessions: Vec<_> = self.sessions.read().values().cloned().collect();
        for session in sessions {
            session.outbox.close(close.clone());
        }
    }
}
