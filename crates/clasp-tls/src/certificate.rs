//! What a certificate says of its own time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

/// From when until when a certificate holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    not_before: Time,
    not_after: Time,
}

impl Validity {
    /// Reads it; the text says what is wrong.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Validity, String> {
        let certificate = Certificate::from_der(certificate)
            .map_err(|error| format!("not a certificate that can be understood: {error}"))?;
        let validity = certificate.tbs_certificate().validity();
        Ok(Validity { not_before: validity.not_before, not_after: validity.not_after })
    }

    /// When it ends, in whole seconds since 1970 UTC.
    pub(crate) fn not_after_s(&self) -> u64 {
        self.not_after.to_unix_duration().as_secs()
    }

    /// What an operator has to know about it now.
    pub(crate) fn warning(&self, now: SystemTime) -> Option<String> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if now < self.not_before.to_unix_duration() {
            return Some(format!("it is not valid before {}", self.not_before));
        }
        (now > self.not_after.to_unix_duration())
            .then(|| format!("it expired on {}", self.not_after))
    }

    /// The last moment, for people.
    pub(crate) fn not_after(&self) -> String {
        self.not_after.to_string()
    }
}
