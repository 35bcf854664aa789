//! GET (routing.md 4.8).

use std::borrow::Cow;

use clasp_protocol::message::{Get, ParamEntry, Snapshot};
use clasp_protocol::{ErrorCode, Message, Qos, RawValue};

use crate::config::GetMissing;
use crate::dispatch::Request;
use crate::policy::Visibility;
use crate::refusal::Refusal;
use crate::write;

pub(crate) fn get(request: &Request<'_>, get: &Get<'_>) -> Result<(), Refusal> {
    let Request { router, session, now, .. } = *request;
    let address = &*get.address;
    write::check_address(router, address)?;
    if !session.grant.may_read(address) {
        return Err(Refusal::out_of_scope("read", address));
    }
    let place = router.store.place(address);
    let mut shard = router.store.lock(place.shard);
    let found = shard.param(address, place.hash).filter(|param| !param.is_expired(now));
    let Some(param) = found else {
        drop(shard);
        return missing(request, address);
    };
    let value = match router.visibility(session, (address, Some(&param.value)), now) {
        Visibility::Withhold => {
            drop(shard);
            return missing(request, address);
        }
        Visibility::Deliver => None,
        Visibility::Redacted(value) => Some(value),
    };
    param.touch(&router.config.params, now);
    router.store.observer.is(address, param);
    let mut entry = param.entry(address);
    if let Some(value) = value {
        entry.value = value;
    }
    request.reply(&Message::Snapshot(Snapshot { params: vec![entry] }), Qos::Fire);
    shard.note_touch();
    Ok(())
}

fn missing(request: &Request<'_>, address: &str) -> Result<(), Refusal> {
    match request.router.config.get_missing {
        GetMissing::Silent if !request.is_foreign() => Ok(()),
        GetMissing::Error | GetMissing::Silent => {
            let text = "there is no param at this address";
            Err(Refusal::new(ErrorCode::AddressNotFound, text).at(address))
        }
        GetMissing::Null => {
            let entry = ParamEntry {
                address: Cow::Borrowed(address),
                value: RawValue::null(),
                revision: 0,
                writer: None,
                timestamp: None,
            };
            request.reply(&Message::Snapshot(Snapshot { params: vec![entry] }), Qos::Fire);
            Ok(())
        }
    }
}
