//! How storing goes: for probes and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use clasp_router::Router;
use clasp_router::metrics::{Family, Kind, Sample};

/// Whether what clients are promised can be kept.
#[derive(Debug)]
pub(crate) struct Status {
    router: Arc<Router>,
    /// Anything outlives the process.
    keeps: bool,
    /// There is a state file.
    saves: bool,
    started: Instant,
    /// The last attempt to save failed.
    failed: AtomicBool,
    failures: AtomicU64,
    /// When the state file was last known to be up to date, in milliseconds since the start.
    saved_ms: AtomicU64,
}

impl Status {
    /// Of a relay that has just been recovered. `keeps` and `saves` as the options say.
    pub(crate) fn new(router: Arc<Router>, (keeps, saves): (bool, bool)) -> Self {
        Self {
            router,
            keeps,
            saves,
            started: Instant::now(),
            failed: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            saved_ms: AtomicU64::new(0),
        }
    }

    /// Whether the journal stores and the last attempt to save went well.
    pub(crate) fn is_healthy(&self) -> bool {
        !self.failed.load(Ordering::Relaxed) && self.router.storage_health().is_ok()
    }

    /// The state file is up to date.
    pub(crate) fn saved(&self) {
        self.saved_ms.store(self.elapsed_ms(), Ordering::Relaxed);
        self.failed.store(false, Ordering::Relaxed);
    }

    /// The state could not be saved.
    pub(crate) fn save_failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.failed.store(true, Ordering::Relaxed);
    }

    /// The numbers; none if nothing is kept.
    pub(crate) fn families(&self) -> Vec<Family> {
        let mut families = Vec::new();
        if self.keeps {
            let help = "1 while the journal stores and the state could be saved, else 0.";
            let healthy = f64::from(u8::from(self.is_healthy()));
            families.push(family(("clasp_storage_healthy", help), Kind::Gauge, healthy));
        }
        if self.saves {
            let help = "Time since the state file was last known to be up to date.";
            let age_ms = self.elapsed_ms().saturating_sub(self.saved_ms.load(Ordering::Relaxed));
            let age_s = age_ms as f64 / 1_000.0;
            families.push(family(("clasp_state_save_age_seconds", help), Kind::Gauge, age_s));
            let help = "Attempts to save the state that failed.";
            let failures = self.failures.load(Ordering::Relaxed) as f64;
            let name = "clasp_state_save_failures_total";
            families.push(family((name, help), Kind::Counter, failures));
        }
        families
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn family((name, help): (&'static str, &'static str), kind: Kind, value: f64) -> Family {
    Family { name, help, kind, samples: vec![Sample { suffix: "", labels: Vec::new(), value }] }
}
