//! The API over a store in memory, and requests to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use clasp_auth::accounts::{AccountConfig, Accounts, Quotas};
use clasp_auth::password::PasswordCost;
use clasp_auth::store::MemoryStore;
use clasp_auth::tokens::{TokenLimits, Tokens};
use clasp_auth::{
    AdminToken, Chain, Entities, EntityLeases, FixedEntitlements, Quota, Revocations, TrustAnchors,
    Verifier,
};
use clasp_http::about::{self, About};
use clasp_http::api::Api;
use clasp_http::bearer::Access;
use clasp_http::client_address::Peer;
use clasp_http::entities::Registry;
use clasp_http::{accounts, clock, entities, journal, sessions};
use clasp_router::journal::{Journal, MemoryJournal};
use clasp_router::{Config, Now, Ports, Router as Relay};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower_service::Service as _;

/// The operator's token.
pub(crate) const ADMIN: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// The API and what stands behind it.
pub(crate) struct Desk {
    pages: Router,
    pub(crate) relay: Arc<Relay>,
    pub(crate) accounts: Arc<Accounts>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}"))
    }
}

/// Quotas that are in nobody's way.
pub(crate) fn generous() -> Quotas {
    let free = Quota::per_seconds(0, 1);
    Quotas { login: free, register: free, guest: free, child: free, bearer: free }
}

/// A moment of the router's clock.
pub(crate) fn now() -> Now {
    Now::new(1_750_000_000_500_000, 60_000_000)
}

/// An API with these quotas, for pages of these origins, behind these proxies.
pub(crate) fn desk(quotas: Quotas, origins: &[&str], proxies: &str) -> Desk {
    build(quotas, (origins, proxies), Some(Arc::new(MemoryJournal::new(100, 1 << 20))))
}

/// An API of a relay that keeps neither a journal nor a registry.
pub(crate) fn bare_desk() -> Desk {
    build(generous(), (&[], ""), None)
}

fn build(
    quotas: Quotas,
    (origins, proxies): (&[&str], &str),
    journal: Option<Arc<dyn Journal>>,
) -> Desk {
    let store = Arc::new(MemoryStore::default());
    let limits = TokenLimits::default();
    let tokens = Tokens::open(Arc::clone(&store) as _, limits, clock::now().unix_s()).unwrap();
    let tokens = Arc::new(tokens);
    let admin = AdminToken::new(ADMIN).unwrap();
    let verifiers: Vec<Arc<dyn Verifier>> = vec![Arc::new(admin), Arc::clone(&tokens) as _];
    let password_cost = PasswordCost { memory_kib: 64, passes: 1 };
    let config = AccountConfig { quotas, password_cost, ..AccountConfig::default() };
    let rights = Arc::new(FixedEntitlements::default());
    let leases = journal.is_some().then(|| leases(&tokens));
    let accounts = Arc::new(Accounts::new(store, tokens, rights, config));
    let registry = Registry {
        entities: leases.as_ref().map(|leases| Arc::clone(leases.entities())),
        anchors: TrustAnchors::default(),
        links_max: 5,
        revocations: Arc::new(Revocations::default()),
        leases,
        accounts: Some(Arc::clone(&accounts)),
    };
    let relay = Relay::new(Config::default(), Ports { journal, ..Ports::default() }).unwrap();
    let chain = Arc::new(Chain::new(verifiers, None));
    let api = Api {
        access: Arc::new(Access::new(chain, quotas.bearer)),
        origins: origins.iter().copied().collect(),
        proxies: proxies.parse().unwrap(),
    };
    let about = About {
        name: "test".into(),
        version: "0",
        features: vec!["auth"],
        started: Instant::now(),
    };
    let sections = vec![
        accounts::section(Arc::clone(&accounts)),
        about::section(about, || 3),
        entities::section(registry),
        journal::section(Arc::clone(&relay), now),
        sessions::section(Arc::clone(&relay)),
    ];
    Desk { pages: api.pages(sections, || true), relay, accounts }
}

fn leases(tokens: &Arc<Tokens>) -> Arc<EntityLeases> {
    let entities = Entities::open(Box::<clasp_auth::MemoryStore>::default()).unwrap();
    Arc::new(EntityLeases::new(Arc::clone(tokens), Arc::new(entities), 60))
}

impl Desk {
    /// Sends one request; `lines` are headers as `name: value`.
    pub(crate) async fn ask(&self, line: &str, lines: &[&str], body: &str) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let peer: SocketAddr = "127.0.0.1:5".parse().unwrap();
        let request = request.extension(Peer(peer)).body(Body::from(body.to_owned())).unwrap();
        let response = self.pages.clone().call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// The same with a bearer token.
    pub(crate) async fn with(&self, token: &str, line: &str, body: &str) -> Answer {
        self.ask(line, &[&format!("authorization: Bearer {token}")], body).await
    }

    /// Registers and returns the token.
    pub(crate) async fn user(&self, name: &str) -> String {
        let body = format!(r#"{{"username":"{name}","password":"secret123"}}"#);
        let answer = self.ask("POST /auth/register", &[], &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text("token").to_owned()
    }

    /// A guest's token.
    pub(crate) async fn guest(&self) -> String {
        self.ask("POST /auth/guest", &[], "{}").await.text("token").to_owned()
    }
}
