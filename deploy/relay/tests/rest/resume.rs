//! Streams that go on where an earlier one broke off: by the journal, or with the present state.

use serde_json::json;

use crate::folder::Folder;
use crate::support::Relay;
use crate::web::{Stream, Web};

async fn resumed(relay: &Relay, pattern: &str, id: &str) -> Stream {
    let header = format!("last-event-id: {id}");
    let path = format!("/subscribe?pattern={pattern}");
    Web::connect(relay.address).await.stream(&path, &[&header]).await
}

/// Posts so many events with these numbers.
async fn post(web: &mut Web, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let posted = web.ask("POST /events/cue", &[], &number.to_string()).await;
        assert_eq!(posted.status, 200);
    }
}

#[tokio::test]
async fn with_a_journal_nothing_is_missed_between_two_streams() {
    let folder = Folder::new();
    let relay = Relay::start(&["--journal", &folder.file("journal.db")]).await;
    let mut web = Web::connect(relay.address).await;
    let mut stream = Stream::of(relay.address, "/**").await;
    post(&mut web, 0..3).await;
    for number in 0..3 {
        assert_eq!(stream.news().await.1, json!(number));
    }
    // The last of them may have come without a position; a further event makes it sure.
    let id = stream.id.clone().expect("a position in the journal");
    drop(stream);
    post(&mut web, 3..600).await;
    web.put("/params/a", "1").await;

    let mut stream = resumed(&relay, "/**", &id).await;
    let mut next = None;
    loop {
        let event = stream.next().await;
        if event.name == "ready" {
            assert_eq!(event.data["resumed"], true);
            break;
        }
        assert_eq!(event.name, "message", "{event:?}");
        if event.data["address"] == "/a" {
            assert_eq!(event.data["state"], json!(null), "a change, not the state");
            continue;
        }
        let number = event.data["value"].as_u64().unwrap();
        assert!(next.is_none_or(|next| next == number) && number <= 3, "{number} of {next:?}");
        next = Some(number + 1);
        if number == 3 {
            for number in 4..600 {
                assert_eq!(stream.news().await.1, json!(number));
            }
        }
    }
    assert!(next.is_some());
    post(&mut web, 600..601).await;
    assert_eq!(stream.news().await.1, json!(600));
}

#[tokio::test]
async fn a_position_survives_a_restart() {
    let folder = Folder::new();
    let journal = folder.file("journal.db");
    let relay = Relay::start(&["--journal", &journal]).await;
    let stream = Stream::of(relay.address, "/cue").await;
    let id = stream.id.clone().expect("a position in the journal");
    let mut web = Web::connect(relay.address).await;
    post(&mut web, 0..2).await;
    drop((stream, web));
    relay.stop().await;
    let relay = Relay::start(&["--journal", &journal]).await;
    let mut stream = resumed(&relay, "/cue", &id).await;
    for number in 0..2 {
        assert_eq!(stream.news().await.1, json!(number));
    }
}

#[tokio::test]
async fn what_no_journal_can_tell_is_told_as_the_present_state() {
    let folder = Folder::new();
    let journal = folder.file("journal.db");
    for (options, id) in [(&[][..], "5"), (&["--journal", &journal][..], "999"), (&[], "old")] {
        let relay = Relay::start(options).await;
        let mut web = Web::connect(relay.address).await;
        web.put("/params/a", "1").await;
        let mut stream = resumed(&relay, "/**", id).await;
        assert_eq!(stream.next().await.name, "reset");
        let state = stream.next().await.data;
        assert_eq!((&state["address"], &state["state"]), (&json!("/a"), &json!(true)));
        let ready = stream.next().await;
        assert_eq!((&*ready.name, &ready.data["resumed"]), ("ready", &json!(false)));
    }
}
