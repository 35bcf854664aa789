//! Builds a tree from the events of a walk, without recursion.

use super::walk::{self, Event};
use super::{Number, Value, ValueKind};

/// An array or map under construction, and the key it will have in the one around it.
struct Open {
    key: Option<String>,
    value: Value,
}

/// The tree that these events describe.
pub(super) fn build<'a>(events: impl Iterator<Item = Event<'a>>) -> Value {
    let mut open: Vec<Open> = Vec::new();
    let mut key = None;
    for event in events {
        let (key, done) = match event {
            Event::Key(name) => {
                key = Some(name.to_owned());
                continue;
            }
            Event::Start(kind, count) => {
                open.push(Open { key: key.take(), value: empty(kind, count) });
                continue;
            }
            Event::Scalar(kind, data) => (key.take(), leaf(kind, data)),
            Event::End => match open.pop() {
                Some(closed) => (closed.key, closed.value),
                None => continue,
            },
        };
        match open.last_mut().map(|around| &mut around.value) {
            Some(Value::Array(items)) => items.push(done),
            Some(Value::Map(entries)) => entries.push((key.unwrap_or_default(), done)),
            _ => return done,
        }
    }
    Value::Null
}

fn empty(kind: ValueKind, count: u16) -> Value {
    let count = usize::from(count);
    match kind {
        ValueKind::Map => Value::Map(Vec::with_capacity(count)),
        _ => Value::Array(Vec::with_capacity(count)),
    }
}

fn leaf(kind: ValueKind, data: &[u8]) -> Value {
    if let Some(number) = walk::number(kind, data) {
        return match number {
            Number::Int(int) => Value::Int(int),
            Number::Float(float) => Value::Float(float),
        };
    }
    match kind {
        ValueKind::Bool => Value::Bool(data.first().is_some_and(|byte| *byte != 0)),
        ValueKind::String => {
            Value::String(String::from_utf8_lossy(walk::content(data)).into_owned())
        }
        ValueKind::Bytes => Value::Bytes(walk::content(data).to_vec()),
        _ => Value::Null,
    }
}
