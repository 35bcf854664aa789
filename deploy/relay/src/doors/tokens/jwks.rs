//! The keys of an identity provider from its address: asked at the start, every ten minutes, and
//! when a token names an unknown key, but never more than once a minute.

use std::time::Duration;

use clasp_auth::{JwtKeys, JwtVerifier};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Time from one answer to the next question, if nothing is missed.
const FRESH: Duration = Duration::from_secs(600);

/// Time between two questions, whatever is missed.
const PAUSE: Duration = Duration::from_secs(60);

/// How often to look whether a key was missed.
const LOOK: Duration = Duration::from_secs(1);

/// Time for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Where keys come from.
#[derive(Debug, Clone)]
pub(super) struct KeySource {
    uri: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl KeySource {
    /// Keys from this address.
    pub(super) fn new(address: &str) -> Result<KeySource, String> {
        let uri: Uri = address.parse().map_err(|error| format!("--jwt-jwks {address}: {error}"))?;
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
        let connector = connector.map_err(|error| {
            format!(
                "--jwt-jwks: this system has no certificates to check servers by: {error}; \
                 install ca-certificates"
            )
        })?;
        if uri.scheme_str() == Some("http") {
            tracing::warn!("JWTs: keys that come by plain http can be replaced on their way");
        }
        let connector = connector.https_or_http().enable_http1().build();
        Ok(KeySource { uri, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// The keys at the start; without an answer there are none until there is one.
    pub(super) async fn first(&self) -> JwtKeys {
        self.fetch().await.unwrap_or_else(|error| {
            tracing::error!("JWTs are refused until their keys can be had: {error}");
            JwtKeys::default()
        })
    }

    /// Asks again and again; see the head of this file.
    pub(super) async fn keep_fresh(&self, verifier: &JwtVerifier) {
        let mut asked = Instant::now();
        let mut has_keys = verifier.has_keys();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let since = asked.elapsed();
            if since < PAUSE || (has_keys && since < FRESH && !verifier.take_missed()) {
                continue;
            }
            match self.fetch().await {
                Ok(keys) => {
                    tracing::debug!("JWTs: {} keys", keys.len());
                    verifier.replace_keys(keys);
                    has_keys = true;
                }
                Err(error) => tracing::warn!("JWTs: the keys stay as they are: {error}"),
            }
            asked = Instant::now();
        }
    }

    /// How many keys there are now.
    pub(super) async fn count(&self) -> Result<usize, String> {
        self.fetch().await.map(|keys| keys.len())
    }

    async fn fetch(&self) -> Result<JwtKeys, String> {
        let told = |error: String| format!("{}: {error}; see --jwt-jwks", self.uri);
        let answer = timeout(PATIENCE, self.ask()).await;
        let bytes = answer.map_err(|_| told(format!("no answer within {PATIENCE:?}")))?;
        JwtKeys::parse_set(&bytes.map_err(told)?).map_err(|error| told(error.to_string()))
    }

    async fn ask(&self) -> Result<Bytes, String> {
        let answer = self.client.get(self.uri.clone()).await.map_err(|error| reason(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the answer has the status {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| error.to_string())
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
