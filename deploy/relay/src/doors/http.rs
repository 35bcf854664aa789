//! Params, events and subscriptions over plain HTTP, beside whatever else the WebSocket port
//! answers.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_http::api::Section;
use clasp_http::openapi;
use clasp_http::site::{Router, Site};
use clasp_rest::{Config, DESCRIPTION, Rest};
use clasp_transport::pages::{Answer, Incoming, Pages, Request};

use super::{Chores, Context};
use crate::options::Options;

/// The API and the other pages of the port.
struct Shared {
    rest: Rest,
    /// `/openapi.json`, unless another page of the port describes everything.
    description: Option<Site>,
    others: Arc<dyn Pages>,
}

/// Puts the API before `others`, and what it needs beside `chores`.
pub(crate) fn http(
    options: &Options,
    (others, chores): (Arc<dyn Pages>, Chores),
    context: &Context,
) -> (Arc<dyn Pages>, Chores) {
    if options.http.no_http {
        return (others, chores);
    }
    let config = Config {
        origins: options.listen.origins.clone(),
        proxies: options.gate.proxies(),
        streams_per_address_max: options.gate.max_connections_per_address,
        draining: context.draining.clone(),
    };
    let rest = Rest::new(Arc::clone(&context.router), config);
    let is_described = options.listen.single_port && options.auth.auth_port.is_some();
    let description =
        (!is_described).then(|| Site::new(openapi::pages(std::iter::once(DESCRIPTION))));
    let running = rest.clone().run();
    let chores = async move {
        tokio::join!(running, chores);
    };
    (Arc::new(Shared { rest, description, others }), Box::pin(chores))
}

/// What the API says of itself, for the description of everything on one port.
#[allow(dead_code, reason = "only builds with everything on one port need it")]
pub(crate) fn section(options: &Options) -> Option<Section> {
    (!options.http.no_http).then(|| Section { pages: Router::new(), description: DESCRIPTION })
}

impl Pages for Shared {
    fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let path = request.uri().path();
        if Rest::owns(path) {
            let rest = self.rest.clone();
            return Box::pin(async move { rest.answer(request, peer).await });
        }
        match &self.description {
            Some(site) if path == "/openapi.json" => {
                let site = site.clone();
                Box::pin(async move { site.answer(request, peer).await })
            }
            _ => self.others.answer(request, peer),
        }
    }
}
