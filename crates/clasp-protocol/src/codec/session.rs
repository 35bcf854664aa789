//! HELLO, WELCOME, ANNOUNCE and RESULT in binary (spec: wire.md 5.1 to 5.3, 5.16).

use super::reader::{Read, Reader};
use super::writer::{Writer, Written, flag};
use crate::message::{
    Announce, Features, Hello, ResultMessage, SignalInfo, SignalMeta, SignalType, Welcome,
};

/// Bits that HELLO may carry; the others are unassigned.
const HELLO_FEATURES: u8 = Features::RELAY.0 | Features::FEDERATION;
/// Bits that WELCOME may carry.
const WELCOME_FEATURES: u8 = Features::RELAY.0;

const DATATYPE: u8 = 0x01;
const ACCESS: u8 = 0x02;
const META: u8 = 0x04;

const UNIT: u8 = 0x01;
const RANGE: u8 = 0x02;
const DEFAULT: u8 = 0x04;
const DESCRIPTION: u8 = 0x08;

/// Empty address, type, flags.
const SIGNAL_BYTES_MIN: usize = 4;

pub(super) fn read_hello<'a>(reader: &mut Reader<'a>) -> Read<Hello<'a>> {
    Ok(Hello {
        version: reader.u8("the version")?,
        features: Features(reader.u8("the features")? & HELLO_FEATURES),
        name: reader.text("the name")?,
        token: reader.text_or_none("the token")?,
    })
}

pub(super) fn write_hello(hello: &Hello<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u8(hello.version);
    writer.u8(hello.features.0 & HELLO_FEATURES);
    writer.text("the name", &hello.name)?;
    writer.text("the token", hello.token.as_deref().unwrap_or_default())
}

pub(super) fn read_welcome<'a>(reader: &mut Reader<'a>) -> Read<Welcome<'a>> {
    Ok(Welcome {
        version: reader.u8("the version")?,
        features: Features(reader.u8("the features")? & WELCOME_FEATURES),
        time: reader.u64("the time")?,
        session: reader.text("the session")?,
        name: reader.text("the name")?,
        // Embedded relays end the message after the name.
        token: match reader.left() {
            0 => None,
            _ => reader.text_or_none("the token")?,
        },
    })
}

pub(super) fn write_welcome(welcome: &Welcome<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u8(welcome.version);
    writer.u8(welcome.features.0 & WELCOME_FEATURES);
    writer.u64(welcome.time);
    writer.text("the session", &welcome.session)?;
    writer.text("the name", &welcome.name)?;
    writer.text("the token", welcome.token.as_deref().unwrap_or_default())
}

pub(super) fn read_announce<'a>(reader: &mut Reader<'a>) -> Read<Announce<'a>> {
    let namespace = reader.text("the namespace")?;
    let signals = read_signals(reader, DATATYPE | ACCESS | META)?;
    Ok(Announce { namespace, signals, meta: None })
}

pub(super) fn write_announce(announce: &Announce<'_>, writer: &mut Writer<'_>) -> Written {
    writer.text("the namespace", &announce.namespace)?;
    writer.count("the signals", announce.signals.len())?;
    announce.signals.iter().try_for_each(|signal| {
        write_signal(signal, flag(signal.meta.is_some(), META), writer)?;
        signal.meta.as_ref().map_or(Ok(()), |meta| write_meta(meta, writer))
    })
}

pub(super) fn read_result<'a>(reader: &mut Reader<'a>) -> Read<ResultMessage<'a>> {
    Ok(ResultMessage { signals: read_signals(reader, DATATYPE | ACCESS)? })
}

pub(super) fn write_result(result: &ResultMessage<'_>, writer: &mut Writer<'_>) -> Written {
    writer.count("the signals", result.signals.len())?;
    result.signals.iter().try_for_each(|signal| write_signal(signal, 0, writer))
}

fn read_signals<'a>(reader: &mut Reader<'a>, known: u8) -> Read<Vec<SignalInfo<'a>>> {
    let count = reader.count("the count of signals", SIGNAL_BYTES_MIN)?;
    let mut signals = Vec::with_capacity(count);
    for _ in 0..count {
        signals.push(read_signal(reader, known)?);
    }
    Ok(signals)
}

fn read_signal<'a>(reader: &mut Reader<'a>, known: u8) -> Read<SignalInfo<'a>> {
    let address = reader.text("an address")?;
    let signal = SignalType::from_code(reader.u8("a signal type")?);
    let flags = reader.u8("the flags of a signal")? & known;
    Ok(SignalInfo {
        address,
        signal,
        datatype: reader.when(flags & DATATYPE != 0, |reader| reader.text("a datatype"))?,
        access: reader.when(flags & ACCESS != 0, |reader| reader.text("an access"))?,
        meta: reader.when(flags & META != 0, read_meta)?,
    })
}

fn read_meta<'a>(reader: &mut Reader<'a>) -> Read<SignalMeta<'a>> {
    let flags = reader.u8("the flags of a meta")?;
    Ok(SignalMeta {
        unit: reader.when(flags & UNIT != 0, |reader| reader.text("a unit"))?,
        range: reader.when(flags & RANGE != 0, |reader| {
            Ok((reader.f64("a range")?, reader.f64("a range")?))
        })?,
        default: reader.when(flags & DEFAULT != 0, Reader::value)?,
        description: reader
            .when(flags & DESCRIPTION != 0, |reader| reader.text("a description"))?,
    })
}

fn write_signal(signal: &SignalInfo<'_>, meta: u8, writer: &mut Writer<'_>) -> Written {
    writer.text("an address", &signal.address)?;
    writer.u8(signal.signal as u8);
    writer.u8(flag(signal.datatype.is_some(), DATATYPE)
        | flag(signal.access.is_some(), ACCESS)
        | meta);
    if let Some(datatype) = &signal.datatype {
        writer.text("a datatype", datatype)?;
    }
    if let Some(access) = &signal.access {
        writer.text("an access", access)?;
    }
    Ok(())
}

fn write_meta(meta: &SignalMeta<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u8(flag(meta.unit.is_some(), UNIT)
        | flag(meta.range.is_some(), RANGE)
        | flag(meta.default.is_some(), DEFAULT)
        | flag(meta.description.is_some(), DESCRIPTION));
    if let Some(unit) = &meta.unit {
        writer.text("a unit", unit)?;
    }
    if let Some((low, high)) = meta.range {
        writer.f64(low);
        writer.f64(high);
    }
    if let Some(default) = &meta.default {
        writer.value(default);
    }
    if let Some(description) = &meta.description {
        writer.text("a description", description)?;
    }
    Ok(())
}
