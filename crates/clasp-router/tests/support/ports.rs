//! Ports for tests: tokens that say themselves what they allow, rules as closures.

use std::collections::HashSet;
use std::sync::Mutex;

use clasp_auth::{Authenticator, Denied, Grant, Scopes};
use clasp_protocol::RawValue;
use clasp_router::policy::{Actor, Policy, Visibility};

/// Accepts tokens of the form `subject|scope,scope` with an optional `|expiry in microseconds`.
#[derive(Default)]
pub(crate) struct Badges {
    revoked: Mutex<HashSet<String>>,
}

impl Badges {
    /// Takes back what was granted to a subject.
    pub(crate) fn revoke(&self, subject: &str) {
        self.revoked.lock().unwrap().insert(subject.to_owned());
    }
}

impl Authenticator for Badges {
    fn authenticate(&self, token: Option<&str>, now_unix_us: u64) -> Result<Grant, Denied> {
        let token = token.ok_or(Denied::Missing)?;
        let unknown = || Denied::Invalid("token not found".into());
        let mut fields = token.split('|');
        let subject = fields.next().filter(|subject| !subject.is_empty()).ok_or_else(unknown)?;
        let scopes = Scopes::parse_list(fields.next().ok_or_else(unknown)?)
            .map_err(|error| Denied::Invalid(error.to_string().into()))?;
        let expires_unix_us = fields.next().and_then(|text| text.parse().ok());
        let (subject, scopes) = (Some(subject.into()), Some(scopes));
        let grant = Grant { subject, scopes, expires_unix_us, credential: None };
        if grant.is_expired(now_unix_us) { Err(Denied::Expired) } else { Ok(grant) }
    }

    fn revision(&self) -> u64 {
        self.revoked.lock().unwrap().len() as u64
    }

    fn still_holds(&self, grant: &Grant) -> bool {
        let subject = grant.subject.as_deref().unwrap_or_default();
        !self.revoked.lock().unwrap().contains(subject)
    }
}

type Validate = dyn Fn(Actor<'_>, &str, Option<&RawValue<'_>>) -> Result<(), String> + Send + Sync;
type Transform = dyn Fn(&str, &RawValue<'_>) -> Option<RawValue<'static>> + Send + Sync;
type Visible = dyn Fn(Actor<'_>, &str, &RawValue<'_>) -> Visibility + Send + Sync;

/// Rules of an application, each one optional.
#[derive(Default)]
pub(crate) struct Rules {
    validate: Option<Box<Validate>>,
    transform: Option<Box<Transform>>,
    visible: Option<Box<Visible>>,
}

impl Rules {
    pub(crate) fn validate(
        self,
        rule: impl Fn(Actor<'_>, &str, Option<&RawValue<'_>>) -> Result<(), String>
        + Send
        + Sync
        + 'static,
    ) -> Rules {
        Rules { validate: Some(Box::new(rule)), ..self }
    }

    pub(crate) fn transform(
        self,
        rule: impl Fn(&str, &RawValue<'_>) -> Option<RawValue<'static>> + Send + Sync + 'static,
    ) -> Rules {
        Rules { transform: Some(Box::new(rule)), ..self }
    }

    pub(crate) fn visible(
        self,
        rule: impl Fn(Actor<'_>, &str, &RawValue<'_>) -> Visibility + Send + Sync + 'static,
    ) -> Rules {
        Rules { visible: Some(Box::new(rule)), ..self }
    }
}

impl Policy for Rules {
    fn validate(
        &self,
        actor: Actor<'_>,
        address: &str,
        value: Option<&RawValue<'_>>,
    ) -> Result<(), String> {
        self.validate.as_ref().map_or(Ok(()), |rule| rule(actor, address, value))
    }

    fn transform(&self, address: &str, value: &RawValue<'_>) -> Option<RawValue<'static>> {
        self.transform.as_ref().and_then(|rule| rule(address, value))
    }

    fn filters(&self) -> bool {
        self.visible.is_some()
    }

    fn visible(&self, viewer: Actor<'_>, address: &str, value: &RawValue<'_>) -> Visibility {
        self.visible.as_ref().map_or(Visibility::Deliver, |rule| rule(viewer, address, value))
    }
}
