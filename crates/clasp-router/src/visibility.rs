//! The one question what a session may see: asked for everything that goes out (routing.md 12.6).

use clasp_protocol::RawValue;

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::deliver::Source;
use crate::policy::Visibility;
use crate::router::Router;
use crate::session::Session;
use crate::write::publish::Forward;

impl Router {
    /// What a session may see of this value at this address; null stands for none.
    #[inline]
    pub(crate) fn visibility(
        &self,
        session: &Session,
        (address, value): (&str, Option<&RawValue<'_>>),
        now: Now,
    ) -> Visibility {
        if !self.ports.policy.filters() {
            return Visibility::Deliver;
        }
        let null = RawValue::null();
        self.ports.policy.visible(session.actor(now), address, value.unwrap_or(&null))
    }

    /// A PUBLISH as one session may see it, if it may.
    pub(crate) fn shown(
        &self,
        session: &Session,
        forward: &Forward<'_>,
        now: Now,
    ) -> Option<Broadcast> {
        let source = Source::Publish(forward.publish, forward.qos);
        match self.visibility(session, (&forward.publish.address, source.value()), now) {
            Visibility::Withhold => None,
            Visibility::Deliver => forward.frame(),
            Visibility::Redacted(value) => source.redacted(value),
        }
    }
}
