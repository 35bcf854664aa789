//! What is seen: the first rule that applies decides, then fields are taken out (relay.md 13.5).

use std::fmt;

use clasp_protocol::{RawValue, ValueKind};
use clasp_router::policy::Visibility;

use crate::check::Case;
use crate::document::{Node, Reader};
use crate::path::{PathPattern, segment};
use crate::template::Template;

/// One rule of `snapshot_visibility`.
#[derive(Debug, Clone)]
pub(crate) struct VisibilityRule {
    path: Option<PathPattern>,
    contains: Option<Box<str>>,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    /// Always the same.
    Fixed(bool),
    /// Seen by the one whose identity is a segment; `public` below it by everybody.
    Owner { name: Box<str>, index: usize, public: Option<Box<str>> },
    /// Seen as long as something is at another address.
    IfSet(Template),
}

/// One entry of `snapshot_transforms`.
#[derive(Debug, Clone)]
pub(crate) struct Redaction {
    path: PathPattern,
    fields: Box<[Box<str>]>,
}

impl VisibilityRule {
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<VisibilityRule> {
        let mut members = reader.members(node)?;
        let path = members.take("path").map(|node| PathPattern::read(reader, &node));
        let contains = members.take("path_contains").map(|node| reader.word(&node).map(Box::from));
        let visible = members.need("visible", reader);
        let bad_path = matches!(path, Some(None));
        let path = path.flatten();
        let outcome = visible.filter(|_| !bad_path).and_then(|visible| {
            if let Some(fixed) = visible.as_truth() {
                return Some(Outcome::Fixed(fixed));
            }
            match reader.text(&visible)? {
                "owner" => {
                    let node = members.need("owner_segment", reader)?;
                    let name = reader.word(&node)?;
                    let Some(path) = &path else {
                        reader.error(members.node(), "'owner' needs a 'path' that has its segment");
                        return None;
                    };
                    let index = path.capture(reader, &node, name)?;
                    let public = match members.take("public_sub") {
                        Some(node) => Some(reader.word(&node)?.trim_matches('/').into()),
                        None => None,
                    };
                    Some(Outcome::Owner { name: name.into(), index, public })
                }
                "require_state_not_null" => {
                    let node = members.need("lookup", reader)?;
                    Template::read(reader, &node, path.as_ref()).map(Outcome::IfSet)
                }
                other => {
                    let words = "true, false, \"owner\" or \"require_state_not_null\"";
                    reader.error(&visible, format!("'{other}' is not one of {words}"));
                    None
                }
            }
        });
        if outcome.is_some() {
            members.finish(reader);
        }
        let contains = contains.map_or(Some(None), |contains| contains.map(Some));
        Some(VisibilityRule { path, contains: contains?, outcome: outcome? })
    }

    /// Whether this rule decides about an address.
    fn applies(&self, address: &str) -> bool {
        match (&self.contains, &self.path) {
            (Some(text), _) => address.contains(&**text),
            (None, Some(path)) => path.matches(address),
            (None, None) => true,
        }
    }

    fn is_visible(&self, case: &Case<'_>) -> bool {
        // A rule that was chosen by `path_contains` knows the segments only if the path fits too.
        let fits = || self.path.as_ref().is_none_or(|path| path.matches(case.address));
        match &self.outcome {
            Outcome::Fixed(visible) => *visible,
            Outcome::Owner { index, public, .. } => {
                fits()
                    && (segment(case.address, *index).is_some_and(|it| Some(it) == case.subject)
                        || public.as_deref().is_some_and(|it| is_below(case.address, *index, it)))
            }
            Outcome::IfSet(lookup) => {
                let address = fits().then(|| lookup.fill(case.address, case.subject)).flatten();
                address.is_some_and(|address| case.facts.is_set(&address, case.now_us))
            }
        }
    }

    /// Whether it ever hides anything.
    pub(crate) fn hides(&self) -> bool {
        !matches!(self.outcome, Outcome::Fixed(true))
    }

    /// The look-up, if it has one.
    pub(crate) fn lookup(&self) -> Option<&Template> {
        match &self.outcome {
            Outcome::IfSet(lookup) => Some(lookup),
            _ => None,
        }
    }
}

/// Whether what follows a segment is `public` or below it.
fn is_below(address: &str, index: usize, public: &str) -> bool {
    let mut rest = address.split('/').skip(index + 1);
    public.split('/').all(|wanted| rest.next() == Some(wanted))
}

impl Redaction {
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Redaction> {
        let mut members = reader.members(node)?;
        let path = members.need("path", reader).and_then(|node| PathPattern::read(reader, &node));
        let fields = members.take("redact_fields");
        let items = fields.map_or_else(Vec::new, |node| reader.items(&node));
        let fields: Box<[_]> =
            items.iter().filter_map(|item| reader.word(item).map(Box::from)).collect();
        if fields.is_empty() && items.is_empty() {
            reader.warn(members.node(), "nothing is taken out: name fields in 'redact_fields'");
        }
        members.finish(reader);
        Some(Redaction { path: path?, fields })
    }
}

/// What is seen of a value.
pub(crate) fn look(
    rules: &[VisibilityRule],
    redactions: &[Redaction],
    (case, value): (&Case<'_>, &RawValue<'_>),
) -> Visibility {
    let rule = rules.iter().find(|rule| rule.applies(case.address));
    if !rule.is_none_or(|rule| rule.is_visible(case)) {
        return Visibility::Withhold;
    }
    if value.kind() != ValueKind::Map {
        return Visibility::Deliver;
    }
    let fields: Vec<&str> = redactions
        .iter()
        .filter(|redaction| redaction.path.matches(case.address))
        .flat_map(|redaction| redaction.fields.iter().map(|field| &**field))
        .collect();
    if fields.is_empty() {
        return Visibility::Deliver;
    }
    value.without_fields(&fields).map_or(Visibility::Deliver, Visibility::Redacted)
}

impl VisibilityRule {
    /// Which addresses it decides about, in words.
    pub(crate) fn about(&self) -> String {
        match (&self.contains, &self.path) {
            (Some(text), _) => format!("*{text}*"),
            (None, Some(path)) => path.to_string(),
            (None, None) => "everything else".into(),
        }
    }
}

impl fmt::Display for VisibilityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Fixed(true) => f.write_str("everybody"),
            Outcome::Fixed(false) => f.write_str("nobody"),
            Outcome::Owner { name, public: None, .. } => write!(f, "{{{name}}} only"),
            Outcome::Owner { name, public: Some(public), .. } => {
                write!(f, "{{{name}}} only, {public} everybody")
            }
            Outcome::IfSet(lookup) => write!(f, "those for whom {lookup} is there and not null"),
        }
    }
}

impl Redaction {
    /// Which addresses it is about.
    pub(crate) fn path(&self) -> &PathPattern {
        &self.path
    }
}

impl fmt::Display for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fields.join(", "))
    }
}
