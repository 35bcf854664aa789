//! What an account is, and which names and ids it may have (spec: relay.md 10.3, 9.6, 10.17).

use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::Now;

/// The subject of the operator's token.
pub const ADMIN_SUBJECT: &str = "admin-bootstrap";

/// Subjects that only tokens of the relay's other kinds may have begin with one of these.
const RESERVED_PREFIXES: [&str; 3] = ["clasp:", "cap:", "jwt:"];

/// Bytes of an id.
const ID_BYTES_MAX: usize = 64;

/// Characters of a name.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=32;

/// Bytes of a password.
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 6..=1024;

/// Somebody who registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Subject of the account's tokens; never changes.
    pub id: String,
    /// As its owner writes it.
    pub username: String,
    /// PHC text.
    pub password_hash: String,
    /// Seconds since 1970-01-01 UTC.
    pub created_unix_s: u64,
}

/// The form in which two names are the same: compatibility characters and case do not count.
pub fn name_key(name: &str) -> String {
    let lower: String = name.trim().nfkc().flat_map(char::to_lowercase).collect();
    lower.nfkc().collect()
}

/// A name without space around it, if it may be one: 2 to 32 characters that can be seen.
pub fn username(text: &str) -> Option<&str> {
    let name = text.trim();
    (NAME_CHARS.contains(&name.chars().count()) && !name.chars().any(is_unseen)).then_some(name)
}

/// Control characters, and those that show nothing or turn the text around.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a password is long enough, and not too long to be worked on.
pub fn password_is_fit(password: &str) -> bool {
    PASSWORD_BYTES.contains(&password.len())
}

/// Whether a text may be an id: 1 to 64 of `[A-Za-z0-9_-]`, and nobody's reserved subject.
pub fn id_is_fit(id: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(plain) && !is_reserved(id)
}

/// Whether a subject is kept for the operator or for other kinds of tokens.
pub fn is_reserved(subject: &str) -> bool {
    let lower = subject.to_ascii_lowercase();
    lower == ADMIN_SUBJECT || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
}

/// A new id: `u` for people, `d` for devices, the time in milliseconds, random digits.
pub fn new_id(kind: char, now: Now) -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("{kind}-{}-{}", now.unix_us / 1000, &random[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_alike_are_one_name() {
        for same in ["Alice", "ALICE", " alice ", "ａｌｉｃｅ"] {
            assert_eq!(name_key(same), "alice", "{same}");
        }
        assert_eq!(name_key("É"), name_key("e\u{301}"));
        assert_ne!(name_key("alice"), name_key("alicia"));
    }

    #[test]
    fn names_can_be_seen() {
        assert_eq!(username(" bo "), Some("bo"));
        assert_eq!(username("李小龍"), Some("李小龍"));
        let long = "ä".repeat(32);
        assert_eq!(username(&long), Some(long.as_str()));
        let too_long = "a".repeat(33);
        for bad in ["", "a", " a ", &too_long, "a\nb", "a\u{202e}b", "al\u{200b}ice"] {
            assert_eq!(username(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ids_are_plain_and_nobody_else_s() {
        assert!(id_is_fit("bob-1") && id_is_fit("x") && id_is_fit(&"a".repeat(64)));
        let too_long = "a".repeat(65);
        let reserved = ["admin-bootstrap", "Admin-Bootstrap", "clasp:a", "cap:a", "jwt:a"];
        for bad in ["", "../etc", "a b", "é", &too_long].into_iter().chain(reserved) {
            assert!(!id_is_fit(bad), "{bad}");
        }
    }

    #[test]
    fn new_ids_differ_and_are_fit() {
        let now = Now { unix_us: 1_795_423_007_908_000, mono_us: 0 };
        let id = new_id('u', now);
        assert!(id.starts_with("u-1795423007908-") && id_is_fit(&id), "{id}");
        assert_ne!(id, new_id('u', now));
    }
}
