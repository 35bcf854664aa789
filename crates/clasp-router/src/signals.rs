//! The catalogue of announced signals: what ANNOUNCE stores and QUERY finds (spec: routing.md 9).
//!
//! Definitions outlive the session that announced them; they go when nobody has asked for them
//! for the lifetime that the operator chose.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use parking_lot::Mutex;

use clasp_protocol::Pattern;
use clasp_protocol::message::{SignalInfo, SignalMeta, Text};

/// Message type and count of a RESULT payload.
const RESULT_BYTES: usize = 3;

/// Address length, signal type and option flags of one signal in RESULT.
const SIGNAL_BYTES: usize = 4;

/// Bookkeeping of one definition, as far as it counts against the limit in bytes.
const DEFINITION_BYTES: usize = 160;

/// How much a catalogue may hold and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CatalogueLimits {
    /// Most definitions; 0 means no limit.
    pub(crate) count_max: usize,
    /// Most bytes of all definitions; 0 means no limit.
    pub(crate) bytes_max: usize,
    /// Microseconds since the last access after which a definition goes; 0 means never.
    pub(crate) ttl_us: u64,
}

/// The definitions do not fit the catalogue; none of them was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Announced signals by address.
#[derive(Debug)]
pub(crate) struct Catalogue {
    limits: CatalogueLimits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    signals: BTreeMap<Box<str>, Announced>,
    bytes: usize,
    /// No definition ends before this time.
    next_end_us: u64,
}

#[derive(Debug)]
struct Announced {
    /// The session that announced it last; an operator finds it in the debug output.
    #[cfg_attr(not(test), expect(dead_code, reason = "remembered, but no message tells it"))]
    peer: u64,
    accessed_us: u64,
    info: SignalInfo<'static>,
}

impl Catalogue {
    /// An empty catalogue.
    pub(crate) fn new(limits: CatalogueLimits) -> Catalogue {
        Catalogue { limits, inner: Mutex::default() }
    }

    /// Takes over the definitions of session `peer`; a later one replaces an earlier one of the
    /// same address.
    ///
    /// # Errors
    /// They do not fit; then none is taken.
    pub(crate) fn announce(
        &self,
        peer: u64,
        signals: &[SignalInfo<'_>],
        now_us: u64,
    ) -> Result<(), Full> {
        let latest: BTreeMap<&str, &SignalInfo<'_>> =
            signals.iter().map(|info| (&*info.address, info)).collect();
        let mut inner = self.inner.lock();
        inner.expire(self.limits.ttl_us, now_us);
        inner.check(&latest, &self.limits)?;
        for (address, info) in latest {
            let info = definition(info);
            inner.bytes += cost(&info);
            let announced = Announced { peer, accessed_us: now_us, info };
            if let Some(old) = inner.signals.insert(address.into(), announced) {
                inner.bytes -= cost(&old.info);
            }
        }
        inner.next_end_us = inner.next_end_us.min(now_us.saturating_add(self.limits.ttl_us));
        Ok(())
    }

    /// Definitions that match and are `readable`, in the order of their addresses, as many as fit
    /// a RESULT payload of `payload_bytes_max`, which has no meta. They count as accessed now.
    pub(crate) fn query(
        &self,
        pattern: &Pattern,
        now_us: u64,
        readable: impl Fn(&str) -> bool,
        payload_bytes_max: usize,
    ) -> Vec<SignalInfo<'static>> {
        let mut room = payload_bytes_max.saturating_sub(RESULT_BYTES);
        let mut found = Vec::new();
        let prefix = literal_prefix(pattern);
        let mut inner = self.inner.lock();
        inner.expire(self.limits.ttl_us, now_us);
        let from = (Bound::Included(prefix), Bound::Unbounded);
        for (address, announced) in inner.signals.range_mut::<str, _>(from) {
            if !address.starts_with(prefix) {
                break;
            }
            if !pattern.matches(address) || !readable(address) {
                continue;
            }
            let Some(rest) = room.checked_sub(result_bytes(&announced.info)) else {
                break;
            };
            room = rest;
            announced.accessed_us = announced.accessed_us.max(now_us);
            found.push(announced.info.clone());
        }
        found
    }

    /// Drops definitions whose lifetime is over; tells how many.
    pub(crate) fn expire(&self, now_us: u64) -> usize {
        self.inner.lock().expire(self.limits.ttl_us, now_us)
    }

    /// How many definitions there are.
    pub(crate) fn len(&self) -> usize {
        self.inner.lock().signals.len()
    }
}

impl Inner {
    fn check(
        &self,
        latest: &BTreeMap<&str, &SignalInfo<'_>>,
        limits: &CatalogueLimits,
    ) -> Result<(), Full> {
        let (mut count, mut bytes) = (self.signals.len(), self.bytes);
        for (address, info) in latest {
            bytes += cost(info);
            match self.signals.get(*address) {
                Some(old) => bytes -= cost(&old.info),
                None => count += 1,
            }
        }
        let over = |amount: usize, max: usize| max > 0 && amount > max;
        let grows = count > self.signals.len() || bytes > self.bytes;
        if grows && (over(count, limits.count_max) || over(bytes, limits.bytes_max)) {
            return Err(Full);
        }
        Ok(())
    }

    fn expire(&mut self, ttl_us: u64, now_us: u64) -> usize {
        if ttl_us == 0 || now_us < self.next_end_us {
            return 0;
        }
        let before = self.signals.len();
        let (mut bytes, mut next_end_us) = (0, now_us.saturating_add(ttl_us));
        self.signals.retain(|_, announced| {
            let end_us = announced.accessed_us.saturating_add(ttl_us);
            let stays = end_us > now_us;
            if stays {
                bytes += cost(&announced.info);
                next_end_us = next_end_us.min(end_us);
            }
            stays
        });
        self.bytes = bytes;
        self.next_end_us = next_end_us;
        before - self.signals.len()
    }
}

/// What is kept of an announcement: all but the value before anybody has set one.
fn definition(info: &SignalInfo<'_>) -> SignalInfo<'static> {
    SignalInfo {
        address: owned(&info.address),
        signal: info.signal,
        datatype: info.datatype.as_ref().map(owned),
        access: info.access.as_ref().map(owned),
        meta: info.meta.as_ref().map(|meta| SignalMeta {
            unit: meta.unit.as_ref().map(owned),
            range: meta.range,
            default: None,
            description: meta.description.as_ref().map(owned),
        }),
    }
}

fn owned(text: &Text<'_>) -> Text<'static> {
    Cow::Owned(text.clone().into_owned())
}

/// Bytes a definition counts for; the address is stored twice.
fn cost(info: &SignalInfo<'_>) -> usize {
    DEFINITION_BYTES + info.address.len() + result_bytes(info) + meta_bytes(info)
}

fn meta_bytes(info: &SignalInfo<'_>) -> usize {
    let Some(meta) = &info.meta else { return 0 };
    let texts = [&meta.unit, &meta.description].into_iter().flatten();
    texts.map(|text| text.len()).sum()
}

/// Bytes a definition takes in a RESULT payload.
fn result_bytes(info: &SignalInfo<'_>) -> usize {
    let text = |text: &Option<Text<'_>>| text.as_ref().map_or(0, |text| 2 + text.len());
    SIGNAL_BYTES + info.address.len() + text(&info.datatype) + text(&info.access)
}

/// What every matching address starts with.
fn literal_prefix(pattern: &Pattern) -> &str {
    let text = pattern.as_str();
    let star = text.find('*').unwrap_or(text.len());
    if star == text.len() {
        return text;
    }
    text[..star].rfind('/').map_or("", |slash| &text[..slash])
}

#[cfg(test)]
mod tests {
    use super::*;
    use clasp_protocol::message::SignalType;

    const PAYLOAD: usize = 65_535;

    fn limits() -> CatalogueLimits {
        CatalogueLimits { count_max: 3, bytes_max: 0, ttl_us: 100 }
    }

    fn signal(address: &str) -> SignalInfo<'_> {
        let signal = SignalType::Event;
        SignalInfo { address: address.into(), signal, datatype: None, access: None, meta: None }
    }

    fn query(catalogue: &Catalogue, pattern: &str, now_us: u64) -> Vec<String> {
        let pattern = Pattern::parse(pattern).unwrap();
        let found = catalogue.query(&pattern, now_us, |_| true, PAYLOAD);
        found.into_iter().map(|info| info.address.into_owned()).collect()
    }

    #[test]
    fn query_finds_what_was_announced_in_address_order() {
        let catalogue = Catalogue::new(CatalogueLimits { count_max: 0, ..limits() });
        let signals = ["/b/x", "/a", "/a/x", "/ab", "/a/x/y"].map(signal);
        catalogue.announce(1, &signals, 0).unwrap();
        assert_eq!(query(&catalogue, "/a/**", 0), ["/a", "/a/x", "/a/x/y"]);
        assert_eq!(query(&catalogue, "/a*", 0), ["/a", "/ab"]);
        assert_eq!(query(&catalogue, "/a/x", 0), ["/a/x"]);
        assert_eq!(query(&catalogue, "/*/x", 0), ["/a/x", "/b/x"]);
        assert_eq!(query(&catalogue, "/**", 0).len(), 5);
    }

    #[test]
    fn a_later_announcement_replaces_an_earlier_one() {
        let catalogue = Catalogue::new(limits());
        catalogue.announce(1, &[signal("/a")], 0).unwrap();
        let stream = SignalInfo { signal: SignalType::Stream, ..signal("/a") };
        catalogue.announce(2, &[signal("/a"), stream], 0).unwrap();
        let pattern = Pattern::parse("/a").unwrap();
        let found = catalogue.query(&pattern, 0, |_| true, PAYLOAD);
        assert_eq!(found[0].signal, SignalType::Stream);
        let inner = catalogue.inner.lock();
        assert_eq!((inner.signals.len(), inner.signals["/a"].peer), (1, 2));
    }

    #[test]
    fn an_announcement_beyond_the_limit_is_refused_whole() {
        let catalogue = Catalogue::new(limits());
        catalogue.announce(1, &["/a", "/b"].map(signal), 0).unwrap();
        assert_eq!(catalogue.announce(1, &["/c", "/d"].map(signal), 0), Err(Full));
        assert_eq!(catalogue.len(), 2);
        catalogue.announce(1, &["/a", "/b", "/c", "/c"].map(signal), 0).unwrap();
        assert_eq!(catalogue.announce(1, &[signal("/d")], 0), Err(Full));
        catalogue.announce(1, &[signal("/a")], 0).unwrap();
    }

    #[test]
    fn bytes_are_limited_and_given_back() {
        let catalogue = Catalogue::new(CatalogueLimits { bytes_max: 1_100, ..limits() });
        let wide = "x".repeat(700);
        let large = SignalInfo { datatype: Some(wide.as_str().into()), ..signal("/a") };
        catalogue.announce(1, std::slice::from_ref(&large), 0).unwrap();
        let other = SignalInfo { address: "/b".into(), ..large };
        assert_eq!(catalogue.announce(1, std::slice::from_ref(&other), 0), Err(Full));
        catalogue.announce(1, &[signal("/a")], 0).unwrap();
        catalogue.announce(1, std::slice::from_ref(&other), 0).unwrap();
        assert_eq!(catalogue.expire(100), 2);
        assert_eq!(catalogue.inner.lock().bytes, 0);
    }

    #[test]
    fn definitions_end_when_nobody_asks_for_them() {
        let catalogue = Catalogue::new(limits());
        catalogue.announce(1, &["/a", "/b"].map(signal), 0).unwrap();
        assert_eq!(query(&catalogue, "/a", 60), ["/a"]);
        assert_eq!(catalogue.expire(99), 0);
        assert_eq!(query(&catalogue, "/**", 100), ["/a"]);
        assert_eq!(catalogue.expire(199), 0);
        assert_eq!(catalogue.expire(200), 1);
        assert_eq!(catalogue.len(), 0);
    }

    #[test]
    fn expired_definitions_make_room() {
        let catalogue = Catalogue::new(limits());
        catalogue.announce(1, &["/a", "/b", "/c"].map(signal), 0).unwrap();
        catalogue.announce(1, &["/d", "/e", "/f"].map(signal), 100).unwrap();
        assert_eq!(query(&catalogue, "/**", 100), ["/d", "/e", "/f"]);
    }

    #[test]
    fn without_lifetime_definitions_stay() {
        let catalogue = Catalogue::new(CatalogueLimits { ttl_us: 0, ..limits() });
        catalogue.announce(1, &[signal("/a")], 0).unwrap();
        assert_eq!(catalogue.expire(u64::MAX), 0);
        assert_eq!(query(&catalogue, "/a", u64::MAX), ["/a"]);
    }

    #[test]
    fn what_may_not_be_read_is_not_told() {
        let catalogue = Catalogue::new(limits());
        catalogue.announce(1, &["/a", "/secret"].map(signal), 0).unwrap();
        let all = Pattern::parse("/**").unwrap();
        let found = catalogue.query(&all, 0, |address| address == "/a", PAYLOAD);
        assert_eq!(found, [signal("/a")]);
    }

    #[test]
    fn a_result_is_cut_to_the_payload() {
        let catalogue = Catalogue::new(limits());
        let typed = SignalInfo { datatype: Some("f32".into()), ..signal("/a") };
        catalogue.announce(1, &[typed, signal("/b")], 0).unwrap();
        let all = Pattern::parse("/**").unwrap();
        let fits = |payload| catalogue.query(&all, 0, |_| true, payload).len();
        let first = RESULT_BYTES + 4 + 2 + 5;
        assert_eq!((fits(first - 1), fits(first), fits(first + 5), fits(first + 6)), (0, 1, 1, 2));
    }
}
