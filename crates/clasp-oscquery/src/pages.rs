//! The HTTP side: one node, one attribute, or what this server is.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router as Pages;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use clasp_auth::TrustedProxies;
use clasp_gateway::{Bell, Refused};
use clasp_http::api_error::ApiError;
use clasp_http::client_address::{ClientAddress, Peer};
use clasp_http::open;
use clasp_protocol::ErrorCode;
use clasp_router::Router;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::listen::{self, Listeners};
use crate::node::Attribute;
use crate::question::{Question, Wish};
use crate::view::{PARAMS_MAX, Root};

/// What HOST_INFO tells, and where the tree begins.
#[derive(Debug, Clone)]
pub struct Host {
    /// The relay's name.
    pub name: String,
    /// Address of the tree's root, without a slash at the end; empty for everything.
    pub namespace: String,
    /// Where OSC messages are taken over UDP, if they are.
    pub osc_port: Option<u16>,
    /// Web origins whose pages may ask; empty for all.
    pub origins: Vec<String>,
}

/// What all requests share.
pub(crate) struct Shared {
    host: Host,
    pub(crate) root: Root,
    pub(crate) listeners: Listeners,
    pub(crate) draining: watch::Receiver<bool>,
}

/// The tree, and its changes for who asks for an upgrade to WebSocket, until `draining` holds true.
pub fn pages(
    host: Host,
    router: Arc<Router>,
    (proxies, draining): (TrustedProxies, watch::Receiver<bool>),
) -> Pages {
    let root = Root { router, namespace: host.namespace.clone() };
    let origins = host.origins.clone();
    let shared = Shared { host, root, listeners: Listeners::default(), draining };
    let pages = Pages::new().fallback(answer).with_state(Arc::new(shared));
    open::pages(pages, (proxies, &origins), [])
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let remote = remote(&request);
    if listen::is_wanted(&request) {
        if !shared.host.admits(&request) {
            let text = "origin not allowed; the operator lists origins with --origin";
            return ApiError::new(StatusCode::FORBIDDEN, text).into_response();
        }
        return listen::upgrade(&shared, request, remote);
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let text = "only GET is understood; values are set by OSC";
        return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, text).into_response();
    }
    let root = PathAndQuery::from_static("/");
    let target = request.uri().path_and_query().unwrap_or(&root);
    match Question::read(target, request.headers()) {
        Ok(question) => shared.answer(&question, remote).unwrap_or_else(|refused| refuse(&refused)),
        Err(reason) => ApiError::new(StatusCode::BAD_REQUEST, reason).into_response(),
    }
}

impl Shared {
    fn answer(&self, question: &Question, remote: SocketAddr) -> Result<Response, Refused> {
        let Question { path, wish, token } = question;
        if *wish == Wish::HostInfo {
            return Ok(json(&self.host.info()));
        }
        let mut guest = self.root.enter(remote, token.as_deref(), Bell::new())?;
        let depth = match wish {
            Wish::Tree(depth) => *depth,
            Wish::One(Attribute::Contents) => usize::MAX,
            Wish::One(attribute) => {
                let node = self.root.one(&mut guest, path)?;
                return Ok(match node.attribute(*attribute, path) {
                    _ if node.is_empty() && !path.is_empty() => absent(),
                    Some(value) => json(&json!({ attribute.name(): value })),
                    None => StatusCode::NO_CONTENT.into_response(),
                });
            }
            Wish::HostInfo => 0,
        };
        let seen = self.root.tree(&mut guest, path, (depth, PARAMS_MAX))?;
        if seen.node.is_empty() && !path.is_empty() {
            return Ok(absent());
        }
        if matches!(wish, Wish::One(_)) {
            let contents = seen.node.attribute(Attribute::Contents, path);
            let contents = contents.map(|contents| json(&json!({ "CONTENTS": contents })));
            return Ok(contents.unwrap_or_else(|| StatusCode::NO_CONTENT.into_response()));
        }
        let mut tree = seen.node.json(path);
        if seen.cut {
            tree["TRUNCATED"] = Json::Bool(true);
        }
        Ok(json(&tree))
    }
}

impl Host {
    /// HOST_INFO. WebSocket and HTTP share a port, so that of the first is not told.
    fn info(&self) -> Json {
        let able = ["ACCESS", "VALUE", "RANGE", "DESCRIPTION", "TAGS", "UNIT", "LISTEN"];
        let able = able.into_iter().chain(["PATH_ADDED", "PATH_REMOVED", "PATH_CHANGED"]);
        let unable = ["EXTENDED_TYPE", "CRITICAL", "CLIPMODE", "OVERLOADS", "HTML", "PATH_RENAMED"];
        let extensions = able.map(|name| (name.to_owned(), Json::Bool(true)));
        let extensions = extensions.chain(unable.map(|name| (name.to_owned(), Json::Bool(false))));
        let mut info = json!({
            "NAME": self.name,
            "EXTENSIONS": Json::Object(extensions.collect()),
        });
        if let Some(port) = self.osc_port {
            info["OSC_PORT"] = port.into();
            info["OSC_TRANSPORT"] = "UDP".into();
        }
        info
    }

    /// Whether the page that asks for a WebSocket, if it is one, may.
    fn admits(&self, request: &Request) -> bool {
        let origin = request.headers().get("origin").and_then(|value| value.to_str().ok());
        let listed = |origin: &str| self.origins.iter().any(|it| it.eq_ignore_ascii_case(origin));
        self.origins.is_empty() || origin.is_none_or(listed)
    }
}

/// Where the client is; of one behind a proxy the port is not known.
fn remote(request: &Request) -> SocketAddr {
    let extensions = request.extensions();
    let peer = extensions.get::<Peer>().map(|peer| peer.0);
    let peer = peer.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
    match extensions.get::<ClientAddress>() {
        Some(ClientAddress(client)) if *client != peer.ip() => SocketAddr::new(*client, 0),
        _ => peer,
    }
}

fn json(body: &Json) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], body.to_string()).into_response()
}

fn absent() -> Response {
    ApiError::new(StatusCode::NOT_FOUND, "there is no such node").into_response()
}

pub(crate) fn refuse(refused: &Refused) -> Response {
    let is = |codes: &[ErrorCode]| codes.iter().any(|code| refused.is(*code));
    let status = if is(&[ErrorCode::Unauthorized, ErrorCode::TokenExpired]) {
        StatusCode::UNAUTHORIZED
    } else if is(&[ErrorCode::Forbidden, ErrorCode::Rejected]) {
        StatusCode::FORBIDDEN
    } else if is(&[ErrorCode::InvalidAddress, ErrorCode::PatternError]) {
        StatusCode::BAD_REQUEST
    } else if is(&[ErrorCode::TooManyRequests]) {
        StatusCode::TOO_MANY_REQUESTS
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    ApiError::new(status, refused.message.clone()).into_response()
}
