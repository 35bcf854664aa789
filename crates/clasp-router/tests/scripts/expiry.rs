//! Lifetimes: never, sliding, absolute, and what is left afterwards (routing.md 4.3, 4.5).

use clasp_protocol::message::Ttl;

use crate::support::*;

fn with_default_ttl(seconds: u32) -> World {
    let mut world = World::configured(|config| config.params.ttl_s = seconds);
    world.join("a");
    world.join("b");
    world
}

#[test]
fn a_param_expires_after_the_default_lifetime() {
    let mut world = with_default_ttl(60);
    world.send("a", set("/x", 1));
    world.pass_s(59);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 1.0);
    world.pass_s(2);
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 0.0);
    assert_eq!(world.metric("clasp_evictions_total", &["expired"]), 1.0);
}

#[test]
fn expired_params_are_absent_before_any_sweep() {
    let mut world = with_default_ttl(60);
    world.send("a", set("/x", 1));
    world.jump_us(59_999_999);
    assert_eq!(world.ask("b", set("/x", 2).expecting(1)), ["ACK /x rev=2"]);
    world.jump_us(60_000_000);
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
    world.join("c");
    world.send("c", subscribe(1, "/**"));
    world.hears_nothing("c");
    world.connect("d");
    world.send("d", hello());
    world.sees("d", ["WELCOME", "SNAPSHOT nothing"]);
    assert_eq!(world.ask("b", set("/x", 3).expecting(2)), ["ERROR 400 /x"]);
    assert_eq!(world.ask("b", bundle([set("/x", 3).expecting(0)])), ["ACK rev=3"]);
}

#[test]
fn reads_and_writes_extend_a_sliding_lifetime() {
    let mut world = with_default_ttl(0);
    world.send("a", set("/x", 1).ttl(Ttl::Sliding(10)));
    world.pass_s(8);
    assert_eq!(world.ask("b", get("/x")), ["SNAPSHOT /x=1@1"]);
    world.pass_s(8);
    world.send("b", subscribe(1, "/x"));
    world.sees("b", ["SNAPSHOT /x=1@1"]);
    world.pass_s(8);
    assert_eq!(world.ask("a", set("/x", 2)), ["ACK /x rev=2"]);
    world.pass_s(8);
    assert_eq!(world.ask("a", set("/x", 3)), ["ACK /x rev=3"]);
    world.pass_s(11);
    assert_eq!(world.ask("b", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn initial_snapshots_and_deliveries_do_not_extend_anything() {
    let mut world = with_default_ttl(10);
    world.send("b", subscribe(1, "/x"));
    world.send("a", set("/x", 1));
    world.pass_s(9);
    world.join("c");
    world.pass_s(2);
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn an_absolute_lifetime_counts_from_the_last_write() {
    let mut world = with_default_ttl(0);
    world.send("a", set("/x", 1).ttl(Ttl::Absolute(10)));
    world.pass_s(8);
    assert_eq!(world.ask("b", get("/x")), ["SNAPSHOT /x=1@1"]);
    world.pass_s(3);
    assert_eq!(world.ask("b", get("/x")), ["ERROR 201 /x"]);
    world.send("a", set("/y", 1).ttl(Ttl::Absolute(10)));
    world.pass_s(8);
    world.send("a", set("/y", 2));
    world.pass_s(8);
    assert_eq!(world.ask("b", get("/y")), ["SNAPSHOT /y=2@2"]);
    world.pass_s(3);
    assert_eq!(world.ask("b", get("/y")), ["ERROR 201 /y"]);
}

#[test]
fn a_later_set_keeps_the_lifetime_or_brings_its_own() {
    let mut world = with_default_ttl(10);
    world.send("a", set("/x", 1).ttl(Ttl::Never));
    world.send("a", set("/x", 2));
    world.pass_s(100);
    assert_eq!(world.ask("a", get("/x")), ["SNAPSHOT /x=2@2"]);
    world.send("a", set("/x", 3).ttl(Ttl::Sliding(20)));
    world.pass_s(15);
    assert_eq!(world.ask("a", set("/x", 4)), ["ACK /x rev=4"]);
    world.pass_s(15);
    assert_eq!(world.ask("a", set("/x", 5).ttl(Ttl::Absolute(1))), ["ACK /x rev=5"]);
    world.pass_s(2);
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn explicit_lifetimes_count_even_when_the_default_is_for_ever() {
    let mut world = with_default_ttl(0);
    world.send("a", set("/stays", 1));
    world.send("a", set("/goes", 1).ttl(Ttl::Sliding(5)));
    world.pass_s(100_000);
    assert_eq!(world.ask("a", get("/stays")), ["SNAPSHOT /stays=1@1"]);
    assert_eq!(world.ask("a", get("/goes")), ["ERROR 201 /goes"]);
}

#[test]
fn the_longest_lifetime_does_not_overflow() {
    let mut world = with_default_ttl(0);
    for ttl in [Ttl::Sliding(0x7FFF_FFFF), Ttl::Absolute(0x7FFF_FFFF)] {
        world.now.mono_us = u64::MAX / 2;
        world.send("a", set("/x", 1).ttl(ttl));
        assert_eq!(world.ask("b", get("/x")).len(), 1);
    }
}

#[test]
fn null_can_have_a_lifetime_of_its_own() {
    let mut world = World::configured(|config| config.params.null_ttl_s = 10);
    world.join("a");
    world.send("a", set("/x", 1));
    world.send("a", set("/y", ()));
    world.send("a", set("/z", ()).ttl(Ttl::Sliding(1_000)));
    world.pass_s(11);
    assert_eq!(world.ask("a", get("/x")), ["SNAPSHOT /x=1@1"]);
    assert_eq!(world.ask("a", get("/y")), ["ERROR 201 /y"]);
    assert_eq!(world.ask("a", get("/z")), ["SNAPSHOT /z=null@1"]);
}

#[test]
fn revisions_go_on_after_a_param_expired() {
    let mut world = with_default_ttl(10);
    for _ in 0..4 {
        world.send("a", set("/x", 1));
    }
    world.pass_s(11);
    assert_eq!(world.ask("a", set("/x", 1)), ["ACK /x rev=5"]);
    world.jump_s(11);
    assert_eq!(world.ask("a", set("/x", 1)), ["ACK /x rev=6"]);
    assert_eq!(world.ask("a", set("/fresh", 1)), ["ACK /fresh rev=1"]);
}

#[test]
fn forgotten_revisions_leave_a_floor_under_later_ones() {
    let mut world = World::configured(|config| {
        config.params.ttl_s = 10;
        config.params.tombstones_max = 16;
    });
    world.join("a");
    for _ in 0..9 {
        world.send("a", set("/often", 1));
    }
    for number in 0..200 {
        world.send("a", set(&format!("/once/{number}"), 1));
    }
    world.pass_s(11);
    world.forget();
    world.send("a", set("/often", 1));
    let acked = world.told("a");
    let revision: u64 = acked[0].rsplit('=').next().unwrap().parse().unwrap();
    assert!(revision >= 10, "{acked:?}");
    for number in 0..200 {
        let address = format!("/once/{number}");
        let acked = world.ask("a", set(&address, 1));
        let revision: u64 = acked[0].rsplit('=').next().unwrap().parse().unwrap();
        assert!(revision >= 2, "{acked:?}");
    }
}

#[test]
fn expiry_is_silent_unless_the_operator_wants_it_told() {
    let mut world = with_default_ttl(10);
    world.send("b", subscribe(1, "/x"));
    world.send("a", set("/x", 1));
    world.forget();
    world.pass_s(12);
    world.hears_nothing("b");
}

#[test]
fn told_expiry_is_a_set_of_null_with_a_newer_revision() {
    let mut world = World::configured(|config| {
        config.params.ttl_s = 10;
        config.params.notify_expiry = true;
    });
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/x"));
    world.send("a", set("/x", 1));
    world.send("a", set("/x", 2));
    world.forget();
    world.pass_s(12);
    world.sees("b", ["SET /x null rev=3"]);
    world.send("a", set("/x", 3));
    world.sees("b", ["SET /x 3 rev=4"]);
}

#[test]
fn many_params_expire_at_once() {
    let mut world = with_default_ttl(10);
    for number in 0..5_000 {
        world.send("a", set(&format!("/x/{number}"), number).fire());
    }
    world.pass_s(12);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 0.0);
    assert_eq!(world.metric("clasp_state_bytes", &[]), 0.0);
    assert_eq!(world.metric("clasp_evictions_total", &["expired"]), 5_000.0);
}

#[test]
fn the_tick_that_follows_a_long_pause_still_expires_everything() {
    let mut world = with_default_ttl(10);
    for number in 0..100 {
        world.send("a", set(&format!("/x/{number}"), number).fire());
    }
    world.jump_s(1_000_000);
    world.router.tick(world.now);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 0.0);
}
