//! What look-ups may ask for: a projection of the params at their addresses, so that a rule takes
//! no lock of the store. Its own lock is the last one taken.

use std::collections::HashMap;

use clasp_protocol::{Pattern, RawValue, ValueKind};
use clasp_router::policy::Observed;
use parking_lot::RwLock;

/// The params that look-ups may ask for.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    watched: Box<[Pattern]>,
    /// Names of the fields that are asked for.
    fields: Box<[Box<str>]>,
    known: RwLock<HashMap<Box<str>, Fact>>,
}

/// What is remembered of one param.
#[derive(Debug)]
pub(crate) struct Fact {
    /// Whether its value is null.
    pub(crate) is_null: bool,
    /// In the order of [`Facts::fields`].
    fields: Box<[Option<RawValue<'static>>]>,
    /// Microseconds of the monotonic clock.
    deadline_us: u64,
}

impl Facts {
    /// Nothing is known yet; params at `watched` addresses will be told.
    pub(crate) fn new(mut watched: Vec<Pattern>, mut fields: Vec<Box<str>>) -> Facts {
        watched.sort_unstable();
        watched.dedup();
        fields.sort_unstable();
        fields.dedup();
        Facts { watched: watched.into(), fields: fields.into(), known: RwLock::default() }
    }

    /// Whether there are look-ups at all.
    pub(crate) fn is_used(&self) -> bool {
        !self.watched.is_empty()
    }

    pub(crate) fn watches(&self, address: &str) -> bool {
        self.watched.iter().any(|pattern| pattern.matches(address))
    }

    /// Notes a param as it is now, or that it is gone.
    pub(crate) fn note(&self, address: &str, param: Option<Observed<'_>>) {
        let Some(Observed { value, deadline_us }) = param else {
            self.known.write().remove(address);
            return;
        };
        let field = |name: &str| value.field(name).map(RawValue::into_owned);
        let fields = self.fields.iter().map(|name| field(name)).collect();
        let fact = Fact { is_null: value.kind() == ValueKind::Null, fields, deadline_us };
        let mut known = self.known.write();
        match known.get_mut(address) {
            Some(old) => *old = fact,
            None => drop(known.insert(address.into(), fact)),
        }
    }

    /// Asks about the param at an address as it is at this time.
    pub(crate) fn ask<T>(
        &self,
        address: &str,
        now_us: u64,
        answer: impl FnOnce(Option<&Fact>) -> T,
    ) -> T {
        let known = self.known.read();
        answer(known.get(address).filter(|fact| fact.deadline_us > now_us))
    }

    /// Whether a param is there and not null.
    pub(crate) fn is_set(&self, address: &str, now_us: u64) -> bool {
        self.ask(address, now_us, |fact| fact.is_some_and(|fact| !fact.is_null))
    }

    /// A field of a fact; only fields that were named when this was made are remembered.
    pub(crate) fn field<'f>(&self, fact: &'f Fact, name: &str) -> Option<&'f RawValue<'static>> {
        let place = self.fields.binary_search_by(|field| (**field).cmp(name)).ok()?;
        fact.fields[place].as_ref()
    }

    /// Params that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.known.read().len()
    }
}

#[cfg(test)]
mod tests {
    use clasp_protocol::Value;

    use super::*;

    fn facts() -> Facts {
        let watched = ["/m/*", "/m/*"].map(|text| Pattern::parse(text).unwrap());
        Facts::new(watched.into(), vec!["owner".into(), "owner".into()])
    }

    fn note(facts: &Facts, value: &RawValue<'_>, deadline_us: u64) {
        facts.note("/m/1", Some(Observed { value, deadline_us }));
    }

    #[test]
    fn the_fields_that_are_asked_for_are_remembered() {
        let facts = facts();
        let entries = vec![
            ("other".to_owned(), Value::String("x".into())),
            ("owner".to_owned(), Value::String("ann".into())),
        ];
        note(&facts, &RawValue::try_from(&Value::Map(entries)).unwrap(), u64::MAX);
        facts.ask("/m/1", 0, |fact| {
            let fact = fact.unwrap();
            assert!(!fact.is_null);
            let text = |name| facts.field(fact, name).and_then(RawValue::as_str);
            assert_eq!((text("owner"), text("other")), (Some("ann"), None));
        });
    }

    #[test]
    fn null_is_there_but_not_set() {
        let facts = facts();
        note(&facts, &RawValue::null(), u64::MAX);
        assert!(facts.ask("/m/1", 0, |fact| fact.is_some()) && !facts.is_set("/m/1", 0));
        facts.note("/m/1", None);
        assert!(facts.ask("/m/1", 0, |fact| fact.is_none()) && facts.len() == 0);
    }

    #[test]
    fn a_param_is_over_at_its_very_microsecond() {
        let facts = facts();
        note(&facts, &RawValue::int(1), 10);
        assert!(facts.is_set("/m/1", 9) && !facts.is_set("/m/1", 10));
    }

    #[test]
    fn only_addresses_of_look_ups_are_watched() {
        assert!(facts().is_used() && facts().watches("/m/1") && !facts().watches("/m/1/2"));
        assert!(!Facts::default().is_used() && !Facts::default().watches("/m/1"));
    }
}
