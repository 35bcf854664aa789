//! Reason codes of MQTT 5, the return codes of 3.1.1 they stand for, and the router's codes as such
//! (adapters.md 1.7).

use clasp_protocol::ErrorCode;

macro_rules! reasons {
    ($($name:ident = $code:literal, $doc:literal;)*) => {
        $(#[doc = $doc] pub const $name: u8 = $code;)*
    };
}

reasons! {
    SUCCESS = 0x00, "All went well; of DISCONNECT: without the will.";
    WITH_WILL = 0x04, "DISCONNECT that wants the will published.";
    NO_SUBSCRIPTION = 0x11, "There was no such subscription.";
    UNSPECIFIED = 0x80, "Something else.";
    MALFORMED = 0x81, "The bytes are no packet.";
    PROTOCOL = 0x82, "The packet is not allowed here.";
    IMPLEMENTATION = 0x83, "Allowed by MQTT, but not here.";
    VERSION = 0x84, "This version is not spoken.";
    CLIENT_ID = 0x85, "The client identifier is no use.";
    BAD_LOGIN = 0x86, "User name and password are missing or wrong.";
    NOT_AUTHORIZED = 0x87, "The token does not allow it.";
    UNAVAILABLE = 0x88, "The server does not serve now.";
    BUSY = 0x89, "The server is busy.";
    SHUTTING_DOWN = 0x8B, "The server ends.";
    AUTH_METHOD = 0x8C, "There is no such authentication method.";
    KEEP_ALIVE = 0x8D, "Nothing came for too long.";
    TAKEN_OVER = 0x8E, "The client has connected anew.";
    TOPIC_FILTER = 0x8F, "The topic filter is no use.";
    TOPIC_NAME = 0x90, "The topic name is no use.";
    ID_IN_USE = 0x91, "The packet identifier is in use.";
    ID_NOT_FOUND = 0x92, "The packet identifier is not in use.";
    RECEIVE_MAXIMUM = 0x93, "Too many messages wait for their acknowledgement.";
    TOPIC_ALIAS = 0x94, "There is no such topic alias.";
    TOO_LARGE = 0x95, "The packet is too large.";
    RATE = 0x96, "Too many messages.";
    QUOTA = 0x97, "A limit was reached.";
    ADMINISTRATIVE = 0x98, "The operator wants it so.";
    PAYLOAD_FORMAT = 0x99, "The payload is not what its properties say.";
    SHARED_UNSUPPORTED = 0x9E, "Such a shared subscription is not possible.";
    CONNECT_RATE = 0x9F, "The client connects too often.";
    CONNECT_TIME = 0xA0, "The time of this connection is over.";
}

/// The reason for a refusal of the router, given its code.
pub fn of_code(code: u16) -> u8 {
    match ErrorCode::from_code(code) {
        Some(ErrorCode::Unauthorized | ErrorCode::Forbidden | ErrorCode::TokenExpired) => {
            NOT_AUTHORIZED
        }
        Some(ErrorCode::InvalidAddress | ErrorCode::AddressNotFound) => TOPIC_NAME,
        Some(ErrorCode::PatternError) => TOPIC_FILTER,
        Some(ErrorCode::TooManyRequests | ErrorCode::Overloaded | ErrorCode::InvalidValue) => QUOTA,
        Some(
            ErrorCode::Rejected
            | ErrorCode::LockHeld
            | ErrorCode::RevisionConflict
            | ErrorCode::ServiceUnavailable,
        ) => IMPLEMENTATION,
        _ => UNSPECIFIED,
    }
}

/// The reason for which the router closes a session, given its WebSocket close code and text.
pub fn of_close(code: u16, text: &str) -> u8 {
    match code {
        1001 => SHUTTING_DOWN,
        1013 => QUOTA,
        1008 if text.contains("expired") => CONNECT_TIME,
        1008 if text.contains("rate") => RATE,
        _ => ADMINISTRATIVE,
    }
}

/// The return code of CONNACK in MQTT 3.1 and 3.1.1 for a reason.
pub fn return_code(reason: u8) -> u8 {
    match reason {
        SUCCESS => 0,
        VERSION => 1,
        CLIENT_ID => 2,
        UNAVAILABLE | BUSY | QUOTA | CONNECT_RATE | SHUTTING_DOWN => 3,
        BAD_LOGIN => 4,
        _ => 5,
    }
}
