//! The one way in for everything that changes state or is heard by others.
//!
//! check → propose → commit → apply → journal → deliver → acknowledge. Only [`check_set`] makes a
//! [`CheckedSet`] and only [`check_publish`] a [`CheckedPublish`]; nothing else is taken further.

pub(crate) mod bundle;
pub(crate) mod publish;
pub(crate) mod set;

use std::sync::Arc;

use clasp_protocol::address;
use clasp_protocol::limits::{PAYLOAD_BYTES_MAX, SNAPSHOT_ENTRY_OVERHEAD_BYTES};
use clasp_protocol::message::{Set, Ttl};
use clasp_protocol::{ErrorCode, RawValue};

use crate::clock::Now;
use crate::p2p;
use crate::policy::Actor;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::state::store::Place;
use publish::Forward;

/// A SET whose address, scope, size and depth are all right.
pub(crate) struct CheckedSet<'a> {
    set: &'a Set<'a>,
    /// What is stored instead of the value as sent: transformed, or a scalar widened.
    replaced: Option<RawValue<'a>>,
    /// Whether a transform did that.
    transformed: bool,
    place: Place,
}

/// A PUBLISH whose address, scope, depth and sender are all right. The application's rules are
/// asked when it is carried out.
pub(crate) struct CheckedPublish<'a> {
    forward: Forward<'a>,
}

impl<'a> CheckedSet<'a> {
    pub(crate) fn address(&self) -> &'a str {
        &self.set.address
    }

    /// The value as it will be stored.
    pub(crate) fn value(&self) -> &RawValue<'a> {
        self.replaced.as_ref().unwrap_or(&self.set.value)
    }

    /// The value that write rules look at: the one before a transform.
    fn judged(&self) -> &RawValue<'a> {
        if self.transformed { &self.set.value } else { self.value() }
    }

    /// The lifetime asked for. MessagePack can express some that the binary word, and so the rest
    /// of the relay, cannot.
    fn ttl(&self) -> Option<Ttl> {
        self.set.ttl.map(|ttl| Ttl::from_word(ttl.to_word()))
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Whether the lock of the param is touched.
    pub(crate) fn concerns_lock(&self) -> bool {
        self.set.lock || self.set.unlock
    }
}

impl<'a> CheckedPublish<'a> {
    pub(crate) fn forward(&self) -> &Forward<'a> {
        &self.forward
    }
}

/// Refuses addresses that cannot be used for writing or reading (routing.md 4.7).
pub(crate) fn check_address(router: &Router, address: &str) -> Result<(), Refusal> {
    address::check(address, &router.config.addresses)
        .map_err(|error| Refusal::new(ErrorCode::InvalidAddress, error.to_string()).at(address))
}

/// Checks what can be checked without looking at the state.
#[inline]
pub(crate) fn check_set<'a>(
    router: &Router,
    session: &Session,
    set: &'a Set<'a>,
) -> Result<CheckedSet<'a>, Refusal> {
    let address = &*set.address;
    check_address(router, address)?;
    if !session.grant.may_write(address) {
        return Err(Refusal::out_of_scope("write", address));
    }
    check_depth(router, address, &set.value)?;
    let transform = router.ports.policy.transform(address, &set.value);
    let transformed = transform.is_some();
    let narrow = || set.value.is_narrow().then(|| set.value.borrowed());
    let replaced = transform.or_else(narrow).map(RawValue::widened);
    let value = replaced.as_ref().unwrap_or(&set.value);
    if address.len() + value.data().len() > PAYLOAD_BYTES_MAX - SNAPSHOT_ENTRY_OVERHEAD_BYTES {
        let text = format!(
            "address and value take {} bytes; at most {} fit a frame",
            address.len() + value.data().len(),
            PAYLOAD_BYTES_MAX - SNAPSHOT_ENTRY_OVERHEAD_BYTES
        );
        return Err(Refusal::new(ErrorCode::InvalidValue, text).at(address));
    }
    Ok(CheckedSet { set, replaced, transformed, place: router.store.place(address) })
}

/// Checks what can be checked without looking at the state.
#[inline]
pub(crate) fn check_publish<'a>(
    router: &Router,
    session: &Session,
    forward: Forward<'a>,
) -> Result<CheckedPublish<'a>, Refusal> {
    let publish = forward.publish;
    let address = &*publish.address;
    check_address(router, address)?;
    if !session.grant.may_write(address) {
        return Err(Refusal::out_of_scope("publish", address));
    }
    if let Some(value) = forward.value() {
        check_depth(router, address, value)?;
    }
    // MessagePack may be shorter than what has to be sent on.
    if forward.wire.is_none() && forward.frame().is_none() {
        let text = "the value is too large to be forwarded";
        return Err(Refusal::new(ErrorCode::InvalidValue, text).at(address));
    }
    p2p::check_sender(publish, session)?;
    Ok(CheckedPublish { forward })
}

fn check_depth(router: &Router, address: &str, value: &RawValue<'_>) -> Result<(), Refusal> {
    let max = router.config.value_depth_max;
    if value.kind().is_container() && value.depth() > max {
        let text = format!("the value is nested deeper than {max} levels");
        return Err(Refusal::new(ErrorCode::InvalidValue, text).at(address));
    }
    Ok(())
}

fn validate(
    router: &Router,
    actor: Actor<'_>,
    address: &str,
    value: Option<&RawValue<'_>>,
) -> Result<(), Refusal> {
    router
        .ports
        .policy
        .validate(actor, address, value)
        .map_err(|text| Refusal::new(ErrorCode::Rejected, text).at(address))
}

/// A session ended: its locks end with it, or wait for the same subject (routing.md 4.4).
pub(crate) fn release_locks(router: &Router, session: &Arc<Session>, now: Now) {
    let Some(held) = session.locks.lock().take() else { return };
    let grace_us = u64::from(router.config.params.lock_grace_s) * 1_000_000;
    let until_us = now.mono_us + grace_us;
    for address in held.0 {
        let place = router.store.place(&address);
        let mut shard = router.store.lock(place.shard);
        let Some(param) = shard.param(&address, place.hash) else { continue };
        match &mut param.lock {
            Some(lock) if lock.peer != session.peer => {}
            Some(lock) if grace_us > 0 && lock.subject.is_some() => {
                lock.grace_until_us = Some(until_us);
            }
            lock => *lock = None,
        }
    }
}
