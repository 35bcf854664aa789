//! What a client may say.

use serde_json::Value as Json;

/// A command of the proposal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Tell the values at this path from now on.
    Listen(String),
    /// No more.
    Ignore(String),
}

impl Command {
    /// Reads `{"COMMAND": …, "DATA": path}`; none if it is something else.
    pub(super) fn read(text: &str) -> Option<Command> {
        let json: Json = serde_json::from_str(text).ok()?;
        let path = json["DATA"].as_str()?.trim_end_matches('/').to_owned();
        match json["COMMAND"].as_str()? {
            "LISTEN" => Some(Command::Listen(path)),
            "IGNORE" => Some(Command::Ignore(path)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_and_ignore_are_understood_and_nothing_else() {
        let listen = r#"{"COMMAND":"LISTEN","DATA":"/a/b/"}"#;
        assert_eq!(Command::read(listen), Some(Command::Listen("/a/b".into())));
        let ignore = r#"{"COMMAND":"IGNORE","DATA":"/a"}"#;
        assert_eq!(Command::read(ignore), Some(Command::Ignore("/a".into())));
        for other in [
            "",
            "[]",
            r#"{"COMMAND":"LISTEN"}"#,
            r#"{"COMMAND":"LISTEN","DATA":1}"#,
            r#"{"COMMAND":"START_OSC_STREAMING","DATA":{"LOCAL_SERVER_PORT":1}}"#,
            &"[".repeat(10_000),
        ] {
            assert_eq!(Command::read(other), None, "{other}");
        }
    }
}
