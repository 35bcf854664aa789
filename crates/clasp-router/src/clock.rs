//! The two clocks of a moment, read by the caller and handed in.

pub use clasp_auth::Now;
