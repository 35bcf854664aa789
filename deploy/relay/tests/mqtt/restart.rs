//! Sessions across a restart of the relay.

use crate::folder::{Folder, strs};
use crate::tools::{Listener, publish_well, start};

const KEPT: [&str; 6] = ["-c", "-i", "kept", "-q", "1", "-t"];

#[tokio::test]
async fn a_session_and_what_waits_for_it_survive_a_restart() {
    let folder = Folder::new();
    let arguments = folder.persist();
    let (relay, port) = start(&strs(&arguments)).await;
    let mut client = Listener::start(port, &[&KEPT[..], &["jobs/#", "-C", "1"]].concat()).await;
    publish_well(port, &["-q", "1", "-t", "jobs/1", "-m", "one"]).await;
    assert_eq!(client.message().await, "jobs/1 one q1 r0");
    assert_eq!(client.end().await, Some(0));
    publish_well(port, &["-q", "1", "-t", "jobs/2", "-m", "two"]).await;
    assert_eq!(relay.stop().await.0, Some(0));

    let (_relay, port) = start(&strs(&arguments)).await;
    publish_well(port, &["-q", "1", "-t", "jobs/3", "-m", "three"]).await;
    let mut client = Listener::launch(port, &[&KEPT[..], &["jobs/#"]].concat());
    assert_eq!(client.message().await, "jobs/2 two q1 r0");
    assert_eq!(client.message().await, "jobs/3 three q1 r0");
}

#[tokio::test]
async fn without_files_a_session_survives_only_its_connection() {
    let (relay, port) = start(&[]).await;
    let mut client = Listener::start(port, &[&KEPT[..], &["a", "-C", "1"]].concat()).await;
    publish_well(port, &["-q", "1", "-t", "a", "-m", "1"]).await;
    assert_eq!(client.message().await, "a 1 q1 r0");
    client.end().await;
    publish_well(port, &["-q", "1", "-t", "a", "-m", "2"]).await;
    let mut client = Listener::launch(port, &[&KEPT[..], &["a", "-C", "1"]].concat());
    assert_eq!(client.message().await, "a 2 q1 r0");
    drop(client);
    relay.stop().await;
}
