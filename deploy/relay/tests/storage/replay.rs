//! REPLAY over the wire.

use clasp_protocol::message::{Publish, Replay, SignalType};
use clasp_protocol::{Message, Qos};

use crate::client::{Client, decoded, integer};
use crate::folder::{Folder, strs};
use crate::support::Relay;

/// More than a few of the pages that the relay reads at a time.
const WRITES: i64 = 1_000;

fn everything(pattern: &str) -> Replay<'_> {
    Replay { pattern: pattern.into(), from: None, to: None, limit: None, types: 0xff }
}

async fn write(relay: &Relay) {
    let mut client = Client::join(relay.address).await;
    for value in 1..=WRITES {
        client.send(&Message::Set(set(value)), Qos::Fire).await;
    }
    let cue = Publish::new("/cue/go", SignalType::Event);
    client.send(&Message::Publish(cue), Qos::Fire).await;
    client.set("/other", 1, Qos::Commit).await;
}

fn set(value: i64) -> clasp_protocol::message::Set<'static> {
    clasp_protocol::message::Set::new("/fader", clasp_protocol::RawValue::int(value))
}

/// The writes of the fader come in order, all of them, and the end is told.
async fn check(relay: &Relay) {
    let mut client = Client::join(relay.address).await;
    let (entries, count) = client.replay(everything("/fader")).await;
    assert_eq!((entries.len(), count), (WRITES as usize, WRITES as u64));
    for (expected, payload) in (1..).zip(&entries) {
        let Message::Set(set) = decoded(payload) else { panic!("{payload:?}") };
        assert_eq!((integer(&set.value), set.revision), (expected, Some(expected as u64)));
    }
    let (limited, count) = client.replay(Replay { limit: Some(3), ..everything("/fader") }).await;
    assert_eq!((limited.as_slice(), count), (&entries[..3], 3));
    let (cues, _) = client.replay(everything("/cue/**")).await;
    let [cue] = &cues[..] else { panic!("{cues:?}") };
    assert!(matches!(decoded(cue), Message::Publish(_)));
    let past = Replay { to: Some(1), ..everything("/**") };
    assert_eq!(client.replay(past).await.0, Vec::<Vec<u8>>::new());
    let (all, count) = client.replay(everything("/**")).await;
    assert_eq!((all.len() as u64, count), (WRITES as u64 + 2, WRITES as u64 + 2));
}

#[tokio::test]
async fn history_is_replayed_in_order_also_after_a_restart() {
    let folder = Folder::new();
    let arguments = folder.guide();
    let relay = Relay::start(&strs(&arguments)).await;
    write(&relay).await;
    check(&relay).await;
    assert_eq!(relay.stop().await.0, Some(0));
    let relay = Relay::start(&strs(&arguments)).await;
    check(&relay).await;
}

#[tokio::test]
async fn history_in_memory_is_replayed_and_bounded() {
    for flag in ["--journal-memory", "--journal-backend=memory"] {
        let relay = Relay::start(&[flag]).await;
        write(&relay).await;
        check(&relay).await;
        let mut client = Client::join(relay.address).await;
        for _ in 0..12 {
            write(&relay).await;
        }
        let (newest, _) = client.replay(everything("/**")).await;
        assert_eq!(newest.len(), 10_000);
    }
}

#[tokio::test]
async fn without_a_journal_replay_is_refused() {
    let relay = Relay::start(&[]).await;
    let mut client = Client::join(relay.address).await;
    client.send(&Message::Replay(everything("/**")), Qos::Confirm).await;
    let answers = client.sync().await;
    assert!(matches!(decoded(&answers[0]), Message::Error(_)), "{answers:?}");
}
