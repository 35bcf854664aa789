//! Encryption of the listeners: what the doors do with fresh connections, and the renewal of the
//! certificate while they serve.

use std::sync::Arc;
use std::time::Duration;

use clasp_router::metrics::{Family, Kind, Sample};
use clasp_tls::{Acceptor, Files, Tls};

use crate::options::TlsOptions;
use crate::relay::StartError;

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// What all listeners are encrypted with, if anything.
#[derive(Debug, Clone, Default)]
#[allow(dead_code, reason = "each door uses its own part, and some builds lack doors")]
pub(crate) struct Encryption {
    tls: Option<Arc<Tls>>,
    tls_only: bool,
}

#[allow(dead_code, reason = "each door uses its own part, and some builds lack doors")]
impl Encryption {
    /// Reads certificate and key, if the options name them.
    pub(crate) fn open(options: &TlsOptions) -> Result<Encryption, StartError> {
        let (Some(cert), Some(key)) = (&options.cert, &options.key) else {
            if options.tls_only {
                let text = "--tls-only needs a certificate: give --cert and --key";
                return Err(StartError::Tls(text.to_owned()));
            }
            return Ok(Encryption::default());
        };
        let files = Files {
            cert: cert.clone(),
            key: key.clone(),
            client_ca: options.client_ca.clone(),
            insecure_permissions: options.insecure_permissions,
        };
        let (tls, found) = Tls::open(files).map_err(|error| StartError::Tls(error.to_string()))?;
        tracing::info!("TLS: {found}");
        // Whoever comes without encryption comes without a certificate as well.
        let tls_only = options.tls_only || options.client_ca.is_some();
        if tls_only {
            tracing::info!("TLS: plain connections are refused, except on --health-port");
        }
        Ok(Encryption { tls: Some(Arc::new(tls)), tls_only })
    }

    /// For listeners that are always encrypted, if there is a certificate.
    pub(crate) fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// For listeners of clients and operators.
    pub(crate) fn acceptor(&self) -> Acceptor {
        match &self.tls {
            None => Acceptor::plain(),
            Some(tls) if self.tls_only => Acceptor::tls_only(Arc::clone(tls)),
            Some(tls) => Acceptor::with_tls(Arc::clone(tls)),
        }
    }

    /// For probes, which tell no secret and often cannot speak TLS.
    pub(crate) fn probe_acceptor(&self) -> Acceptor {
        self.tls.clone().map_or_else(Acceptor::plain, Acceptor::with_tls)
    }

    /// The scheme that the log names a page or port with.
    pub(crate) fn scheme(&self, plain: &'static str, encrypted: &'static str) -> &'static str {
        if self.tls_only { encrypted } else { plain }
    }

    /// SHA-256 of the certificate in force, in hexadecimal digits.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let tls = self.tls.as_ref()?;
        Some(tls.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What metrics tell of it, asked at each request.
    pub(crate) fn families(&self) -> Vec<Family> {
        let Some(tls) = &self.tls else { return Vec::new() };
        let gauge = |name, help, value| {
            let samples = vec![Sample { suffix: "", labels: Vec::new(), value }];
            Family { name, help, kind: Kind::Gauge, samples }
        };
        vec![
            gauge(
                "clasp_tls_certificate_expiry_timestamp_seconds",
                "When the TLS certificate in force expires, in seconds since 1970 UTC.",
                tls.not_after_s() as f64,
            ),
            gauge(
                "clasp_tls_last_reload_successful",
                "Whether the TLS files could be used when they were last read.",
                f64::from(u8::from(tls.is_sound())),
            ),
        ]
    }

    /// Reads the files again when called; none if there are none.
    pub(crate) fn reloader(
        &self,
    ) -> Option<impl Fn() -> Result<String, String> + Send + Sync + 'static> {
        let tls = self.tls.clone()?;
        Some(move || told(tls.reload()))
    }

    /// Reads the files again when they change; none if there are none.
    pub(crate) fn renewal(&self) -> Option<Renewal> {
        self.tls.clone().map(|tls| Renewal { tls })
    }
}

/// The outcome of a reload as the log has it.
fn told(outcome: Result<String, impl std::fmt::Display>) -> Result<String, String> {
    match outcome {
        Ok(found) => Ok(format!("TLS reloaded: {found}")),
        Err(error) => Err(format!("TLS not reloaded: {error}")),
    }
}

/// Looks at the files and reads them again when they change.
#[derive(Debug)]
pub(crate) struct Renewal {
    tls: Arc<Tls>,
}

impl Renewal {
    /// Goes on for ever.
    pub(crate) async fn run(self) {
        loop {
            // First the interval: the files have just been read.
            tokio::time::sleep(LOOK_INTERVAL).await;
            let tls = Arc::clone(&self.tls);
            match tokio::task::spawn_blocking(move || tls.reload_if_changed().map(told)).await {
                Ok(Some(Ok(done))) => tracing::info!("{done}"),
                Ok(Some(Err(reason))) => tracing::error!("{reason}"),
                Ok(None) | Err(_) => {}
            }
        }
    }
}
