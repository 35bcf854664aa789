//! Params: what they hold, who may overwrite them, how long they live.

pub(crate) mod capacity;
pub(crate) mod conflict;
pub(crate) mod eviction;
pub(crate) mod expiry;
pub(crate) mod param;
pub(crate) mod store;

pub use conflict::Strategy;
