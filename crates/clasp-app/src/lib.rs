//! The app config: what the users of an application may do, write and see (relay.md 13).
//!
//! [`AppConfig::parse`] reads its JSON, [`AppPolicy`] enforces its rules inside a router and can be
//! replaced while that runs. Nothing here opens a file or reads a clock.

mod check;
mod config;
mod document;
mod facts;
mod path;
mod policy;
mod problem;
mod quotas;
mod scopes;
mod summary;
mod template;
mod visibility;
mod write_rule;

pub use config::{AppConfig, Parsed};
pub use policy::AppPolicy;
pub use problem::{Problem, Severity};
pub use quotas::Quotas;
pub use scopes::UserIdError;
