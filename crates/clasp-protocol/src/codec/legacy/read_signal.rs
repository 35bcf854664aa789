//! Signals, subscriptions and announcements out of MessagePack maps (spec: wire.md 8.3).

use super::fields::Fields;
use super::input::Input;
use super::value;
use crate::codec::error::DecodeProblem;
use crate::codec::reader::Read;
use crate::limits::PAYLOAD_BYTES_MAX;
use crate::message::{
    Announce, Easing, Keyframe, Phase, Publish, ResultMessage, Samples, SignalInfo, SignalMeta,
    SignalType, Subscribe, SubscribeOptions, Timeline, TypeMask,
};
use crate::value::{RawValue, ValueKind};

pub(super) fn subscribe<'a>(input: &mut Input<'a>) -> Read<Subscribe<'a>> {
    let fields = Fields::read(input, ["type", "id", "pattern", "types", "options"])?;
    Ok(Subscribe {
        id: fields.must("id", Input::uint)?,
        pattern: fields.must("pattern", Input::text)?,
        types: types(&fields)?,
        options: fields.maybe("options", options)?,
    })
}

fn options(input: &mut Input<'_>, _field: &'static str) -> Read<SubscribeOptions> {
    let fields = Fields::read(input, ["max_rate", "epsilon", "history", "window"])?;
    Ok(SubscribeOptions {
        max_rate: fields.maybe("max_rate", Input::uint)?,
        epsilon: fields.maybe("epsilon", Input::float)?,
        history: fields.maybe("history", Input::uint)?,
        window: fields.maybe("window", Input::uint)?,
    })
}

/// The field `types` as the byte of the binary encoding; no names at all mean every type.
pub(super) fn types<const N: usize>(fields: &Fields<'_, N>) -> Read<u8> {
    let names = fields.or_default("types", |input, field| {
        input.list(field, |input| input.name(field, SignalType::from_name))
    })?;
    Ok(match names.as_slice() {
        [] => TypeMask::ALL.to_wire(),
        names => names.iter().fold(0, |mask, kind| mask | 1 << *kind as u8),
    })
}

pub(super) fn publish<'a>(input: &mut Input<'a>, depth_max: usize) -> Read<Publish<'a>> {
    let names = [
        "type",
        "address",
        "signal",
        "value",
        "payload",
        "samples",
        "rate",
        "id",
        "phase",
        "timestamp",
        "timeline",
    ];
    let fields = Fields::read(input, names)?;
    let value = |input: &mut Input<'a>, field| value::read(input, field, depth_max);
    Ok(Publish {
        address: fields.must("address", Input::text)?,
        signal: fields.maybe("signal", |input, field| input.name(field, SignalType::from_name))?,
        value: fields.maybe("value", value)?,
        payload: fields.maybe("payload", value)?,
        samples: fields.maybe("samples", samples)?,
        rate: fields.maybe("rate", Input::uint)?,
        id: fields.maybe("id", Input::uint)?,
        phase: fields.maybe("phase", |input, field| input.name(field, Phase::from_name))?,
        timestamp: fields.maybe("timestamp", Input::uint)?,
        timeline: fields.maybe("timeline", |input, _| timeline(input, depth_max))?.map(Box::new),
    })
}

fn samples(input: &mut Input<'_>, field: &'static str) -> Read<Samples<'static>> {
    let floats = input.list(field, |input| input.float(field))?;
    if floats.len() * 8 > PAYLOAD_BYTES_MAX {
        return Err(DecodeProblem::Size(field));
    }
    Ok(Samples::new(&floats))
}

fn timeline<'a>(input: &mut Input<'a>, depth_max: usize) -> Read<Timeline<'a>> {
    let fields = Fields::read(input, ["keyframes", "loop_", "start_time", "duration"])?;
    Ok(Timeline {
        keyframes: fields.must("keyframes", |input, field| {
            input.list(field, |input| keyframe(input, depth_max))
        })?,
        looped: fields.or_default("loop_", Input::bool)?,
        start_time: fields.maybe("start_time", Input::uint)?,
        duration: fields.maybe("duration", Input::uint)?,
    })
}

fn keyframe<'a>(input: &mut Input<'a>, depth_max: usize) -> Read<Keyframe<'a>> {
    let fields = Fields::read(input, ["time", "value", "easing", "bezier"])?;
    let easing = |input: &mut Input<'a>, field| input.name(field, Easing::from_name).map(Some);
    Ok(Keyframe {
        time: fields.must("time", Input::uint)?,
        value: fields.must("value", |input, field| value::read(input, field, depth_max))?,
        easing: fields.or_default("easing", easing)?.unwrap_or(Easing::Linear),
        bezier: fields.maybe("bezier", Input::floats)?,
    })
}

pub(super) fn announce<'a>(input: &mut Input<'a>, depth_max: usize) -> Read<Announce<'a>> {
    let fields = Fields::read(input, ["type", "namespace", "signals", "meta"])?;
    Ok(Announce {
        namespace: fields.must("namespace", Input::text)?,
        signals: fields.or_default("signals", |input, field| signals(input, field, depth_max))?,
        meta: fields.maybe("meta", |input, field| free_map(input, field, depth_max))?,
    })
}

fn free_map(
    input: &mut Input<'_>,
    field: &'static str,
    depth_max: usize,
) -> Read<RawValue<'static>> {
    let map = value::read(input, field, depth_max)?;
    if map.kind() == ValueKind::Map { Ok(map) } else { Err(DecodeProblem::Kind(field)) }
}

pub(super) fn result<'a>(input: &mut Input<'a>, depth_max: usize) -> Read<ResultMessage<'a>> {
    let fields = Fields::read(input, ["type", "signals"])?;
    let signals = fields.must("signals", |input, field| signals(input, field, depth_max))?;
    Ok(ResultMessage { signals })
}

fn signals<'a>(
    input: &mut Input<'a>,
    field: &'static str,
    depth_max: usize,
) -> Read<Vec<SignalInfo<'a>>> {
    input.list(field, |input| {
        let fields = Fields::read(input, ["address", "type", "datatype", "access", "meta"])?;
        Ok(SignalInfo {
            address: fields.must("address", Input::text)?,
            signal: fields.must("type", |input, field| input.name(field, SignalType::from_name))?,
            datatype: fields.maybe("datatype", Input::text)?,
            access: fields.maybe("access", Input::text)?,
            meta: fields.maybe("meta", |input, _| signal_meta(input, depth_max))?,
        })
    })
}

fn signal_meta<'a>(input: &mut Input<'a>, depth_max: usize) -> Read<SignalMeta<'a>> {
    let fields = Fields::read(input, ["unit", "range", "default", "description"])?;
    Ok(SignalMeta {
        unit: fields.maybe("unit", Input::text)?,
        range: fields.maybe("range", Input::floats)?.map(|[low, high]| (low, high)),
        default: fields.maybe("default", |input, field| value::read(input, field, depth_max))?,
        description: fields.maybe("description", Input::text)?,
    })
}
