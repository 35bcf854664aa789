//! The example config of a chat, decision by decision (relay.md 13.7, 25.3).

use std::sync::Arc;

use clasp_app::AppPolicy;
use clasp_protocol::RawValue;

use crate::people::{enter, may, world_of};
use crate::support::*;

const CHAT: &str = include_str!("../../../../deploy/relay/examples/chat.json");

fn chat(names: &[&str]) -> (World, Arc<AppPolicy>) {
    let (mut world, policy) = world_of(CHAT);
    for name in names {
        enter(&mut world, &policy, name);
    }
    (world, policy)
}

fn from(name: &str) -> RawValue<'static> {
    map(&[("fromId", name)])
}

fn by(name: &str) -> RawValue<'static> {
    map(&[("creatorId", name), ("name", "lobby"), ("passwordHash", "h"), ("passwordSalt", "s")])
}

/// A room of `ann`, in which she and `bob` are.
fn room() -> World {
    let (mut world, _) = chat(&["ann", "bob", "eve"]);
    assert!(may(&mut world, "ann", set("/chat/room/r/meta", by("ann"))));
    for name in ["ann", "bob"] {
        assert!(may(&mut world, name, set(&format!("/chat/room/r/presence/{name}"), "here")));
    }
    world.forget();
    world
}

#[test]
fn it_has_the_parts_that_it_is_known_for() {
    let (_, policy) = chat(&[]);
    let expected = "22 scopes, 8 write rules, 9 visibility rules, 1 redaction";
    assert_eq!(policy.config().outline(), expected);
    let quotas = *policy.config().quotas();
    assert_eq!((quotas.login.attempts, quotas.register.attempts), (5, 10));
}

#[test]
fn a_dm_needs_its_sender_and_a_friendship_in_either_direction() {
    let (mut world, _) = chat(&["ann", "bob"]);
    let to_bob = "/chat/user/bob/dms/r";
    assert!(!may(&mut world, "ann", set(to_bob, from("ann"))), "no friends");
    assert!(may(&mut world, "bob", set("/chat/user/bob/friends/ann", "yes")));
    assert!(may(&mut world, "ann", set(to_bob, from("ann"))), "bob calls ann a friend");
    assert!(may(&mut world, "bob", set("/chat/user/ann/dms/r", from("bob"))), "and back");
    assert!(!may(&mut world, "ann", set(to_bob, from("bob"))), "in another's name");
    assert!(!may(&mut world, "ann", set(to_bob, "hi")), "no sender");
    assert!(!may(&mut world, "ann", bundle([set(to_bob, "hi")])), "also not in a bundle");
    assert!(may(&mut world, "bob", set("/chat/user/bob/friends/ann", ())));
    assert!(!may(&mut world, "ann", set(to_bob, from("ann"))), "not any more");
}

#[test]
fn a_dm_of_null_needs_nothing() {
    let (mut world, _) = chat(&["ann", "bob"]);
    assert!(may(&mut world, "ann", set("/chat/user/bob/dms/r", ())));
}

#[test]
fn a_dm_is_seen_by_its_receiver_alone() {
    let (mut world, _) = chat(&["ann", "bob", "eve"]);
    world.send("bob", set("/chat/user/bob/friends/ann", "yes"));
    world.send("bob", subscribe(1, "/chat/user/bob/**"));
    world.forget();
    assert_eq!(
        world.ask("eve", subscribe(1, "/chat/user/bob/**")),
        ["ERROR 301 /chat/user/bob/**"]
    );
    world.send("ann", set("/chat/user/bob/dms/r", from("ann")));
    world.sees("bob", ["SET /chat/user/bob/dms/r {fromId: \"ann\"} rev=1"]);
    for name in ["ann", "eve"] {
        world.told(name);
        let told = world.ask(name, get("/chat/user/bob/dms/r"));
        assert_eq!(told, ["ERROR 201 /chat/user/bob/dms/r"], "{name}");
    }
}

#[test]
fn a_friend_request_has_two_segments_and_ends_in_its_sender() {
    let (mut world, _) = chat(&["ann", "bob"]);
    assert!(may(&mut world, "ann", set("/chat/requests/bob/ann", "please")));
    assert!(may(&mut world, "ann", set("/chat/requests/bob/ann", ())), "withdrawn");
    for address in ["/chat/requests/bob/bob", "/chat/requests/bob", "/chat/requests/bob/x/ann"] {
        assert!(!may(&mut world, "ann", set(address, "please")), "{address}");
        assert!(!may(&mut world, "ann", event(address, "please")), "{address}");
    }
}

#[test]
fn a_friend_request_is_seen_by_whom_it_is_for() {
    let (mut world, _) = chat(&["ann", "bob"]);
    world.send("ann", set("/chat/requests/bob/ann", "please"));
    assert_eq!(
        world.ask("bob", subscribe(1, "/chat/requests/bob/*")),
        ["SNAPSHOT /chat/requests/bob/ann=\"please\"@1"]
    );
    let told = world.ask("ann", get("/chat/requests/bob/ann"));
    assert_eq!(told, ["ERROR 201 /chat/requests/bob/ann"]);
}

#[test]
fn a_room_is_its_creators() {
    let mut world = room();
    assert!(!may(&mut world, "bob", set("/chat/room/r/meta", by("bob"))));
    assert!(may(&mut world, "ann", set("/chat/room/r/meta", by("ann"))));
    assert!(may(&mut world, "bob", set("/chat/room/new/meta", by("bob"))), "nobody has it");
    assert!(!may(&mut world, "bob", set("/chat/room/r/admin/bob", true)));
    assert!(!may(&mut world, "bob", set("/chat/room/none/admin/bob", true)), "there is no room");
    assert!(may(&mut world, "ann", set("/chat/room/r/admin/bob", true)));
}

#[test]
fn bans_are_for_creator_and_admins() {
    let mut world = room();
    let ban = || set("/chat/room/r/bans/eve", true);
    assert!(!may(&mut world, "bob", ban()));
    assert!(may(&mut world, "ann", ban()));
    assert!(may(&mut world, "ann", set("/chat/room/r/admin/bob", true)));
    assert!(may(&mut world, "bob", ban()));
    assert!(may(&mut world, "ann", set("/chat/room/r/admin/bob", ())));
    assert!(!may(&mut world, "bob", ban()), "an admin no more");
}

#[test]
fn a_deleted_room_stays_its_creators_only_as_long_as_the_null_names_nobody() {
    let mut world = room();
    assert!(may(&mut world, "ann", set("/chat/room/r/meta", ())));
    for name in ["ann", "bob"] {
        assert!(!may(&mut world, name, set("/chat/room/r/meta", by(name))), "null is there");
    }
}

#[test]
fn names_are_for_those_who_made_them() {
    let (mut world, _) = chat(&["ann", "bob"]);
    let (ns, auth) = ("/chat/registry/ns-meta/art", "/chat/registry/ns-meta/art/__auth");
    assert!(!may(&mut world, "ann", set(auth, "secret")), "there is no name yet");
    assert!(may(&mut world, "ann", set(ns, by("ann"))));
    assert!(may(&mut world, "ann", set(auth, "secret")));
    assert!(!may(&mut world, "bob", set(ns, by("bob"))) && !may(&mut world, "bob", set(auth, "x")));
}

#[test]
fn auth_is_hidden_for_all() {
    let (mut world, _) = chat(&["ann", "bob"]);
    world.send("ann", subscribe(1, "/chat/registry/**"));
    world.send("ann", set("/chat/registry/ns-meta/art", by("ann")).fire());
    world.forget();
    world.send("ann", set("/chat/registry/ns-meta/art/__auth", "secret").fire());
    world.hears_nothing("ann");
    let told = world.ask("ann", get("/chat/registry/ns-meta/art/__auth"));
    assert_eq!(told, ["ERROR 201 /chat/registry/ns-meta/art/__auth"]);
    assert!(!world.ask("ann", replay("/chat/registry/**")).concat().contains("secret"));
}

#[test]
fn those_who_are_not_in_a_room_do_not_see_into_it() {
    let mut world = room();
    for name in ["bob", "eve"] {
        world.send(name, subscribe(1, "/chat/room/*/messages"));
        world.send(name, subscribe(2, "/chat/room/r/**"));
    }
    let shown = world.told("eve").concat();
    assert!(shown.contains("/chat/room/r/meta") && !shown.contains("presence"), "{shown}");
    world.forget();
    world.send("ann", event("/chat/room/r/messages", "hello").fire());
    world.send("ann", bundle([event("/chat/room/r/messages", "again")]).fire());
    world.hears_nothing("eve");
    assert_eq!(world.told("bob").len(), 2);
    assert_eq!(
        world.ask("eve", replay("/chat/room/r/messages")),
        ["ACK /chat/room/r/messages rev=0"]
    );
    world.send("eve", set("/chat/room/r/presence/eve", "here").fire());
    world.send("ann", event("/chat/room/r/messages", "welcome").fire());
    assert!(world.told("eve").concat().contains("welcome"), "who comes in sees");
    world.send("bob", set("/chat/room/r/presence/bob", ()).fire());
    world.forget();
    world.send("ann", event("/chat/room/r/messages", "bye").fire());
    world.hears_nothing("bob");
}

#[test]
fn the_password_of_a_room_is_seen_by_nobody() {
    let mut world = room();
    world.send("bob", subscribe(1, "/chat/room/r/meta"));
    world.send("bob", get("/chat/room/r/meta"));
    world.send("ann", set("/chat/room/r/meta", by("ann")).fire());
    world.send("ann", bundle([set("/chat/room/r/meta", by("ann"))]).fire());
    world.send("bob", replay("/chat/room/r/meta"));
    let told = world.told("bob");
    assert_eq!(told.iter().filter(|line| line.contains("lobby")).count(), 7, "{told:#?}");
    assert!(!told.concat().contains("password"), "{told:#?}");
}

#[test]
fn a_profile_is_public_and_the_rest_of_a_user_is_not() {
    let (mut world, _) = chat(&["ann", "bob"]);
    world.send("ann", set("/chat/user/ann/profile", "Ann"));
    world.send("ann", set("/chat/user/ann/signingKey", "key"));
    world.forget();
    let told = world.ask("bob", get("/chat/user/ann/profile"));
    assert_eq!(told, ["SNAPSHOT /chat/user/ann/profile=\"Ann\"@1"]);
    assert_eq!(
        world.ask("bob", get("/chat/user/ann/signingKey")),
        ["ERROR 301 /chat/user/ann/signingKey"]
    );
    assert_eq!(world.ask("ann", get("/chat/user/ann/signingKey")).len(), 1);
}
