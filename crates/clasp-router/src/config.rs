//! Everything an operator may choose about routing; defaults are those of routing.md section 17.

use clasp_protocol::address::AddressLimits;

use crate::signals::CatalogueLimits;
use crate::state::Strategy;

/// Settings of a router.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name told in WELCOME.
    pub name: String,
    /// Most connections at a time; 0 means no limit.
    pub sessions_max: usize,
    /// Most patterns a session may be subscribed to; 0 means no limit.
    pub subscriptions_per_session_max: usize,
    /// Messages a session may send per second, with a burst of the same size; 0 means no limit.
    pub messages_per_second_max: u32,
    /// Limits that several sessions share.
    pub groups: GroupConfig,
    /// Limits of addresses and patterns.
    pub addresses: AddressLimits,
    /// Deepest nesting of a value that is accepted.
    pub value_depth_max: usize,
    /// Which requests are acknowledged.
    pub ack: AckPolicy,
    /// Whether PUBLISH is acknowledged as other requests are.
    pub ack_publish: bool,
    /// Answer to GET of a param that does not exist.
    pub get_missing: GetMissing,
    /// What a new session is told before it asks.
    pub initial_snapshot: InitialSnapshot,
    /// Payload bytes of one SNAPSHOT frame, 1,000 to 65,535. Between two of them others have their
    /// turn.
    pub snapshot_payload_bytes_max: usize,
    /// Params and what happens to them.
    pub params: ParamConfig,
    /// Announced signals.
    pub signals: SignalConfig,
    /// Queues towards clients.
    pub outbox: OutboxConfig,
    /// Gestures.
    pub gestures: GestureConfig,
    /// Bundles.
    pub bundles: BundleConfig,
    /// Entries of one REPLAY at most.
    pub replay_entries_max: u32,
    /// P2P signals a session may send per second.
    pub p2p_signals_per_second_max: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            name: "CLASP Relay".to_owned(),
            sessions_max: 1_000,
            subscriptions_per_session_max: 1_000,
            messages_per_second_max: 0,
            groups: GroupConfig::default(),
            addresses: AddressLimits::default(),
            value_depth_max: 32,
            ack: AckPolicy::Qos,
            ack_publish: false,
            get_missing: GetMissing::Error,
            initial_snapshot: InitialSnapshot::Full,
            snapshot_payload_bytes_max: 20_000,
            params: ParamConfig::default(),
            signals: SignalConfig::default(),
            outbox: OutboxConfig::default(),
            gestures: GestureConfig::default(),
            bundles: BundleConfig::default(),
            replay_entries_max: 10_000,
            p2p_signals_per_second_max: 50,
        }
    }
}

/// Limits of what belongs together: a subject, a remote address (routing.md 5.5, 2.3). An address
/// is an IPv4 address or an IPv6 /64; loopback is left out. 0 means no limit.
#[derive(Debug, Clone)]
pub struct GroupConfig {
    /// Messages that all sessions of one subject together may send per second.
    pub subject_messages_per_second_max: u32,
    /// Messages that all sessions of one address together may send per second.
    pub address_messages_per_second_max: u32,
    /// Refused HELLOs of one address within a minute; then no token of it is looked at.
    pub failed_hellos_per_minute_max: u32,
}

impl Default for GroupConfig {
    fn default() -> GroupConfig {
        GroupConfig {
            subject_messages_per_second_max: 0,
            address_messages_per_second_max: 0,
            failed_hellos_per_minute_max: 10,
        }
    }
}

/// Which requests are answered by ACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckPolicy {
    /// Those whose frame has QoS 1 or 2; anything else makes the published Python client deaf.
    Qos,
    /// All of them, as the reference does.
    Always,
}

/// Answer to GET of a param that does not exist (routing.md 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetMissing {
    /// ERROR 201 at once.
    Error,
    /// Nothing; clients wait until their own timeout.
    Silent,
    /// A SNAPSHOT with null at revision 0; clients remember the null.
    Null,
}

/// What a new session is told before it asks (routing.md 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialSnapshot {
    /// Every param it may read.
    Full,
    /// An empty SNAPSHOT.
    Empty,
    /// Every param it may read if the store holds at most so many, else an empty SNAPSHOT.
    UpTo(usize),
}

/// Params and what happens to them.
#[derive(Debug, Clone)]
pub struct ParamConfig {
    /// Most params; 0 means no limit.
    pub count_max: usize,
    /// Most bytes of addresses, values and bookkeeping; 0 means no limit.
    pub bytes_max: usize,
    /// Live params one session may have created; 0 means no limit.
    pub created_per_session_max: usize,
    /// Lifetime after the last access for SETs without TTL, in seconds; 0 means for ever.
    pub ttl_s: u32,
    /// Lifetime of params that hold null, in seconds; 0 means as others.
    pub null_ttl_s: u32,
    /// Refuse new params at the limit instead of evicting the least recently used.
    pub reject_new: bool,
    /// Tell subscribers of an expired param by a SET of null.
    pub notify_expiry: bool,
    /// Seconds a lock waits for its holder's subject after the session ended.
    pub lock_grace_s: u32,
    /// Conflict strategies by pattern, the first match counts; others are last-writer-wins.
    pub strategies: Vec<(String, Strategy)>,
    /// Revisions remembered of params that are gone.
    pub tombstones_max: usize,
}

impl Default for ParamConfig {
    fn default() -> ParamConfig {
        ParamConfig {
            count_max: 100_000,
            bytes_max: 256 << 20,
            created_per_session_max: 10_000,
            ttl_s: 3_600,
            null_ttl_s: 0,
            reject_new: false,
            notify_expiry: false,
            lock_grace_s: 0,
            strategies: Vec::new(),
            tombstones_max: 1_000_000,
        }
    }
}

/// Announced signals.
#[derive(Debug, Clone)]
pub struct SignalConfig {
    /// Most definitions; 0 means no limit.
    pub count_max: usize,
    /// Most bytes of all definitions; 0 means no limit.
    pub bytes_max: usize,
    /// Lifetime after the last access in seconds; 0 means for ever.
    pub ttl_s: u32,
}

impl SignalConfig {
    pub(crate) fn catalogue_limits(&self) -> CatalogueLimits {
        CatalogueLimits {
            count_max: self.count_max,
            bytes_max: self.bytes_max,
            ttl_us: u64::from(self.ttl_s) * 1_000_000,
        }
    }
}

impl Default for SignalConfig {
    fn default() -> SignalConfig {
        SignalConfig { count_max: 100_000, bytes_max: 64 << 20, ttl_s: 3_600 }
    }
}

/// Queues towards clients (routing.md 5.2).
#[derive(Debug, Clone)]
pub struct OutboxConfig {
    /// Bytes that copies of a frame for all its receivers would take, from which on they refer to
    /// one copy instead.
    pub copies_bytes_max: usize,
    /// Frames from which on a session is treated as slow.
    pub soft_frames_max: usize,
    /// Bytes from which on a session is treated as slow.
    pub soft_bytes_max: usize,
    /// Frames a session may have waiting.
    pub hard_frames_max: usize,
    /// Bytes a session may have waiting.
    pub hard_bytes_max: usize,
    /// Seconds above the hard limit after which the session is closed.
    pub slow_consumer_s: u32,
    /// Bytes all sessions together may have waiting.
    pub total_bytes_max: u64,
    /// Drops within [`Self::notice_window_s`] that bring an overflow notice.
    pub notice_drops_min: u32,
    /// Window and pause of overflow notices in seconds.
    pub notice_window_s: u32,
}

impl Default for OutboxConfig {
    fn default() -> OutboxConfig {
        OutboxConfig {
            copies_bytes_max: 4 << 10,
            soft_frames_max: 1_000,
            soft_bytes_max: 1 << 20,
            hard_frames_max: 4_000,
            hard_bytes_max: 8 << 20,
            slow_consumer_s: 30,
            total_bytes_max: 512 << 20,
            notice_drops_min: 100,
            notice_window_s: 10,
        }
    }
}

/// Gestures (routing.md 6.3).
#[derive(Debug, Clone)]
pub struct GestureConfig {
    /// Least time between two moves of one gesture, in microseconds; 0 passes everything.
    pub interval_us: u64,
    /// Seconds without traffic after which a gesture is forgotten.
    pub idle_s: u32,
    /// Gestures a session may have open; further ones pass unthrottled.
    pub open_per_session_max: usize,
    /// Publish a cancel for gestures whose session ended.
    pub cancel_on_disconnect: bool,
}

impl Default for GestureConfig {
    fn default() -> GestureConfig {
        GestureConfig {
            interval_us: 16_000,
            idle_s: 300,
            open_per_session_max: 1_000,
            cancel_on_disconnect: true,
        }
    }
}

/// Bundles (routing.md section 7).
#[derive(Debug, Clone)]
pub struct BundleConfig {
    /// Messages in one bundle.
    pub parts_max: usize,
    /// Seconds a bundle may be scheduled ahead.
    pub ahead_s_max: u64,
    /// Scheduled bundles of one session.
    pub pending_per_session_max: usize,
    /// Scheduled bundles in all.
    pub pending_max: usize,
    /// Bytes of the scheduled bundles of one session.
    pub pending_bytes_per_session_max: usize,
    /// Bytes of all scheduled bundles.
    pub pending_bytes_max: usize,
}

impl Default for BundleConfig {
    fn default() -> BundleConfig {
        BundleConfig {
            parts_max: 1_024,
            ahead_s_max: 3_600,
            pending_per_session_max: 1_000,
            pending_max: 100_000,
            pending_bytes_per_session_max: 8 << 20,
            pending_bytes_max: 256 << 20,
        }
    }
}
