//! An app config at work in a router.

use std::sync::Arc;

use arc_swap::ArcSwap;
use clasp_auth::{Action, Grant};
use clasp_protocol::RawValue;
use clasp_router::Router;
use clasp_router::policy::{Actor, Observed, Policy, Visibility};
use parking_lot::Mutex;

use crate::check::Case;
use crate::config::AppConfig;
use crate::facts::Facts;
use crate::visibility;

/// The scope of somebody who may do everything.
const EVERYTHING: &str = "/**";

/// The rules of an app config; another one can take its place at any time.
#[derive(Debug)]
pub struct AppPolicy {
    versions: ArcSwap<Versions>,
    /// Held by whoever replaces the config.
    replacing: Mutex<()>,
}

/// The config in force, and one that is being filled with what there is.
#[derive(Debug)]
struct Versions {
    current: Arc<Active>,
    next: Option<Arc<Active>>,
}

#[derive(Debug)]
struct Active {
    config: Arc<AppConfig>,
    /// Whether anything is ever withheld or redacted.
    filters: bool,
    facts: Facts,
}

impl Active {
    fn new(config: AppConfig) -> Arc<Active> {
        let (filters, facts) = (config.filters(), config.facts());
        Arc::new(Active { config: Arc::new(config), filters, facts })
    }

    fn case<'a>(
        &'a self,
        actor: &Actor<'a>,
        address: &'a str,
        value: Option<&'a RawValue<'a>>,
    ) -> Case<'a> {
        Case {
            subject: actor.subject().filter(|subject| !subject.is_empty()),
            address,
            value,
            facts: &self.facts,
            now_us: actor.now.mono_us,
        }
    }
}

impl Versions {
    fn all(&self) -> impl Iterator<Item = &Arc<Active>> {
        [&self.current].into_iter().chain(&self.next)
    }
}

impl AppPolicy {
    /// The rules of this config, for a router that holds no params yet.
    pub fn new(config: AppConfig) -> AppPolicy {
        let versions = Versions { current: Active::new(config), next: None };
        AppPolicy { versions: ArcSwap::from_pointee(versions), replacing: Mutex::default() }
    }

    /// The config in force.
    pub fn config(&self) -> Arc<AppConfig> {
        Arc::clone(&self.versions.load().current.config)
    }

    /// Puts another config in force, in one instant: until it knows all params that its look-ups
    /// may ask for, the old one decides. `router` must be the one that has this policy.
    pub fn replace(&self, config: AppConfig, router: &Router) {
        let _one_at_a_time = self.replacing.lock();
        let current = Arc::clone(&self.versions.load().current);
        let next = Active::new(config);
        self.versions.store(Arc::new(Versions { current, next: Some(Arc::clone(&next)) }));
        router.show_params();
        self.versions.store(Arc::new(Versions { current: next, next: None }));
    }

    /// Params that are remembered for look-ups.
    pub fn params_remembered(&self) -> usize {
        self.versions.load().current.facts.len()
    }
}

impl Policy for AppPolicy {
    fn validate(
        &self,
        actor: Actor<'_>,
        address: &str,
        value: Option<&RawValue<'_>>,
    ) -> Result<(), String> {
        let versions = self.versions.load();
        let active = &versions.current;
        let rules = &active.config.write_rules;
        let Some(rule) = rules.iter().find(|rule| rule.path.matches(address)) else {
            return Ok(());
        };
        if active.config.admin_bypasses_rules && is_admin(actor.grant) {
            return Ok(());
        }
        rule.judge(&active.case(&actor, address, value))
    }

    fn transform(&self, _: &str, _: &RawValue<'_>) -> Option<RawValue<'static>> {
        None
    }

    fn filters(&self) -> bool {
        self.versions.load().current.filters
    }

    fn visible(&self, viewer: Actor<'_>, address: &str, value: &RawValue<'_>) -> Visibility {
        let versions = self.versions.load();
        let active = &versions.current;
        let case = active.case(&viewer, address, Some(value));
        let AppConfig { visibility, redactions, .. } = &*active.config;
        visibility::look(visibility, redactions, (&case, value))
    }

    fn looks_up(&self) -> bool {
        self.versions.load().all().any(|active| active.facts.is_used())
    }

    fn watches(&self, address: &str) -> bool {
        self.versions.load().all().any(|active| active.facts.watches(address))
    }

    fn observe(&self, address: &str, param: Option<Observed<'_>>) {
        let versions = self.versions.load();
        for active in versions.all().filter(|active| active.facts.watches(address)) {
            active.facts.note(address, param);
        }
    }
}

/// Whether a token says that its owner may do everything; having none does not.
fn is_admin(grant: &Grant) -> bool {
    let all = |scope: &clasp_auth::Scope| {
        scope.action() == Action::Admin && scope.pattern().as_str() == EVERYTHING
    };
    grant.scopes.as_ref().is_some_and(|scopes| scopes.iter().any(all))
}
