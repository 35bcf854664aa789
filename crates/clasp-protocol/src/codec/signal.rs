//! SUBSCRIBE, UNSUBSCRIBE and PUBLISH in binary (spec: wire.md 5.4, 5.6).

use std::borrow::Cow;

use super::reader::{Read, Reader};
use super::writer::{Writer, Written, flag};
use crate::message::{
    Phase, Publish, Samples, SignalType, Subscribe, SubscribeOptions, Unsubscribe,
};

const MAX_RATE: u8 = 0x01;
const EPSILON: u8 = 0x02;
const HISTORY: u8 = 0x04;
const WINDOW: u8 = 0x08;

const SIGNAL_SHIFT: u8 = 5;
const TIMESTAMP: u8 = 0x10;
const ID: u8 = 0x08;
const PHASE: u8 = 0x07;

const NO_VALUE: u8 = 0;
const VALUE: u8 = 1;
const SAMPLES: u8 = 2;
const SAMPLE_BYTES: usize = 8;
const RATE_BYTES: usize = 4;

pub(super) fn read_subscribe<'a>(reader: &mut Reader<'a>) -> Read<Subscribe<'a>> {
    let id = reader.u32("the id")?;
    let pattern = reader.text("the pattern")?;
    let types = reader.u8("the types")?;
    let flags = reader.u8("the option flags")?;
    let options = reader.when(flags != 0, |reader| read_options(flags, reader))?;
    Ok(Subscribe { id, pattern, types, options })
}

fn read_options(flags: u8, reader: &mut Reader<'_>) -> Read<SubscribeOptions> {
    Ok(SubscribeOptions {
        max_rate: reader.when(flags & MAX_RATE != 0, |reader| reader.u32("the rate limit"))?,
        epsilon: reader.when(flags & EPSILON != 0, |reader| reader.f64("epsilon"))?,
        history: reader.when(flags & HISTORY != 0, |reader| reader.u32("the history"))?,
        window: reader.when(flags & WINDOW != 0, |reader| reader.u32("the window"))?,
    })
}

pub(super) fn write_subscribe(subscribe: &Subscribe<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u32(subscribe.id);
    writer.text("the pattern", &subscribe.pattern)?;
    writer.u8(subscribe.types);
    let options = subscribe.options.unwrap_or_default();
    writer.u8(flag(options.max_rate.is_some(), MAX_RATE)
        | flag(options.epsilon.is_some(), EPSILON)
        | flag(options.history.is_some(), HISTORY)
        | flag(options.window.is_some(), WINDOW));
    if let Some(max_rate) = options.max_rate {
        writer.u32(max_rate);
    }
    if let Some(epsilon) = options.epsilon {
        writer.f64(epsilon);
    }
    if let Some(history) = options.history {
        writer.u32(history);
    }
    if let Some(window) = options.window {
        writer.u32(window);
    }
    Ok(())
}

pub(super) fn read_unsubscribe(reader: &mut Reader<'_>) -> Read<Unsubscribe> {
    Ok(Unsubscribe { id: reader.u32("the id")? })
}

#[inline]
pub(super) fn read_publish<'a>(reader: &mut Reader<'a>) -> Read<Publish<'a>> {
    let flags = reader.u8("the flags")?;
    let address = reader.text("the address")?;
    let (value, samples) = match reader.u8("the value indicator")? {
        VALUE => (Some(reader.value()?), None),
        SAMPLES => (None, Some(read_samples(reader)?)),
        _ => (None, None),
    };
    // Made in one go: the fields written one by one and read back together would stall.
    Ok(Publish {
        address,
        signal: Some(SignalType::from_code(flags >> SIGNAL_SHIFT)),
        phase: Some(Phase::from_code(flags & PHASE)),
        value,
        payload: None,
        samples,
        timestamp: reader.when(flags & TIMESTAMP != 0, |reader| reader.u64("the timestamp"))?,
        id: reader.when(flags & ID != 0, |reader| reader.u32("the id"))?,
        // The rate has no flag: it is there if four bytes are left.
        rate: reader.when(reader.left() >= RATE_BYTES, |reader| reader.u32("the rate"))?,
        timeline: None,
    })
}

fn read_samples<'a>(reader: &mut Reader<'a>) -> Read<Samples<'a>> {
    let count = reader.count("the count of samples", SAMPLE_BYTES)?;
    let bytes = reader.bytes("the samples", count * SAMPLE_BYTES)?;
    Ok(Samples(Cow::Borrowed(bytes)))
}

#[inline]
pub(super) fn write_publish(publish: &Publish<'_>, writer: &mut Writer<'_>) -> Written {
    let signal = publish.signal.unwrap_or(SignalType::Event);
    let phase = publish.phase.unwrap_or(Phase::Start);
    writer.u8((signal as u8) << SIGNAL_SHIFT
        | flag(publish.timestamp.is_some(), TIMESTAMP)
        | flag(publish.id.is_some(), ID)
        | phase as u8);
    writer.text("the address", &publish.address)?;
    match (publish.value.as_ref().or(publish.payload.as_ref()), &publish.samples) {
        (Some(value), _) => {
            writer.u8(VALUE);
            writer.value(value);
        }
        (None, Some(samples)) => {
            writer.u8(SAMPLES);
            writer.count("the samples", samples.len())?;
            writer.out.extend_from_slice(&samples.0);
        }
        (None, None) => writer.u8(NO_VALUE),
    }
    if let Some(timestamp) = publish.timestamp {
        writer.u64(timestamp);
    }
    if let Some(id) = publish.id {
        writer.u32(id);
    }
    if let Some(rate) = publish.rate {
        writer.u32(rate);
    }
    Ok(())
}
