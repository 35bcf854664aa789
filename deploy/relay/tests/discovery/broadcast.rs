//! UDP questions of clients that look for a relay.

use std::net::SocketAddr;

use clasp_protocol::{Frame, Message, codec};
use tokio::net::UdpSocket;

use crate::support::{Relay, any_with, run, soon};

/// What every published client asks.
const QUESTION: &[u8] = b"\x53\x01\x00\x10\x01\x01\x00\x00\x09Discovery\x00\x00";

/// A relay that answers, and where.
async fn relay(arguments: &[&str]) -> (Relay, SocketAddr) {
    let relay = Relay::start(&[&["--broadcast-port", "auto"], arguments].concat()).await;
    let before = "answers broadcasts on udp://";
    let line = relay.log().line_with(before).await;
    let (_, address) = line.split_once(before).unwrap();
    (relay, address.trim().parse().unwrap())
}

async fn socket(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(to).await.unwrap();
    socket
}

/// Name and session of the next answer.
async fn answer(socket: &UdpSocket) -> (String, String) {
    let mut buffer = [0; 512];
    let len = soon("an answer", socket.recv(&mut buffer)).await.unwrap();
    let frame = Frame::parse(&buffer[..len]).unwrap();
    match codec::decode(frame.payload).unwrap() {
        Message::Welcome(welcome) => (welcome.name.into_owned(), welcome.session.into_owned()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_question_is_answered_with_name_and_an_id_that_stays_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["--data-dir", folder.path().to_str().unwrap(), "--name", "Studio"];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (relay, address) = relay(&data).await;
        let socket = socket(address).await;
        socket.send(QUESTION).await.unwrap();
        let (name, id) = answer(&socket).await;
        assert_eq!(name, "Studio");
        ids.push(id);
        assert_eq!(relay.stop().await.0, Some(0));
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn noise_is_not_answered_and_does_no_harm() {
    let (_relay, address) = relay(&[]).await;
    let socket = socket(address).await;
    for noise in [&b""[..], b"\x53", &[0xFF; 600], &QUESTION[..19], b"GET / HTTP/1.1\r\n\r\n"] {
        socket.send(noise).await.unwrap();
    }
    // Datagrams of one socket to another keep their order on loopback: had the noise been
    // answered, two answers would come.
    socket.send(QUESTION).await.unwrap();
    answer(&socket).await;
    assert!(socket.try_recv(&mut [0; 512]).is_err());
}

#[tokio::test]
async fn who_asks_too_often_is_not_answered_any_more() {
    let (_relay, address) = relay(&[]).await;
    let (greedy, modest) = (socket(address).await, socket(address).await);
    for _ in 0..40 {
        greedy.send(QUESTION).await.unwrap();
    }
    for _ in 0..10 {
        answer(&greedy).await;
    }
    // Both are the same address, so a question more is not answered either.
    modest.send(QUESTION).await.unwrap();
    modest.send(b"noise").await.unwrap();
    assert!(greedy.try_recv(&mut [0; 512]).is_err());
    assert!(modest.try_recv(&mut [0; 512]).is_err());
}

#[tokio::test]
async fn a_relay_of_this_machine_alone_tells_nobody_by_default() {
    let relay = Relay::start(&[]).await;
    let (_, log) = relay.stop().await;
    assert!(!any_with(&log, "discovery: "), "{log:?}");
    let relay = Relay::start(&["--no-discovery", "--broadcast-port", "auto"]).await;
    let (_, log) = relay.stop().await;
    assert!(!any_with(&log, "discovery: "), "{log:?}");
}

#[tokio::test]
async fn a_damaged_id_stops_the_start_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("relay-id"), "not an id").unwrap();
    let data = folder.path().to_str().unwrap();
    let ended = run(
        &["-p", "0", "--host", "127.0.0.1", "--broadcast-port", "auto", "--data-dir", data],
        &[],
    )
    .await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("relay-id: this is no id of a relay"), "{}", ended.stdout);
}
