//! What a fresh connection speaks, by its first byte (adapters.md 4).

use std::fmt;
use std::io;
use std::sync::Arc;

use clasp_protocol::frame::MAGIC;
use clasp_router::Framing;

use crate::config::Config;
use crate::talk::Dialect;
use crate::wire::Wire;

/// First byte of every possible length of a frame, which is less than 2^24.
const PREFIX: u8 = 0;

/// What the bytes of a connection mean.
#[derive(Clone)]
pub(crate) struct Spoken {
    /// With a dialect there is either WebSocket around its bytes or nothing.
    pub(crate) framing: Framing,
    /// CLASP if there is none.
    pub(crate) dialect: Option<Arc<dyn Dialect>>,
}

impl Spoken {
    pub(crate) fn clasp(framing: Framing) -> Spoken {
        Spoken { framing, dialect: None }
    }

    fn foreign(dialect: &Arc<dyn Dialect>) -> Spoken {
        Spoken { framing: Framing::Bare, dialect: Some(Arc::clone(dialect)) }
    }
}

/// Waits for the first byte if it has to decide. `None` is an HTTP request.
pub(super) async fn recognise(
    config: &Config,
    wire: &mut clasp_tls::Wire,
) -> io::Result<Option<Spoken>> {
    if let Wire::Foreign(dialect) = &config.wire {
        return Ok(Some(Spoken::foreign(dialect)));
    }
    Ok(match wire.first_byte().await? {
        PREFIX => Some(Spoken::clasp(Framing::LengthPrefixed)),
        MAGIC => Some(Spoken::clasp(Framing::Bare)),
        first => {
            let dialect = config.dialects.iter().find(|dialect| dialect.begins_with(first));
            dialect.map(Spoken::foreign)
        }
    })
}

impl fmt::Debug for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {:?}", self.dialect, self.framing)
    }
}
