//! What a request asks for: a node, perhaps one attribute of it, with a token.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

use crate::node::Attribute;

/// Deepest address there can be.
pub(crate) const DEPTH_MAX: usize = 64;

/// A request for part of the tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The node, without a slash at the end.
    pub(crate) path: String,
    pub(crate) wish: Wish,
    pub(crate) token: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The node and so many levels below.
    Tree(usize),
    /// One attribute.
    One(Attribute),
    /// What this server is.
    HostInfo,
}

impl Question {
    /// Reads it.
    ///
    /// # Errors
    /// The text says what is not understood.
    pub(crate) fn read(target: &PathAndQuery, headers: &HeaderMap) -> Result<Question, String> {
        let path = percent_decode_str(target.path()).decode_utf8();
        let path = path.map_err(|_| "the path is not UTF-8 when its % are resolved")?;
        if path.contains('*') {
            return Err("a path with wildcards names no node".to_owned());
        }
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let mut question = Question {
            path: path.trim_end_matches('/').to_owned(),
            wish: Wish::Tree(DEPTH_MAX),
            token: bearer.map(|token| token.trim().to_owned()),
        };
        let parts = form_urlencoded::parse(target.query().unwrap_or_default().as_bytes());
        for (key, value) in parts {
            match &*key {
                "" => {}
                "token" => question.token = Some(value.into_owned()),
                "HOST_INFO" => question.wish = Wish::HostInfo,
                "DEPTH" => {
                    let depth: usize = value.parse().map_err(|_| "DEPTH is a number of levels")?;
                    question.wish = Wish::Tree(depth.min(DEPTH_MAX));
                }
                name => {
                    let all = Attribute::ALL.into_iter();
                    let known = all.into_iter().find(|attribute| attribute.name() == name);
                    let known = known.ok_or_else(|| format!("there is no attribute {name:?}"))?;
                    question.wish = Wish::One(known);
                }
            }
        }
        Ok(question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str) -> Result<Question, String> {
        Question::read(&target.parse().unwrap(), &HeaderMap::new())
    }

    #[test]
    fn attributes_depth_and_token_are_read_from_the_query() {
        let question = |path: &str, wish| Question { path: path.into(), wish, token: None };
        assert_eq!(read("/"), Ok(question("", Wish::Tree(DEPTH_MAX))));
        assert_eq!(read("/a/b/"), Ok(question("/a/b", Wish::Tree(DEPTH_MAX))));
        assert_eq!(read("/a?VALUE"), Ok(question("/a", Wish::One(Attribute::Value))));
        assert_eq!(read("/a?HOST_INFO"), Ok(question("/a", Wish::HostInfo)));
        assert_eq!(read("/?DEPTH=2"), Ok(question("", Wish::Tree(2))));
        assert_eq!(read("/a%20b?"), Ok(question("/a b", Wish::Tree(DEPTH_MAX))));
        let token = read("/?token=cpsk_1&VALUE").unwrap();
        assert_eq!(
            (token.token.as_deref(), token.wish),
            (Some("cpsk_1"), Wish::One(Attribute::Value))
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (target, word) in [
            ("/?NONSENSE", "NONSENSE"),
            ("/?DEPTH=x", "DEPTH"),
            ("/%ff", "UTF-8"),
            ("/a/*", "wild"),
        ] {
            assert!(read(target).unwrap_err().contains(word), "{target}");
        }
    }

    #[test]
    fn a_bearer_token_counts_too() {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, "Bearer abc".parse().unwrap())]);
        let question = Question::read(&"/".parse().unwrap(), &headers).unwrap();
        assert_eq!(question.token.as_deref(), Some("abc"));
    }
}
