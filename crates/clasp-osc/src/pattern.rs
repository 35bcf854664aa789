//! Patterns over OSC addresses (spec: adapters.md 2.4.2): `?`, `*`, `[a-z]`, `[!a]`, `{a,b}` within
//! a part, and `//` across parts.
//!
//! Which params come into question is decided by the relay's own [`Pattern`], which is made from
//! the OSC pattern and matches at least as much; where it matches more, the parts decide.

use clasp_protocol::Pattern;
use clasp_protocol::address::AddressLimits;

use crate::limits::PATTERN_BYTES_MAX;

/// What starts a pattern within a part.
const SPECIAL: [char; 6] = ['?', '*', '[', ']', '{', '}'];

/// Whether an address is a pattern.
pub(crate) fn is_pattern(osc: &str) -> bool {
    osc.contains(SPECIAL) || osc.contains("//")
}

/// What `**` as a whole part means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stars {
    /// The same as `*`, as OSC has it.
    OnePart,
    /// Any number of parts, as CLASP has it.
    AnyParts,
}

/// A pattern over addresses of params.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OscPattern {
    cover: Pattern,
    /// What `cover` cannot say; absent if it says it all.
    parts: Option<Vec<Part>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// Any number of parts.
    Any,
    One(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Char(char),
    AnyChar,
    AnyChars,
    Class { negated: bool, ranges: Vec<(char, char)> },
    Choice(Vec<String>),
}

impl OscPattern {
    /// Reads a pattern that begins with the namespace.
    ///
    /// # Errors
    /// For people: what is wrong with it.
    pub(crate) fn parse(text: &str, stars: Stars) -> Result<OscPattern, String> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(format!("a pattern has at most {PATTERN_BYTES_MAX} bytes"));
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut push = |part: Part| {
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        };
        // Two slashes at the end are one `//`; a single one is a part without a name.
        let body = match text.strip_suffix("//") {
            Some(body) => format!("{body}/"),
            None if text.ends_with('/') => return Err("a pattern does not end with '/'".into()),
            None => text.to_owned(),
        };
        let body = body.strip_prefix('/').ok_or("a pattern starts with '/'")?;
        for part in body.split('/') {
            match part {
                "" => push(Part::Any),
                "**" if stars == Stars::AnyParts => push(Part::Any),
                part => push(Part::One(tokens(part)?)),
            }
        }
        let cover: String = parts.iter().map(cover).collect();
        let cover = Pattern::parse_within(&cover, &AddressLimits::default())
            .map_err(|error| error.to_string())?;
        let plain = |token: &Token| matches!(token, Token::Char(_) | Token::AnyChars);
        let exact = parts.iter().all(|part| match part {
            Part::Any => true,
            Part::One(tokens) => tokens.iter().all(plain),
        });
        Ok(OscPattern { cover, parts: (!exact).then_some(parts) })
    }

    /// Matches whatever this pattern matches.
    pub(crate) fn cover(&self) -> &Pattern {
        &self.cover
    }

    /// Whether an address that the cover matches is matched.
    pub(crate) fn refines(&self, address: &str) -> bool {
        self.parts.as_ref().is_none_or(|parts| parts_match(parts, address))
    }

    /// Whether an address is matched.
    pub(crate) fn matches(&self, address: &str) -> bool {
        self.cover.matches(address) && self.refines(address)
    }
}

/// One segment of the relay's pattern with its slash.
fn cover(part: &Part) -> String {
    let Part::One(tokens) = part else { return "/**".into() };
    let mut text = String::from("/");
    for token in tokens {
        match token {
            Token::Char(character) => text.push(*character),
            _ if text.ends_with('*') => {}
            _ => text.push('*'),
        }
    }
    text
}

fn tokens(part: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = part.chars();
    while let Some(character) = rest.next() {
        tokens.push(match character {
            '?' => Token::AnyChar,
            '*' if tokens.last() == Some(&Token::AnyChars) => continue,
            '*' => Token::AnyChars,
            '[' => class(enclosed(&mut rest, ']')?)?,
            '{' => Token::Choice(enclosed(&mut rest, '}')?.split(',').map(Into::into).collect()),
            ']' | '}' => return Err(format!("there is a '{character}' too many")),
            ' ' | '#' | ',' => return Err(format!("a pattern has no '{character}'")),
            character if character.is_control() => return Err("control characters".into()),
            character => Token::Char(character),
        });
    }
    Ok(tokens)
}

/// What stands before the closing bracket.
fn enclosed<'a>(rest: &mut std::str::Chars<'a>, close: char) -> Result<&'a str, String> {
    let text = rest.as_str();
    let end = text.find(close).ok_or_else(|| format!("there is no '{close}'"))?;
    *rest = text[end + close.len_utf8()..].chars();
    let inner = &text[..end];
    if inner.contains(['[', '{']) { Err("brackets within brackets".into()) } else { Ok(inner) }
}

fn class(text: &str) -> Result<Token, String> {
    let (negated, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if text.is_empty() {
        return Err("there is nothing between '[' and ']'".into());
    }
    let characters: Vec<char> = text.chars().collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        // A dash at the end is a dash.
        match characters[at..] {
            [from, '-', to, ..] => {
                ranges.push((from.min(to), from.max(to)));
                at += 3;
            }
            _ => {
                ranges.push((characters[at], characters[at]));
                at += 1;
            }
        }
    }
    Ok(Token::Class { negated, ranges })
}

/// Matches by the set of places that can be reached, so that no pattern takes exponential time.
fn parts_match(parts: &[Part], address: &str) -> bool {
    let segments: Vec<&str> = address.split('/').skip(1).collect();
    let mut reached = vec![false; segments.len() + 1];
    reached[0] = true;
    for part in parts {
        reached = match part {
            Part::Any => spread(&reached),
            Part::One(tokens) => {
                let mut next = vec![false; reached.len()];
                for (place, segment) in segments.iter().enumerate() {
                    next[place + 1] = reached[place] && tokens_match(tokens, segment);
                }
                next
            }
        };
    }
    reached[segments.len()]
}

fn tokens_match(tokens: &[Token], segment: &str) -> bool {
    let characters: Vec<char> = segment.chars().collect();
    let mut reached = vec![false; characters.len() + 1];
    reached[0] = true;
    for token in tokens {
        reached = match token {
            Token::AnyChars => spread(&reached),
            Token::Choice(choices) => {
                let mut next = vec![false; reached.len()];
                for choice in choices {
                    advance(&reached, &mut next, &characters, choice);
                }
                next
            }
            single => {
                let mut next = vec![false; reached.len()];
                for (place, character) in characters.iter().enumerate() {
                    next[place + 1] = reached[place] && takes(single, *character);
                }
                next
            }
        };
    }
    reached[characters.len()]
}

/// Marks where one choice leads to.
fn advance(reached: &[bool], next: &mut [bool], characters: &[char], choice: &str) {
    let choice: Vec<char> = choice.chars().collect();
    for place in 0..reached.len() {
        if reached[place] && characters[place..].starts_with(&choice) {
            next[place + choice.len()] = true;
        }
    }
}

/// From the first place that is reached on, all are.
fn spread(reached: &[bool]) -> Vec<bool> {
    let first = reached.iter().position(|it| *it).unwrap_or(reached.len());
    (0..reached.len()).map(|place| place >= first).collect()
}

fn takes(token: &Token, character: char) -> bool {
    match token {
        Token::Char(own) => *own == character,
        Token::AnyChar => true,
        Token::Class { negated, ranges } => {
            ranges.iter().any(|(from, to)| (*from..=*to).contains(&character)) != *negated
        }
        Token::AnyChars | Token::Choice(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> OscPattern {
        OscPattern::parse(text, Stars::OnePart).unwrap()
    }

    #[track_caller]
    fn check(text: &str, yes: &[&str], no: &[&str]) {
        let pattern = pattern(text);
        for address in yes {
            assert!(pattern.cover().matches(address), "{text}: the cover of {address}");
            assert!(pattern.matches(address), "{text}: {address}");
        }
        for address in no {
            assert!(!pattern.matches(address), "{text}: not {address}");
        }
    }

    #[test]
    fn characters_match_within_a_part() {
        check("/ch/?/mix", &["/ch/1/mix"], &["/ch/10/mix", "/ch//mix", "/ch/mix"]);
        check("/ch/*/mix", &["/ch/1/mix", "/ch/10/mix"], &["/ch/1/2/mix"]);
        check("/a*z", &["/az", "/abcz"], &["/a/z", "/abc"]);
        check("/[a-c]x", &["/ax", "/cx"], &["/dx", "/abx", "/x"]);
        check("/[c-a]x", &["/ax", "/bx"], &["/dx"]);
        check("/[!a-c]", &["/d"], &["/a", "/dd"]);
        check("/[a-]", &["/a", "/-"], &["/b"]);
        check("/{on,off}", &["/on", "/off"], &["/o", "/onoff"]);
        check("/{a,ab}c", &["/ac", "/abc"], &["/bc"]);
        check("/{,x}y", &["/y", "/xy"], &["/zy"]);
        check("/*{1,2}?", &["/a1b", "/11b", "/2b"], &["/ab", "/1"]);
    }

    #[test]
    fn two_slashes_match_across_parts() {
        check("//gain", &["/gain", "/a/gain", "/a/b/gain"], &["/gain/a", "/again"]);
        check("/a//gain", &["/a/gain", "/a/b/gain"], &["/gain", "/b/gain"]);
        check("/a//", &["/a", "/a/b", "/a/b/c"], &["/b"]);
        check("/a//[12]", &["/a/1", "/a/b/2"], &["/a/3", "/1"]);
    }

    #[test]
    fn two_stars_are_one_part_in_osc_and_any_parts_in_clasp() {
        check("/a/**", &["/a/b"], &["/a", "/a/b/c"]);
        let clasp = OscPattern::parse("/a/**", Stars::AnyParts).unwrap();
        assert!(clasp.matches("/a") && clasp.matches("/a/b/c"));
    }

    #[test]
    fn where_the_relays_pattern_says_it_all_nothing_else_is_asked() {
        assert!(pattern("/a/*/b*c").parts.is_none() && pattern("/a//b").parts.is_none());
        assert!(pattern("/a/?").parts.is_some());
    }

    #[test]
    fn mistakes_are_told() {
        for wrong in
            ["a", "", "/", "/a/", "/[", "/[]", "/[!]", "/{a", "/a]", "/a}", "/a b", "/{[a]}"]
        {
            assert!(OscPattern::parse(wrong, Stars::OnePart).is_err(), "{wrong}");
        }
        let long = format!("/{}", "*a".repeat(200));
        assert!(OscPattern::parse(&long, Stars::OnePart).is_err());
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let slow = pattern(&format!("/{}b", "*{a,aa}?".repeat(31)));
        assert!(!slow.refines(&format!("/{}", "a".repeat(1_000))));
    }
}
