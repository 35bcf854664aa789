//! What a token lets its session see and do (routing.md 12.2 to 12.5, 2.4).

use std::sync::Arc;

use clasp_auth::Authenticator;
use clasp_protocol::Message;
use clasp_protocol::message::{FederationOp, FederationSync, SignalType};
use clasp_router::journal::{Journal, MemoryJournal};
use clasp_router::{Config, Ports};

use crate::support::*;

/// `root` may do everything, `sam` reads `/a/*` and writes `/drop/**`.
fn world() -> World {
    let mut world = World::guarded();
    world.join_with("root", "root|admin:/**");
    world.join_with("sam", "sam|read:/a/*,write:/drop/**");
    for address in ["/a/1", "/a/1/deep", "/drop/1", "/secret"] {
        world.send("root", set(address, 1));
    }
    world.forget();
    world
}

#[test]
fn the_initial_snapshot_holds_only_what_may_be_listened_to() {
    let cases = [
        ("read:/a/*,write:/drop/**", "SNAPSHOT /a/1=1@1"),
        ("read:/**", "SNAPSHOT /a/1/deep=1@1 /a/1=1@1 /drop/1=1@1 /secret=1@1"),
        ("admin:/secret", "SNAPSHOT /secret=1@1"),
        ("write:/**", "SNAPSHOT nothing"),
        ("", "SNAPSHOT nothing"),
    ];
    let mut world = world();
    for (scopes, expected) in cases {
        world.connect("new");
        world.send("new", hello_with(&format!("new|{scopes}")));
        world.sees("new", ["WELCOME", expected]);
        world.leave("new");
    }
}

#[test]
fn get_needs_read_which_write_and_admin_imply() {
    let mut world = world();
    assert_eq!(world.ask("sam", get("/a/1")), ["SNAPSHOT /a/1=1@1"]);
    assert_eq!(world.ask("sam", get("/drop/1")), ["SNAPSHOT /drop/1=1@1"]);
    assert_eq!(world.ask("sam", get("/a/1/deep")), ["ERROR 301 /a/1/deep"]);
    assert_eq!(world.ask("sam", get("/secret")), ["ERROR 301 /secret"]);
    assert_eq!(world.ask("sam", get("/nothing")), ["ERROR 301 /nothing"]);
    assert_eq!(world.ask("root", get("/secret")), ["SNAPSHOT /secret=1@1"]);
}

#[test]
fn set_and_publish_need_write() {
    let mut world = world();
    assert_eq!(world.ask("sam", set("/drop/2", 1)), ["ACK /drop/2 rev=1"]);
    assert_eq!(world.ask("sam", event("/drop/2", 1)), [""; 0]);
    assert_eq!(world.ask("sam", set("/a/1", 2)), ["ERROR 301 /a/1"]);
    assert_eq!(world.ask("sam", event("/a/1", 2)), ["ERROR 301 /a/1"]);
    assert_eq!(world.ask("root", get("/a/1")), ["SNAPSHOT /a/1=1@1"]);
}

#[test]
fn every_part_of_a_bundle_needs_write() {
    let mut world = world();
    let mixed = bundle([set("/drop/2", 1), event("/a/1", 1)]);
    assert_eq!(world.ask("sam", mixed), ["ERROR 301 /a/1"]);
    assert_eq!(world.ask("root", get("/drop/2")), ["ERROR 201 /drop/2"]);
    assert_eq!(world.ask("sam", bundle([set("/drop/2", 1), event("/drop/3", 1)])), ["ACK rev=1"]);
}

#[test]
fn a_subscription_needs_read_of_everything_it_could_match() {
    let mut world = world();
    let allowed = ["/a/*", "/a/1", "/a/x*"];
    let refused = ["/a/**", "/a", "/**", "/*/1", "/a/*/*", "/secret", "/drop/**", "/drop/1"];
    for pattern in allowed {
        let told = world.ask("sam", subscribe(1, pattern));
        assert!(told.iter().all(|line| line.starts_with("SNAPSHOT")), "{pattern}: {told:?}");
    }
    for pattern in refused {
        assert_eq!(world.ask("sam", subscribe(2, pattern)), [format!("ERROR 301 {pattern}")]);
    }
    world.forget();
    for address in ["/a/1", "/a/1/deep", "/drop/1", "/secret"] {
        world.send("root", set(address, 2));
        world.send("root", event(address, 2));
    }
    world.sees("sam", ["SET /a/1 2 rev=2", "PUBLISH event /a/1 2"]);
}

#[test]
fn one_scope_has_to_cover_the_pattern_alone() {
    let mut world = World::guarded();
    world.join_with("sam", "sam|read:/a/x*,read:/a/*/b");
    assert_eq!(world.ask("sam", subscribe(1, "/a/*")), ["ERROR 301 /a/*"]);
    assert_eq!(world.ask("sam", subscribe(1, "/a/*/b")), [""; 0]);
}

#[test]
fn an_admin_may_listen() {
    let mut world = world();
    assert_eq!(world.ask("root", subscribe(1, "/secret")), ["SNAPSHOT /secret=1@1"]);
    world.join_with("kim", "kim|admin:/a/**");
    assert_eq!(world.ask("kim", subscribe(1, "/a/**")).len(), 1);
    assert_eq!(world.ask("kim", subscribe(1, "/**")), ["ERROR 301 /**"]);
}

#[test]
fn a_token_without_scopes_allows_nothing() {
    let mut world = world();
    world.join_with("none", "none|");
    assert_eq!(world.ask("none", get("/a/1")), ["ERROR 301 /a/1"]);
    assert_eq!(world.ask("none", set("/a/1", 1)), ["ERROR 301 /a/1"]);
    assert_eq!(world.ask("none", subscribe(1, "/a/1")), ["ERROR 301 /a/1"]);
    assert_eq!(world.ask("none", ping()), ["PONG"]);
    assert_eq!(world.ask("none", unsubscribe(1)), [""; 0]);
    assert_eq!(world.ask("none", bundle([])), ["ACK"]);
}

#[test]
fn a_malformed_address_is_told_before_a_missing_scope() {
    let mut world = world();
    assert_eq!(world.ask("sam", set("/x//y", 1)), ["ERROR 200 /x//y"]);
    assert_eq!(world.ask("sam", subscribe(1, "x")), ["ERROR 202 x"]);
}

#[test]
fn a_refused_write_shows_nothing_of_the_state() {
    let mut world = world();
    world.send("root", set("/secret", 1).lock());
    assert_eq!(world.ask("sam", set("/secret", 1).expecting(99)), ["ERROR 301 /secret"]);
    assert_eq!(world.ask("sam", set("/secret", long_text(65_000))), ["ERROR 301 /secret"]);
}

#[test]
fn a_token_that_expires_ends_its_session() {
    let mut world = World::guarded();
    let end_us = world.now.unix_us + 10_000_000;
    world.join_with("sam", &format!("sam|admin:/**|{end_us}"));
    world.join_with("kim", "kim|admin:/**");
    world.send("sam", subscribe(1, "/**"));
    world.pass_s(9);
    assert_eq!(world.ask("sam", ping()), ["PONG"]);
    world.pass_s(2);
    let told = world.told("sam");
    assert_eq!(told.first().map(String::as_str), Some("ERROR 302"), "{told:?}");
    assert!(told[1].starts_with("CLOSE 1008"), "{told:?}");
    assert_eq!(world.ask("kim", ping()), ["PONG"]);
}

#[test]
fn a_token_that_is_taken_back_ends_its_sessions_within_a_second_and_no_others() {
    let badges = Arc::new(Badges::default());
    let authenticator = Arc::clone(&badges) as Arc<dyn Authenticator>;
    let mut world = World::with(Config::default(), Ports { authenticator, ..Ports::default() });
    world.join_with("sam", "sam|admin:/**");
    world.join_with("kim", "kim|admin:/**");
    badges.revoke("sam");
    world.pass_s(1);
    let told = world.told("sam");
    assert_eq!(told.first().map(String::as_str), Some("ERROR 300"), "{told:?}");
    assert!(told[1].starts_with("CLOSE 1008"), "{told:?}");
    assert_eq!(world.ask("kim", ping()), ["PONG"]);
}

#[test]
fn replay_needs_strict_read_of_everything_its_pattern_could_match() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new(100, 1 << 20));
    let mut world =
        World::with(Config::default(), Ports { journal: Some(journal), ..World::badges() });
    world.join_with("root", "root|admin:/**");
    world.join_with("sam", "sam|read:/a/*,write:/drop/**");
    for address in ["/a/1", "/a/1/deep", "/drop/1"] {
        world.send("root", event(address, 1));
    }
    let told = world.ask("sam", replay("/a/*"));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("PUBLISH event /a/1 1") && told[1] == "ACK /a/* rev=1", "{told:?}");
    for pattern in ["/a/**", "/**", "/drop/**", "/drop/1"] {
        assert_eq!(world.ask("sam", replay(pattern)), [format!("ERROR 301 {pattern}")]);
    }
    assert_eq!(world.ask("root", replay("/**")).last().unwrap(), "ACK /** rev=3");
}

#[test]
fn a_p2p_signal_needs_write_on_its_address() {
    let mut world = world();
    let to_root = format!("/clasp/p2p/signal/{}", world.id("root"));
    assert_eq!(world.ask("sam", event(&to_root, 1)), ["ERROR 301 /clasp/p2p/signal/root"]);
    let wrapped = bundle([event(&to_root, 1)]);
    assert_eq!(world.ask("sam", wrapped), ["ERROR 301 /clasp/p2p/signal/root"]);
    world.hears_nothing("root");
    world.join_with("kim", "kim|write:/clasp/p2p/signal/*");
    world.send("kim", event(&to_root, 1));
    world.sees("root", ["PUBLISH event /clasp/p2p/signal/root 1"]);
}

#[test]
fn announce_needs_write_and_query_shows_what_may_be_read() {
    let mut world = world();
    let signal = |address| [(address, SignalType::Param)];
    assert_eq!(world.ask("sam", announce("/drop", &signal("/drop/1"))), ["ACK /drop"]);
    assert_eq!(world.ask("sam", announce("/a", &signal("/a/1"))), ["ERROR 301 /a/1"]);
    world.send("root", announce("/", &[("/a/1", SignalType::Param), ("/b", SignalType::Event)]));
    let told = world.ask("sam", query("/**")).join(" ");
    assert!(told.contains("/drop/1") && told.contains("/a/1") && !told.contains("/b"), "{told}");
    world.join_with("none", "none|");
    assert_eq!(world.ask("none", query("/**")), ["RESULT"]);
}

#[test]
fn clocks_need_no_scope_and_federation_is_nobodys() {
    let mut world = World::guarded();
    world.join_with("none", "none|");
    assert!(world.ask("none", sync(1))[0].starts_with("SYNC 1"));
    world.join_with("root", "root|admin:/**");
    for name in ["none", "root"] {
        let declare = FederationSync {
            op: FederationOp::DeclareNamespaces,
            patterns: vec!["/**".into()],
            revisions: Vec::new(),
            since: None,
            origin: None,
        };
        let told = world.ask(name, raw(Message::FederationSync(declare)));
        assert_eq!(told, ["ERROR 403"], "{name}");
    }
}
