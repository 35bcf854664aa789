//! Words and bytes of CLASP: frames, messages, values, addresses and patterns.
//!
//! Nothing here does I/O, waits, or reads a clock. A payload is validated once by
//! [`codec::decode`] and read through borrowed views afterwards; values stay in their wire
//! encoding ([`RawValue`]) until somebody needs to look inside ([`Value`]).

pub mod address;
pub mod codec;
pub mod error_code;
pub mod frame;
pub mod limits;
pub mod message;
pub mod pattern;
pub mod stream;
pub mod value;

pub use error_code::ErrorCode;
pub use frame::{Frame, Qos};
pub use message::Message;
pub use pattern::Pattern;
pub use value::{RawValue, Value, ValueKind};
