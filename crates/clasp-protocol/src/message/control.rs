//! Confirmations, refusals, clock, queries, federation (spec: wire.md 5.10, 5.12 to 5.16).

use super::{SignalInfo, Text};

/// SYNC: three of the four times of a clock exchange, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync {
    /// Client clock at sending.
    pub t1: u64,
    /// Relay clock at arrival.
    pub t2: Option<u64>,
    /// Relay clock at departure.
    pub t3: Option<u64>,
}

/// ACK.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ack<'a> {
    /// What was confirmed.
    pub address: Option<Text<'a>>,
    /// Revision that the write got.
    pub revision: Option<u64>,
    /// Whether the param is locked now.
    pub locked: Option<bool>,
    /// Session that holds the lock.
    pub holder: Option<Text<'a>>,
    /// Never set by a published relay.
    pub correlation: Option<u32>,
}

/// ERROR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorMessage<'a> {
    /// See [`crate::ErrorCode`]; any number is legal.
    pub code: u16,
    /// For a person.
    pub message: Text<'a>,
    /// What it is about.
    pub address: Option<Text<'a>>,
    /// Never set by a published relay.
    pub correlation: Option<u32>,
}

/// QUERY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'a> {
    /// Which announced signals.
    pub pattern: Text<'a>,
}

/// RESULT.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultMessage<'a> {
    /// The signals that matched.
    pub signals: Vec<SignalInfo<'a>>,
}

/// Steps of a federation exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum FederationOp {
    DeclareNamespaces = 1,
    RequestSync = 2,
    RevisionVector = 3,
    SyncComplete = 4,
}

impl FederationOp {
    /// All steps in the order of their codes.
    pub const ALL: [FederationOp; 4] = [
        FederationOp::DeclareNamespaces,
        FederationOp::RequestSync,
        FederationOp::RevisionVector,
        FederationOp::SyncComplete,
    ];

    /// MessagePack name.
    pub fn name(self) -> &'static str {
        match self {
            FederationOp::DeclareNamespaces => "DeclareNamespaces",
            FederationOp::RequestSync => "RequestSync",
            FederationOp::RevisionVector => "RevisionVector",
            FederationOp::SyncComplete => "SyncComplete",
        }
    }
}

/// FEDERATION_SYNC.
#[derive(Debug, Clone, PartialEq)]
pub struct FederationSync<'a> {
    /// Which step.
    pub op: FederationOp,
    /// Namespaces.
    pub patterns: Vec<Text<'a>>,
    /// Address and revision; of duplicate addresses the last one counts.
    pub revisions: Vec<(Text<'a>, u64)>,
    /// Only revisions above this one.
    pub since: Option<u64>,
    /// Id of the sending router.
    pub origin: Option<Text<'a>>,
}
