//! Everything on the WebSocket port (--single-port), for platforms that route to one port: the
//! pages of the auth server and of metrics beside the probes.

use std::sync::Arc;

use clasp_http::site::Site;
use clasp_transport::pages::{Answer, Incoming, Pages, Probes, Request};

use super::auth::Desk;
use super::{Chores, Context, auth, http_section, metrics};
use crate::options::Options;

/// The pages of the one port.
struct OnePort<R> {
    probes: Probes<R>,
    /// Accounts and tokens; without --auth-port there are none.
    api: Site,
    metrics: Site,
}

/// The pages that the options ask for, and what has to run beside them.
pub(crate) fn single(
    options: &Options,
    desk: Option<Desk>,
    context: &Context,
) -> (Arc<dyn Pages>, Chores) {
    let wants_metrics = options.operation.metrics_port.is_some();
    tracing::info!("one port: WebSocket, /healthz and /readyz");
    let mut chores: Chores = Box::pin(std::future::pending());
    let (mut api, mut metrics_site) = (Site::default(), Site::default());
    if let Some(desk) = desk {
        let metrics = wants_metrics.then(|| metrics::section(context));
        let further = metrics.into_iter().chain(http_section(options)).collect();
        let (pages, running) = auth::pages(options, desk, (context, further));
        api = Site::new(pages);
        chores = Box::pin(running);
        tracing::info!("one port: /auth and /api, too");
        if wants_metrics {
            metrics_site = api.clone();
            tracing::info!("one port: /metrics, too, for the operator's token");
        }
    } else if wants_metrics {
        metrics_site = Site::new(metrics::pages(context));
        tracing::warn!("one port: /metrics, too, for everybody; --auth-port would ask for a token");
    }
    let probes = Probes::new(context.readiness());
    (Arc::new(OnePort { probes, api, metrics: metrics_site }), chores)
}

impl<R: Fn() -> bool + Send + Sync> Pages for OnePort<R> {
    fn answer(&self, request: Request<Incoming>, peer: std::net::SocketAddr) -> Answer {
        let path = request.uri().path();
        let site = match path {
            "/metrics" => &self.metrics,
            "/auth" | "/api" | "/openapi.json" => &self.api,
            path if path.starts_with("/auth/") || path.starts_with("/api/") => &self.api,
            _ => return self.probes.answer(request, peer),
        };
        let site = site.clone();
        Box::pin(async move { site.answer(request, peer).await })
    }
}
