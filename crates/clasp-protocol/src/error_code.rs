//! Codes of ERROR messages (spec: routing.md section 14).

/// Why a request was refused. On the wire any number is legal; these are the known ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum ErrorCode {
    /// The frame header is unusable.
    InvalidFrame = 100,
    /// The message cannot be decoded, or comes at the wrong time.
    InvalidMessage = 101,
    /// The protocol version of HELLO is not spoken here.
    UnsupportedVersion = 102,
    /// The address is malformed.
    InvalidAddress = 200,
    /// There is no param at the address.
    AddressNotFound = 201,
    /// The pattern is malformed.
    PatternError = 202,
    /// No token, or one that is unknown or revoked.
    Unauthorized = 300,
    /// The token's scopes do not allow it.
    Forbidden = 301,
    /// The token has expired.
    TokenExpired = 302,
    /// The write expected another revision, or lost to a conflict strategy.
    RevisionConflict = 400,
    /// Another session holds the lock.
    LockHeld = 401,
    /// The value is too large, too deep, or scheduled too far ahead.
    InvalidValue = 402,
    /// A validation rule or the federation refuses it.
    Rejected = 403,
    /// The session that a P2P signal is meant for does not exist.
    NotFound = 404,
    /// Too many messages, subscriptions or replays.
    TooManyRequests = 429,
    /// Something broke inside the relay.
    InternalError = 500,
    /// The relay lacks a part that this needs, is full, or is draining.
    ServiceUnavailable = 501,
    /// It took too long.
    Timeout = 502,
    /// The store or the schedule is full, or messages to this session were dropped.
    Overloaded = 503,
}

impl ErrorCode {
    /// All codes in the order of their numbers.
    pub const ALL: [ErrorCode; 19] = [
        ErrorCode::InvalidFrame,
        ErrorCode::InvalidMessage,
        ErrorCode::UnsupportedVersion,
        ErrorCode::InvalidAddress,
        ErrorCode::AddressNotFound,
        ErrorCode::PatternError,
        ErrorCode::Unauthorized,
        ErrorCode::Forbidden,
        ErrorCode::TokenExpired,
        ErrorCode::RevisionConflict,
        ErrorCode::LockHeld,
        ErrorCode::InvalidValue,
        ErrorCode::Rejected,
        ErrorCode::NotFound,
        ErrorCode::TooManyRequests,
        ErrorCode::InternalError,
        ErrorCode::ServiceUnavailable,
        ErrorCode::Timeout,
        ErrorCode::Overloaded,
    ];

    /// The number on the wire.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// The known code with this number.
    pub fn from_code(code: u16) -> Option<ErrorCode> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_number() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(code.code()), Some(code));
        }
        assert_eq!(ErrorCode::from_code(0), None);
        assert_eq!(ErrorCode::Rejected.code(), 403);
    }
}
