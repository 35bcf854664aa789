//! The task of one socket, from accept to end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::net::TcpStream;

use crate::admission::Visitor;
use crate::batch::batch;
use crate::connection::Client;
use crate::server::Shared;
use crate::upgrade::upgrade;

/// First an upgrade, which is large, boxed and soon over, then a client, which is small and stays.
pub(crate) struct Attendance {
    stage: Stage,
}

enum Stage {
    Upgrading(Pin<Box<dyn Future<Output = Option<Client>> + Send>>),
    Serving(Client),
    Over,
}

impl Attendance {
    pub(crate) fn new(shared: Arc<Shared>, stream: TcpStream, visitor: Visitor) -> Attendance {
        let client = async move {
            let upgraded = upgrade(Arc::clone(&shared), stream, visitor).await?;
            Some(Client::open(shared, upgraded))
        };
        Attendance { stage: Stage::Upgrading(Box::pin(client)) }
    }
}

impl Future for Attendance {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.stage {
                Stage::Upgrading(client) => {
                    self.stage = match ready!(client.as_mut().poll(cx)) {
                        Some(client) => Stage::Serving(client),
                        None => Stage::Over,
                    };
                }
                Stage::Serving(client) => {
                    ready!(client.poll(cx));
                    batch(|| self.stage = Stage::Over);
                }
                Stage::Over => return Poll::Ready(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runtime adds 104 bytes to the task of a session and rounds up to a multiple of 128.
    #[test]
    fn what_every_session_costs_does_not_grow() {
        assert!(size_of::<Attendance>() <= 152, "{}", size_of::<Attendance>());
        assert!(size_of::<crate::link::Link>() <= 200, "{}", size_of::<crate::link::Link>());
    }
}
