//! Locks: who holds them, who may write, when they end (routing.md 4.4).

use crate::support::*;

fn two() -> World {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world
}

#[test]
fn a_lock_keeps_others_out_and_lets_its_holder_write() {
    let mut world = two();
    assert_eq!(world.ask("a", set("/x", 1).lock()), ["ACK /x rev=1 locked=true holder=a"]);
    assert_eq!(world.ask("b", set("/x", 2)), ["ERROR 401 /x"]);
    assert_eq!(world.ask("b", set("/x", 2).lock()), ["ERROR 401 /x"]);
    assert_eq!(world.ask("a", set("/x", 3)), ["ACK /x rev=2"]);
    assert_eq!(world.ask("b", set("/x", 2)), ["ERROR 401 /x"]);
    assert_eq!(world.ask("a", get("/x")), ["SNAPSHOT /x=3@2"]);
}

#[test]
fn an_existing_param_can_be_locked_by_anybody() {
    let mut world = two();
    world.send("a", set("/x", 1));
    assert_eq!(world.ask("b", set("/x", 2).lock()), ["ACK /x rev=2 locked=true holder=b"]);
    assert_eq!(world.ask("a", set("/x", 3)), ["ERROR 401 /x"]);
}

#[test]
fn the_holder_may_lock_again_and_unlock_with_a_value() {
    let mut world = two();
    world.send("a", set("/x", 1).lock());
    assert_eq!(world.ask("a", set("/x", 2).lock()), ["ACK /x rev=2 locked=true holder=a"]);
    assert_eq!(world.ask("a", set("/x", 3).unlock()), ["ACK /x rev=3 locked=false"]);
    assert_eq!(world.ask("b", set("/x", 4)), ["ACK /x rev=4"]);
}

#[test]
fn both_flags_together_leave_the_param_locked() {
    let mut world = two();
    world.send("a", set("/x", 1).lock());
    assert_eq!(world.ask("a", set("/x", 2).lock().unlock()), ["ACK /x rev=2 locked=true holder=a"]);
    assert_eq!(world.ask("b", set("/x", 3)), ["ERROR 401 /x"]);
}

#[test]
fn unlock_is_no_way_around_a_lock() {
    let mut world = two();
    world.send("a", set("/x", 1).lock());
    assert_eq!(world.ask("b", set("/x", 2).unlock()), ["ERROR 401 /x"]);
    assert_eq!(world.ask("b", set("/x", 2).lock().unlock()), ["ERROR 401 /x"]);
    assert_eq!(world.ask("b", bundle([set("/x", 2).unlock()])), ["ERROR 401 /x"]);
    assert_eq!(world.ask("b", get("/x")), ["SNAPSHOT /x=1@1"]);
}

#[test]
fn unlocking_what_is_not_locked_is_an_ordinary_write() {
    let mut world = two();
    assert_eq!(world.ask("a", set("/x", 1).unlock()), ["ACK /x rev=1 locked=false"]);
    assert_eq!(world.ask("b", set("/x", 2).unlock()), ["ACK /x rev=2 locked=false"]);
}

#[test]
fn the_refusal_does_not_tell_who_holds_the_lock() {
    let mut world = two();
    world.send("a", set("/x", 1).lock());
    let holder = world.id("a");
    world.send("b", set("/x", 2));
    let texts = world.error_texts("b");
    assert_eq!(texts.len(), 1);
    assert!(!texts[0].contains(&holder));
}

#[test]
fn a_lock_ends_with_its_session() {
    let mut world = two();
    world.send("a", set("/x", 1).lock());
    world.send("a", bundle([set("/y", 1).lock(), set("/z", 1)]));
    world.leave("a");
    assert_eq!(world.ask("b", set("/x", 2)), ["ACK /x rev=2"]);
    assert_eq!(world.ask("b", set("/y", 2)), ["ACK /y rev=2"]);
    world.join("a");
    assert_eq!(world.ask("a", set("/x", 3)), ["ACK /x rev=3"]);
}

#[test]
fn a_session_releases_only_its_own_locks() {
    let mut world = two();
    world.send("a", set("/x", 1).lock());
    world.send("a", set("/x", 2).unlock());
    world.send("b", set("/x", 3).lock());
    world.leave("a");
    world.join("c");
    assert_eq!(world.ask("c", set("/x", 4)), ["ERROR 401 /x"]);
    assert_eq!(world.ask("b", set("/x", 4)), ["ACK /x rev=4"]);
}

#[test]
fn a_lock_that_expired_with_its_param_does_not_come_back() {
    use clasp_protocol::message::Ttl;
    let mut world = two();
    world.send("a", set("/x", 1).lock().ttl(Ttl::Absolute(5)));
    world.pass_s(6);
    assert_eq!(world.ask("b", set("/x", 2).lock()), ["ACK /x rev=2 locked=true holder=b"]);
    world.leave("a");
    world.join("c");
    assert_eq!(world.ask("c", set("/x", 3)), ["ERROR 401 /x"]);
}

#[test]
fn a_refused_bundle_leaves_locks_as_they_were() {
    let mut world = two();
    world.send("a", set("/held", 1).lock());
    world.send("b", set("/mine", 1).lock());
    let refused = bundle([set("/mine", 2).unlock(), set("/fresh", 1).lock(), set("/held", 2)]);
    assert_eq!(world.ask("b", refused), ["ERROR 401 /held"]);
    assert_eq!(world.ask("a", set("/mine", 3)), ["ERROR 401 /mine"]);
    assert_eq!(world.ask("a", set("/fresh", 1)), ["ACK /fresh rev=1"]);
    world.leave("b");
    assert_eq!(world.ask("a", set("/mine", 3)), ["ACK /mine rev=2"]);
}

#[test]
fn a_bundle_sees_the_locks_it_takes_and_releases() {
    let mut world = two();
    let turns = bundle([set("/x", 1).lock(), set("/x", 2), set("/x", 3).unlock()]);
    assert_eq!(world.ask("a", turns), ["ACK rev=3"]);
    assert_eq!(world.ask("b", set("/x", 4)), ["ACK /x rev=4"]);
}

/// Sessions with identities; a lock waits ten seconds for its holder's.
fn with_grace() -> World {
    let mut world =
        World::configured_with(World::badges(), |config| config.params.lock_grace_s = 10);
    world.join_with("sam", "sam|admin:/**");
    world.join_with("kim", "kim|admin:/**");
    world
}

#[test]
fn during_the_grace_only_the_same_subject_may_take_the_lock_over() {
    let mut world = with_grace();
    world.send("sam", set("/x", 1).lock());
    world.leave("sam");
    world.pass_s(5);
    assert_eq!(world.ask("kim", set("/x", 2)), ["ERROR 401 /x"]);
    world.join_with("sam", "sam|admin:/**");
    assert_eq!(world.ask("sam", set("/x", 2)), ["ACK /x rev=2"]);
    world.pass_s(20);
    assert_eq!(world.ask("kim", set("/x", 3)), ["ERROR 401 /x"]);
    assert_eq!(world.ask("sam", set("/x", 3).unlock()), ["ACK /x rev=3 locked=false"]);
}

#[test]
fn the_grace_is_counted_from_the_end_of_the_session_and_not_from_the_last_tick() {
    let mut world = with_grace();
    world.send("sam", set("/x", 1).lock());
    world.jump_us(900_000);
    world.leave("sam");
    world.pass_us(9_999_999);
    assert_eq!(world.ask("kim", set("/x", 2)), ["ERROR 401 /x"]);
    world.pass_us(1);
    assert_eq!(world.ask("kim", set("/x", 2)), ["ACK /x rev=2"]);
}

#[test]
fn after_the_grace_the_param_is_free() {
    let mut world = with_grace();
    world.send("sam", set("/x", 1).lock());
    world.leave("sam");
    world.pass_s(11);
    assert_eq!(world.ask("kim", set("/x", 2)), ["ACK /x rev=2"]);
    world.join_with("lou", "lou|admin:/**");
    assert_eq!(world.ask("lou", set("/x", 3)), ["ACK /x rev=3"]);
}

#[test]
fn a_session_without_identity_gets_no_grace() {
    let mut world = World::configured(|config| config.params.lock_grace_s = 10);
    world.join("a");
    world.join("b");
    world.send("a", set("/x", 1).lock());
    world.leave("a");
    assert_eq!(world.ask("b", set("/x", 2)), ["ACK /x rev=2"]);
}

#[test]
fn the_same_subject_in_another_session_has_to_wait_while_the_holder_is_there() {
    let mut world = with_grace();
    world.send("sam", set("/x", 1).lock());
    world.join_with("sam at home", "sam|admin:/**");
    assert_eq!(world.ask("sam at home", set("/x", 2)), ["ERROR 401 /x"]);
    world.leave("sam");
    assert_eq!(world.ask("sam at home", set("/x", 2).unlock()), ["ACK /x rev=2 locked=false"]);
}
