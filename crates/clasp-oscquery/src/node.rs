//! The tree: containers, and what is known of the params and signals at its nodes.

use std::collections::BTreeMap;

use clasp_protocol::Value;
use clasp_protocol::message::SignalInfo;
use serde_json::{Map, Value as Json, json};

use crate::osc;

/// Attributes of a node that can be asked for one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    FullPath,
    Contents,
    Type,
    Access,
    Value,
    Range,
    Description,
    Unit,
    Tags,
}

impl Attribute {
    pub(crate) const ALL: [Attribute; 9] = [
        Attribute::FullPath,
        Attribute::Contents,
        Attribute::Type,
        Attribute::Access,
        Attribute::Value,
        Attribute::Range,
        Attribute::Description,
        Attribute::Unit,
        Attribute::Tags,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Attribute::FullPath => "FULL_PATH",
            Attribute::Contents => "CONTENTS",
            Attribute::Type => "TYPE",
            Attribute::Access => "ACCESS",
            Attribute::Value => "VALUE",
            Attribute::Range => "RANGE",
            Attribute::Description => "DESCRIPTION",
            Attribute::Unit => "UNIT",
            Attribute::Tags => "TAGS",
        }
    }
}

/// One node.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Of a param.
    pub(crate) value: Option<Value>,
    /// What was announced here.
    pub(crate) signal: Option<SignalInfo<'static>>,
    /// Whether whoever asks may write here.
    pub(crate) writable: bool,
    pub(crate) children: BTreeMap<String, Node>,
}

impl Node {
    /// The node at a relative path such as `/a/b`, made if need be; the deepest there may be if
    /// that is less than `depth_max` levels down, and whether it is the one asked for.
    pub(crate) fn at(&mut self, path: &str, depth_max: usize) -> (&mut Node, bool) {
        let mut node = self;
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        for (depth, segment) in segments.enumerate() {
            if depth == depth_max {
                return (node, false);
            }
            // Most paths exist already.
            if !node.children.contains_key(segment) {
                node.children.insert(segment.to_owned(), Node::default());
            }
            node = node.children.get_mut(segment).expect("it was just made");
        }
        (node, true)
    }

    /// Whether nothing is known of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.value.is_none() && self.signal.is_none() && self.children.is_empty()
    }

    /// All of it; `path` is its own, without a slash at the end.
    pub(crate) fn json(&self, path: &str) -> Json {
        let all = Attribute::ALL.into_iter();
        let all = all.filter_map(|attribute| {
            Some((attribute.name().to_owned(), self.attribute(attribute, path)?))
        });
        Json::Object(all.collect())
    }

    /// One attribute, if it has it.
    pub(crate) fn attribute(&self, attribute: Attribute, path: &str) -> Option<Json> {
        let meta = self.signal.as_ref().and_then(|signal| signal.meta.as_ref());
        Some(match attribute {
            Attribute::FullPath if path.is_empty() => json!("/"),
            Attribute::FullPath => json!(path),
            Attribute::Contents => self.contents(path)?,
            Attribute::Type => json!(self.tags()?),
            Attribute::Access => json!(self.access()),
            Attribute::Value => osc::values(self.value.as_ref()?),
            Attribute::Range => {
                let (min, max) = meta?.range?;
                self.each(&json!({ "MIN": min, "MAX": max }))?
            }
            Attribute::Description => json!(meta?.description.as_deref()?),
            Attribute::Unit => self.each(&json!(meta?.unit.as_deref()?))?,
            Attribute::Tags => json!([self.signal.as_ref()?.signal.name()]),
        })
    }

    /// The children; none if it is no container.
    fn contents(&self, path: &str) -> Option<Json> {
        let is_leaf = self.value.is_some() || self.signal.is_some();
        if self.children.is_empty() && is_leaf {
            return None;
        }
        let children = self.children.iter();
        let children = children.map(|(name, node)| {
            let path = format!("{path}/{name}");
            (name.clone(), node.json(&path))
        });
        Some(Json::Object(Map::from_iter(children)))
    }

    /// Type tags: those of the value, or else what was announced.
    fn tags(&self) -> Option<String> {
        match (&self.value, &self.signal) {
            (Some(value), _) => Some(osc::type_tags(value)),
            (None, Some(signal)) => signal.datatype.as_deref().and_then(tag_of).map(str::to_owned),
            (None, None) => None,
        }
    }

    /// 0 none, 1 read, 2 write, 3 both.
    fn access(&self) -> u8 {
        let announced = self.signal.as_ref().and_then(|signal| signal.access.as_deref());
        let allows = |letter| announced.is_none_or(|access| access.contains(letter));
        let has_any = self.value.is_some() || self.signal.is_some();
        let reads = self.value.is_some() && allows('r');
        let writes = has_any && self.writable && allows('w');
        u8::from(reads) | u8::from(writes) << 1
    }

    /// The same for each type tag.
    fn each(&self, item: &Json) -> Option<Json> {
        let tags = self.tags()?;
        let mut depth = 0_usize;
        let outer = tags.chars().filter(|tag| {
            depth -= usize::from(*tag == ']' && depth > 0);
            let counts = depth == 0 && *tag != ']';
            depth += usize::from(*tag == '[');
            counts
        });
        Some(vec![item.clone(); outer.count()].into())
    }
}

/// The type tag of what people call a type in ANNOUNCE.
fn tag_of(datatype: &str) -> Option<&'static str> {
    Some(match datatype.to_ascii_lowercase().as_str() {
        "f32" | "f64" | "float" | "double" | "number" => "f",
        "i8" | "i16" | "i32" | "int" | "integer" | "u8" | "u16" => "i",
        "i64" | "u32" | "u64" => "h",
        "bool" | "boolean" => "T",
        "string" | "text" | "str" => "s",
        "bytes" | "blob" => "b",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clasp_protocol::message::{SignalMeta, SignalType};

    use super::*;

    fn signal(access: Option<&'static str>) -> SignalInfo<'static> {
        let meta = SignalMeta {
            unit: Some("dB".into()),
            range: Some((-60.0, 6.0)),
            description: Some("Level of channel 1".into()),
            ..SignalMeta::default()
        };
        SignalInfo {
            address: "/osc/level".into(),
            signal: SignalType::Param,
            datatype: Some("f32".into()),
            access: access.map(Into::into),
            meta: Some(meta),
        }
    }

    #[test]
    fn a_tree_has_containers_and_leaves() {
        let mut root = Node::default();
        root.at("/a/b", 64).0.value = Some(Value::Int(1));
        root.at("/a", 64).0.writable = true;
        let expected = json!({
            "FULL_PATH": "/", "ACCESS": 0, "CONTENTS": {
                "a": { "FULL_PATH": "/a", "ACCESS": 0, "CONTENTS": {
                    "b": { "FULL_PATH": "/a/b", "TYPE": "i", "ACCESS": 1, "VALUE": [1] },
                } },
            },
        });
        assert_eq!(root.json(""), expected);
    }

    #[test]
    fn what_was_announced_describes_the_node() {
        let node = Node {
            value: Some(Value::Array(vec![Value::Float(1.0), Value::Float(2.0)])),
            signal: Some(signal(None)),
            writable: true,
            ..Node::default()
        };
        let expected = json!({
            "FULL_PATH": "/level", "TYPE": "ff", "ACCESS": 3, "VALUE": [1.0, 2.0],
            "RANGE": [{ "MIN": -60.0, "MAX": 6.0 }, { "MIN": -60.0, "MAX": 6.0 }],
            "DESCRIPTION": "Level of channel 1", "UNIT": ["dB", "dB"], "TAGS": ["param"],
        });
        assert_eq!(node.json("/level"), expected);
    }

    #[test]
    fn a_signal_without_a_value_has_a_type_and_cannot_be_read() {
        let node = Node { signal: Some(signal(Some("rw"))), writable: true, ..Node::default() };
        let json = node.json("/level");
        assert_eq!((&json["TYPE"], &json["ACCESS"]), (&json!("f"), &json!(2)));
        assert!(json.get("VALUE").is_none() && json.get("CONTENTS").is_none());
    }

    #[test]
    fn access_is_what_scope_and_announcement_allow_together() {
        let access = |writable, announced| {
            let (value, signal) = (Some(Value::Int(1)), Some(signal(announced)));
            Node { value, signal, writable, ..Node::default() }.access()
        };
        assert_eq!(access(true, None), 3);
        assert_eq!(access(false, Some("rw")), 1);
        assert_eq!(access(true, Some("r")), 1);
        assert_eq!(access(true, Some("w")), 2);
    }

    #[test]
    fn a_path_beyond_the_depth_ends_at_its_deepest_container() {
        let mut root = Node::default();
        let (node, whole) = root.at("/a/b/c", 2);
        assert!(!whole);
        node.writable = true;
        assert_eq!(root.json("")["CONTENTS"]["a"]["CONTENTS"]["b"]["CONTENTS"], json!({}));
    }
}
