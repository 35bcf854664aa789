//! A full store: what goes, what stays, what is refused (routing.md 4.6).

use clasp_protocol::message::Ttl;

use crate::support::*;

fn with_room_for(params: usize) -> World {
    let mut world = World::configured(|config| config.params.count_max = params);
    world.join("a");
    world.join("b");
    world
}

fn fill(world: &mut World, folder: &str, count: usize) {
    for number in 0..count {
        world.send("a", set(&format!("{folder}/{number}"), 1).fire());
        world.jump_us(1);
    }
}

/// How many params of a folder are in the store.
fn count(world: &mut World, folder: &str) -> usize {
    world.join("counts");
    world.forget();
    world.send("counts", subscribe(1, &format!("{folder}/*")));
    let count = world.snapshots("counts").len();
    world.leave("counts");
    count
}

#[test]
fn a_new_param_evicts_an_old_one_when_the_store_is_full() {
    let mut world = with_room_for(10);
    fill(&mut world, "/old", 10);
    assert_eq!(world.ask("a", set("/new", 1)), ["ACK /new rev=1"]);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 10.0);
    assert_eq!(world.metric("clasp_evictions_total", &["capacity"]), 1.0);
    assert_eq!(count(&mut world, "/old"), 9);
}

#[test]
fn updates_always_work() {
    let mut world = with_room_for(3);
    fill(&mut world, "/x", 3);
    for _ in 0..10 {
        world.send("b", set("/x/1", 2));
    }
    assert_eq!(world.ask("b", set("/x/1", 2)), ["ACK /x/1 rev=12"]);
    assert_eq!(count(&mut world, "/x"), 3);
}

#[test]
fn revisions_go_on_after_an_eviction() {
    let mut world = with_room_for(1);
    for _ in 0..5 {
        world.send("a", set("/x", 1));
    }
    world.send("a", set("/y", 1));
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
    assert_eq!(world.ask("a", set("/x", 1)), ["ACK /x rev=6"]);
}

#[test]
fn what_was_read_lately_stays_and_what_was_not_goes() {
    let mut world = with_room_for(1_600);
    fill(&mut world, "/read", 800);
    fill(&mut world, "/unread", 800);
    world.jump_s(1);
    for number in 0..800 {
        world.send("b", get(&format!("/read/{number}")));
    }
    fill(&mut world, "/new", 400);
    let [read, unread, new] = ["/read", "/unread", "/new"].map(|folder| count(&mut world, folder));
    assert_eq!(read + unread + new, 1_600);
    assert!(read >= 780, "{read} of 800 that were read lately are left");
    assert!(new >= 390, "{new} of 400 new ones are left");
}

#[test]
fn locked_params_and_those_that_never_expire_are_not_evicted() {
    let mut world = with_room_for(20);
    for number in 0..5 {
        world.send("a", set(&format!("/locked/{number}"), 1).lock());
        world.send("a", set(&format!("/never/{number}"), 1).ttl(Ttl::Never));
    }
    fill(&mut world, "/x", 200);
    assert_eq!(count(&mut world, "/locked"), 5);
    assert_eq!(count(&mut world, "/never"), 5);
    assert_eq!(count(&mut world, "/x"), 10);
}

#[test]
fn when_nothing_may_go_new_params_are_refused() {
    let mut world = with_room_for(4);
    world.send("b", subscribe(1, "/new"));
    for number in 0..2 {
        world.send("a", set(&format!("/locked/{number}"), 1).lock());
        world.send("a", set(&format!("/never/{number}"), 1).ttl(Ttl::Never));
    }
    assert_eq!(world.ask("a", set("/new", 1)), ["ERROR 503 /new"]);
    assert_eq!(world.ask("a", bundle([set("/never/0", 2), set("/new", 1)])), ["ERROR 503 /new"]);
    world.hears_nothing("b");
    assert_eq!(world.ask("a", get("/never/0")), ["SNAPSHOT /never/0=1@1"]);
    assert_eq!(world.ask("a", set("/locked/0", 2)), ["ACK /locked/0 rev=2"]);
}

#[test]
fn a_param_whose_lock_ended_may_go_again() {
    let mut world = World::configured_with(World::badges(), |config| {
        config.params.count_max = 1;
        config.params.lock_grace_s = 10;
    });
    world.join_with("sam", "sam|admin:/**");
    world.join_with("kim", "kim|admin:/**");
    world.send("sam", set("/x", 1).lock());
    world.leave("sam");
    assert_eq!(world.ask("kim", set("/y", 1)), ["ERROR 503 /y"]);
    world.pass_s(11);
    assert_eq!(world.ask("kim", set("/y", 1)), ["ACK /y rev=1"]);
}

#[test]
fn an_operator_may_prefer_refusals_to_evictions() {
    let mut world = World::configured(|config| {
        config.params.count_max = 2;
        config.params.reject_new = true;
    });
    world.join("a");
    fill(&mut world, "/x", 2);
    assert_eq!(world.ask("a", set("/y", 1)), ["ERROR 503 /y"]);
    assert_eq!(world.ask("a", bundle([set("/y", 1)])), ["ERROR 503 /y"]);
    assert_eq!(world.ask("a", set("/x/0", 2)), ["ACK /x/0 rev=2"]);
    assert_eq!(world.metric("clasp_evictions_total", &["capacity"]), 0.0);
}

#[test]
fn expired_params_make_room_even_where_new_ones_are_refused() {
    let mut world = World::configured(|config| {
        config.params.count_max = 1;
        config.params.reject_new = true;
        config.params.ttl_s = 10;
    });
    world.join("a");
    world.send("a", set("/x", 1));
    world.pass_s(12);
    assert_eq!(world.ask("a", set("/y", 1)), ["ACK /y rev=1"]);
}

#[test]
fn a_session_may_create_only_so_many_params_that_live() {
    let mut world = World::configured(|config| config.params.created_per_session_max = 3);
    world.join("a");
    world.join("b");
    fill(&mut world, "/x", 3);
    assert_eq!(world.ask("a", set("/y", 1)), ["ERROR 503 /y"]);
    assert_eq!(world.ask("a", set("/x/1", 2)), ["ACK /x/1 rev=2"]);
    assert_eq!(world.ask("b", set("/y", 1)), ["ACK /y rev=1"]);
    assert_eq!(world.ask("a", set("/y", 2)), ["ACK /y rev=2"]);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 4.0);
}

#[test]
fn params_that_are_gone_do_not_count_against_their_creator() {
    let mut world = World::configured(|config| config.params.created_per_session_max = 2);
    world.join("a");
    world.send("a", set("/x", 1).ttl(Ttl::Absolute(5)));
    world.send("a", set("/y", 1).ttl(Ttl::Absolute(500)));
    assert_eq!(world.ask("a", set("/z", 1)), ["ERROR 503 /z"]);
    world.pass_s(6);
    assert_eq!(world.ask("a", set("/z", 1)), ["ACK /z rev=1"]);
}

#[test]
fn a_refused_bundle_does_not_count_against_its_sender() {
    let mut world = World::configured(|config| config.params.created_per_session_max = 2);
    world.join("a");
    for _ in 0..5 {
        let refused = bundle([set("/x", 1), set("/y", 1), set("/z", 1)]);
        assert_eq!(world.ask("a", refused), ["ERROR 503 /z"]);
    }
    assert_eq!(world.metric("clasp_state_params_active", &[]), 0.0);
    assert_eq!(world.metric("clasp_state_bytes", &[]), 0.0);
    assert_eq!(world.ask("a", bundle([set("/x", 1), set("/y", 1)])), ["ACK rev=1"]);
}

#[test]
fn bytes_are_limited_too() {
    let mut world = World::configured(|config| {
        config.params.count_max = 0;
        config.params.bytes_max = 100_000;
    });
    world.join("a");
    for number in 0..100 {
        world.send("a", set(&format!("/x/{number}"), long_text(10_000)));
        assert!(world.metric("clasp_state_bytes", &[]) < 111_000.0);
    }
    assert!(world.metric("clasp_state_params_active", &[]) >= 9.0);
}

#[test]
fn a_bundle_evicts_as_well_when_only_bytes_are_limited() {
    let mut world = World::configured(|config| {
        config.params.count_max = 0;
        config.params.bytes_max = 30_000;
    });
    world.join("a");
    for number in 0..3 {
        world.send("a", set(&format!("/old/{number}"), long_text(10_000)));
    }
    world.forget();
    assert_eq!(world.ask("a", bundle([set("/new/1", 1), set("/new/2", 2)])), ["ACK rev=1"]);
}

#[test]
fn a_bundle_makes_room_for_all_its_params_or_for_none() {
    let mut world = with_room_for(4);
    fill(&mut world, "/x", 4);
    let three = [set("/y/1", 1), set("/y/2", 1), set("/y/2", 2), set("/y/3", 1)];
    assert_eq!(world.ask("a", bundle(three)), ["ACK rev=1"]);
    assert_eq!(count(&mut world, "/y"), 3);
    assert_eq!(count(&mut world, "/x"), 1);
    let five = (0..5).map(|number| set(&format!("/z/{number}"), 1));
    let told = world.ask("a", bundle(five));
    assert!(told[0].starts_with("ERROR 503 /z/"), "{told:?}");
    assert_eq!(count(&mut world, "/z"), 0);
}

#[test]
fn a_bundle_never_evicts_what_it_updates() {
    for _ in 0..40 {
        let mut world = with_room_for(2);
        fill(&mut world, "/x", 2);
        let both = bundle([set("/x/0", 2).expecting(1), set("/y", 1)]);
        assert_eq!(world.ask("a", both), ["ACK rev=1"]);
        assert_eq!(world.ask("a", get("/x/0")), ["SNAPSHOT /x/0=2@2"]);
    }
}

#[test]
fn no_limits_mean_no_limits() {
    let mut world = World::configured(|config| {
        config.params.count_max = 0;
        config.params.bytes_max = 0;
        config.params.created_per_session_max = 0;
    });
    world.join("a");
    fill(&mut world, "/x", 12_000);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 12_000.0);
}

#[test]
fn addresses_without_params_are_forgotten_in_time() {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/last/**"));
    for number in 0..100_000 {
        world.send("a", event(&format!("/x/{number}"), ()));
    }
    world.send("a", event("/last/one", 1));
    world.sees("b", ["PUBLISH event /last/one 1"]);
}
