//! How clients on the local network find the relay.

use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

/// How clients on the local network find the relay.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Discovery")]
pub struct DiscoveryOptions {
    /// Tell nobody that the relay is there: neither by mDNS nor in answer to broadcasts
    #[arg(long, env = "CLASP_NO_DISCOVERY", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub no_discovery: bool,

    /// Tell the local network by mDNS: auto = where the address is a private one, on = also public
    /// addresses, and this machine alone if --host is; off = not at all
    #[arg(long, env = "CLASP_MDNS", value_name = "on|off|auto", default_value = "auto")]
    #[arg(value_enum, hide_env_values = true, hide_possible_values = true)]
    pub mdns: Mdns,

    /// Use only network interfaces with this name, also lo; repeat it for several
    #[arg(long = "mdns-interface", env = "CLASP_MDNS_INTERFACE", value_name = "NAME")]
    #[arg(value_delimiter = ',', hide_env_values = true)]
    pub mdns_interfaces: Vec<String>,

    /// Answer clients that ask by UDP broadcast on this port; 0 = do not, auto = the system
    /// chooses. Without it 7331, unless --host is a public address or this machine alone
    #[arg(long, env = "CLASP_BROADCAST_PORT", value_name = "PORT", hide_env_values = true)]
    pub broadcast_port: Option<PortChoice>,
}

/// Whether to use mDNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mdns {
    /// On every interface
    On,
    /// On none
    Off,
    /// Where the address is a private one
    Auto,
}

/// A port where 0 has always meant none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortChoice {
    /// No listener.
    Off,
    /// This port; 0 lets the system choose.
    At(u16),
}

impl PortChoice {
    /// The port to bind, if there is to be a listener.
    pub fn port(self) -> Option<u16> {
        match self {
            Self::Off => None,
            Self::At(port) => Some(port),
        }
    }
}

impl FromStr for PortChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "0" | "off" => Ok(Self::Off),
            "auto" => Ok(Self::At(0)),
            number => {
                number.parse().map(Self::At).map_err(|_| "expected a port, 0 for none, or auto")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_port_and_auto_is_any() {
        assert_eq!("0".parse::<PortChoice>().unwrap().port(), None);
        assert_eq!("auto".parse::<PortChoice>().unwrap().port(), Some(0));
        assert_eq!("7340".parse::<PortChoice>().unwrap().port(), Some(7340));
        assert!("65536".parse::<PortChoice>().is_err());
    }
}
