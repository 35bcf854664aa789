//! Subscriptions as server-sent events: one session per stream, told at the pace of its reader.

mod text;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use clasp_auth::{Network, Permit};
use clasp_gateway::{Answer, Arrival, Bell, Collected, Guest};
use clasp_protocol::message::{SignalType, Subscribe, SubscribeOptions, TypeMask};
use clasp_protocol::{ErrorCode, Message};
use clasp_router::Router;
use clasp_transport::{batch, clock};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::{self, Instant};

use crate::body::too_large;
use crate::client::Client;
use crate::lobby;
use crate::origins::LAST_EVENT_ID;
use crate::problem::Problem;
use crate::query::Query;
use crate::rest::Hall;
use crate::visit::ended;
use text::Text;

/// What the parameters of a subscription are called.
const PARAMETERS: [&str; 6] =
    ["pattern", "types", "max_rate", "epsilon", "last_event_id", "access_token"];

/// Patterns of one stream.
const PATTERNS_MAX: usize = 32;

/// Silence after which a comment tells that the stream lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Bytes from which on a piece of the stream is sent.
const PIECE_BYTES: usize = 32 << 10;

/// How sessions of streams call themselves, and their wire.
const NAME: &str = "sse";

/// Tells reverse proxies not to wait for more.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// A stream under way.
struct Stream {
    router: Arc<Router>,
    guest: Guest,
    bell: Arc<Bell>,
    text: Text,
    draining: watch::Receiver<bool>,
    /// Whether all that was there at the beginning has been told.
    is_ready: bool,
    /// Whether it began where an earlier one broke off.
    is_resumed: bool,
    is_over: bool,
    quiet_since: Instant,
    _permit: Option<Permit>,
}

/// What a client wants to hear.
#[derive(Debug)]
struct Wish {
    patterns: Vec<String>,
    types: u8,
    options: Option<SubscribeOptions>,
    /// The journal's entry that it heard last.
    after: Option<u64>,
    /// Whether it has heard something before.
    comes_back: bool,
}

/// `GET /subscribe?pattern=`.
pub(crate) async fn subscribe(
    State(hall): State<Arc<Hall>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let query = Query::of(&parts.uri, &PARAMETERS)?;
    let wish = Wish::read(&parts, &query)?;
    let client = Client::of(&parts, &hall.config.proxies, query.text("access_token"))?;
    let permit = permit(&hall, &client)?;
    let (guest, bell) = lobby::open(&hall.router, &client, NAME)?;
    let mut stream = Stream {
        router: Arc::clone(&hall.router),
        guest,
        bell,
        text: Text::begun(),
        draining: hall.config.draining.clone(),
        is_ready: false,
        is_resumed: false,
        is_over: false,
        quiet_since: Instant::now(),
        _permit: permit,
    };
    let after = match wish.after {
        Some(after) if hall.can_resume(after).await => Some(after),
        _ => None,
    };
    stream.is_resumed = after.is_some();
    if wish.comes_back && after.is_none() {
        stream.text.reset();
    }
    stream.begin(&wish, after)?;
    let pieces = stream::unfold(stream, |stream| async {
        let (piece, rest) = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), rest))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        UNBUFFERED,
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// A place among the streams of the client's address.
fn permit(hall: &Hall, client: &Client) -> Result<Option<Permit>, Problem> {
    let (Some(streams), Some(network)) = (&hall.streams, Network::limited(client.remote.ip()))
    else {
        return Ok(None);
    };
    let text = "your address has too many streams";
    let permit = streams.admit(network);
    permit.map(Some).ok_or_else(|| Problem::new(ErrorCode::TooManyRequests, text))
}

impl Hall {
    /// Whether the journal can tell everything after this entry. It reads, so beside the runtime.
    async fn can_resume(&self, after: u64) -> bool {
        let router = Arc::clone(&self.router);
        let asked = tokio::task::spawn_blocking(move || router.can_resume(after));
        asked.await.unwrap_or(false)
    }
}

impl Wish {
    fn read(parts: &Parts, query: &Query) -> Result<Wish, Problem> {
        let patterns: Vec<String> = query.all("pattern").map(str::to_owned).collect();
        if !(1..=PATTERNS_MAX).contains(&patterns.len()) {
            let text = format!("name from 1 to {PATTERNS_MAX} patterns, as in ?pattern=/lights/**");
            return Err(Problem::bad(text));
        }
        let mut types = Vec::new();
        for name in query.all("types").flat_map(|names| names.split(',')) {
            types.push(SignalType::from_name(name.trim()).ok_or_else(|| {
                Problem::bad("types are param, event, stream, gesture and timeline, with commas")
            })?);
        }
        let options = SubscribeOptions {
            max_rate: query.number("max_rate")?,
            epsilon: query.number("epsilon")?,
            ..SubscribeOptions::default()
        };
        let header = parts.headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
        let last = header.or(query.text("last_event_id")).filter(|id| !id.is_empty());
        Ok(Wish {
            patterns,
            types: TypeMask::of(&types).to_wire(),
            options: (options != SubscribeOptions::default()).then_some(options),
            after: last.and_then(|id| id.parse().ok()),
            comes_back: last.is_some(),
        })
    }
}

impl Stream {
    /// Subscribes; refusals are answers still.
    fn begin(&mut self, wish: &Wish, after: Option<u64>) -> Result<(), Problem> {
        for (id, pattern) in (1..).zip(&wish.patterns) {
            let (types, options) = (wish.types, wish.options);
            let subscribe = Subscribe { id, pattern: pattern.as_str().into(), types, options };
            let (text, mut refused) = (&mut self.text, None);
            let guest = &mut self.guest;
            let asked = batch(|| -> Result<(), Problem> {
                let now = clock::now();
                let number = match after {
                    Some(after) => guest.resume(&subscribe, after, now),
                    None => guest
                        .ask(&Message::Subscribe(subscribe), false, now)
                        .map_err(|error| too_large(error.to_string()))?,
                };
                // What it brings at once is at most what one outbox holds ahead.
                guest.collect(now, |arrival| match arrival {
                    Arrival::Answer(of, Answer::Refused(refusal)) if of == number => {
                        refused = Some(Problem::from(refusal));
                    }
                    other => text.take(&other),
                });
                Ok(())
            });
            asked.map_err(|problem| problem.at(pattern))?;
            if let Some(problem) = refused {
                return Err(problem.at(pattern));
            }
        }
        Ok(())
    }

    /// Waits for the next piece; `None` at the end.
    async fn next(mut self) -> Option<(Bytes, Stream)> {
        let mut is_due = false;
        while !self.is_over {
            self.gather(is_due);
            if let Some(piece) = self.text.piece() {
                self.quiet_since = Instant::now();
                return Some((piece, self));
            }
            let next_beat = self.quiet_since + HEARTBEAT;
            tokio::select! {
                () = self.bell.rung() => {}
                _ = self.draining.wait_for(|draining| *draining) => {}
                () = time::sleep_until(next_beat) => is_due = true,
            }
        }
        None
    }

    /// Takes what there is, as far as a piece may be long; if there is nothing and it is due, a
    /// sign of life.
    fn gather(&mut self, is_due: bool) {
        if *self.draining.borrow() {
            return self.dismiss();
        }
        // Whatever was committed so far is in the queue now, and told when the queue is empty.
        let position = self.router.settled_sequence();
        loop {
            let (guest, text) = (&mut self.guest, &mut self.text);
            let now = clock::now();
            match batch(|| guest.collect(now, |arrival| text.take(&arrival))) {
                Collected::More if self.text.bytes() >= PIECE_BYTES => return,
                Collected::More => {}
                Collected::Quiet => {
                    self.text.told_until(position);
                    if !std::mem::replace(&mut self.is_ready, true) {
                        self.text.ready(self.guest.session_id(), self.is_resumed, position);
                    }
                    if is_due && self.text.bytes() == 0 {
                        self.text.alive(position);
                    }
                    return;
                }
                Collected::Closed(close) => {
                    self.text.told_until(None);
                    self.text.closed(&ended(&close));
                    self.is_over = true;
                    return;
                }
            }
        }
    }

    /// Says that the relay ends.
    fn dismiss(&mut self) {
        self.text.told_until(None);
        let text = "the relay is shutting down; come back in a moment";
        self.text.closed(&Problem::new(ErrorCode::ServiceUnavailable, text));
        self.is_over = true;
    }
}
