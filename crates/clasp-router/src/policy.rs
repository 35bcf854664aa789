//! What an application may decide about writes and visibility (routing.md 12.6).

use clasp_auth::Grant;
use clasp_protocol::RawValue;

use crate::clock::Now;

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// Session id.
    pub session: &'a str,
    /// What its token gives.
    pub grant: &'a Grant,
    /// The time.
    pub now: Now,
}

impl<'a> Actor<'a> {
    /// Identity from the token, if there is one.
    pub fn subject(&self) -> Option<&'a str> {
        self.grant.subject.as_deref()
    }
}

/// A param as a policy remembers it.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// Its value.
    pub value: &'a RawValue<'a>,
    /// End of its life, microseconds of the monotonic clock; `u64::MAX` means never.
    pub deadline_us: u64,
}

/// What a session may see of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Visibility {
    /// All of it.
    Deliver,
    /// This instead.
    Redacted(RawValue<'static>),
    /// Nothing.
    Withhold,
}

/// Rules of an application. They run inside the critical section of a write: pure and fast.
pub trait Policy: Send + Sync {
    /// Whether this write may happen; the text of a refusal goes to the writer with ERROR 403.
    fn validate(
        &self,
        actor: Actor<'_>,
        address: &str,
        value: Option<&RawValue<'_>>,
    ) -> Result<(), String>;

    /// What is stored instead of the value that was sent; `None` keeps it.
    fn transform(&self, address: &str, value: &RawValue<'_>) -> Option<RawValue<'static>>;

    /// Whether [`Policy::visible`] ever withholds or redacts anything.
    fn filters(&self) -> bool;

    /// What this session may see of a value; null stands for none.
    fn visible(&self, viewer: Actor<'_>, address: &str, value: &RawValue<'_>) -> Visibility;

    /// Whether it looks at other params than the one it is asked about. Asked when the router is
    /// made and by [`Router::show_params`](crate::Router::show_params).
    fn looks_up(&self) -> bool {
        false
    }

    /// Whether it wants to know the param at this address.
    fn watches(&self, _address: &str) -> bool {
        false
    }

    /// A param that it watches is now like this, or gone. Called under the lock of the param's
    /// shard, so that nothing is missed: it must not call the router.
    fn observe(&self, _address: &str, _param: Option<Observed<'_>>) {}
}

/// No rules.
#[derive(Debug, Clone, Copy)]
pub struct OpenPolicy;

impl Policy for OpenPolicy {
    fn validate(&self, _: Actor<'_>, _: &str, _: Option<&RawValue<'_>>) -> Result<(), String> {
        Ok(())
    }

    fn transform(&self, _: &str, _: &RawValue<'_>) -> Option<RawValue<'static>> {
        None
    }

    fn filters(&self) -> bool {
        false
    }

    fn visible(&self, _: Actor<'_>, _: &str, _: &RawValue<'_>) -> Visibility {
        Visibility::Deliver
    }
}
