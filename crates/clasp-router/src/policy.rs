//! What an application may decide about writes and visibility (routing.md 12.6).

use clasp_protocol::RawValue;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// Session id.
    pub session: &'a str,
    /// Identity from the token, if there is one.
    pub subject: Option<&'a str>,
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

    /// What this session may see.
    fn visible(&self, viewer: Actor<'_>, address: &str, value: &RawValue<'_>) -> Visibility;
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
