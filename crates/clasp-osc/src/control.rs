//! What a client asks of the relay itself: addresses outside the namespace (spec: adapters.md
//! 2.4.7).

use rosc::{OscMessage, OscType};

use crate::limits::{LEASE_S_MAX, REPLY_PORT_MIN, XREMOTE_LEASE_US};

/// Begins every such address but `/xremote`.
const PREFIX: &str = "/clasp/";

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Control {
    Subscribe {
        pattern: String,
        terms: Terms,
    },
    /// Without a pattern all subscriptions.
    Unsubscribe(Option<String>),
    /// Any packet renews; this one does nothing else.
    Renew,
    Get(String),
    /// Not for the relay itself: [`event`] says what it publishes.
    Event,
    Ping,
    Auth(String),
    /// Where to send from now on; 0 is where the client sends from.
    Port(u16),
    Format(Vec<String>),
    Xremote,
}

/// What a subscription is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    /// Lease in microseconds.
    pub(crate) lease_us: Option<u64>,
    /// Messages per second and address.
    pub(crate) rate: Option<u32>,
}

/// The lease of `/xremote`.
pub(crate) const XREMOTE: Terms = Terms { lease_us: Some(XREMOTE_LEASE_US), rate: None };

/// Reads a request; `None` if the message is for a param.
pub(crate) fn parse(message: &OscMessage) -> Option<Result<Control, String>> {
    if message.addr == "/xremote" {
        return Some(Ok(Control::Xremote));
    }
    let name = message.addr.strip_prefix(PREFIX)?;
    Some(request(name, &message.args))
}

fn request(name: &str, arguments: &[OscType]) -> Result<Control, String> {
    match (name, arguments) {
        ("subscribe", [OscType::String(pattern), options @ ..]) => {
            Ok(Control::Subscribe { pattern: pattern.clone(), terms: terms(options)? })
        }
        ("subscribe", _) => Err("expected a pattern, such as /fader/*".into()),
        ("unsubscribe", []) => Ok(Control::Unsubscribe(None)),
        ("unsubscribe", [OscType::String(pattern)]) => {
            Ok(Control::Unsubscribe(Some(pattern.clone())))
        }
        ("unsubscribe", _) => Err("expected the pattern of a subscription, or nothing".into()),
        ("renew", _) => Ok(Control::Renew),
        ("get", [OscType::String(address)]) => Ok(Control::Get(address.clone())),
        ("get", _) => Err("expected an address, such as /fader/1".into()),
        ("event", [OscType::String(_), ..]) => Ok(Control::Event),
        ("event", _) => Err("expected an address, such as /go, and then the values".into()),
        ("ping", _) => Ok(Control::Ping),
        ("auth", [OscType::String(token)]) => Ok(Control::Auth(token.clone())),
        ("auth", _) => Err("expected a token".into()),
        ("port", [port]) => int(port)
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port == 0 || *port >= REPLY_PORT_MIN)
            .map(Control::Port)
            .ok_or_else(|| format!("expected a port from {REPLY_PORT_MIN} on, or 0")),
        ("port", _) => Err("expected a port".into()),
        ("format", words) => words
            .iter()
            .map(|word| match word {
                OscType::String(word) => Ok(word.clone()),
                _ => Err("expected words, such as double or ints-as-floats".into()),
            })
            .collect::<Result<_, _>>()
            .map(Control::Format),
        (other, _) => Err(format!(
            "there is no {PREFIX}{other}; there are subscribe, unsubscribe, renew, get, event, \
             ping, auth, port and format"
        )),
    }
}

/// The event that a message read as [`Control::Event`] publishes: its own address and arguments.
pub(crate) fn event(mut message: OscMessage) -> OscMessage {
    if let Some(OscType::String(address)) = message.args.first_mut() {
        message.addr = std::mem::take(address);
        message.args.remove(0);
    }
    message
}

/// Pairs of a name and a number.
fn terms(mut options: &[OscType]) -> Result<Terms, String> {
    let mut terms = Terms::default();
    while let [OscType::String(name), number, rest @ ..] = options {
        let number = int(number).ok_or_else(|| format!("{name} needs a whole number"))?;
        match name.as_str() {
            "lease" if (1..=LEASE_S_MAX).contains(&number) => {
                terms.lease_us = Some(number.unsigned_abs() * 1_000_000);
            }
            "lease" => return Err(format!("a lease has 1 to {LEASE_S_MAX} seconds")),
            "rate" if (1..=1_000).contains(&number) => {
                terms.rate = u32::try_from(number).ok();
            }
            "rate" => return Err("a rate is 1 to 1000 messages per second and address".into()),
            other => return Err(format!("there is no option {other}; there are lease and rate")),
        }
        options = rest;
    }
    if options.is_empty() { Ok(terms) } else { Err("options are pairs: a name, a number".into()) }
}

/// A whole number, whatever the client can send.
#[expect(clippy::cast_possible_truncation, reason = "only whole numbers are taken")]
fn int(argument: &OscType) -> Option<i64> {
    let whole = |float: f64| (float.fract() == 0.0 && float.abs() < 1e9).then_some(float as i64);
    match argument {
        OscType::Int(int) => Some(i64::from(*int)),
        OscType::Long(int) => Some(*int),
        OscType::Float(float) => whole(f64::from(*float)),
        OscType::Double(float) => whole(*float),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str, arguments: Vec<OscType>) -> Option<Result<Control, String>> {
        parse(&OscMessage { addr: address.into(), args: arguments })
    }

    #[test]
    fn other_addresses_are_params() {
        for address in ["/fader/1", "/claspx", "/clasp", "/xremote/1"] {
            assert_eq!(read(address, vec![]), None, "{address}");
        }
    }

    #[test]
    fn a_subscription_has_its_terms() {
        let arguments = vec!["/f/*".into(), "rate".into(), 30.into(), "lease".into(), 60f32.into()];
        let terms = Terms { lease_us: Some(60_000_000), rate: Some(30) };
        let subscribe = Control::Subscribe { pattern: "/f/*".into(), terms };
        assert_eq!(read("/clasp/subscribe", arguments), Some(Ok(subscribe)));
    }

    #[test]
    fn an_event_has_an_address_and_values_of_its_own() {
        let args = vec!["/go".into(), 1.into(), "two".into()];
        let message = OscMessage { addr: "/clasp/event".into(), args };
        assert_eq!(parse(&message), Some(Ok(Control::Event)));
        let go = OscMessage { addr: "/go".into(), args: vec![1.into(), "two".into()] };
        assert_eq!(event(message), go);
    }

    #[test]
    fn mistakes_are_answered_with_what_was_expected() {
        for (name, arguments, expected) in [
            ("subscribe", vec![], "a pattern"),
            ("subscribe", vec!["/a".into(), "lease".into()], "pairs"),
            ("subscribe", vec!["/a".into(), "lease".into(), 0.into()], "3600"),
            ("subscribe", vec!["/a".into(), "rate".into(), 5_000.into()], "1000"),
            ("subscribe", vec!["/a".into(), "speed".into(), 1.into()], "speed"),
            ("get", vec![1.into()], "an address"),
            ("event", vec![], "an address"),
            ("event", vec![1.into(), "/go".into()], "an address"),
            ("port", vec![53.into()], "1024"),
            ("port", vec![70_000.into()], "1024"),
            ("dance", vec![], "no /clasp/dance"),
        ] {
            let outcome = read(&format!("/clasp/{name}"), arguments);
            let Some(Err(text)) = outcome else { panic!("{name}: {outcome:?}") };
            assert!(text.contains(expected), "{name}: {text}");
        }
    }
}
