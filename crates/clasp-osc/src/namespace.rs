//! Where in the address space the params of OSC clients are: one prefix, put on and taken off here
//! and nowhere else (spec: adapters.md 2.2, 2.3).

use std::fmt;
use std::str::FromStr;

use clasp_protocol::address::{self, AddressError, AddressLimits};

/// The characters that an OSC address may not have, because patterns or texts use them.
const RESERVED: [char; 9] = [' ', '#', '*', ',', '?', '[', ']', '{', '}'];

/// What stands before every OSC address; empty for the whole address space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(Box<str>);

/// Why an OSC address cannot be a param's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A character that OSC reserves.
    #[error("an OSC address has no '{}'", _0.escape_debug())]
    Character(char),
    /// No address in CLASP.
    #[error("{0}")]
    Address(#[from] AddressError),
}

impl Namespace {
    /// The whole address space.
    pub fn everywhere() -> Namespace {
        Namespace(Box::default())
    }

    /// The param that a literal OSC address names.
    ///
    /// # Errors
    /// It has a character that no literal address has, an empty part, or is too long.
    pub fn address(&self, osc: &str) -> Result<String, Unfit> {
        if let Some(character) = osc.chars().find(|character| is_reserved(*character)) {
            return Err(Unfit::Character(character));
        }
        let address = format!("{}{osc}", self.0);
        address::check(osc, &AddressLimits::default())?;
        address::check(&address, &AddressLimits::default())?;
        Ok(address)
    }

    /// The OSC address of a param; `None` if it is elsewhere, or if OSC has no way to write it.
    pub fn osc<'a>(&self, address: &'a str) -> Option<&'a str> {
        self.strip(address).filter(|osc| !osc.contains(is_reserved))
    }

    /// The pattern over params that a pattern over OSC addresses stands for.
    pub fn pattern(&self, osc: &str) -> String {
        format!("{}{osc}", self.0)
    }

    /// What follows the namespace, whatever it is.
    pub(crate) fn strip<'a>(&self, address: &'a str) -> Option<&'a str> {
        address.strip_prefix(&*self.0).filter(|rest| rest.starts_with('/'))
    }

    /// The prefix: `/osc`, or nothing.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_reserved(character: char) -> bool {
    RESERVED.contains(&character) || character.is_control()
}

impl FromStr for Namespace {
    type Err = String;

    /// Reads `/osc`; `/` or nothing is the whole address space.
    fn from_str(text: &str) -> Result<Namespace, String> {
        let prefix = text.strip_suffix('/').unwrap_or(text);
        if !prefix.is_empty() {
            Namespace::everywhere()
                .address(prefix)
                .map_err(|error| format!("{error}; write it like /osc"))?;
        }
        Ok(Namespace(prefix.into()))
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(text: &str) -> Namespace {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_is_put_on_and_taken_off_alike_whatever_it_is() {
        for prefix in ["/osc", "/show/desk", "/", ""] {
            let namespace = namespace(prefix);
            let address = namespace.address("/fader/1").unwrap();
            assert_eq!(namespace.osc(&address), Some("/fader/1"), "{prefix}");
        }
        assert_eq!(namespace("/osc/").address("/fader/1").unwrap(), "/osc/fader/1");
    }

    #[test]
    fn only_whole_segments_are_taken_off() {
        assert_eq!(namespace("/osc").osc("/oscillator/1"), None);
        assert_eq!(namespace("/osc").osc("/osc"), None);
        assert_eq!(namespace("/").osc("/oscillator/1"), Some("/oscillator/1"));
    }

    #[test]
    fn characters_that_osc_reserves_do_not_pass_either_way() {
        let osc = namespace("/osc");
        for odd in ["/a b", "/a#", "/a,b", "/a*", "/a?", "/[a]", "/{a}", "/a\n"] {
            assert!(osc.address(odd).is_err(), "{odd}");
            assert_eq!(osc.osc(&format!("/osc{odd}")), None, "{odd}");
        }
        for odd in ["", "a", "/", "/a/", "//a"] {
            assert!(osc.address(odd).is_err(), "{odd}");
        }
        assert_eq!(osc.address("/Größe").unwrap(), "/osc/Größe");
    }

    #[test]
    fn a_mistake_in_the_option_is_told() {
        for wrong in ["osc", "//osc", "/osc//", "/o sc", "/osc/**"] {
            let error = wrong.parse::<Namespace>().unwrap_err();
            assert!(error.contains("/osc"), "{error}");
        }
    }
}
