//! CONNECT: who is there, what of them is known, and what they are told (adapters.md 1.2, 1.7).

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use clasp_gateway::{Guest, Introduction, Refused};
use clasp_protocol::ErrorCode;
use clasp_router::{Now, Wake};

use crate::clients::{Bell, Key};
use crate::conversation::Conversation;
use crate::door::Door;
use crate::packet::{Connect, PacketType, Property, PropertyWriter, Version, write};
use crate::publish::Will;
use crate::reason;
use crate::session::{Client, Kept, Session};
use crate::topic;

/// The authentication method by which the token comes as authentication data.
const METHOD: &str = "clasp-token";

/// Longest client identifier.
const CLIENT_BYTES_MAX: usize = 1_024;

/// Why a client was not let in.
#[derive(Debug, Clone)]
pub(crate) struct Denied {
    /// Reason code.
    pub(crate) reason: u8,
    /// For a person.
    pub(crate) text: String,
}

impl Denied {
    fn new(reason: u8, text: impl Into<String>) -> Denied {
        Denied { reason, text: text.into() }
    }
}

/// Who connects.
pub(crate) struct Caller<'a> {
    pub(crate) remote: SocketAddr,
    pub(crate) wake: &'a Arc<dyn Wake>,
    pub(crate) conversation: &'a Weak<Conversation>,
}

/// Opens a session of the router for a client.
pub(crate) fn enter(
    door: &Door,
    remote: SocketAddr,
    (client, token): (&str, Option<&str>),
    wake: Arc<dyn Wake>,
    now: Now,
) -> Result<Guest, Refused> {
    let name = format!("mqtt:{client}");
    let who = Introduction { remote, transport: "mqtt", name: &name, token };
    Guest::enter(&door.router, &who, wake, now)
}

/// Lets a client in, and appends the answer to `out`.
///
/// # Errors
/// It is not let in; CONNACK is the caller's.
pub(crate) fn admit(
    door: &Door,
    connect: &Connect<'_>,
    caller: &Caller<'_>,
    out: &mut Vec<u8>,
    now: Now,
) -> Result<Box<Session>, Denied> {
    let (client, assigned) = identifier(connect)?;
    let token = token(connect)?;
    let expiry_s = expiry(door, connect);
    let bell = (expiry_s > 0).then(|| Bell::new(Some(Arc::clone(caller.wake))));
    let wake = bell.clone().map_or_else(|| Arc::clone(caller.wake), |bell| bell as _);
    let guest = enter(door, caller.remote, (&client, token), wake, now)
        .map_err(|refused| denied(&refused, token.is_some()))?;
    let subject = guest.subject().map(Into::into);
    let key = Arc::new(Key { subject, client: client.as_str().into() });
    let serial = door.next_serial();
    let mut session = Box::new(Session::new(guest, Arc::clone(&key), serial, told(connect)));
    session.bell = bell;
    session.kept.expiry_s = expiry_s;
    if let Some(will) = &connect.will {
        if topic::check_name(will.topic).is_err() {
            return Err(Denied::new(reason::TOPIC_NAME, "the will has no usable topic"));
        }
        let will = Will::new(will);
        will.check(door, &session.guest, now)
            .map_err(|refusal| Denied::new(refusal.reason, refusal.text))?;
        session.will = Some(Box::new(will));
    }
    let conversation = Weak::clone(caller.conversation);
    let before = door.clients.take_place(Arc::clone(&key), serial, conversation);
    let kept = door.take_over(before, !connect.clean, now);
    let present = kept.is_some();
    connack(door, connect, &session, (present, assigned.then_some(&*client)), out);
    if let Some((kept, old)) = kept {
        session.kept = Kept { expiry_s, ..kept };
        session.move_in();
        match old {
            Some(old) => session.succeed(door, old, now),
            None => session.resubscribe(door, now),
        }
        session.attend();
        session.send_again(door, out, now);
        session.send_queued(door, out, now);
    }
    session.size_up(door);
    session.dirty = true;
    if expiry_s == 0 {
        door.clients.note(&key, None);
    }
    Ok(session)
}

/// The client's identifier, and whether it was chosen here.
fn identifier(connect: &Connect<'_>) -> Result<(String, bool), Denied> {
    if connect.client.len() > CLIENT_BYTES_MAX {
        return Err(Denied::new(reason::CLIENT_ID, "the client identifier is too long"));
    }
    if !connect.client.is_empty() {
        return Ok((connect.client.to_owned(), false));
    }
    if !connect.clean && connect.version != Version::V5 || connect.version == Version::V31 {
        let text = "a session that is to be kept needs a client identifier";
        return Err(Denied::new(reason::CLIENT_ID, text));
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|_| Denied::new(reason::UNAVAILABLE, "the system has no random numbers"))?;
    Ok((format!("auto-{:032x}", u128::from_be_bytes(random)), true))
}

/// The token: authentication data, password, or user name if there is no password.
fn token<'a>(connect: &Connect<'a>) -> Result<Option<&'a str>, Denied> {
    let not_text = |_| Denied::new(reason::BAD_LOGIN, "the password is no token");
    match connect.properties.text(Property::AuthenticationMethod) {
        Some(METHOD) => {
            let data = connect.properties.data(Property::AuthenticationData).unwrap_or_default();
            return std::str::from_utf8(data).map(Some).map_err(not_text);
        }
        Some(_) => {
            let text = format!("the only authentication method is {METHOD}");
            return Err(Denied::new(reason::AUTH_METHOD, text));
        }
        None => {}
    }
    let password = connect.password.filter(|password| !password.is_empty());
    match password {
        Some(password) => std::str::from_utf8(password).map(Some).map_err(not_text),
        None => Ok(connect.user.filter(|user| !user.is_empty())),
    }
}

/// Seconds for which the session outlives its connection.
fn expiry(door: &Door, connect: &Connect<'_>) -> u32 {
    let most = door.config.limits.session_expiry_s_max;
    match connect.version {
        Version::V5 => {
            let asked = connect.properties.number(Property::SessionExpiryInterval);
            asked.unwrap_or(0).min(most)
        }
        _ if connect.clean => 0,
        _ => most,
    }
}

fn told(connect: &Connect<'_>) -> Client {
    let number = |property| connect.properties.number(property);
    let short = |property| number(property).and_then(|number| u16::try_from(number).ok());
    Client {
        version: connect.version,
        receive_max: short(Property::ReceiveMaximum).unwrap_or(u16::MAX),
        packet_bytes_max: number(Property::MaximumPacketSize).unwrap_or(u32::MAX),
        aliases_max: short(Property::TopicAliasMaximum).unwrap_or(0),
        wants_reasons: number(Property::RequestProblemInformation) != Some(0),
        keep_alive_s: connect.keep_alive_s,
    }
}

fn denied(refused: &Refused, had_token: bool) -> Denied {
    let reason = match ErrorCode::from_code(refused.code) {
        Some(ErrorCode::Unauthorized) if !had_token => reason::BAD_LOGIN,
        Some(ErrorCode::Unauthorized | ErrorCode::Forbidden | ErrorCode::TokenExpired) => {
            reason::NOT_AUTHORIZED
        }
        Some(ErrorCode::ServiceUnavailable) => reason::UNAVAILABLE,
        Some(ErrorCode::TooManyRequests) => reason::CONNECT_RATE,
        _ => reason::BUSY,
    };
    Denied::new(reason, refused.message.clone())
}

/// CONNACK for a client that was let in.
fn connack(
    door: &Door,
    connect: &Connect<'_>,
    session: &Session,
    (present, assigned): (bool, Option<&str>),
    out: &mut Vec<u8>,
) {
    let mut properties = PropertyWriter::default();
    let limits = &door.config.limits;
    let asked = connect.properties.number(Property::SessionExpiryInterval).unwrap_or(0);
    if asked != session.kept.expiry_s {
        properties.u32(Property::SessionExpiryInterval, session.kept.expiry_s);
    }
    properties.u16(Property::ReceiveMaximum, limits.receive_max);
    properties.u32(Property::MaximumPacketSize, limits.packet_bytes_max as u32);
    properties.u16(Property::TopicAliasMaximum, limits.topic_aliases_max);
    if let Some(client) = assigned {
        properties.text(Property::AssignedClientIdentifier, client);
    }
    if connect.keep_alive_s == 0 && door.idle_s > 0 {
        let keep_alive_s = u16::try_from(door.idle_s * 2 / 3).unwrap_or(u16::MAX).max(1);
        properties.u16(Property::ServerKeepAlive, keep_alive_s);
    }
    if let Some(method) = connect.properties.text(Property::AuthenticationMethod) {
        properties.text(Property::AuthenticationMethod, method);
    }
    let properties = (connect.version == Version::V5).then_some(&properties);
    // 3.1 has no such flag.
    let present = present && connect.version != Version::V31;
    write(PacketType::Connack, &[u8::from(present), reason::SUCCESS], properties, &[], out);
}

/// CONNACK for a client that was not let in; `version` as far as it is known.
pub(crate) fn turn_away(version: Version, denied: &Denied, out: &mut Vec<u8>) {
    let head = match version {
        Version::V5 => [0, denied.reason],
        _ => [0, reason::return_code(denied.reason)],
    };
    let mut properties = PropertyWriter::default();
    properties.text(Property::ReasonString, &denied.text);
    let properties = (version == Version::V5).then_some(&properties);
    write(PacketType::Connack, &head, properties, &[], out);
}
