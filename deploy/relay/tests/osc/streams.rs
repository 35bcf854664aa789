//! OSC over TCP, in both framings.

use std::net::SocketAddr;

use clasp_protocol::Value;
use rosc::{OscPacket, OscType, decoder, encoder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peer::{Ear, Peer, message, osc_address};
use crate::support::{Relay, soon};

/// END of SLIP.
const END: u8 = 0xC0;

#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Slip,
}

struct Stream {
    socket: TcpStream,
    framing: Framing,
}

impl Stream {
    async fn open(osc: SocketAddr, framing: Framing) -> Stream {
        Stream { socket: TcpStream::connect(osc).await.unwrap(), framing }
    }

    fn framed(&self, packet: &OscPacket) -> Vec<u8> {
        let packet = encoder::encode(packet).unwrap();
        match self.framing {
            Framing::Length => {
                let length = u32::try_from(packet.len()).unwrap().to_be_bytes();
                [&length[..], &packet].concat()
            }
            Framing::Slip => {
                let escape = |byte: u8| match byte {
                    END => vec![0xDB, 0xDC],
                    0xDB => vec![0xDB, 0xDD],
                    byte => vec![byte],
                };
                let inner: Vec<u8> = packet.into_iter().flat_map(escape).collect();
                [&[END], &inner[..], &[END]].concat()
            }
        }
    }

    async fn send(&mut self, address: &str, arguments: Vec<OscType>) {
        let bytes = self.framed(&message(address, arguments));
        self.socket.write_all(&bytes).await.unwrap();
    }

    async fn next(&mut self) -> OscPacket {
        let mut packet = Vec::new();
        let read = async {
            match self.framing {
                Framing::Length => {
                    let length = self.socket.read_u32().await.unwrap();
                    packet.resize(length as usize, 0);
                    self.socket.read_exact(&mut packet).await.unwrap();
                }
                Framing::Slip => {
                    assert_eq!(self.socket.read_u8().await.unwrap(), END);
                    loop {
                        match self.socket.read_u8().await.unwrap() {
                            END => break,
                            0xDB => {
                                let escaped = self.socket.read_u8().await.unwrap();
                                packet.push(if escaped == 0xDC { END } else { 0xDB });
                            }
                            byte => packet.push(byte),
                        }
                    }
                }
            }
        };
        soon("a packet", read).await;
        decoder::decode_udp(&packet).unwrap().1
    }
}

#[tokio::test]
async fn both_framings_carry_values_both_ways() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let mut ear = Ear::new(&relay).await;
    let osc = osc_address(&relay).await;
    for framing in [Framing::Length, Framing::Slip] {
        let mut stream = Stream::open(osc, framing).await;
        let blob = vec![OscType::Blob(vec![END, 0xDB, 0xDC, 0xDD])];
        stream.send("/blob", blob.clone()).await;
        ear.expect("/osc/blob", Value::Bytes(vec![END, 0xDB, 0xDC, 0xDD])).await;
        stream.send("/clasp/get", vec!["/blob".into()]).await;
        assert_eq!(stream.next().await, message("/blob", blob), "{framing:?}");
        let pattern = format!("/{framing:?}/*");
        stream.send("/clasp/subscribe", vec![pattern.as_str().into()]).await;
        let subscribed = vec![pattern.as_str().into(), 0.into()];
        assert_eq!(stream.next().await, message("/clasp/subscribed", subscribed));
        let address = format!("/{framing:?}/192");
        ear.0.set(&format!("/osc{address}"), 192).await;
        assert_eq!(stream.next().await, message(&address, vec![192.into()]));
        ear.expect(&format!("/osc{address}"), Value::Int(192)).await;
        stream.socket.shutdown().await.unwrap();
        let mut rest = Vec::new();
        soon("the end", stream.socket.read_to_end(&mut rest)).await.unwrap();
    }
}

#[tokio::test]
async fn packets_may_come_in_pieces_and_several_at_once() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let mut ear = Ear::new(&relay).await;
    let osc = osc_address(&relay).await;
    for framing in [Framing::Length, Framing::Slip] {
        let mut stream = Stream::open(osc, framing).await;
        let bytes: Vec<u8> = (0..50)
            .flat_map(|number| stream.framed(&message("/n", vec![OscType::Int(number)])))
            .collect();
        for piece in bytes.chunks(7) {
            stream.socket.write_all(piece).await.unwrap();
            stream.socket.flush().await.unwrap();
        }
        for number in 0..50 {
            ear.expect("/osc/n", Value::Int(number)).await;
        }
    }
}

#[tokio::test]
async fn what_is_no_osc_is_cut_off_and_others_are_served() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let osc = osc_address(&relay).await;
    for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x00\x10\x00\x00", b"\xc0hello\xc0"] {
        let mut socket = TcpStream::connect(osc).await.unwrap();
        socket.write_all(noise).await.unwrap();
        let mut rest = Vec::new();
        let _ = soon("the relay to close", socket.read_to_end(&mut rest)).await;
    }
    let mut ear = Ear::new(&relay).await;
    Peer::new(osc).await.send("/a", vec![1.into()]).await;
    ear.expect("/osc/a", Value::Int(1)).await;
}

#[tokio::test]
async fn a_stream_ends_with_the_relay() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let mut stream = Stream::open(osc_address(&relay).await, Framing::Length).await;
    stream.send("/clasp/ping", vec![]).await;
    stream.next().await;
    assert_eq!(relay.stop().await.0, Some(0));
    let mut rest = Vec::new();
    soon("the end", stream.socket.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"");
}
