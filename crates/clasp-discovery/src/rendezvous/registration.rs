//! What a relay tells of itself, and what of that is acceptable (spec: relay.md 17.4).

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::Uri;
use serde::{Deserialize, Serialize};

/// Longest name, bytes.
const NAME_BYTES_MAX: usize = 128;
/// Most endpoints.
const ENDPOINTS_MAX: usize = 16;
/// Longest URL of an endpoint, bytes.
const URL_BYTES_MAX: usize = 256;
/// Longest word: a tag, a feature, the name of an endpoint; bytes.
const WORD_BYTES_MAX: usize = 64;
/// Most tags, and most features.
const WORDS_MAX: usize = 32;
/// Longest public key, bytes.
const KEY_BYTES_MAX: usize = 256;
/// All keys and values of the metadata, bytes.
const METADATA_BYTES_MAX: usize = 4 << 10;

/// What an endpoint may begin with: nothing that a browser would run.
const SCHEMES: [&str; 13] = [
    "ws", "wss", "tcp", "tcps", "quic", "udp", "mqtt", "mqtts", "osc", "osc.udp", "osc.tcp",
    "http", "https",
];

/// A request to be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// For people.
    pub name: String,
    /// The key that the relay says it has; nobody has checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// What the relay can do.
    #[serde(default)]
    pub features: Vec<String>,
    /// URLs by protocol.
    pub endpoints: BTreeMap<String, String>,
    /// Words to be found by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Anything else.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// Why a registration cannot be listed, for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unacceptable(String);

impl Registration {
    /// Checks every part, and puts `observed`, where the request came from, in place of hosts that
    /// lead nowhere (`0.0.0.0`, `::`).
    ///
    /// # Errors
    /// A part is too long, there are too many, or an endpoint is no URL of a known scheme.
    pub fn accept(mut self, observed: IpAddr) -> Result<Registration, Unacceptable> {
        if self.name.trim().is_empty() {
            return Err(Unacceptable("name: expected a name for people".into()));
        }
        text("name", &self.name, NAME_BYTES_MAX)?;
        count("endpoints", self.endpoints.len(), ENDPOINTS_MAX)?;
        if self.endpoints.is_empty() {
            return Err(Unacceptable("endpoints: expected at least one".into()));
        }
        if let Some(key) = &self.public_key {
            text("publicKey", key, KEY_BYTES_MAX)?;
        }
        for (what, words) in [("features", &self.features), ("tags", &self.tags)] {
            count(what, words.len(), WORDS_MAX)?;
            words.iter().try_for_each(|word| text(what, word, WORD_BYTES_MAX))?;
        }
        let sizes = self.metadata.iter().map(|(key, value)| key.len() + value.len());
        if sizes.sum::<usize>() > METADATA_BYTES_MAX {
            let what = format!("metadata: expected at most {METADATA_BYTES_MAX} bytes in all");
            return Err(Unacceptable(what));
        }
        for (name, url) in &mut self.endpoints {
            text("endpoints", name, WORD_BYTES_MAX)?;
            *url = endpoint(url, observed)
                .map_err(|reason| Unacceptable(format!("endpoints.{name}: {reason}")))?;
        }
        Ok(self)
    }

    /// The endpoint for a client that knows nothing but WebSocket.
    pub fn url(&self) -> Option<&str> {
        self.endpoints.get("wss").or_else(|| self.endpoints.get("ws")).map(String::as_str)
    }
}

fn count(what: &str, found: usize, most: usize) -> Result<(), Unacceptable> {
    match found > most {
        true => Err(Unacceptable(format!("{what}: expected at most {most}, found {found}"))),
        false => Ok(()),
    }
}

fn text(what: &str, text: &str, bytes_max: usize) -> Result<(), Unacceptable> {
    if text.len() > bytes_max || text.chars().any(char::is_control) {
        let expected = format!("expected at most {bytes_max} bytes without control characters");
        return Err(Unacceptable(format!("{what}: {expected}")));
    }
    Ok(())
}

/// A URL as it is to be listed.
fn endpoint(url: &str, observed: IpAddr) -> Result<String, String> {
    if url.len() > URL_BYTES_MAX {
        return Err(format!("expected at most {URL_BYTES_MAX} bytes"));
    }
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
    let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
    if !SCHEMES.contains(&&*scheme) {
        return Err(format!("expected a URL of {}, found {url:?}", SCHEMES.join(", ")));
    }
    let authority = uri.authority().ok_or("expected a host")?;
    if authority.as_str().contains('@') {
        return Err("expected a URL without a user or a password: everybody may read it".into());
    }
    let host = authority.host();
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return Err("expected a host".into());
    }
    if !literal.parse().is_ok_and(|address: IpAddr| address.is_unspecified()) {
        return Ok(url.to_owned());
    }
    let host = match observed.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let port = authority.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let path = if path == "/" && !url.ends_with('/') { "" } else { path };
    Ok(format!("{scheme}://{host}{port}{path}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    fn accepted(change: impl FnOnce(&mut Registration)) -> Result<Registration, String> {
        let json = json!({ "name": "Studio", "endpoints": { "ws": "ws://192.168.1.9:7330" } });
        let mut registration: Registration = serde_json::from_value(json).unwrap();
        change(&mut registration);
        registration.accept(HERE).map_err(|error| error.to_string())
    }

    fn at(url: &str) -> Result<String, String> {
        accepted(|it| drop(it.endpoints.insert("ws".into(), url.into())))
            .map(|it| it.endpoints["ws"].clone())
    }

    #[test]
    fn hosts_that_lead_nowhere_become_where_the_request_came_from() {
        assert_eq!(at("ws://0.0.0.0:7330").unwrap(), "ws://198.51.100.7:7330");
        assert_eq!(at("ws://[::]:7330/clasp").unwrap(), "ws://198.51.100.7:7330/clasp");
        assert_eq!(at("wss://relay.example.com/x?y").unwrap(), "wss://relay.example.com/x?y");
        assert_eq!(at("ws://[fd00::1]:7330").unwrap(), "ws://[fd00::1]:7330");
    }

    #[test]
    fn only_urls_of_relays_are_listed() {
        for bad in [
            "",
            "relay.example.com",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "ws://",
            "ws:///path",
            "ws://user:secret@relay.example.com",
            "ws://a b",
            &format!("ws://{}", "a".repeat(300)),
        ] {
            let refused = at(bad).unwrap_err();
            assert!(refused.starts_with("endpoints.ws: "), "{bad}: {refused}");
        }
    }

    #[test]
    fn every_part_has_its_limit() {
        let many = || (0..33).map(|number| number.to_string());
        let refused = |change: fn(&mut Registration)| accepted(change).unwrap_err();
        assert!(refused(|it| it.name = "a".repeat(129)).starts_with("name: "));
        assert!(refused(|it| it.name = " ".into()).starts_with("name: "));
        assert!(refused(|it| it.name = "a\nb".into()).starts_with("name: "));
        assert!(refused(|it| it.tags = vec!["a".repeat(65)]).starts_with("tags: "));
        assert!(refused(|it| it.endpoints.clear()).starts_with("endpoints: "));
        assert!(refused(|it| it.public_key = Some("a".repeat(257))).starts_with("publicKey: "));
        assert!(accepted(|it| it.features = many().collect()).is_err());
        assert!(accepted(|it| it.tags = many().take(32).collect()).is_ok());
        let url = || "ws://a".to_owned();
        assert!(
            accepted(|it| it.endpoints = many().take(17).map(|key| (key, url())).collect())
                .is_err()
        );
        let long = |bytes: usize| {
            move |it: &mut Registration| drop(it.metadata.insert("k".into(), "v".repeat(bytes)))
        };
        assert!(accepted(long(4_095)).is_ok() && accepted(long(4_096)).is_err());
    }
}
