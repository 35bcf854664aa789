//! Messages out of MessagePack maps (spec: wire.md 8.3).

use super::fields::{Fields, type_name};
use super::input::{Input, Token};
use super::{read_signal, value};
use crate::codec::error::{DecodeError, DecodeProblem};
use crate::codec::reader::Read;
use crate::limits::{DECODE_DEPTH_MAX, LEGACY_BUNDLE_DEPTH_MAX};
use crate::message::{
    Ack, Bundle, ErrorMessage, Features, FederationOp, FederationSync, Get, Hello, Message,
    MessageType, ParamEntry, Part, Query, Replay, Set, Snapshot, Sync, Ttl, Unsubscribe, Welcome,
};

/// Reads one message; `bundles` are open around it.
pub(super) fn message<'a>(
    input: &mut Input<'a>,
    bundles: usize,
) -> Result<Message<'a>, DecodeError> {
    let name = type_name(*input)?;
    let kind = MessageType::from_name(name).ok_or(DecodeProblem::MessageName)?;
    if kind == MessageType::Bundle {
        return bundle(input, bundles);
    }
    let depth_max = DECODE_DEPTH_MAX - bundles;
    plain(kind, input, depth_max).map_err(|problem| DecodeError::within(kind, problem))
}

fn plain<'a>(kind: MessageType, input: &mut Input<'a>, depth_max: usize) -> Read<Message<'a>> {
    Ok(match kind {
        MessageType::Hello => Message::Hello(hello(input)?),
        MessageType::Welcome => Message::Welcome(welcome(input)?),
        MessageType::Announce => Message::Announce(read_signal::announce(input, depth_max)?),
        MessageType::FederationSync => Message::FederationSync(federation(input)?),
        MessageType::Subscribe => Message::Subscribe(read_signal::subscribe(input)?),
        MessageType::Unsubscribe => {
            let fields = Fields::read(input, ["type", "id"])?;
            Message::Unsubscribe(Unsubscribe { id: fields.must("id", Input::uint)? })
        }
        MessageType::Publish => Message::Publish(read_signal::publish(input, depth_max)?),
        MessageType::Set => Message::Set(set(input, depth_max)?),
        MessageType::Get => {
            let fields = Fields::read(input, ["type", "address"])?;
            Message::Get(Get { address: fields.must("address", Input::text)? })
        }
        MessageType::Snapshot => Message::Snapshot(snapshot(input, depth_max)?),
        MessageType::Replay => Message::Replay(replay(input)?),
        MessageType::Sync => Message::Sync(sync(input)?),
        MessageType::Ping => Fields::read(input, ["type"]).map(|_| Message::Ping)?,
        MessageType::Pong => Fields::read(input, ["type"]).map(|_| Message::Pong)?,
        MessageType::Ack => Message::Ack(ack(input)?),
        MessageType::Error => Message::Error(error(input)?),
        MessageType::Query => {
            let fields = Fields::read(input, ["type", "pattern"])?;
            Message::Query(Query { pattern: fields.must("pattern", Input::text)? })
        }
        MessageType::Result => Message::Result(read_signal::result(input, depth_max)?),
        // Read by `bundle`, which nests.
        MessageType::Bundle => return Err(DecodeProblem::Depth),
    })
}

fn bundle<'a>(input: &mut Input<'a>, bundles: usize) -> Result<Message<'a>, DecodeError> {
    let within = |problem| DecodeError::within(MessageType::Bundle, problem);
    if bundles >= LEGACY_BUNDLE_DEPTH_MAX {
        return Err(within(DecodeProblem::Depth));
    }
    let fields = Fields::read(input, ["type", "timestamp", "messages"]).map_err(within)?;
    let timestamp = fields.maybe("timestamp", Input::uint).map_err(within)?;
    let open = |input: &mut Input<'a>, field| match input.token(field)? {
        Token::Array(count) => Ok((count, *input)),
        _ => Err(DecodeProblem::Kind(field)),
    };
    let (count, mut items) = fields.must("messages", open).map_err(within)?;
    let parts = (0..count)
        .map(|_| Ok(Part { message: message(&mut items, bundles + 1)?, wire: None }))
        .collect::<Result<Vec<_>, DecodeError>>()?;
    Ok(Message::Bundle(Bundle { timestamp, parts }))
}

/// Names of features as bits; unknown names are dropped.
fn features(input: &mut Input<'_>, field: &'static str) -> Read<Features> {
    let bits = input.list(field, |input| input.str(field).map(Features::bit))?;
    Ok(Features(bits.into_iter().fold(0, |all, bit| all | bit)))
}

fn hello<'a>(input: &mut Input<'a>) -> Read<Hello<'a>> {
    let fields = Fields::read(input, ["type", "version", "name", "features", "token"])?;
    Ok(Hello {
        version: fields.must("version", Input::uint)?,
        features: fields.or_default("features", features)?,
        name: fields.must("name", Input::text)?,
        token: fields.maybe("token", Input::text)?.filter(|token| !token.is_empty()),
    })
}

fn welcome<'a>(input: &mut Input<'a>) -> Read<Welcome<'a>> {
    let names = ["type", "version", "session", "name", "features", "time", "token"];
    let fields = Fields::read(input, names)?;
    Ok(Welcome {
        version: fields.must("version", Input::uint)?,
        features: fields.or_default("features", features)?,
        time: fields.must("time", Input::uint)?,
        session: fields.must("session", Input::text)?,
        name: fields.must("name", Input::text)?,
        token: fields.maybe("token", Input::text)?.filter(|token| !token.is_empty()),
    })
}

fn set<'a>(input: &mut Input<'a>, depth_max: usize) -> Read<Set<'a>> {
    let names = ["type", "address", "value", "revision", "lock", "unlock", "ttl"];
    let fields = Fields::read(input, names)?;
    Ok(Set {
        address: fields.must("address", Input::text)?,
        value: fields.must("value", |input, field| value::read(input, field, depth_max))?,
        revision: fields.maybe("revision", Input::uint)?,
        lock: fields.or_default("lock", Input::bool)?,
        unlock: fields.or_default("unlock", Input::bool)?,
        ttl: fields.maybe("ttl", ttl)?,
    })
}

/// A name, or a map with the name as its only key.
fn ttl(input: &mut Input<'_>, field: &'static str) -> Read<Ttl> {
    match input.token(field)? {
        Token::Str(b"Never") => Ok(Ttl::Never),
        Token::Str(_) => Err(DecodeProblem::Name(field)),
        Token::Map(1) => match input.token(field)? {
            Token::Str(b"Sliding") => input.uint(field).map(Ttl::Sliding),
            Token::Str(b"Absolute") => input.uint(field).map(Ttl::Absolute),
            Token::Str(b"Never") if input.token(field)? == Token::Nil => Ok(Ttl::Never),
            _ => Err(DecodeProblem::Name(field)),
        },
        _ => Err(DecodeProblem::Kind(field)),
    }
}

fn snapshot<'a>(input: &mut Input<'a>, depth_max: usize) -> Read<Snapshot<'a>> {
    let fields = Fields::read(input, ["type", "params"])?;
    let params = fields.must("params", |input, field| {
        input.list(field, |input| {
            let names = ["address", "value", "revision", "writer", "timestamp"];
            let fields = Fields::read(input, names)?;
            Ok(ParamEntry {
                address: fields.must("address", Input::text)?,
                value: fields.must("value", |input, field| value::read(input, field, depth_max))?,
                revision: fields.must("revision", Input::uint)?,
                writer: fields.maybe("writer", Input::text)?,
                timestamp: fields.maybe("timestamp", Input::uint)?,
            })
        })
    })?;
    Ok(Snapshot { params })
}

fn replay<'a>(input: &mut Input<'a>) -> Read<Replay<'a>> {
    let fields = Fields::read(input, ["type", "pattern", "from", "to", "limit", "types"])?;
    Ok(Replay {
        pattern: fields.must("pattern", Input::text)?,
        from: fields.maybe("from", Input::uint)?,
        to: fields.maybe("to", Input::uint)?,
        limit: fields.maybe("limit", Input::uint)?,
        types: read_signal::types(&fields)?,
    })
}

fn federation<'a>(input: &mut Input<'a>) -> Read<FederationSync<'a>> {
    let names = ["type", "op", "patterns", "revisions", "since_revision", "origin"];
    let fields = Fields::read(input, names)?;
    let known = |name: &str| FederationOp::ALL.into_iter().find(|op| op.name() == name);
    Ok(FederationSync {
        op: fields.must("op", |input, field| input.name(field, known))?,
        patterns: fields
            .or_default("patterns", |input, field| input.list(field, |input| input.text(field)))?,
        revisions: fields.or_default("revisions", |input, field| {
            input.entries(field, |input| Ok((input.text(field)?, input.uint(field)?)))
        })?,
        since: fields.maybe("since_revision", Input::uint)?,
        origin: fields.maybe("origin", Input::text)?,
    })
}

fn sync(input: &mut Input<'_>) -> Read<Sync> {
    let fields = Fields::read(input, ["type", "t1", "t2", "t3"])?;
    Ok(Sync {
        t1: fields.must("t1", Input::uint)?,
        t2: fields.maybe("t2", Input::uint)?,
        t3: fields.maybe("t3", Input::uint)?,
    })
}

fn ack<'a>(input: &mut Input<'a>) -> Read<Ack<'a>> {
    let names = ["type", "address", "revision", "locked", "holder", "correlation_id"];
    let fields = Fields::read(input, names)?;
    Ok(Ack {
        address: fields.maybe("address", Input::text)?,
        revision: fields.maybe("revision", Input::uint)?,
        locked: fields.maybe("locked", Input::bool)?,
        holder: fields.maybe("holder", Input::text)?,
        correlation: fields.maybe("correlation_id", Input::uint)?,
    })
}

fn error<'a>(input: &mut Input<'a>) -> Read<ErrorMessage<'a>> {
    let fields = Fields::read(input, ["type", "code", "message", "address", "correlation_id"])?;
    Ok(ErrorMessage {
        code: fields.must("code", Input::uint)?,
        message: fields.must("message", Input::text)?,
        address: fields.maybe("address", Input::text)?,
        correlation: fields.maybe("correlation_id", Input::uint)?,
    })
}
