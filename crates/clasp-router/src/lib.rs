//! The mind of the relay: sessions, params, subscriptions. Synchronous and sans-I/O: it owns no
//! socket, file or clock, never waits, and takes the time as an argument.
//!
//! The life of a SET: [`Connection::receive`] → `dispatch` → `verbs::set` → `write` (check,
//! propose, commit, apply, journal) → `deliver` → each subscriber's [`Outbox`] → its door.

mod broadcast;
mod clock;
pub mod config;
mod connection;
mod deliver;
mod dispatch;
mod durability;
mod feed;
mod gesture;
mod handshake;
mod history;
mod housekeeping;
pub mod journal;
mod lookup;
pub mod metrics;
mod observation;
mod outbox;
mod p2p;
mod persistence;
pub mod policy;
mod rate;
mod refusal;
mod roster;
mod router;
mod schedule;
mod session;
mod signals;
mod state;
mod subscription;
mod timeline;
mod timer;
mod verbs;
mod visibility;
mod write;

pub use broadcast::Framing;
pub use clock::Now;
pub use config::Config;
pub use connection::{Connection, Flow, LinkInfo, Manners, Page, Wanted};
pub use outbox::{Close, Outbox, Run, Taken, Wake};
pub use persistence::{ParamRecord, ShardPoint};
pub use roster::{SessionInfo, SessionPage};
pub use router::{Ports, Router};
pub use state::Strategy;
