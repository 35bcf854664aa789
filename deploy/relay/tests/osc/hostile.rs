//! Packets that want to do harm.

use std::net::{Ipv4Addr, SocketAddr};

use clasp_protocol::Value;

use crate::client::Client;
use crate::peer::{Ear, Peer, osc_address};
use crate::support::{Relay, run};

/// Bundles within bundles.
fn nested(depth: usize) -> Vec<u8> {
    let header = b"#bundle\0\0\0\0\0\0\0\0\x01";
    let mut bytes = header.to_vec();
    for _ in 1..depth {
        let size = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        bytes = [&header[..], &size, &bytes].concat();
    }
    bytes
}

#[tokio::test]
async fn bombs_and_noise_harm_nobody() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let mut ear = Ear::new(&relay).await;
    let peer = Peer::new(osc_address(&relay).await).await;
    let arrays = format!("/a\0\0,{}\0", "[".repeat(60_000 - 6));
    let bomb = nested(3_000);
    assert!(bomb.len() > 59_000);
    for noise in [&bomb[..], arrays.as_bytes(), b"", b"/", b"#bundle\0", &[0xFF; 9_000]] {
        peer.raw(noise).await;
    }
    peer.send("/alive", vec![1.into()]).await;
    ear.expect("/osc/alive", Value::Int(1)).await;
}

#[tokio::test]
async fn a_flood_of_sources_leaves_room_for_everybody_else() {
    let relay = Relay::start(&["--osc-port", "0", "--max-sessions", "2"]).await;
    let mut ear = Ear::new(&relay).await;
    let osc = osc_address(&relay).await;
    let subscribed = Peer::new(osc).await;
    subscribed.subscribe("/**").await;
    for number in 0..1_500_u32 {
        let host = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + number / 20);
        let peer = Peer::at(SocketAddr::from((host, 0)), osc).await;
        peer.send("/flood", vec![1.into()]).await;
        if number % 50 == 0 {
            peer.settle().await;
        }
    }
    drop(Client::join(relay.address).await);
    ear.0.set("/osc/after", 1).await;
    loop {
        let heard = subscribed.next().await;
        if heard.iter().any(|(address, _)| address == "/after") {
            break;
        }
    }
}

#[tokio::test]
async fn mistakes_of_the_operator_are_told() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ws = ["--host", "127.0.0.1", "--ws-port", "0"];
    let ended = run(&[&ws[..], &["--osc-port", &port]].concat(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let place = format!("cannot listen on 127.0.0.1:{port} for OSC");
    assert!(ended.stdout.contains(&place) && ended.stdout.contains("--osc-port"), "{ended:?}");
    for (option, value, part) in [
        ("--osc-namespace", "/a/*", "without wildcards"),
        ("--osc-allow", "desk", "'desk' is no address or network"),
        ("--osc-scopes", "fly:/**", "unknown action"),
    ] {
        let ended = run(&["--osc-port", "0", option, value], &[]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(part), "{ended:?}");
    }
    let folder = crate::folder::Folder::new();
    let file = folder.file("osc.toml");
    std::fs::write(&file, "late = \"execute\"\nspeed = 1\n").unwrap();
    let ended = run(&[&ws[..], &["--osc-port", "0", "--osc-config", &file]].concat(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("osc.toml:2: unknown field `speed`"), "{ended:?}");
}
