//! Every maximum of this door (spec: adapters.md 2.4.10).

/// Largest packet: what a UDP datagram over IPv4 can carry. TCP packets are held to the same.
pub const PACKET_BYTES_MAX: usize = 65_507;

/// Deepest nesting of bundles.
pub const BUNDLE_DEPTH_MAX: usize = 16;

/// Deepest nesting of arrays.
pub const ARRAY_DEPTH_MAX: usize = 16;

/// Bundles, messages and arguments in one packet.
pub const ELEMENTS_MAX: usize = 10_000;

/// Longest pattern in bytes; matching takes time in proportion to it and the address.
pub const PATTERN_BYTES_MAX: usize = 256;

/// Params that one message to a pattern may write.
pub const MATCHES_MAX: usize = 1_024;

/// Sessions of UDP peers in all.
pub const SESSIONS_MAX: usize = 1_024;

/// Sessions of UDP peers of one IPv4 address or IPv6 /64.
pub const SESSIONS_PER_ADDRESS_MAX: u32 = 64;

/// Subscriptions of one client.
pub const SUBSCRIPTIONS_MAX: usize = 64;

/// Silence after which a UDP peer's session ends, and default length of a subscription's lease.
pub const LEASE_US: u64 = 30_000_000;

/// Lease of `/xremote`.
pub const XREMOTE_LEASE_US: u64 = 10_000_000;

/// Longest lease that can be asked for, in seconds.
pub const LEASE_S_MAX: i64 = 3_600;

/// Largest bundle that is sent: what an Ethernet frame holds with room for IPv6 and tunnels.
pub const BUNDLE_BYTES_MAX: usize = 1_432;

/// Packets that are sent to one destination at once, and the pause before more.
pub const BURST_PACKETS: usize = 16;
/// See [`BURST_PACKETS`].
pub const BURST_PAUSE_US: u64 = 5_000;

/// Bytes that wait for a client here before the rest is left to the router, which conflates.
pub const QUEUE_BYTES_MAX: usize = 64 << 10;

/// Writes of one client that are remembered so that it does not hear of them.
pub const GUARD_WRITES_MAX: usize = 4_096;

/// Values of one client that are remembered where only changes are sent.
pub const KNOWN_VALUES_MAX: usize = 4_096;

/// Error replies to one client per second.
pub const ERRORS_PER_SECOND_MAX: u32 = 10;

/// Lowest port that `/clasp/port` accepts: below are services that must not be talked to.
pub const REPLY_PORT_MIN: u16 = 1_024;
