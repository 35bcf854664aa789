//! The tree that OSC programs can browse.

use clap::Args;

/// The tree that OSC programs can browse.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "OSCQuery")]
pub struct OscQueryOptions {
    /// Serve params as an OSCQuery tree on this port, over HTTP and WebSocket
    #[arg(long, env = "CLASP_OSCQUERY_PORT", value_name = "PORT", hide_env_values = true)]
    pub oscquery_port: Option<u16>,

    /// Address that the tree begins at; / is everything. Without it that of --osc-namespace
    #[arg(long, env = "CLASP_OSCQUERY_NAMESPACE", value_name = "ADDRESS")]
    #[arg(value_parser = parse_namespace, hide_env_values = true)]
    pub oscquery_namespace: Option<String>,
}

/// An address without wildcards and without a slash at its end, `` for everything.
fn parse_namespace(text: &str) -> Result<String, &'static str> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    let odd = |c: char| c.is_whitespace() || c.is_control() || "*#,?[]{}".contains(c);
    let is_whole = bare.starts_with('/') && !bare.ends_with('/') && !bare.contains("//");
    let is_address = bare.is_empty() || is_whole;
    match is_address && !text.is_empty() && !bare.contains(odd) {
        true => Ok(bare.to_owned()),
        false => Err("expected an address without wildcards, such as /osc, or /"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_an_address_or_everything() {
        assert_eq!(parse_namespace("/osc").unwrap(), "/osc");
        assert_eq!(parse_namespace("/a/b/").unwrap(), "/a/b");
        assert_eq!(parse_namespace("/").unwrap(), "");
        for bad in ["", "osc", "/a*", "/a b", "//", "/a//b"] {
            assert!(parse_namespace(bad).is_err(), "{bad}");
        }
    }
}
