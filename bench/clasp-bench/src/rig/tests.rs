//! The rig against a server in the test itself, which loses, doubles or swaps copies.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::wire::Nats;

const LAYOUT: Layout =
    Layout { publishers: 1, subscribers_each: 2, stalled: 0, kind: Kind::Event, value_bytes: 8 };

/// Accepts two subscribers and a publisher of NATS, then hands over their sockets.
fn accept(listener: &TcpListener) -> Vec<TcpStream> {
    (0..3)
        .map(|_| {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"INFO {}\r\n").unwrap();
            let mut opening = Vec::new();
            while !opening.ends_with(b"PING\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                opening.extend(byte);
            }
            stream.write_all(b"PONG\r\n").unwrap();
            stream
        })
        .collect()
}

fn copy(sequence: u64) -> Vec<u8> {
    [b"MSG bench.0 1 8\r\n", &sequence.to_be_bytes()[..], b"\r\n"].concat()
}

/// What the rig says when its subscribers get these numbers after it sent three messages.
fn settle_with(first: &'static [u64], second: &'static [u64]) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut streams = accept(&listener);
        let mut sent = vec![0; 3 * "PUB bench.0 8\r\n........\r\n".len()];
        streams[2].read_exact(&mut sent).unwrap();
        for (stream, sequences) in streams.iter_mut().zip([first, second]) {
            for sequence in sequences {
                stream.write_all(&copy(*sequence)).unwrap();
            }
        }
        streams
    });
    let mut rig = Rig::open(address, &Nats, LAYOUT).unwrap();
    rig.fill(3).unwrap();
    let _streams = server.join().unwrap();
    rig.settle(Duration::from_millis(100))?;
    rig.check_no_excess()?;
    assert_eq!(rig.copies(), 6);
    Ok(())
}

#[test]
fn every_copy_once_and_in_order_is_fine() {
    settle_with(&[0, 1, 2], &[0, 1, 2]).unwrap();
}

#[test]
fn lost_doubled_and_swapped_copies_are_found() {
    for wrong in [&[0, 1][..], &[0, 2], &[0, 0, 1, 2], &[1, 0, 2], &[0, 1, 2, 2], &[0, 1, 2, 3]] {
        assert!(settle_with(&[0, 1, 2], wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_window_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || accept(&listener));
    let mut rig = Rig::open(address, &Nats, LAYOUT).unwrap();
    let mut streams = server.join().unwrap();
    rig.fill(2).unwrap();
    rig.fill(2).unwrap();
    assert_eq!(rig.publishers[0].next, 2);
    streams[0].write_all(&copy(0)).unwrap();
    while rig.copies() < 1 {
        rig.turn(None, |_, _| {}).unwrap();
    }
    rig.fill(2).unwrap();
    assert_eq!(rig.publishers[0].next, 2);
    streams[1].write_all(&copy(0)).unwrap();
    while rig.copies() < 2 {
        rig.turn(None, |_, _| {}).unwrap();
    }
    rig.fill(2).unwrap();
    assert_eq!(rig.publishers[0].next, 3);
}
