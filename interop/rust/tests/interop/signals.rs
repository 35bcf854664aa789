//! Events, streams, gestures and timelines: passed on, never stored, never echoed.

use std::collections::HashMap;

use clasp_client::prelude::{EasingType, GesturePhase, TimelineData, TimelineKeyframe, Value};
use clasp_interop::{Relay, connect, listen};

const MOVES: i64 = 50;

/// The published client hands on a gesture's payload without its phase, so the payload names it.
fn touch(phase: &str, x: i64) -> Value {
    Value::Map(HashMap::from([
        ("is".to_owned(), Value::from(phase)),
        ("x".to_owned(), Value::Int(x)),
    ]))
}

#[tokio::test]
async fn an_event_reaches_subscribers_but_not_its_sender() {
    let relay = Relay::start().await;
    let sender = connect(&relay).await;
    let mut own = listen(&sender, "/cue/**").await;
    let other = connect(&relay).await;
    let mut inbox = listen(&other, "/cue/**").await;

    sender.emit("/cue/go", "now").await.expect("emit");
    sender.set("/cue/end", true).await.expect("set");

    assert_eq!(inbox.until("/cue/end").await, [("/cue/go".to_owned(), Value::from("now"))]);
    assert_eq!(own.until("/cue/end").await, []);
}

#[tokio::test]
async fn an_event_is_not_kept_for_late_joiners() {
    let relay = Relay::start().await;
    let sender = connect(&relay).await;
    let mut own = listen(&sender, "/cue/**").await;
    sender.emit("/cue/go", "now").await.expect("emit");
    sender.set("/cue/end", true).await.expect("set");
    own.expect("/cue/end", true).await;

    let late = connect(&relay).await;
    let mut inbox = listen(&late, "/cue/**").await;

    assert_eq!(inbox.pending(), [("/cue/end".to_owned(), Value::Bool(true))]);
}

#[tokio::test]
async fn a_stream_arrives_in_order() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/fader/*").await;
    let sender = connect(&relay).await;

    for level in 1..=20 {
        sender.stream("/fader/1", f64::from(level)).await.expect("stream");
    }

    for level in 1..=20 {
        inbox.expect("/fader/1", f64::from(level)).await;
    }
}

#[tokio::test]
async fn a_gesture_of_three_phases_is_three_deliveries() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/pad/**").await;
    let sender = connect(&relay).await;

    let phases = [GesturePhase::Start, GesturePhase::Move, GesturePhase::End];
    for (phase, name) in phases.into_iter().zip(["start", "move", "end"]) {
        sender.gesture("/pad/touch", 7, phase, touch(name, 1)).await.expect("gesture");
    }
    sender.emit("/pad/done", true).await.expect("emit");

    let heard: Vec<Value> = inbox.until("/pad/done").await.into_iter().map(|(_, v)| v).collect();
    assert_eq!(heard, [touch("start", 1), touch("move", 1), touch("end", 1)]);
}

#[tokio::test]
async fn the_final_move_of_a_gesture_arrives_before_its_end() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/pad/**").await;
    let sender = connect(&relay).await;

    let gesture = |phase, value| sender.gesture("/pad/touch", 7, phase, value);
    gesture(GesturePhase::Start, touch("start", 0)).await.expect("start");
    for x in 1..=MOVES {
        gesture(GesturePhase::Move, touch("move", x)).await.expect("move");
    }
    gesture(GesturePhase::End, touch("end", MOVES)).await.expect("end");
    sender.emit("/pad/done", true).await.expect("emit");

    let heard: Vec<Value> = inbox.until("/pad/done").await.into_iter().map(|(_, v)| v).collect();
    assert_eq!(heard.first(), Some(&touch("start", 0)));
    let tail = [touch("move", MOVES), touch("end", MOVES)];
    assert!(heard.ends_with(&tail), "{heard:?}");
}

#[tokio::test]
async fn a_timeline_arrives() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/show/*").await;
    let sender = connect(&relay).await;
    let keyframe = |time, value| TimelineKeyframe {
        time,
        value: Value::Float(value),
        easing: EasingType::Linear,
        bezier: None,
    };

    let fade = TimelineData::new(vec![keyframe(0, 0.0), keyframe(1_000_000, 1.0)]);
    sender.timeline("/show/fade", fade).await.expect("timeline");

    assert_eq!(inbox.next().await.0, "/show/fade");
}
