//! One request's use of a session: it asks and waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use clasp_gateway::{Answer, Arrival, Bell, Guest, News};
use clasp_protocol::message::{Query, SignalInfo};
use clasp_protocol::{ErrorCode, Message};
use clasp_router::{Close, Page, Wanted};
use clasp_transport::{batch, clock};
use serde_json::{Value as Json, json};
use tokio::time;

use crate::body::too_large;
use crate::client::Client;
use crate::lobby::Lobby;
use crate::problem::Problem;

/// How long an answer may take, for instance until a write is on disk.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// A session that one request uses; dropped, it waits for the client's next one.
#[derive(Debug)]
pub(crate) struct Visit {
    guest: Option<Guest>,
    bell: Arc<Bell>,
    lobby: Arc<Lobby>,
    whose: Client,
    /// No answer is outstanding, and the session is open.
    is_fit: bool,
}

/// What a request was answered.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// The revision that a write got.
    pub(crate) revision: Option<u64>,
    /// The param that was asked for: its revision and what the client is told.
    pub(crate) param: Option<(u64, Json)>,
    /// The signals that were asked for.
    pub(crate) signals: Option<Vec<Json>>,
}

impl Visit {
    pub(crate) fn new(
        guest: Guest,
        bell: Arc<Bell>,
        (lobby, whose): (Arc<Lobby>, Client),
    ) -> Visit {
        Visit { guest: Some(guest), bell, lobby, whose, is_fit: true }
    }

    fn guest(&mut self) -> &mut Guest {
        self.guest.as_mut().expect("it is there until the drop")
    }

    /// Whether the router has not ended the session; forgets what came for nobody.
    pub(crate) fn is_open(&mut self) -> bool {
        let now = clock::now();
        self.is_fit = batch(|| self.guest().collect_all(now, |_| {})).is_none();
        self.is_fit
    }

    /// Asks for something and waits for the answer.
    ///
    /// # Errors
    /// What the router refuses it with, or no answer in time.
    pub(crate) async fn ask(
        &mut self,
        message: &Message<'_>,
        durable: bool,
    ) -> Result<Answered, Problem> {
        self.is_fit = false;
        let answered = time::timeout(ANSWER_TIME_MAX, self.exchange(message, durable)).await;
        answered.unwrap_or_else(|_| {
            let text = "no answer in time; a write may have been carried out";
            Err(Problem::new(ErrorCode::Timeout, text))
        })
    }

    async fn exchange(
        &mut self,
        message: &Message<'_>,
        durable: bool,
    ) -> Result<Answered, Problem> {
        while !self.guest().may_ask() {
            self.bell.rung().await;
        }
        let asked = batch(|| self.guest().ask(message, durable, clock::now()));
        let number = asked.map_err(|error| too_large(error.to_string()))?;
        let is_query = matches!(message, Message::Query(_));
        let (mut answered, mut outcome, mut notice) = (Answered::default(), None, None);
        loop {
            let take = |arrival: Arrival<'_>| match arrival {
                Arrival::Answer(of, answer) if of == number => outcome = Some(settle(answer)),
                Arrival::News(news) if news.state => answered.param = Some(param(&news)),
                Arrival::Notice(refused) => notice = Some(Problem::from(refused)),
                Arrival::Other(Message::Result(result)) if is_query => {
                    answered.signals = Some(result.signals.iter().map(signal).collect());
                    outcome = Some(Ok(None));
                }
                _ => {}
            };
            let closed = batch(|| self.guest().collect_all(clock::now(), take));
            if let Some(outcome) = outcome {
                self.is_fit = closed.is_none();
                answered.revision = outcome?;
                return Ok(answered);
            }
            if let Some(close) = closed {
                return Err(notice.unwrap_or_else(|| ended(&close)));
            }
            self.bell.rung().await;
        }
    }

    /// Reads one page of params.
    ///
    /// # Errors
    /// What the router refuses it with.
    pub(crate) fn page(&mut self, wanted: &Wanted<'_>) -> Result<Page, Problem> {
        let page = self.guest().page(wanted, clock::now());
        page.map_err(Problem::from)
    }

    /// The signals that were announced below a pattern.
    ///
    /// # Errors
    /// What the router refuses it with.
    pub(crate) async fn signals(&mut self, pattern: &str) -> Result<Vec<Json>, Problem> {
        let query = Message::Query(Query { pattern: pattern.into() });
        let answered = self.ask(&query, false).await?;
        Ok(answered.signals.unwrap_or_default())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(guest) = self.guest.take() else { return };
        if self.is_fit {
            self.lobby.leave(guest, Arc::clone(&self.bell), self.whose.clone());
        } else {
            batch(|| drop(guest));
        }
    }
}

fn settle(answer: Answer<'_>) -> Result<Option<u64>, Problem> {
    match answer {
        Answer::Done(ack) => Ok(ack.revision),
        Answer::Refused(refused) => Err(refused.into()),
    }
}

/// Why a session was ended that was told nothing more.
pub(crate) fn ended(close: &Close) -> Problem {
    let code = match close.code {
        1008 | 1013 => ErrorCode::TooManyRequests,
        _ => ErrorCode::ServiceUnavailable,
    };
    Problem::new(code, close.reason.clone())
}

/// A param as the client is told.
fn param(news: &News<'_>) -> (u64, Json) {
    let value = news.value.as_ref().map(|value| clasp_json::to_json(&value.to_value()));
    let revision = news.revision.unwrap_or_default();
    let body = json!({
        "address": news.address,
        "value": value,
        "revision": revision,
        "timestamp": news.timestamp,
        "writer": news.writer,
    });
    (revision, body)
}

fn signal(signal: &SignalInfo<'_>) -> Json {
    json!({
        "address": signal.address,
        "type": signal.signal.name(),
        "datatype": signal.datatype,
        "access": signal.access,
    })
}
