//! CLASP over plain TCP, on a port of its own and on the WebSocket port.

use std::net::SocketAddr;
use std::process::Stdio;

use clasp_protocol::message::{Features, Hello, Set, Subscribe, Ttl};
use clasp_protocol::{Frame, Message, Qos, RawValue, codec};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::client::Client;
use crate::http;
use crate::support::{Relay, run, soon};

const GUIDE: &str = include_str!("../../../../docs/doors/tcp.md");

/// A client of the wire with length prefixes.
struct Prefixed(TcpStream);

impl Prefixed {
    async fn join(address: SocketAddr) -> Self {
        let mut client = Self(soon("a socket", TcpStream::connect(address)).await.unwrap());
        let (features, name) = (Features::RELAY, "arduino".into());
        client.send(&Message::Hello(Hello { version: 1, features, name, token: None })).await;
        assert!(matches!(decode(&client.frame().await), Message::Welcome(_)));
        assert!(matches!(decode(&client.frame().await), Message::Snapshot(_)));
        client
    }

    async fn send(&mut self, message: &Message<'_>) {
        let mut bytes = vec![0; 4];
        codec::encode(message, Qos::Fire, &mut bytes).unwrap();
        let length = u32::try_from(bytes.len() - 4).unwrap();
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        soon("a write", self.0.write_all(&bytes)).await.unwrap();
    }

    async fn subscribe(&mut self, pattern: &str) {
        let pattern = pattern.into();
        self.send(&Message::Subscribe(Subscribe { id: 0, pattern, types: 0xff, options: None }))
            .await;
    }

    async fn set(&mut self, address: &str, value: i64) {
        self.send(&Message::Set(Set::new(address, RawValue::int(value)))).await;
    }

    async fn frame(&mut self) -> Vec<u8> {
        let length = soon("a length", self.0.read_u32()).await.unwrap();
        let mut frame = vec![0; length as usize];
        soon("a frame", self.0.read_exact(&mut frame)).await.unwrap();
        frame
    }

    async fn sees(&mut self, address: &str, value: i64) {
        loop {
            let frame = self.frame().await;
            if let Message::Set(set) = decode(&frame)
                && set.address == address
                && set.value == RawValue::int(value)
            {
                return;
            }
        }
    }
}

fn decode(frame: &[u8]) -> Message<'_> {
    codec::decode(Frame::parse(frame).unwrap().payload).unwrap()
}

#[tokio::test]
async fn clients_of_both_wires_hear_each_other_through_either_port() {
    let relay = Relay::start(&["--tcp-port", "0"]).await;
    let tcp = relay.door("TCP: tcp").await;
    let mut plain = [Prefixed::join(tcp).await, Prefixed::join(relay.address).await];
    for client in &mut plain {
        client.subscribe("/a/**").await;
        client.set("/a/ready", 1).await;
        client.sees("/a/ready", 1).await;
    }
    let mut web = Client::join(relay.address).await;
    web.subscribe_all().await;
    web.set("/a/web", 2).await;
    for client in &mut plain {
        client.sees("/a/web", 2).await;
    }
    plain[0].set("/a/plain", 3).await;
    loop {
        let event = web.next().await;
        if let Message::Set(set) = event.message()
            && set.address == "/a/plain"
        {
            break;
        }
    }
    let (code, _) = relay.stop().await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn plain_tcp_may_be_the_only_protocol_and_time_goes_on() {
    let arguments = ["--tcp-port", "0", "--notify-expiry"];
    let relay = Relay::start_without_websocket(&arguments, "TCP: tcp").await;
    let mut client = Prefixed::join(relay.address).await;
    client.subscribe("/x").await;
    let short = Some(Ttl::Absolute(1));
    client.send(&Message::Set(Set { ttl: short, ..Set::new("/x", RawValue::int(1)) })).await;
    client.sees("/x", 1).await;
    let frame = client.frame().await;
    let Message::Set(expiry) = decode(&frame) else { panic!("a SET") };
    assert_eq!((&*expiry.address, expiry.value), ("/x", RawValue::null()));
    let (code, _) = relay.stop().await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn who_comes_with_http_is_told_where_to_go() {
    let relay = Relay::start(&["--tcp-port", "0"]).await;
    let answer = http::get(relay.door("TCP: tcp").await, "/").await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("WebSocket port"), "{}", answer.body);
}

#[tokio::test]
async fn the_guide_shows_a_script_that_works() {
    let relay = Relay::start(&["--tcp-port", "0"]).await;
    let port = relay.door("TCP: tcp").await.port().to_string();
    let (_, script) = GUIDE.split_once("```python\n").unwrap();
    let script = script.split("```").next().unwrap().replace("7333", &port);
    let mut command = Command::new("python3");
    command.args(["-u", "-c", &script.replace("localhost", "127.0.0.1")]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        let line = soon("a printed frame", lines.next_line()).await.unwrap();
        if line.expect("the script goes on").contains("/lights/1") {
            break;
        }
    }
}

#[tokio::test]
async fn quic_without_a_certificate_is_one_clear_line() {
    let ended = run(&["--host", "127.0.0.1", "--ws-port", "0", "--quic-port", "0"], &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let complaint = ended.stdout.lines().find(|line| line.contains("ERROR")).unwrap();
    assert!(complaint.contains("--quic-port") && complaint.contains("--cert"), "{complaint}");
}
