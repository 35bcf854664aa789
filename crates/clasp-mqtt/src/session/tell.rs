//! News of the router as what MQTT clients are told.

use std::borrow::Cow;
use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use clasp_gateway::News;
use clasp_protocol::message::{SignalType, Ttl};
use clasp_protocol::{Qos, ValueKind};

use crate::door::Door;
use crate::packet::{Property, PropertyWriter, Version};
use crate::payload::{self, PayloadKind};
use crate::publications::Publication;
use crate::queue::Message;
use crate::topic;

/// A message for MQTT clients.
#[derive(Debug, Clone)]
pub(crate) struct Told<'a> {
    pub(crate) topic: &'a str,
    /// The topic as a path.
    pub(crate) path: Cow<'a, str>,
    pub(crate) payload: &'a [u8],
    /// Forwarded properties.
    pub(crate) properties: &'a [u8],
    /// QoS it was published with.
    pub(crate) qos: u8,
    /// Its retain flag as published.
    pub(crate) retain: bool,
    /// It is what is retained, not a change.
    pub(crate) state: bool,
    /// A later one of the topic makes it superfluous.
    pub(crate) param: bool,
    /// When it expires, in seconds since 1970.
    pub(crate) expires_s: Option<u64>,
    /// Serial of the session that published it; 0 if it came from elsewhere.
    pub(crate) origin: u64,
    /// By which members of a group take turns.
    pub(crate) number: u64,
}

impl Told<'_> {
    /// A message as its own publisher is told of it.
    pub(crate) fn with_own(message: &Message, origin: u64, tell: impl FnOnce(&Told<'_>)) {
        let mut path = String::new();
        topic::push_path(&message.topic, &mut path);
        tell(&Told {
            topic: &message.topic,
            path: Cow::Owned(path),
            payload: &message.payload,
            properties: &message.properties,
            qos: message.qos,
            retain: message.retain,
            state: false,
            param: message.param,
            expires_s: message.expires_s,
            origin,
            number: 0,
        });
    }
}

#[derive(Default)]
struct Scratch {
    topic: String,
    path: String,
    payload: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// Hands news to `tell` as a message, if there is a topic for it and anything to tell.
pub(crate) fn with_news(door: &Door, news: &News<'_>, tell: impl FnOnce(&Told<'_>)) {
    // `tell` does not come here again, but a borrowed scratch would be no reason to panic.
    let mut scratch = SCRATCH.take();
    tell_news(door, news, &mut scratch, tell);
    SCRATCH.set(scratch);
}

fn tell_news(door: &Door, news: &News<'_>, scratch: &mut Scratch, tell: impl FnOnce(&Told<'_>)) {
    let Scratch { topic, path, payload } = scratch;
    let Some(rule) = door.config.mapping.topic(news.address, topic) else { return };
    let cleared = news.value.as_ref().is_some_and(|value| value.kind() == ValueKind::Null);
    // `$SYS` is the relay's own, whoever writes to its address.
    if topic.len() > usize::from(u16::MAX) || topic.starts_with("$SYS/") || (news.state && cleared)
    {
        return;
    }
    let param = news.signal == SignalType::Param;
    let key = if param { news.revision } else { news.timestamp };
    let publication: Option<Arc<Publication>> =
        key.and_then(|key| door.publications.find(news.address, key));
    let written = publication.as_ref().and_then(|publication| publication.payload.as_deref());
    payload.clear();
    let mut kind = None;
    if let (None, Some(value)) = (written, &news.value) {
        kind = Some(payload::write(value, rule.payload, payload));
    }
    let now_s = || clasp_transport::clock::now().unix_us / 1_000_000;
    path.clear();
    topic::push_path(topic, path);
    let told = Told {
        topic,
        path: Cow::Borrowed(path),
        payload: written.unwrap_or(payload),
        properties: match &publication {
            Some(publication) => &publication.properties,
            None => kind.map_or(&[], described),
        },
        qos: publication.as_ref().map_or_else(|| usual_qos(news), |publication| publication.qos),
        retain: publication.as_ref().is_some_and(|publication| publication.retain),
        state: news.state,
        param,
        expires_s: match (&publication, news.ttl) {
            (Some(publication), _) => publication.expires_s,
            (None, Some(Ttl::Absolute(seconds))) => Some(now_s() + u64::from(seconds)),
            _ => None,
        },
        origin: publication.as_ref().map_or(0, |publication| publication.origin),
        number: number(news),
    };
    tell(&told);
}

/// The QoS of what no MQTT client has published.
fn usual_qos(news: &News<'_>) -> u8 {
    match (news.signal, news.qos) {
        (SignalType::Stream | SignalType::Gesture, _) => 0,
        (SignalType::Param, _) | (_, Qos::Fire | Qos::Confirm) => 1,
        (_, Qos::Commit) => 2,
    }
}

/// Properties that say what a payload is.
fn described(kind: PayloadKind) -> &'static [u8] {
    use std::sync::LazyLock;
    static WRITTEN: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
        [PayloadKind::Json, PayloadKind::Text, PayloadKind::Bytes].map(|kind| {
            let mut properties = PropertyWriter::default();
            if kind.is_text() {
                properties.byte(Property::PayloadFormatIndicator, 1);
            }
            properties.text(Property::ContentType, kind.content_type());
            properties.bytes().to_vec()
        })
    });
    &WRITTEN[kind as usize]
}

/// A number that all members of a group see alike: the revision, or for signals a digest.
fn number(news: &News<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    news.address.hash(&mut hasher);
    match news.revision {
        Some(revision) => hasher.finish().wrapping_add(revision),
        None => {
            if let Some(value) = &news.value {
                value.data().hash(&mut hasher);
            }
            news.timestamp.hash(&mut hasher);
            hasher.finish()
        }
    }
}

/// The last frames that were translated for one of many sessions that are all told alike.
#[derive(Default)]
struct Cache {
    door: u64,
    version: Option<Version>,
    frames: Vec<u8>,
    packets: Vec<u8>,
}

/// Frames that are worth remembering.
const CACHED_BYTES_MAX: usize = 256 << 10;

/// Appends the packets for these frames, if they are known.
pub(super) fn from_cache(door: &Door, frames: &[u8], version: Version, out: &mut Vec<u8>) -> bool {
    CACHE.with_borrow(|cache| {
        let known = cache.door == door.number
            && cache.version == Some(version)
            && cache.frames.as_slice() == frames;
        if known {
            out.extend_from_slice(&cache.packets);
        }
        known
    })
}

/// Remembers the packets for these frames.
pub(super) fn to_cache(door: &Door, frames: &[u8], version: Version, packets: &[u8]) {
    if frames.len().max(packets.len()) > CACHED_BYTES_MAX {
        return;
    }
    CACHE.with_borrow_mut(|cache| {
        cache.door = door.number;
        cache.version = Some(version);
        cache.frames.clear();
        cache.frames.extend_from_slice(frames);
        cache.packets.clear();
        cache.packets.extend_from_slice(packets);
    });
}
