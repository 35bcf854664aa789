//! One file per verb: where a message starts, whatever wire brought it.

pub(crate) mod announce;
pub(crate) mod bundle;
pub(crate) mod clock;
pub(crate) mod get;
pub(crate) mod page;
pub(crate) mod publish;
pub(crate) mod replay;
pub(crate) mod set;
pub(crate) mod subscribe;
