//! Signals, subscriptions and announcements into MessagePack maps (spec: wire.md 8.3).

use super::output::{Map, Output};
use super::value;
use crate::message::{
    Announce, Keyframe, Publish, SignalInfo, SignalMeta, SignalType, Subscribe, Timeline,
};

/// Bits of the five signal types.
const KNOWN_TYPES: u8 = 0x1F;

pub(super) fn subscribe(subscribe: &Subscribe<'_>, map: &mut Map<'_>) {
    map.uint("id", subscribe.id);
    map.str("pattern", &subscribe.pattern);
    types(subscribe.types, map);
    if let Some(options) = subscribe.options {
        let mut map = map.key("options").begin();
        map.maybe_uint("max_rate", options.max_rate);
        if let Some(epsilon) = options.epsilon {
            map.key("epsilon").float(epsilon);
        }
        map.maybe_uint("history", options.history);
        map.maybe_uint("window", options.window);
    }
}

/// Names of the types; left out where the byte means every type.
pub(super) fn types(byte: u8, map: &mut Map<'_>) {
    if byte == 0xFF || byte & KNOWN_TYPES == 0 {
        return;
    }
    let wanted = |kind: &SignalType| byte & (1 << *kind as u8) != 0;
    let kinds: Vec<_> = SignalType::ALL.into_iter().filter(wanted).collect();
    map.key("types").list(&kinds, |output, kind| output.str(kind.name()));
}

pub(super) fn publish(publish: &Publish<'_>, map: &mut Map<'_>) {
    map.str("address", &publish.address);
    map.maybe_str("signal", publish.signal.map(SignalType::name));
    if let Some(value) = &publish.value {
        value::write(value, map.key("value"));
    }
    if let Some(payload) = &publish.payload {
        value::write(payload, map.key("payload"));
    }
    if let Some(samples) = &publish.samples {
        let output = map.key("samples");
        output.array_len(samples.len());
        samples.iter().for_each(|sample| output.float(sample));
    }
    map.maybe_uint("rate", publish.rate);
    map.maybe_uint("id", publish.id);
    map.maybe_str("phase", publish.phase.map(|phase| phase.name()));
    map.maybe_uint("timestamp", publish.timestamp);
    if let Some(data) = &publish.timeline {
        timeline(data, map.key("timeline"));
    }
}

fn timeline(timeline: &Timeline<'_>, output: &mut Output) {
    let mut map = output.begin();
    map.key("keyframes").list(&timeline.keyframes, keyframe);
    map.bool("loop_", timeline.looped);
    map.maybe_uint("start_time", timeline.start_time);
    map.maybe_uint("duration", timeline.duration);
}

fn keyframe(output: &mut Output, keyframe: &Keyframe<'_>) {
    let mut map = output.begin();
    map.uint("time", keyframe.time);
    value::write(&keyframe.value, map.key("value"));
    map.str("easing", keyframe.easing.name());
    if let Some(bezier) = &keyframe.bezier {
        map.key("bezier").list(bezier, |output, point| output.float(*point));
    }
}

pub(super) fn announce(announce: &Announce<'_>, map: &mut Map<'_>) {
    map.str("namespace", &announce.namespace);
    map.key("signals").list(&announce.signals, signal);
    if let Some(meta) = &announce.meta {
        value::write(meta, map.key("meta"));
    }
}

pub(super) fn signal(output: &mut Output, signal: &SignalInfo<'_>) {
    let mut map = output.begin();
    map.str("address", &signal.address);
    map.str("type", signal.signal.name());
    map.maybe_str("datatype", signal.datatype.as_deref());
    map.maybe_str("access", signal.access.as_deref());
    if let Some(meta) = &signal.meta {
        signal_meta(meta, map.key("meta"));
    }
}

fn signal_meta(meta: &SignalMeta<'_>, output: &mut Output) {
    let mut map = output.begin();
    map.maybe_str("unit", meta.unit.as_deref());
    if let Some((low, high)) = meta.range {
        map.key("range").list(&[low, high], |output, bound| output.float(*bound));
    }
    if let Some(default) = &meta.default {
        value::write(default, map.key("default"));
    }
    map.maybe_str("description", meta.description.as_deref());
}
