//! Addresses of look-ups, made from the address in question and the session (relay.md 13.3).

use std::fmt;

use clasp_protocol::Pattern;

use crate::document::{Node, Reader};
use crate::path::{PathPattern, segment};
use crate::problem::did_you_mean;

/// Placeholder of the session's identity.
const SESSION: &str = "session";

/// Text with places for the session's identity and segments of an address. It is taken apart once,
/// so what is filled in is never read as a placeholder.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    text: Box<str>,
    pieces: Box<[Piece]>,
    watched: Pattern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Session,
    Segment(usize),
}

impl Template {
    /// Reads a look-up of a rule with this path.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        path: Option<&PathPattern>,
    ) -> Option<Template> {
        let text = reader.text(node)?;
        let (mut pieces, mut watched) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                reader.error(node, "'{' is not closed");
                return None;
            };
            pieces.push(Piece::Literal(literal.into()));
            pieces.push(Piece::placeholder(reader, node, (name, path))?);
            watched.push_str(literal);
            watched.push('*');
            rest = after;
        }
        pieces.push(Piece::Literal(rest.into()));
        watched.push_str(rest);
        if text.contains('*') {
            reader.warn(node, "'*' is an ordinary character in a look-up");
        }
        match Pattern::parse(&watched).ok().filter(|_| !watched.ends_with('/')) {
            Some(watched) => Some(Template { text: text.into(), pieces: pieces.into(), watched }),
            None => {
                let text = format!("'{text}' is no address: start it with '/', no empty segments");
                reader.error(node, text);
                None
            }
        }
    }

    /// The address for a session and an address that the path matches; `None` if the session has
    /// no identity that could stand there.
    pub(crate) fn fill(&self, address: &str, subject: Option<&str>) -> Option<String> {
        let mut filled = String::with_capacity(self.text.len() + address.len());
        for piece in &self.pieces {
            filled.push_str(match piece {
                Piece::Literal(text) => text,
                Piece::Session => subject.filter(|subject| is_segment(subject))?,
                Piece::Segment(index) => segment(address, *index)?,
            });
        }
        Some(filled)
    }

    /// A pattern that matches at least every address that can be made.
    pub(crate) fn watched(&self) -> &Pattern {
        &self.watched
    }
}

/// Whether an identity is one segment and no more: one with slashes would reach elsewhere.
fn is_segment(subject: &str) -> bool {
    !subject.is_empty() && !subject.contains(['/', '\0'])
}

impl Piece {
    fn placeholder(
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        (name, path): (&str, Option<&PathPattern>),
    ) -> Option<Piece> {
        if name == SESSION {
            return Some(Piece::Session);
        }
        if let Some(index) = path.and_then(|path| path.index_of(name)) {
            return Some(Piece::Segment(index));
        }
        let captures = path.into_iter().flat_map(PathPattern::captures);
        let hint = did_you_mean(name, captures.chain([SESSION]));
        let text = format!("'{{{name}}}' is neither {{session}} nor captured by the path{hint}");
        reader.error(node, text);
        None
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::tests::path;

    fn read(text: &str, on: Option<&PathPattern>) -> (Option<Template>, Vec<String>) {
        let json = serde_json::to_string(text).unwrap();
        let (template, problems) =
            Reader::read(&json, |reader, node| Template::read(reader, node, on));
        (template, problems.iter().map(ToString::to_string).collect())
    }

    fn template(text: &str, on: &str) -> Template {
        let (template, problems) = read(text, Some(&path(on)));
        assert_eq!(problems, [""; 0]);
        template.unwrap()
    }

    #[test]
    fn captures_and_the_session_are_filled_in() {
        let template = template("/friends/{session}/of-{to}/x", "/dms/{to}/{room}");
        assert_eq!(
            template.fill("/dms/bob/r", Some("ann")).as_deref(),
            Some("/friends/ann/of-bob/x")
        );
        assert_eq!(template.watched().as_str(), "/friends/*/of-*/x");
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        let template = template("/m/{a}/{b}", "/x/{a}/{b}");
        assert_eq!(template.fill("/x/{b}/{session}", Some("s")).unwrap(), "/m/{b}/{session}");
        assert_eq!(template.fill("/x/{session}/{a}", Some("s")).unwrap(), "/m/{session}/{a}");
    }

    #[test]
    fn a_session_without_identity_or_with_slashes_in_it_has_no_address() {
        let template = template("/m/{session}", "/x/{a}");
        for subject in [None, Some(""), Some("a/b"), Some("a\0")] {
            assert_eq!(template.fill("/x/1", subject), None, "{subject:?}");
        }
        assert_eq!(template.fill("/x/1", Some("*")).unwrap(), "/m/*");
    }

    #[test]
    fn every_address_that_is_made_is_watched() {
        let template = template("/m/{a}{b}/{session}", "/x/{a}/{b}");
        for (address, subject) in [("/x/1/2", "s"), ("/x/{a}/*", "**"), ("/x/a b/ü", "ä")] {
            let filled = template.fill(address, Some(subject)).unwrap();
            assert!(template.watched().matches(&filled), "{filled}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        let on = path("/x/{room}");
        let told = |text: &str| read(text, Some(&on)).1.concat();
        assert!(told("/m/{rom}").contains("did you mean 'room'?"));
        assert!(told("/m/{room").contains("not closed"));
        assert!(told("m/{room}").contains("is no address"));
        assert!(told("/m//{room}").contains("is no address"));
        assert!(told("/m/").contains("is no address"));
        assert!(told("/m/*").contains("ordinary character"));
        assert!(read("/m/{room}", None).1.concat().contains("nor captured"));
    }
}
