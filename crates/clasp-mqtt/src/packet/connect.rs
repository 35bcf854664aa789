//! CONNECT.

use super::reader::Reader;
use super::{Fault, Properties, Scope, Version};

/// CONNECT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Connect<'a> {
    /// The protocol's version.
    pub version: Version,
    /// Forget an earlier session of this client.
    pub clean: bool,
    /// Seconds between two packets of the client; 0 for any.
    pub keep_alive_s: u16,
    /// Properties.
    pub properties: Properties<'a>,
    /// Client identifier, empty if the server is to choose one.
    pub client: &'a str,
    /// What to publish when the client is lost.
    pub will: Option<WillMessage<'a>>,
    /// User name.
    pub user: Option<&'a str>,
    /// Password.
    pub password: Option<&'a [u8]>,
}

/// What to publish when a client is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WillMessage<'a> {
    /// Topic name, unchecked.
    pub topic: &'a str,
    /// QoS, 0 to 2.
    pub qos: u8,
    /// It is to be kept.
    pub retain: bool,
    /// Properties.
    pub properties: Properties<'a>,
    /// Payload.
    pub payload: &'a [u8],
}

/// Why a CONNECT is no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFault {
    /// A version that does not exist here, asked for by its level.
    Version(u8),
    /// It breaks the rules of this version, if one was told.
    Broken(Option<Version>, Fault),
}

impl<'a> Connect<'a> {
    /// Reads what follows the header: its `remaining` bytes, all of them and no more.
    ///
    /// # Errors
    /// It is not CONNECT as MQTT has it.
    pub fn read(body: &'a [u8]) -> Result<Connect<'a>, ConnectFault> {
        let mut reader = Reader::new(body, Version::V311);
        let broken = |fault| ConnectFault::Broken(None, fault);
        let name = reader.text().map_err(broken)?;
        let level = reader.byte().map_err(broken)?;
        let version = match (name, level) {
            ("MQIsdp", 3) => Version::V31,
            ("MQTT", 4) => Version::V311,
            ("MQTT", 5) => Version::V5,
            ("MQTT" | "MQIsdp", _) => return Err(ConnectFault::Version(level)),
            _ => return Err(broken(Fault::malformed("the protocol's name is not MQTT"))),
        };
        reader.speak(version);
        Self::rest(reader).map_err(|fault| ConnectFault::Broken(Some(version), fault))
    }

    fn rest(mut reader: Reader<'a>) -> Result<Connect<'a>, Fault> {
        let version = reader.version();
        let flags = reader.byte()?;
        let has = |bit: u8| flags & 1 << bit != 0;
        if has(0) {
            return Err(Fault::malformed("a reserved flag of CONNECT is set"));
        }
        let keep_alive_s = reader.u16()?;
        let properties = reader.properties(Scope::CONNECT)?;
        let client = reader.text()?;
        let qos = flags >> 3 & 3;
        if qos == 3 || (!has(2) && (qos != 0 || has(5))) {
            return Err(Fault::malformed(
                "the flags of CONNECT for the will contradict each other",
            ));
        }
        if has(6) && !has(7) && version != Version::V5 {
            return Err(Fault::malformed("CONNECT has a password, but no user name"));
        }
        let will = match has(2) {
            true => Some(WillMessage {
                qos,
                retain: has(5),
                properties: reader.properties(Scope::WILL)?,
                topic: reader.text()?,
                payload: reader.data()?,
            }),
            false => None,
        };
        let user = if has(7) { Some(reader.text()?) } else { None };
        let password = if has(6) { Some(reader.data()?) } else { None };
        reader.finish()?;
        let clean = has(1);
        Ok(Connect { version, clean, keep_alive_s, properties, client, will, user, password })
    }
}
