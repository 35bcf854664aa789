//! One decision for all ways out: what a session sees of a param is the same in the snapshot, live,
//! in a bundle, by GET and by REPLAY.

use clasp_protocol::RawValue;
use proptest::prelude::*;
use proptest::sample::select;

use crate::people::world_of;
use crate::support::*;

const VIEWERS: [&str; 3] = ["ann", "bob", "nobody"];

/// Rules of every kind, in any order.
fn rule() -> impl Strategy<Value = String> {
    let path = select(vec!["/u/{who}/**", "/u/{who}/{key}", "/u/ann/*", "/**", "/u/{who}"]);
    let owner = (path.clone(), proptest::option::of(select(vec!["open", "open/a"])));
    let owner = owner.prop_map(|(path, public)| {
        let path = if path.contains("{who}") { path } else { "/u/{who}/**" };
        let public = public.map_or(String::new(), |it| format!(r#", "public_sub": "{it}""#));
        format!(r#"{{"path": "{path}", "visible": "owner", "owner_segment": "who"{public}}}"#)
    });
    let fixed = (path, any::<bool>());
    let fixed = fixed.prop_map(|(path, it)| format!(r#"{{"path": "{path}", "visible": {it}}}"#));
    let part = (select(vec!["/open", "ann", "a"]), any::<bool>());
    let part =
        part.prop_map(|(it, see)| format!(r#"{{"path_contains": "{it}", "visible": {see}}}"#));
    let member = Just(
        r#"{"path": "/u/{who}/**", "visible": "require_state_not_null",
            "lookup": "/member/{who}/{session}"}"#
            .to_owned(),
    );
    prop_oneof![owner, fixed, part, member]
}

fn config() -> impl Strategy<Value = String> {
    (proptest::collection::vec(rule(), 0..4), any::<bool>()).prop_map(|(rules, redacts)| {
        let redaction = r#"{"path": "/u/**", "redact_fields": ["secret"]}"#;
        let redactions = if redacts { redaction } else { "" };
        let rules = rules.join(",");
        format!(r#"{{"snapshot_visibility": [{rules}], "snapshot_transforms": [{redactions}]}}"#)
    })
}

fn address() -> impl Strategy<Value = String> {
    let who = select(vec!["ann", "bob", "eve"]);
    let key = select(vec!["open", "open/a", "openly", "x", "x/a"]);
    (who, key).prop_map(|(who, key)| format!("/u/{who}/{key}"))
}

fn value() -> RawValue<'static> {
    map(&[("plain", "p"), ("secret", "s")])
}

/// What the lines say of a value: nothing, without the secret, or all.
fn seen(lines: &[String], address: &str) -> &'static str {
    let answers = |line: &&String| line.starts_with("ERROR") || line.starts_with("ACK");
    let mut about = lines.iter().filter(|line| !answers(line) && line.contains(address));
    match about.next() {
        None => "nothing",
        Some(line) if line.contains("secret") => "all",
        Some(_) => "redacted",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_way_out_shows_the_same(
        json in config(),
        address in address(),
        member in select(vec!["ann", "bob", "eve"]),
    ) {
        let (mut world, _) = world_of(&json);
        world.join_with("writer", "writer|admin:/**");
        for viewer in VIEWERS {
            let subject = if viewer == "nobody" { "somebody" } else { viewer };
            world.join_with(viewer, &format!("{subject}|admin:/**"));
            world.send(viewer, subscribe(1, "/u/**"));
        }
        for who in ["ann", "bob"] {
            world.send("writer", set(&format!("/member/{member}/{who}"), 1));
        }
        world.forget();
        world.send("writer", set(&address, value()).fire());
        let live: Vec<_> = VIEWERS.map(|viewer| world.told(viewer)).into();
        world.send("writer", bundle([set(&address, value())]).fire());
        let bundled: Vec<_> = VIEWERS.map(|viewer| world.told(viewer)).into();
        world.send("writer", event(&address, value()).fire());
        let events: Vec<_> = VIEWERS.map(|viewer| world.told(viewer)).into();
        for (number, viewer) in VIEWERS.into_iter().enumerate() {
            let expected = seen(&live[number], &address);
            prop_assert_eq!(seen(&bundled[number], &address), expected, "bundle, {}", viewer);
            prop_assert_eq!(seen(&events[number], &address), expected, "event, {}", viewer);
            let told = world.ask(viewer, get(&address));
            prop_assert_eq!(seen(&told, &address), expected, "get, {}", viewer);
            let told = world.ask(viewer, subscribe(2, "/u/**"));
            prop_assert_eq!(seen(&told, &address), expected, "snapshot, {}", viewer);
            let told = world.ask(viewer, replay("/u/**"));
            let all = told.iter().filter(|line| line.contains(&address)).count();
            prop_assert_eq!(all, if expected == "nothing" { 0 } else { 3 }, "replay, {}", viewer);
            prop_assert_eq!(seen(&told, &address), expected, "replay, {}", viewer);
        }
    }
}
