//! Users of an application in a world: their tokens hold the scopes that its config gives them.

use std::sync::Arc;

use clasp_app::{AppConfig, AppPolicy};
use clasp_router::journal::MemoryJournal;
use clasp_router::{Config, Ports};

use crate::support::*;

/// A config without a single complaint.
pub(crate) fn config(json: &str) -> AppConfig {
    let parsed = AppConfig::parse(json);
    assert!(parsed.problems.is_empty(), "{:#?}", parsed.problems);
    parsed.config.unwrap()
}

/// A world that obeys this config, with a journal.
pub(crate) fn world_of(json: &str) -> (World, Arc<AppPolicy>) {
    let policy = Arc::new(AppPolicy::new(config(json)));
    let journal = Some(Arc::new(MemoryJournal::new(10_000, 1 << 22)) as _);
    let ports = Ports { policy: Arc::clone(&policy) as _, journal, ..World::badges() };
    (World::with(Config::default(), ports), policy)
}

/// Lets a user in who has the scopes of the config.
pub(crate) fn enter(world: &mut World, policy: &AppPolicy, name: &str) {
    let scopes = policy.config().scopes_of(name).unwrap().unwrap();
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    world.join_with(name, &format!("{name}|{}", scopes.join(",")));
}

/// Whether a write is accepted; a refusal has to be one of the rules, not of the scopes.
#[track_caller]
pub(crate) fn may(world: &mut World, name: &str, sent: Sent) -> bool {
    match world.ask(name, sent).last() {
        Some(line) if line.starts_with("ACK") => true,
        Some(line) if line.starts_with("ERROR 403") => false,
        other => panic!("{other:?}"),
    }
}
