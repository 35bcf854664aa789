//! Messages into MessagePack maps: `type` first, absent fields left out (spec: wire.md 8.3).

use super::output::{Map, Output};
use super::{value, write_signal};
use crate::codec::error::EncodeError;
use crate::limits::{DECODE_DEPTH_MAX, LEGACY_BUNDLE_DEPTH_MAX};
use crate::message::{
    Ack, Bundle, ErrorMessage, Features, FederationSync, Hello, Message, ParamEntry, Replay, Set,
    Sync, Ttl, Welcome,
};

/// Appends one message; `bundles` are open around it.
pub(super) fn message(
    message: &Message<'_>,
    bundles: usize,
    output: &mut Output,
) -> Result<(), EncodeError> {
    output.depth_max = DECODE_DEPTH_MAX.saturating_sub(bundles);
    let mut map = output.begin();
    map.str("type", message.kind().name());
    match message {
        Message::Hello(hello) => write_hello(hello, &mut map),
        Message::Welcome(welcome) => write_welcome(welcome, &mut map),
        Message::Announce(announce) => write_signal::announce(announce, &mut map),
        Message::FederationSync(sync) => write_federation(sync, &mut map),
        Message::Subscribe(subscribe) => write_signal::subscribe(subscribe, &mut map),
        Message::Unsubscribe(unsubscribe) => map.uint("id", unsubscribe.id),
        Message::Publish(publish) => write_signal::publish(publish, &mut map),
        Message::Set(set) => write_set(set, &mut map),
        Message::Get(get) => map.str("address", &get.address),
        Message::Snapshot(snapshot) => map.key("params").list(&snapshot.params, write_entry),
        Message::Replay(replay) => write_replay(replay, &mut map),
        Message::Bundle(bundle) => return write_bundle(bundle, bundles, &mut map),
        Message::Sync(sync) => write_sync(sync, &mut map),
        Message::Ping | Message::Pong => {}
        Message::Ack(ack) => write_ack(ack, &mut map),
        Message::Error(error) => write_error(error, &mut map),
        Message::Query(query) => map.str("pattern", &query.pattern),
        Message::Result(result) => {
            map.key("signals").list(&result.signals, write_signal::signal);
        }
    }
    Ok(())
}

fn write_bundle(bundle: &Bundle<'_>, bundles: usize, map: &mut Map<'_>) -> Result<(), EncodeError> {
    if bundles >= LEGACY_BUNDLE_DEPTH_MAX {
        return Err(EncodeError::TooDeep);
    }
    map.maybe_uint("timestamp", bundle.timestamp);
    let output = map.key("messages");
    output.array_len(bundle.parts.len());
    bundle.parts.iter().try_for_each(|part| message(&part.message, bundles + 1, output))
}

fn write_features(features: Features, map: &mut Map<'_>) {
    let names: Vec<_> = features.names().collect();
    map.key("features").list(&names, |output, name| output.str(name));
}

fn write_hello(hello: &Hello<'_>, map: &mut Map<'_>) {
    map.uint("version", hello.version);
    map.str("name", &hello.name);
    write_features(hello.features, map);
    map.maybe_str("token", hello.token.as_deref());
}

fn write_welcome(welcome: &Welcome<'_>, map: &mut Map<'_>) {
    map.uint("version", welcome.version);
    map.str("session", &welcome.session);
    map.str("name", &welcome.name);
    write_features(welcome.features, map);
    map.uint("time", welcome.time);
    map.maybe_str("token", welcome.token.as_deref());
}

fn write_set(set: &Set<'_>, map: &mut Map<'_>) {
    map.str("address", &set.address);
    value::write(&set.value, map.key("value"));
    map.maybe_uint("revision", set.revision);
    map.bool("lock", set.lock);
    map.bool("unlock", set.unlock);
    match set.ttl {
        None => {}
        Some(Ttl::Never) => map.str("ttl", "Never"),
        Some(Ttl::Sliding(seconds)) => map.key("ttl").begin().uint("Sliding", seconds),
        Some(Ttl::Absolute(seconds)) => map.key("ttl").begin().uint("Absolute", seconds),
    }
}

fn write_entry(output: &mut Output, entry: &ParamEntry<'_>) {
    let mut map = output.begin();
    map.str("address", &entry.address);
    value::write(&entry.value, map.key("value"));
    map.uint("revision", entry.revision);
    map.maybe_str("writer", entry.writer.as_deref());
    map.maybe_uint("timestamp", entry.timestamp);
}

fn write_replay(replay: &Replay<'_>, map: &mut Map<'_>) {
    map.str("pattern", &replay.pattern);
    map.maybe_uint("from", replay.from);
    map.maybe_uint("to", replay.to);
    map.maybe_uint("limit", replay.limit);
    write_signal::types(replay.types, map);
}

fn write_federation(sync: &FederationSync<'_>, map: &mut Map<'_>) {
    map.str("op", sync.op.name());
    if !sync.patterns.is_empty() {
        map.key("patterns").list(&sync.patterns, |output, pattern| output.str(pattern));
    }
    if !sync.revisions.is_empty() {
        let output = map.key("revisions");
        output.map_len(sync.revisions.len());
        for (address, revision) in &sync.revisions {
            output.str(address);
            output.uint(*revision);
        }
    }
    map.maybe_uint("since_revision", sync.since);
    map.maybe_str("origin", sync.origin.as_deref());
}

fn write_sync(sync: &Sync, map: &mut Map<'_>) {
    map.uint("t1", sync.t1);
    map.maybe_uint("t2", sync.t2);
    map.maybe_uint("t3", sync.t3);
}

fn write_ack(ack: &Ack<'_>, map: &mut Map<'_>) {
    map.maybe_str("address", ack.address.as_deref());
    map.maybe_uint("revision", ack.revision);
    if let Some(locked) = ack.locked {
        map.bool("locked", locked);
    }
    map.maybe_str("holder", ack.holder.as_deref());
    map.maybe_uint("correlation_id", ack.correlation);
}

fn write_error(error: &ErrorMessage<'_>, map: &mut Map<'_>) {
    map.uint("code", error.code);
    map.str("message", &error.message);
    map.maybe_str("address", error.address.as_deref());
    map.maybe_uint("correlation_id", error.correlation);
}
