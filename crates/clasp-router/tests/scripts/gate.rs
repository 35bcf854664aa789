//! Limits that several sessions share, refused HELLOs, and sessions that an operator ends
//! (routing.md 5.5, 2.3; relay.md 10.16).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use clasp_auth::{Authenticator, Denied, Grant};
use clasp_router::{Config, Flow, Ports};

use crate::support::*;

fn grouped(subject: u32, address: u32) -> World {
    World::configured_with(World::badges(), |config| {
        config.groups.subject_messages_per_second_max = subject;
        config.groups.address_messages_per_second_max = address;
    })
}

/// Requests of one instant that are answered.
fn answered(world: &mut World, name: &str) -> usize {
    for _ in 0..20 {
        world.send(name, get("/x"));
    }
    world.told(name).iter().filter(|line| *line == "ERROR 201 /x").count()
}

#[test]
fn sessions_of_one_subject_share_a_limit_wherever_they_are() {
    let mut world = grouped(10, 0);
    world.join_from("sam", "192.0.2.1", "sam|admin:/**");
    world.join_from("sam's phone", "192.0.2.2", "sam|admin:/**");
    world.join_from("kim", "192.0.2.1", "kim|admin:/**");
    world.pass_s(2);
    assert_eq!(answered(&mut world, "sam"), 10);
    assert_eq!(answered(&mut world, "sam's phone"), 0);
    assert_eq!(answered(&mut world, "kim"), 10);
}

#[test]
fn sessions_of_one_address_share_a_limit_and_this_machine_has_none() {
    let mut world = grouped(0, 10);
    world.join_from("sam", "192.0.2.1", "sam|admin:/**");
    world.join_from("kim", "192.0.2.1", "kim|admin:/**");
    world.join_from("lou", "192.0.2.2", "lou|admin:/**");
    world.join_from("here", "127.0.0.1", "here|admin:/**");
    world.pass_s(2);
    assert_eq!(answered(&mut world, "sam"), 10);
    assert_eq!(answered(&mut world, "kim"), 0);
    assert_eq!(answered(&mut world, "lou"), 10);
    assert_eq!(answered(&mut world, "here"), 20);
}

#[test]
fn sessions_without_a_subject_share_nothing() {
    let mut world = World::configured(|config| config.groups.subject_messages_per_second_max = 10);
    world.join("a");
    assert_eq!(answered(&mut world, "a"), 20);
}

#[test]
fn bundles_cost_their_parts_and_replays_ten_in_shared_limits_too() {
    let mut world = grouped(20, 0);
    world.join_from("sam", "192.0.2.1", "sam|admin:/**");
    world.pass_s(2);
    world.send("sam", bundle((0..15).map(|value| event("/x", value))));
    assert_eq!(answered(&mut world, "sam"), 5);
    world.pass_s(2);
    world.send("sam", replay("/x"));
    assert_eq!(answered(&mut world, "sam"), 10);
    assert_eq!(world.ask("sam", ping()), ["PONG"]);
}

#[test]
fn only_who_goes_on_sending_beyond_a_shared_limit_is_closed() {
    let mut world = grouped(10, 0);
    world.join_from("flood", "192.0.2.1", "sam|admin:/**");
    world.join_from("calm", "192.0.2.2", "sam|admin:/**");
    let mut flow = Flow::Continue;
    let mut tenths = 0;
    while flow == Flow::Continue && tenths < 200 {
        for _ in 0..5 {
            flow = world.send("flood", set("/x", 1).fire());
        }
        if tenths % 20 == 0 {
            world.send("calm", get("/x"));
        }
        world.pass_ms(100);
        tenths += 1;
    }
    assert!((95..130).contains(&tenths), "after {tenths} tenths of a second");
    let told = world.told("flood");
    assert!(told.last().unwrap().starts_with("CLOSE 1008"), "{told:?}");
    let notices = told.iter().filter(|line| *line == "ERROR 429").count();
    assert!((9..=11).contains(&notices), "one a second: {told:?}");
    world.pass_s(2);
    assert_eq!(world.ask("calm", ping()).last().unwrap(), "PONG");
    assert!(world.metric("clasp_drops_total", &["rate_limit"]) > 300.0);
}

/// Knows one token and counts how often it is asked.
#[derive(Default)]
struct Doorman(AtomicU32);

impl Authenticator for Doorman {
    fn authenticate(&self, token: Option<&str>, _: u64) -> Result<Grant, Denied> {
        self.0.fetch_add(1, Ordering::Relaxed);
        match token {
            Some("good") => Ok(Grant::default()),
            Some("odd") => Err(Denied::Misconfigured),
            Some(_) => Err(Denied::Invalid("token not found".into())),
            None => Err(Denied::Missing),
        }
    }
}

fn guarded() -> (World, Arc<Doorman>) {
    let doorman = Arc::<Doorman>::default();
    let authenticator = Arc::clone(&doorman) as Arc<dyn Authenticator>;
    (World::with(Config::default(), Ports { authenticator, ..Ports::default() }), doorman)
}

/// The first word on a HELLO from an address, and the close.
fn knock(world: &mut World, remote: &str, token: &str) -> (String, Option<String>) {
    world.connect_from("visitor", remote);
    world.send("visitor", hello_with(token));
    let told = world.told("visitor");
    world.leave("visitor");
    let close = told.last().filter(|line| line.starts_with("CLOSE")).map(|line| line[..10].into());
    (told[0].clone(), close)
}

#[test]
fn after_ten_refused_hellos_no_token_of_an_address_is_looked_at() {
    let (mut world, doorman) = guarded();
    for _ in 0..10 {
        let (word, close) = knock(&mut world, "192.0.2.1", "bad");
        assert_eq!((word.as_str(), close.as_deref()), ("ERROR 300", Some("CLOSE 1008")));
    }
    let asked = doorman.0.load(Ordering::Relaxed);
    let (word, close) = knock(&mut world, "192.0.2.1", "good");
    assert_eq!((word.as_str(), close.as_deref()), ("ERROR 429", Some("CLOSE 1013")));
    assert_eq!(doorman.0.load(Ordering::Relaxed), asked);
    assert_eq!(world.metric("clasp_handshake_failures_total", &["rate_limit"]), 1.0);
    assert_eq!(knock(&mut world, "192.0.2.2", "good").0, "WELCOME");
    world.pass_s(60);
    assert_eq!(knock(&mut world, "192.0.2.1", "good").0, "WELCOME");
}

#[test]
fn a_success_does_not_excuse_the_failures_of_its_address() {
    let (mut world, _) = guarded();
    for _ in 0..10 {
        assert_eq!(knock(&mut world, "192.0.2.1", "bad").0, "ERROR 300");
        assert_eq!(knock(&mut world, "192.0.2.3", "good").0, "WELCOME");
    }
    assert_eq!(knock(&mut world, "192.0.2.1", "bad").0, "ERROR 429");
    for _ in 0..20 {
        assert_eq!(knock(&mut world, "192.0.2.3", "good").0, "WELCOME");
    }
}

#[test]
fn what_is_not_the_clients_fault_does_not_count_and_neither_does_this_machine() {
    let (mut world, _) = guarded();
    for _ in 0..20 {
        assert_eq!(knock(&mut world, "192.0.2.1", "odd").0, "ERROR 500");
        assert_eq!(knock(&mut world, "127.0.0.1", "bad").0, "ERROR 300");
    }
}

#[test]
fn the_list_of_sessions_says_who_is_there() {
    let mut world = World::guarded();
    world.join_from("sam", "192.0.2.1", "sam|admin:/**");
    world.join_from("kim", "192.0.2.2", "kim|read:/a/**");
    world.connect_from("nobody yet", "192.0.2.3");
    world.send("kim", subscribe(1, "/a/*"));
    world.send("kim", subscribe(2, "/a/b"));
    world.send("kim", ping());
    let page = world.router.sessions(0, 10);
    assert_eq!((page.total, page.sessions.len()), (2, 2));
    let kim = &page.sessions[1];
    assert_eq!((&*kim.id, kim.subject.as_deref()), (world.id("kim").as_str(), Some("kim")));
    assert_eq!((kim.subscriptions, kim.messages_in, kim.queued_bytes), (2, 3, 0));
    assert_eq!(kim.link.remote.ip().to_string(), "192.0.2.2");
    assert_eq!(kim.since_unix_us, world.now.unix_us);
    assert_eq!(world.router.session(&kim.id).as_ref(), Some(kim));
    assert_eq!(world.router.sessions(1, 1).sessions, page.sessions[1..]);
    world.leave("kim");
    assert_eq!(world.router.session(&page.sessions[1].id), None);
}

#[test]
fn a_session_that_an_operator_ends_is_told_why() {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    let id = world.id("a");
    assert!(world.router.end(&id, "the show is over"));
    assert_eq!(world.send("a", set("/x", 1)), Flow::Closing);
    world.sees("a", ["ERROR 300", "CLOSE 1008 the show is over"]);
    assert_eq!(world.ask("b", get("/x")), ["ERROR 201 /x"]);
    world.leave("a");
    assert!(!world.router.end(&id, "again"));
}
