//! SYNC (routing.md section 9).

use clasp_protocol::message::Sync;
use clasp_protocol::{Message, Qos};

use crate::dispatch::Request;

/// Answers with the relay's clock; what the client says about t2 and t3 does not matter.
pub(crate) fn sync(request: &Request<'_>, sync: Sync) {
    let time = request.now.unix_us;
    let answer = Sync { t1: sync.t1, t2: Some(time), t3: Some(time) };
    request.reply(&Message::Sync(answer), Qos::Fire);
}
