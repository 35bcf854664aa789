//! The example config of a chat with registered users and guests, on the executable.

use clasp_protocol::message::{Publish, Replay, Set, SignalType, Subscribe};
use clasp_protocol::value::Value;
use clasp_protocol::{Message, Qos, RawValue};
use serde_json::json;

use crate::api::{Api, hello, join, start};
use crate::client::{Client, Event};
use crate::folder::Folder;
use crate::support::Relay;

/// What nobody but its writer may ever see.
const HASH: &str = "a-password-hash";

async fn chat(folder: &Folder) -> (Relay, Api) {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat.json");
    let journal = folder.file("journal.db");
    start(folder, &["--app-config", config, "--journal", &journal]).await
}

/// The token of a new user, or with `guest` of a guest, who is called and known as `name`.
async fn token(api: Api, name: &str, guest: bool) -> String {
    let route = if guest { "/auth/guest" } else { "/auth/register" };
    let body = json!({
        "user_id": name, "username": name, "name": name, "password": "secret123",
    });
    api.post(route, &body).await.text("token").to_owned()
}

fn map(entries: &[(&str, &str)]) -> RawValue<'static> {
    let entries = entries.iter().map(|(k, v)| ((*k).to_owned(), Value::String((*v).to_owned())));
    RawValue::try_from(&Value::Map(entries.collect())).unwrap()
}

/// Metadata of a room of `ann`.
fn room(name: &str) -> RawValue<'static> {
    map(&[("creatorId", "ann"), ("name", name), ("passwordHash", HASH)])
}

fn from(name: &str) -> RawValue<'static> {
    map(&[("fromId", name)])
}

/// Whether a SET is acknowledged; a refusal has to be one of the rules, not of the scopes.
async fn may(client: &mut Client, address: &str, value: RawValue<'static>) -> bool {
    client.send(&Message::Set(Set::new(address, value)), Qos::Confirm).await;
    loop {
        match client.next().await.message() {
            Message::Ack(_) => return true,
            Message::Error(error) => {
                assert_eq!(error.code, 403, "{error:?}");
                return false;
            }
            _ => {}
        }
    }
}

async fn subscribe(client: &mut Client, pattern: &str) {
    let subscribe = Subscribe { id: 1, pattern: pattern.into(), types: 0xff, options: None };
    client.send(&Message::Subscribe(subscribe), Qos::Fire).await;
}

fn holds(event: &Event, text: &str) -> bool {
    let Event::Frame(payload) = event else { panic!("{event:?}") };
    payload.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Everything told up to the first frame with this text.
async fn told_until(client: &mut Client, text: &str) -> Vec<Event> {
    let mut told = Vec::new();
    loop {
        told.push(client.next().await);
        if told.last().is_some_and(|event| holds(event, text)) {
            return told;
        }
    }
}

#[tokio::test]
async fn messages_are_for_friends_and_rooms_are_their_creators() {
    let folder = Folder::new();
    let (relay, api) = chat(&folder).await;
    let mut ann = join(relay.address, &token(api, "ann", false).await).await;
    let mut bob = join(relay.address, &token(api, "bob", false).await).await;
    let mut gus = join(relay.address, &token(api, "gus", true).await).await;

    let to_bob = "/chat/user/bob/dms/r";
    assert!(!may(&mut ann, to_bob, from("ann")).await, "no friends");
    assert!(may(&mut bob, "/chat/user/bob/friends/ann", RawValue::bool(true)).await);
    subscribe(&mut bob, "/chat/user/bob/dms/*").await;
    assert!(may(&mut ann, to_bob, from("ann")).await, "friends");
    told_until(&mut bob, to_bob).await;
    assert!(!may(&mut ann, to_bob, from("bob")).await, "in another's name");
    assert!(!may(&mut gus, to_bob, from("gus")).await, "a guest who is no friend");

    assert!(may(&mut ann, "/chat/room/r/meta", room("first")).await);
    for other in [&mut bob, &mut gus] {
        assert!(!may(other, "/chat/room/r/meta", room("mine")).await);
        assert!(!may(other, "/chat/room/r/admin/bob", RawValue::bool(true)).await);
        assert!(!may(other, "/chat/room/r/bans/ann", RawValue::bool(true)).await);
    }
    assert!(may(&mut ann, "/chat/room/r/admin/bob", RawValue::bool(true)).await);
    assert!(may(&mut bob, "/chat/room/r/bans/gus", RawValue::bool(true)).await, "an admin");
    assert!(!may(&mut gus, "/chat/room/r/bans/gus", RawValue::null()).await);
}

#[tokio::test]
async fn a_room_shows_its_inside_to_members_and_its_password_to_nobody() {
    let folder = Folder::new();
    let (relay, api) = chat(&folder).await;
    let (ann, bob) = (token(api, "ann", false).await, token(api, "bob", false).await);
    let eve = token(api, "eve", true).await;
    let mut creator = join(relay.address, &ann).await;
    let mut member = join(relay.address, &bob).await;
    let mut outsider = join(relay.address, &eve).await;
    assert!(may(&mut creator, "/chat/room/r/meta", room("first")).await);
    assert!(may(&mut member, "/chat/room/r/presence/bob", RawValue::bool(true)).await);
    subscribe(&mut member, "/chat/room/**").await;
    told_until(&mut member, "presence/bob").await;
    subscribe(&mut outsider, "/chat/room/**").await;
    let seen = told_until(&mut outsider, "/chat/room/r/meta").await;
    assert!(!seen.iter().any(|it| holds(it, HASH) || holds(it, "presence")), "{seen:?}");

    let said = Publish {
        value: Some(RawValue::str("hush").unwrap()),
        ..Publish::new("/chat/room/r/messages", SignalType::Event)
    };
    creator.send(&Message::Publish(said), Qos::Fire).await;
    assert!(may(&mut creator, "/chat/room/r/meta", room("second")).await);
    let live = told_until(&mut member, "second").await;
    assert!(live.iter().any(|it| holds(it, "hush")) && !live.iter().any(|it| holds(it, HASH)));
    let live = told_until(&mut outsider, "second").await;
    assert!(!live.iter().any(|it| holds(it, HASH) || holds(it, "hush")), "{live:?}");

    for (session, inside) in [(&mut member, true), (&mut outsider, false)] {
        let replay = Replay {
            pattern: "/chat/room/r/**".into(),
            from: None,
            to: None,
            limit: None,
            types: 0xff,
        };
        session.send(&Message::Replay(replay), Qos::Fire).await;
        let told = told_until(session, "second").await;
        assert!(told.iter().any(|it| holds(it, "first")), "from the beginning: {told:?}");
        assert_eq!(told.iter().any(|it| holds(it, "hush")), inside, "{told:?}");
        assert!(!told.iter().any(|it| holds(it, HASH)), "{told:?}");
    }

    for (token, inside) in [(&bob, true), (&eve, false)] {
        let (mut late, _) = hello(relay.address, Some(token)).await;
        let snapshot = told_until(&mut late, "second").await;
        assert_eq!(snapshot.iter().any(|it| holds(it, "presence/bob")), inside, "{snapshot:?}");
        assert!(!snapshot.iter().any(|it| holds(it, HASH)), "{snapshot:?}");
    }
}
