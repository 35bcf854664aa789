//! What stands behind the `?` of a request. Names that nobody knows are refused, so that a slip of
//! the pen does not go unnoticed.

use std::str::FromStr;

use axum::http::Uri;

use crate::problem::Problem;

/// The parameters of a request.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads them; only those in `known` may be there.
    ///
    /// # Errors
    /// 400.
    pub(crate) fn of(uri: &Uri, known: &[&str]) -> Result<Query, Problem> {
        let text = uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(Query(pairs)),
            Some((unknown, _)) => {
                let known = if known.is_empty() { "nothing".into() } else { known.join(", ") };
                let cut = &unknown[..unknown.floor_char_boundary(64)];
                Err(Problem::bad(format!("unknown parameter {cut:?}; expected: {known}")))
            }
        }
    }

    /// The last value of this name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A number.
    ///
    /// # Errors
    /// 400.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let bad = |_| Problem::bad(format!("{name} must be a number in its range"));
        text.parse().map(Some).map_err(bad)
    }

    /// Whether a flag is set: by its name alone, or by `true` or `1`.
    ///
    /// # Errors
    /// 400.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(_) => Err(Problem::bad(format!("{name} must be true or false"))),
        }
    }

    /// Whether the answer has to wait until the write is on disk.
    ///
    /// # Errors
    /// 400.
    pub(crate) fn durable(&self) -> Result<bool, Problem> {
        match self.text("qos") {
            None | Some("1") => Ok(false),
            Some("2") => Ok(true),
            Some(_) => Err(Problem::bad("qos must be 1 or 2")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, Problem> {
        Query::of(&format!("/x?{text}").parse().unwrap(), &["a", "b", "qos"])
    }

    #[test]
    fn unknown_names_are_refused_and_known_ones_read() {
        let query = query("a=1&a=%2Fx&b&qos=2").unwrap();
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "/x"]);
        assert!(query.flag("b").unwrap() && query.durable().unwrap());
        assert!(query.number::<u32>("a").is_err());
        assert!(self::query("tll=5").is_err());
    }
}
