//! Keeps this relay listed in a directory elsewhere: registers, refreshes, registers again when it
//! was forgotten, and takes itself out at the end.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time;

use super::SECRET_HEADER;
use super::registration::Registration;

/// Time for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time for taking the entry out at the end.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// First pause after a failure; each further one is twice as long, up to the refresh interval.
const PAUSE: Duration = Duration::from_secs(5);

/// Where the directory is, and what it wants.
#[derive(Clone)]
pub struct Home {
    /// Its address, `http` or `https`, with or without a path before `/api/v1`.
    pub url: Uri,
    /// The operator's token there.
    pub token: Option<String>,
    /// Time between two refreshes; half the lifetime that the directory grants, if that is less.
    pub refresh: Duration,
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Keeps one entry alive.
#[derive(Debug)]
pub struct Registrar {
    home: Home,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    registration: Registration,
}

/// What a directory answers; published ones have no secret.
#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    ttl: u64,
    secret: Option<String>,
}

enum Failure {
    /// The directory has no such entry.
    Absent,
    Other(String),
}

impl Registrar {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// This system has no certificates to check servers by.
    pub fn new(home: Home, registration: Registration) -> Result<Registrar, String> {
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
        let connector = connector.map_err(|error| {
            format!(
                "this system has no certificates to check servers by: {error}; \
                 install ca-certificates"
            )
        })?;
        let connector = connector.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Registrar { home, client, registration })
    }

    /// Keeps the entry alive until `stop` holds true, then takes it out.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut entry = None;
        tokio::select! {
            () = self.keep(&mut entry) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        if let Some(entry) = entry {
            let path = format!("unregister/{}", entry.id);
            let farewell = self.ask(Method::DELETE, &path, Some(&entry), None);
            let _ = time::timeout(FAREWELL, farewell).await;
        }
    }

    /// Goes on for ever.
    async fn keep(&self, entry: &mut Option<Entry>) {
        let mut pause = PAUSE;
        loop {
            let outcome = match entry {
                None => self.register().await.map(|new| *entry = Some(new)),
                Some(known) => self.refresh(known).await,
            };
            let wait = match outcome {
                Ok(()) => {
                    pause = PAUSE;
                    let ttl_s = entry.as_ref().map_or(0, |entry| entry.ttl);
                    let half = Duration::from_secs(ttl_s) / 2;
                    if ttl_s == 0 { self.home.refresh } else { self.home.refresh.min(half) }
                }
                Err(Failure::Absent) => {
                    tracing::info!("rendezvous: {} has forgotten this relay", self.home.url);
                    *entry = None;
                    Duration::ZERO
                }
                Err(Failure::Other(reason)) => {
                    tracing::warn!("rendezvous: not listed at {}: {reason}", self.home.url);
                    let wait = pause;
                    pause = (pause * 2).min(self.home.refresh.max(PAUSE));
                    wait
                }
            };
            time::sleep(wait).await;
        }
    }

    async fn register(&self) -> Result<Entry, Failure> {
        let other = |error: String| Failure::Other(error);
        let own = own_address(&self.home.url).await;
        let registration = match own {
            Some(own) => self.registration.clone().accept(own),
            None => Ok(self.registration.clone()),
        };
        let registration = registration.map_err(|error| other(error.to_string()))?;
        let body = serde_json::to_vec(&registration).map_err(|error| other(error.to_string()))?;
        let answer = self.ask(Method::POST, "register", None, Some(body)).await;
        let (status, body) = answer.map_err(other)?;
        if status != StatusCode::CREATED {
            return Err(other(told(status, &body)));
        }
        let entry: Entry = serde_json::from_slice(&body)
            .map_err(|error| other(format!("its answer cannot be understood: {error}")))?;
        if !entry.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(other("its answer has no usable id".into()));
        }
        tracing::info!("rendezvous: listed at {} as {}", self.home.url, entry.id);
        Ok(entry)
    }

    async fn refresh(&self, entry: &Entry) -> Result<(), Failure> {
        let path = format!("refresh/{}", entry.id);
        let answer = self.ask(Method::POST, &path, Some(entry), None).await;
        match answer.map_err(Failure::Other)? {
            (StatusCode::OK, _) => Ok(()),
            (StatusCode::NOT_FOUND, _) => Err(Failure::Absent),
            (status, body) => Err(Failure::Other(told(status, &body))),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        entry: Option<&Entry>,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), String> {
        let base = self.home.url.to_string();
        let uri = format!("{}/api/v1/{path}", base.trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(token) = &self.home.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(secret) = entry.and_then(|entry| entry.secret.as_deref()) {
            request = request.header(SECRET_HEADER, secret);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answer = async {
            let answer = self.client.request(request).await.map_err(|error| reason(&error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| error.to_string())?;
            Ok((status, body.to_bytes()))
        };
        let answer = time::timeout(PATIENCE, answer).await;
        answer.map_err(|_| format!("no answer within {PATIENCE:?}"))?
    }
}

/// What a refusal says.
fn told(status: StatusCode, body: &[u8]) -> String {
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error.as_ref().and_then(|body| body["error"].as_str());
    match error {
        Some(error) => format!("{status}: {error}"),
        None => status.to_string(),
    }
}

/// An error with what is behind it.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// This machine's address on the way to a server; nothing is sent.
async fn own_address(server: &Uri) -> Option<IpAddr> {
    let host = server.host()?;
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let port = server.port_u16().unwrap_or(80);
    let server = tokio::net::lookup_host((host, port)).await.ok()?.next()?;
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(server).await.ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
