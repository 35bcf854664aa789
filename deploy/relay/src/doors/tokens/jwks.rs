//! The keys of an identity provider from its address: asked at the start, every ten minutes, and
//! when a token names an unknown key, but never more than once a minute unless told to hurry.

use std::sync::Arc;
use std::time::Duration;

use clasp_auth::{JwtKeys, JwtVerifier};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often to ask.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Time from one answer to the next question, if nothing is missed.
    fresh: Duration,
    /// Time between two questions, whatever is missed.
    pause: Duration,
    /// How often to look whether a key was missed.
    look: Duration,
}

const PACE: Pace = Pace {
    fresh: Duration::from_secs(600),
    pause: Duration::from_secs(60),
    look: Duration::from_secs(1),
};

/// Time for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Where keys come from.
#[derive(Debug, Clone)]
pub(super) struct KeySource {
    uri: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    hurry: Arc<Notify>,
    pace: Pace,
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
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(KeySource { uri, client, hurry: Arc::default(), pace: PACE })
    }

    /// Where the keys come from.
    pub(super) fn address(&self) -> &Uri {
        &self.uri
    }

    /// Has [`KeySource::keep_fresh`] ask at once.
    pub(super) fn hurry(&self) {
        self.hurry.notify_one();
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
        let Pace { fresh, pause, look } = self.pace;
        let mut look = interval(look);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let hurried = tokio::select! {
                _ = look.tick() => false,
                () = self.hurry.notified() => true,
            };
            let since = asked.elapsed();
            let is_due =
                || since >= pause && (!has_keys || since >= fresh || verifier.take_missed());
            if !hurried && !is_due() {
                continue;
            }
            match self.fetch().await {
                Ok(keys) => {
                    tracing::debug!("JWTs: {} keys from {}", keys.len(), self.uri);
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

#[cfg(test)]
mod tests {
    use clasp_auth::{JwtRules, Verifier as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const VECTORS: &str =
        include_str!("../../../../../crates/clasp-auth/tests/vectors/jwt-rsa.json");

    /// Answers the next question with these keys.
    async fn answer(listener: &TcpListener, keys: &str) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
        }
        let length = keys.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all((head + keys).as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn keys_are_asked_for_again_in_time_and_grants_of_lost_ones_end() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/keys", listener.local_addr().unwrap());
        let tick = Duration::from_millis(1);
        let pace = Pace { fresh: tick, pause: tick, look: tick };
        let source = KeySource { pace, ..KeySource::new(&address).unwrap() };
        let (one, other) = (vectors["jwks"].to_string(), other_keys());
        let (keys, ()) = tokio::join!(source.first(), answer(&listener, &one));
        let rules = JwtRules { audience: Some("clasp".into()), ..JwtRules::default() };
        let verifier = JwtVerifier::new(rules, keys);
        let token = vectors["RS256"].as_str().unwrap();
        let grant = verifier.verify(token, 1_800_000_000_000_000).unwrap().unwrap();
        let script = async {
            answer(&listener, &one).await;
            answer(&listener, &one).await;
            assert!(verifier.still_holds(&grant) && verifier.revision() == 0);
            answer(&listener, &other).await;
            // Whoever asks once more has taken the answer before.
            answer(&listener, &other).await;
        };
        tokio::select! {
            () = script => {}
            () = source.keep_fresh(&verifier) => unreachable!("it goes on for ever"),
        }
        assert!(!verifier.still_holds(&grant) && verifier.revision() == 1);
    }

    fn other_keys() -> String {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#)
    }
}
