//! One test per row of the table of checks (relay.md 13.4).

use clasp_protocol::{RawValue, Value};
use clasp_router::policy::Observed;

use super::{Case, Check};
use crate::document::Reader;
use crate::facts::Facts;
use crate::path::tests::path;

/// A check of a rule for `/room/{room}/{who}`, and what is stored.
struct Trial {
    check: Check,
    facts: Facts,
}

fn trial(json: &str) -> Trial {
    let on = path("/room/{room}/{who}");
    let (check, problems) = Reader::read(json, |reader, node| Check::read(reader, node, Some(&on)));
    assert!(problems.is_empty(), "{problems:?}");
    let check = check.unwrap();
    let fields = check.stored_field().map(Box::from).into_iter().collect();
    let facts = Facts::new(check.watched(), fields);
    Trial { check, facts }
}

impl Trial {
    fn stored(self, address: &str, value: &RawValue<'_>) -> Trial {
        assert!(self.facts.watches(address), "{address}");
        self.facts.note(address, Some(Observed { value, deadline_us: 100 }));
        self
    }

    /// The answer to a write of `ann`.
    fn of(&self, address: &str, value: &RawValue<'_>) -> Result<(), String> {
        self.by(Some("ann"), address, value)
    }

    fn by(&self, subject: Option<&str>, address: &str, value: &RawValue<'_>) -> Result<(), String> {
        let value = Some(value);
        self.check.pass(&Case { subject, address, value, facts: &self.facts, now_us: 50 })
    }
}

fn refused(text: &str) -> Result<(), String> {
    Err(text.to_owned())
}

fn map(key: &str, value: Value) -> RawValue<'static> {
    RawValue::try_from(&Value::Map(vec![(key.to_owned(), value)])).unwrap()
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

const AT: &str = "/room/1/ann";

#[test]
fn state_field_equals_session() {
    let json = r#"{"type": "state_field_equals_session", "lookup": "/meta/{room}", "field": "by"}"#;
    let (fresh, any) = (|| trial(json), RawValue::int(1));
    assert_eq!(fresh().of(AT, &any), refused("State not found at '/meta/1'"));
    assert_eq!(fresh().stored("/meta/1", &map("by", text("ann"))).of(AT, &any), Ok(()));
    let mismatch = "Field 'by' at '/meta/1' does not match session identity";
    for other in [map("by", text("bob")), map("by", Value::Int(1)), map("x", text("ann"))] {
        assert_eq!(fresh().stored("/meta/1", &other).of(AT, &any), refused(mismatch));
    }
    for other in [RawValue::null(), RawValue::str("ann").unwrap()] {
        assert_eq!(fresh().stored("/meta/1", &other).of(AT, &any), refused(mismatch));
    }
    assert_eq!(
        fresh().stored("/meta/2", &map("by", text("ann"))).of(AT, &any),
        refused("State not found at '/meta/1'")
    );
}

#[test]
fn state_field_equals_session_when_nothing_is_there_yet() {
    let json = r#"{"type": "state_field_equals_session", "lookup": "/meta/{room}", "field": "by",
                   "allow_if_missing": true}"#;
    let any = RawValue::int(1);
    assert_eq!(trial(json).of(AT, &any), Ok(()));
    let null = trial(json).stored("/meta/1", &RawValue::null());
    assert!(null.of(AT, &any).is_err(), "null is there");
    assert!(trial(json).by(None, AT, &any).is_err(), "nobody owns nothing");
}

#[test]
fn nobody_is_not_an_owner_even_where_the_owner_is_empty() {
    let json = r#"{"type": "state_field_equals_session", "lookup": "/meta/{room}", "field": "by"}"#;
    let empty = trial(json).stored("/meta/1", &map("by", text("")));
    assert!(empty.by(None, AT, &RawValue::int(1)).is_err());
    let value = trial(r#"{"type": "value_field_equals_session", "field": "by"}"#);
    assert!(value.by(None, AT, &map("by", text(""))).is_err());
    let segment = trial(r#"{"type": "segment_equals_session", "segment": "who"}"#);
    assert!(segment.by(None, "/room/1/", &RawValue::int(1)).is_err());
    let there = r#"{"type": "state_not_null", "lookup": "/member/{session}",
                    "allow_if_missing": true}"#;
    assert_eq!(
        trial(there).by(None, AT, &RawValue::int(1)),
        refused("State is null or missing at '/member/{session}'")
    );
}

#[test]
fn state_not_null() {
    let json = r#"{"type": "state_not_null", "lookup": "/member/{room}/{session}"}"#;
    let any = RawValue::int(1);
    let missing = refused("State is null or missing at '/member/1/ann'");
    assert_eq!(trial(json).of(AT, &any), missing);
    assert_eq!(trial(json).stored("/member/1/ann", &RawValue::null()).of(AT, &any), missing);
    assert_eq!(trial(json).stored("/member/1/bob", &any).of(AT, &any), missing);
    assert_eq!(trial(json).stored("/member/1/ann", &any).of(AT, &any), Ok(()));
    let lenient = r#"{"type": "state_not_null", "lookup": "/member/{room}/{session}",
                      "allow_if_missing": true}"#;
    assert_eq!(trial(lenient).of(AT, &any), Ok(()));
    assert!(trial(lenient).stored("/member/1/ann", &RawValue::null()).of(AT, &any).is_err());
}

#[test]
fn what_has_expired_is_missing() {
    let json = r#"{"type": "state_not_null", "lookup": "/member/{who}"}"#;
    let trial = trial(json).stored("/member/ann", &RawValue::int(1));
    let value = RawValue::int(1);
    let case = |now_us| Case {
        subject: Some("ann"),
        address: AT,
        value: Some(&value),
        facts: &trial.facts,
        now_us,
    };
    assert!(trial.check.pass(&case(99)).is_ok() && trial.check.pass(&case(100)).is_err());
}

#[test]
fn either_state_not_null() {
    let json = r#"{"type": "either_state_not_null", "lookup_a": "/f/{who}/{session}",
                   "lookup_b": "/f/{session}/{who}"}"#;
    let (at, any) = ("/room/1/bob", RawValue::int(1));
    let neither = refused("Neither '/f/bob/ann' nor '/f/ann/bob' exists in state");
    assert_eq!(trial(json).of(at, &any), neither);
    assert_eq!(trial(json).stored("/f/bob/ann", &RawValue::null()).of(at, &any), neither);
    for there in ["/f/bob/ann", "/f/ann/bob"] {
        assert_eq!(trial(json).stored(there, &any).of(at, &any), Ok(()), "{there}");
    }
    let lenient = json.replace("{who}\"}", "{who}\", \"allow_if_missing\": true}");
    assert_eq!(trial(&lenient).of(at, &any), Ok(()));
    assert!(trial(&lenient).stored("/f/bob/ann", &RawValue::null()).of(at, &any).is_err());
    assert!(trial(&lenient).by(None, at, &any).is_err());
}

#[test]
fn value_field_equals_session() {
    let trial = trial(r#"{"type": "value_field_equals_session", "field": "from"}"#);
    assert_eq!(trial.of(AT, &map("from", text("ann"))), Ok(()));
    assert_eq!(
        trial.of(AT, &map("from", text("bob"))),
        refused("Value field 'from' is 'bob', does not match session identity 'ann'")
    );
    for value in [map("from", Value::Int(1)), map("x", text("ann")), RawValue::null()] {
        assert_eq!(trial.of(AT, &value), refused("Value must include a from field"));
    }
    let long = trial.of(AT, &map("from", text(&"ü".repeat(30_000)))).unwrap_err();
    assert!(long.len() < 200, "{long}");
}

#[test]
fn segment_equals_session() {
    let trial = trial(r#"{"type": "segment_equals_session", "segment": "who"}"#);
    assert_eq!(trial.of("/room/1/ann", &RawValue::null()), Ok(()));
    assert_eq!(
        trial.of("/room/1/bob", &RawValue::null()),
        refused("Path segment 'who' is 'bob', does not match session identity 'ann'")
    );
}

#[test]
fn require_value_field() {
    let trial = trial(r#"{"check": "require_value_field", "field": "name"}"#);
    assert_eq!(trial.of(AT, &map("name", text(""))), Ok(()));
    for value in [map("name", Value::Int(1)), map("x", text("y")), RawValue::int(1)] {
        assert_eq!(trial.of(AT, &value), refused("Value must include a name field"));
    }
}

#[test]
fn reject_unless_path_matches() {
    let json = r#"{"type": "reject_unless_path_matches", "pattern": "/room/1/*",
                   "message": "room 1 only"}"#;
    assert_eq!(trial(json).of("/room/1/ann", &RawValue::null()), Ok(()));
    assert_eq!(trial(json).of("/room/2/ann", &RawValue::null()), refused("room 1 only"));
    let silent = r#"{"check": "reject_unless_path_matches", "pattern": "/room/1/*"}"#;
    let told = trial(silent).of("/room/2/ann", &RawValue::null());
    assert_eq!(told, refused("The address must have the form /room/1/*"));
}

#[test]
fn value_in_range() {
    let level = trial(r#"{"type": "value_in_range", "min": 0, "max": 1}"#);
    for (value, passes) in [(0.0, true), (1.0, true), (1.1, false), (-0.1, false)] {
        assert_eq!(level.of(AT, &RawValue::float(value)).is_ok(), passes, "{value}");
    }
    assert!(level.of(AT, &RawValue::float(f64::NAN)).is_err());
    assert!(level.of(AT, &RawValue::int(1)).is_ok());
    let text = level.of(AT, &RawValue::str("1").unwrap());
    assert_eq!(text, refused("Value must be a number from 0 to 1"));
    let field = trial(r#"{"type": "value_in_range", "field": "dmx", "max": 255}"#);
    assert!(field.of(AT, &map("dmx", Value::Int(255))).is_ok());
    let told = field.of(AT, &map("dmx", Value::Int(256)));
    assert_eq!(told, refused("Value field 'dmx' must be a number up to 255"));
}

#[test]
fn field_unchanged() {
    let fresh = || trial(r#"{"type": "field_unchanged", "field": "by"}"#);
    let (ann, bob) = (map("by", text("ann")), map("by", text("bob")));
    assert_eq!(fresh().of(AT, &ann), Ok(()));
    let stored = fresh().stored(AT, &ann);
    assert_eq!(stored.of(AT, &ann), Ok(()));
    for other in [&bob, &map("x", text("ann")), &RawValue::null()] {
        assert_eq!(stored.of(AT, other), refused("Field 'by' at '/room/1/ann' must not change"));
    }
    assert_eq!(fresh().stored(AT, &map("x", Value::Int(1))).of(AT, &bob), Ok(()));
}

#[test]
fn mistakes_in_checks_are_told() {
    let on = path("/room/{room}");
    let told = |json: &str| {
        let read = |reader: &mut Reader<'_>, node: &crate::document::Node<'_>| {
            Check::read(reader, node, Some(&on))
        };
        let problems = Reader::read(json, read).1;
        problems.iter().map(|problem| problem.text.clone()).collect::<Vec<_>>().join("; ")
    };
    for (json, expected) in [
        (r#"{"lookup": "/x"}"#, "'type' is missing"),
        (r#"{"type": "state_not_null", "check": "state_not_null", "lookup": "/x"}"#, "leave one"),
        (r#"{"type": "state_not_null"}"#, "'lookup' is missing"),
        (r#"{"type": "either_state_not_null", "lookup_a": "/x"}"#, "'lookup_b' is missing"),
        (r#"{"type": "require_value_field", "field": ""}"#, "an empty text"),
        (r#"{"type": "segment_equals_session", "segment": "rom"}"#, "did you mean 'room'?"),
        (r#"{"type": "value_in_range"}"#, "'min' or 'max' is missing"),
        (r#"{"type": "value_in_range", "min": 2, "max": 1}"#, "greater than"),
        (r#"{"type": "require_value_field", "field": "a", "fields": 1}"#, "unknown here"),
        (
            r#"{"type": "segment_equals_session", "segment": "room", "allow_if_missing": true}"#,
            "no effect",
        ),
    ] {
        assert!(told(json).contains(expected), "{json}: {}", told(json));
    }
}
