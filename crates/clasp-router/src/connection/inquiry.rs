//! What doors of other protocols may ask that no message of CLASP can say; same scopes, same rates.

use clasp_protocol::message::{ErrorMessage, Subscribe};
use clasp_protocol::{ErrorCode, Qos};

use super::{Connection, Terms};
use crate::clock::Now;
use crate::dispatch::Request;
use crate::persistence::ParamRecord;
use crate::rate::Verdict;
use crate::refusal::Refusal;
use crate::verbs;

/// Cost of a walk through the journal or of a page of everything, as of the messages that do so.
const WALK_COST: u32 = 10;

/// Some of the params that match a pattern.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Which addresses.
    pub pattern: &'a str,
    /// Address of the last param of the page before.
    pub after: Option<&'a str>,
    /// At most so many.
    pub params_max: usize,
}

/// A page of params, in an order that holds until the relay ends. It may be shorter than was
/// asked for, or empty, and yet not the last one.
#[derive(Debug, Default)]
pub struct Page {
    /// The params, as far as the session may see them.
    pub params: Vec<ParamRecord<'static>>,
    /// Where the next page starts; not for the client, who may not know of this address.
    pub next: Option<String>,
}

impl Connection {
    /// Reads some of the params that match a pattern, without subscribing to it.
    ///
    /// # Errors
    /// What a SUBSCRIBE with this pattern would be refused with, or there is no session.
    pub fn page(&mut self, wanted: &Wanted<'_>, now: Now) -> Result<Page, ErrorMessage<'static>> {
        // Pages of everything, one by one, are one walk.
        let first = wanted.pattern == "/**" && wanted.after.is_none();
        let cost = if first { WALK_COST } else { 1 };
        let mut page = Err(Refusal::new(ErrorCode::TooManyRequests, "rate limit exceeded"));
        self.inquire(cost, Terms::default(), now, |request| {
            page = verbs::page::page(request, wanted);
        });
        page.map_err(Refusal::into_error)
    }

    /// Takes a SUBSCRIBE that begins with what the journal holds after this entry, where others
    /// begin with the params. Its answer carries the number. [`crate::Router::can_resume`] tells
    /// whether nothing would be missing.
    pub fn resume(
        &mut self,
        (subscribe, after): (&Subscribe<'_>, u64),
        correlation: u32,
        now: Now,
    ) {
        let terms = Terms { correlation: Some(correlation), quiet: false };
        let mut outcome = Err(Refusal::new(ErrorCode::TooManyRequests, "rate limit exceeded"));
        self.inquire(WALK_COST, terms, now, |request| {
            outcome = verbs::subscribe::resume(request, subscribe, after);
        });
        if let Err(refusal) = outcome {
            self.refuse(&refusal, terms, now);
        }
    }

    /// Runs `carry_out` unless a rate limit forbids it.
    fn inquire(&mut self, cost: u32, terms: Terms, now: Now, carry_out: impl FnOnce(&Request<'_>)) {
        let Some(session) = &self.session else { return };
        session.count_received();
        if let Some(allowance) = &mut self.allowance {
            let verdict = allowance.take(cost, now.mono_us);
            if verdict != Verdict::Allowed {
                // The caller answers; what is left is to count, and to close if it goes on.
                self.over_limit(verdict, Terms::default(), now);
                return;
            }
        }
        carry_out(&Request {
            router: &self.router,
            session,
            qos: Qos::Confirm,
            correlation: terms.correlation,
            quiet: terms.quiet,
            wire: &[],
            now,
        });
    }
}
