//! What a door has to tell its client, whatever message brought it.

use std::borrow::Cow;

use clasp_protocol::message::{Bundle, ParamEntry, Publish, Set, SignalType, Snapshot, Ttl};
use clasp_protocol::{Message, Qos, RawValue, Value};

/// A signal for the client: one SET, one PUBLISH or one param of a SNAPSHOT, also inside a BUNDLE.
#[derive(Debug, Clone)]
pub struct News<'a> {
    /// Where it happened.
    pub address: &'a str,
    /// What kind of signal it is.
    pub signal: SignalType,
    /// Its value; samples are an array of floats. Absent if an event has none.
    pub value: Option<Cow<'a, RawValue<'a>>>,
    /// Revision of a param.
    pub revision: Option<u64>,
    /// Session id of a param's last writer, where that is told.
    pub writer: Option<&'a str>,
    /// Whether this is the state that a subscription or a GET begins with, not a change.
    pub state: bool,
    /// Lifetime of a param as its writer wanted it.
    pub ttl: Option<Ttl>,
    /// When it happened, microseconds since 1970-01-01 UTC, if that was told.
    pub timestamp: Option<u64>,
    /// QoS it was sent with.
    pub qos: Qos,
    /// The PUBLISH it came in, for what only CLASP has.
    pub publish: Option<&'a Publish<'a>>,
}

/// Hands every piece of news in a message to `tell`, in order.
pub fn each<'a>(message: &'a Message<'a>, qos: Qos, tell: &mut impl FnMut(News<'a>)) {
    match message {
        Message::Set(set) => tell(of_set(set, qos)),
        Message::Publish(publish) => tell(of_publish(publish, qos)),
        Message::Snapshot(Snapshot { params }) => {
            params.iter().for_each(|param| tell(of_state(param)));
        }
        // The router sends no bundles within bundles.
        Message::Bundle(Bundle { parts, .. }) => {
            for part in parts {
                match &part.message {
                    Message::Set(set) => tell(of_set(set, part.message.default_qos())),
                    Message::Publish(publish) => {
                        tell(of_publish(publish, part.message.default_qos()));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn of_set<'a>(set: &'a Set<'a>, qos: Qos) -> News<'a> {
    News {
        address: &set.address,
        signal: SignalType::Param,
        value: Some(Cow::Borrowed(&set.value)),
        revision: set.revision,
        writer: None,
        state: false,
        ttl: set.ttl,
        timestamp: None,
        qos,
        publish: None,
    }
}

fn of_state<'a>(param: &'a ParamEntry<'a>) -> News<'a> {
    News {
        address: &param.address,
        signal: SignalType::Param,
        value: Some(Cow::Borrowed(&param.value)),
        revision: Some(param.revision),
        writer: param.writer.as_deref(),
        state: true,
        ttl: None,
        timestamp: param.timestamp,
        qos: Qos::Confirm,
        publish: None,
    }
}

fn of_publish<'a>(publish: &'a Publish<'a>, qos: Qos) -> News<'a> {
    let given = publish.value.as_ref().or(publish.payload.as_ref());
    News {
        address: &publish.address,
        signal: publish.signal.unwrap_or(SignalType::Event),
        value: given.map(Cow::Borrowed).or_else(|| samples(publish).map(Cow::Owned)),
        revision: None,
        writer: None,
        state: false,
        ttl: None,
        timestamp: publish.timestamp,
        qos,
        publish: Some(publish),
    }
}

fn samples(publish: &Publish<'_>) -> Option<RawValue<'static>> {
    let samples = publish.samples.as_ref()?;
    let floats = Value::Array(samples.iter().map(Value::Float).collect());
    RawValue::try_from(&floats).ok()
}
