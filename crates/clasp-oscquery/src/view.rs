//! The part of the tree that one guest may see, asked of the router anew for each question.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_gateway::{Answer, Arrival, Bell, Collected, Guest, Introduction, Refused};
use clasp_protocol::message::{Get, SignalType, Subscribe, TypeMask};
use clasp_protocol::{ErrorCode, Message, Pattern};
use clasp_router::Router;
use clasp_transport::{batch, clock};

use crate::node::Node;

/// Most params of one answer; what is beyond has to be asked for by a deeper path.
pub(crate) const PARAMS_MAX: usize = 10_000;

/// Bytes of announced signals of one answer.
const SIGNALS_BYTES_MAX: usize = 1 << 20;

/// The tree's root in the address space.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) router: Arc<Router>,
    /// Address of the root, without a slash at the end.
    pub(crate) namespace: String,
}

/// Part of the tree.
pub(crate) struct Seen {
    pub(crate) node: Node,
    /// Whether there were more params than one answer holds.
    pub(crate) cut: bool,
}

impl Root {
    /// A session for whoever asks.
    pub(crate) fn enter(
        &self,
        remote: SocketAddr,
        token: Option<&str>,
        bell: Arc<Bell>,
    ) -> Result<Guest, Refused> {
        let name = format!("oscquery:{remote}");
        let who = Introduction { remote, transport: "oscquery", name: &name, token };
        batch(|| Guest::enter(&self.router, &who, bell, clock::now()))
    }

    /// The pattern of a node and all below it.
    pub(crate) fn below(&self, path: &str) -> String {
        format!("{}{path}/**", self.namespace)
    }

    /// The path of an address.
    pub(crate) fn path<'a>(&self, address: &'a str) -> Option<&'a str> {
        address.strip_prefix(&self.namespace)
    }

    /// A node and what is below it, down to `depth` levels. Empty if there is nothing.
    pub(crate) fn tree(
        &self,
        guest: &mut Guest,
        path: &str,
        (depth, params_max): (usize, usize),
    ) -> Result<Seen, Refused> {
        let mut seen = Seen { node: Node::default(), cut: false };
        let base = format!("{}{path}", self.namespace);
        let pattern = self.below(path);
        let parsed = Pattern::parse(&pattern).map_err(|error| Refused {
            code: ErrorCode::InvalidAddress.code(),
            message: error.to_string(),
        })?;
        let mut found = Vec::new();
        batch(|| {
            let types = TypeMask::of(&[SignalType::Param]).to_wire();
            let wish = Subscribe { id: 1, pattern: pattern.as_str().into(), types, options: None };
            ask(guest, &Message::Subscribe(wish), |arrival| {
                if let Arrival::News(news) = arrival
                    && let Some(value) = news.value
                {
                    found.push((news.address.to_owned(), value.to_value()));
                }
                found.len() <= params_max
            })
        })?;
        seen.cut = found.len() > params_max;
        found.truncate(params_max);
        for (address, value) in found {
            let Some(relative) = address.strip_prefix(&base) else { continue };
            let (node, whole) = seen.node.at(relative, depth);
            if whole {
                node.value = Some(value);
                node.writable = guest.may_write(&address);
            }
        }
        for signal in guest.announced(&parsed, SIGNALS_BYTES_MAX, clock::now()) {
            let Some(relative) = signal.address.strip_prefix(&base) else { continue };
            let (node, whole) = seen.node.at(relative, depth);
            if whole {
                node.writable = guest.may_write(&signal.address);
                node.signal = Some(signal);
            }
        }
        Ok(seen)
    }

    /// A node for one attribute: the param alone if there is one, or else whatever is there.
    pub(crate) fn one(&self, guest: &mut Guest, path: &str) -> Result<Node, Refused> {
        let address = format!("{}{path}", self.namespace);
        let mut value = None;
        if !path.is_empty() {
            let get = Message::Get(Get { address: address.as_str().into() });
            let asked = batch(|| {
                ask(guest, &get, |arrival| {
                    if let Arrival::News(news) = arrival {
                        value = news.value.map(|value| value.to_value());
                    }
                    true
                })
            });
            // What is not there may still be a container; who may not read it learns no more.
            asked.or_else(|refused| match refused.is(ErrorCode::AddressNotFound) {
                true => Ok(()),
                false => Err(refused),
            })?;
        }
        if value.is_none() {
            return self.tree(guest, path, (1, 1)).map(|seen| seen.node);
        }
        let pattern = Pattern::parse(&address).ok();
        let now = clock::now();
        let mut announced = pattern
            .map(|pattern| guest.announced(&pattern, SIGNALS_BYTES_MAX, now))
            .unwrap_or_default();
        let writable = guest.may_write(&address);
        Ok(Node { value, signal: announced.pop(), writable, ..Node::default() })
    }
}

/// Asks and takes all that comes at once, until `take` has enough.
fn ask(
    guest: &mut Guest,
    message: &Message<'_>,
    mut take: impl FnMut(Arrival<'_>) -> bool,
) -> Result<(), Refused> {
    let now = clock::now();
    let unsendable = |error: clasp_protocol::codec::EncodeError| Refused {
        code: ErrorCode::InvalidAddress.code(),
        message: error.to_string(),
    };
    let number = guest.ask(message, false, now).map_err(unsendable)?;
    let mut refused = None;
    let mut goes_on = true;
    while goes_on {
        let collected = guest.collect(now, |arrival| match arrival {
            Arrival::Answer(answered, Answer::Refused(reason)) if answered == number => {
                refused = Some(reason);
            }
            Arrival::Answer(..) => {}
            other => goes_on = goes_on && take(other),
        });
        match collected {
            Collected::More => {}
            Collected::Quiet => break,
            Collected::Closed(close) => {
                let code = ErrorCode::ServiceUnavailable.code();
                return Err(Refused { code, message: close.reason.to_string() });
            }
        }
    }
    refused.map_or(Ok(()), Err)
}
