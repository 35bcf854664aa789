//! The words by which counters are split; the order is that of the counters.

/// What was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropKind {
    /// SET for a slow session; its address is remembered and its value sent later.
    Param,
    /// Event for a slow session.
    Event,
    /// Stream frame for a slow session.
    Stream,
    /// Gesture step for a slow session.
    Gesture,
    /// Timeline for a slow session.
    Timeline,
    /// Part of a bundle for a slow session.
    Bundle,
    /// Message from a session beyond its rate limit.
    RateLimit,
}

impl DropKind {
    pub(super) const ALL: [DropKind; 7] = [
        DropKind::Param,
        DropKind::Event,
        DropKind::Stream,
        DropKind::Gesture,
        DropKind::Timeline,
        DropKind::Bundle,
        DropKind::RateLimit,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            DropKind::Param => "param",
            DropKind::Event => "event",
            DropKind::Stream => "stream",
            DropKind::Gesture => "gesture",
            DropKind::Timeline => "timeline",
            DropKind::Bundle => "bundle",
            DropKind::RateLimit => "rate_limit",
        }
    }
}

/// Why a param left the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvictionReason {
    /// Its lifetime was over.
    Expired,
    /// The store was full.
    Capacity,
}

impl EvictionReason {
    pub(super) const ALL: [EvictionReason; 2] = [EvictionReason::Expired, EvictionReason::Capacity];

    pub(super) fn label(self) -> &'static str {
        match self {
            EvictionReason::Expired => "expired",
            EvictionReason::Capacity => "capacity",
        }
    }
}

/// Why a connection did not become a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandshakeFailure {
    /// No complete upgrade or HELLO in time.
    Timeout,
    /// The transport's own handshake failed: TLS, HTTP upgrade.
    Transport,
    /// The first frame could not be decoded.
    Undecodable,
    /// The first message was not HELLO.
    NotHello,
    /// The protocol version is not spoken here.
    Version,
    /// No token, or one that is unknown or revoked.
    Unauthorized,
    /// The token has expired.
    TokenExpired,
    /// Nothing is set up to check tokens.
    Misconfigured,
    /// The relay has as many sessions as it may.
    Full,
    /// Too many connections or failures from one remote address.
    RateLimit,
    /// The peer went away first.
    Gone,
}

impl HandshakeFailure {
    pub(super) const ALL: [HandshakeFailure; 11] = [
        HandshakeFailure::Timeout,
        HandshakeFailure::Transport,
        HandshakeFailure::Undecodable,
        HandshakeFailure::NotHello,
        HandshakeFailure::Version,
        HandshakeFailure::Unauthorized,
        HandshakeFailure::TokenExpired,
        HandshakeFailure::Misconfigured,
        HandshakeFailure::Full,
        HandshakeFailure::RateLimit,
        HandshakeFailure::Gone,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            HandshakeFailure::Timeout => "timeout",
            HandshakeFailure::Transport => "transport",
            HandshakeFailure::Undecodable => "undecodable",
            HandshakeFailure::NotHello => "not_hello",
            HandshakeFailure::Version => "version",
            HandshakeFailure::Unauthorized => "unauthorized",
            HandshakeFailure::TokenExpired => "token_expired",
            HandshakeFailure::Misconfigured => "misconfigured",
            HandshakeFailure::Full => "full",
            HandshakeFailure::RateLimit => "rate_limit",
            HandshakeFailure::Gone => "gone",
        }
    }
}

/// Why something that OSC clients sent, or should have been sent, went nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OscDrop {
    /// A packet from a source that may not send.
    Source,
    /// A packet that is no OSC.
    Malformed,
    /// A packet of somebody who has to show a token first.
    Unauthorized,
    /// A packet of somebody new, when there was no room.
    Full,
    /// A packet that came while the journal was catching up.
    Overload,
    /// A message whose address is none.
    Address,
    /// A message to a pattern that nothing matches, or too much.
    Unmatched,
    /// A bundle whose time was over.
    Late,
    /// A bundle or value that no frame can carry.
    TooLarge,
    /// News that no OSC message can carry.
    Unsendable,
    /// A packet that the system did not send.
    Send,
}

impl OscDrop {
    pub(super) const ALL: [OscDrop; 11] = [
        OscDrop::Source,
        OscDrop::Malformed,
        OscDrop::Unauthorized,
        OscDrop::Full,
        OscDrop::Overload,
        OscDrop::Address,
        OscDrop::Unmatched,
        OscDrop::Late,
        OscDrop::TooLarge,
        OscDrop::Unsendable,
        OscDrop::Send,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            OscDrop::Source => "source",
            OscDrop::Malformed => "malformed",
            OscDrop::Unauthorized => "unauthorized",
            OscDrop::Full => "full",
            OscDrop::Overload => "overload",
            OscDrop::Address => "address",
            OscDrop::Unmatched => "unmatched",
            OscDrop::Late => "late",
            OscDrop::TooLarge => "too_large",
            OscDrop::Unsendable => "unsendable",
            OscDrop::Send => "send",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_the_order_of_the_counters() {
        assert!(DropKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
        assert!(EvictionReason::ALL.iter().enumerate().all(|(place, it)| *it as usize == place));
        assert!(HandshakeFailure::ALL.iter().enumerate().all(|(place, it)| *it as usize == place));
        assert!(OscDrop::ALL.iter().enumerate().all(|(place, it)| *it as usize == place));
    }
}
