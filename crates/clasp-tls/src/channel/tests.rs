//! A channel against the library's own client, in memory.

use std::sync::LazyLock;

use rustls::crypto::cipher::{AeadKey, Iv, MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion,
    RootCertStore, SupportedProtocolVersion,
};

use super::*;
use crate::testing;

/// One server and one trusted client, as often as needed.
static CONFIGS: LazyLock<(Arc<ServerConfig>, RootCertStore)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (files, root) = testing::self_signed(folder.path());
    let (tls, _) = crate::Tls::open(files).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    (tls.config(), roots)
});

struct Pair {
    channel: Channel,
    client: ClientConnection,
    /// What the client has read.
    heard: Vec<u8>,
}

impl Pair {
    fn new(version: &'static SupportedProtocolVersion) -> Pair {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(CONFIGS.1.clone())
            .with_no_client_auth();
        config.enable_secret_extraction = true;
        let name = "localhost".try_into().unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let channel = Channel::new(Arc::clone(&CONFIGS.0)).unwrap();
        let mut pair = Pair { channel, client, heard: Vec::new() };
        while pair.channel.is_handshaking() || pair.client.is_handshaking() {
            pair.client_to_server(usize::MAX).unwrap();
            pair.server_to_client();
        }
        pair
    }

    /// Hands over what the client has to say, at most `piece` bytes at a time; the plaintext.
    fn client_to_server(&mut self, piece: usize) -> io::Result<Vec<u8>> {
        let mut records = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut records).unwrap();
        }
        self.receive(&records, piece)
    }

    fn receive(&mut self, mut records: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        while !records.is_empty() {
            let socket = |into: &mut [u8]| {
                let length = records.len().min(into.len()).min(piece);
                into[..length].copy_from_slice(&records[..length]);
                records = &records[length..];
                Ok(length)
            };
            self.channel.read(socket, |part| plain.extend_from_slice(part))?;
        }
        Ok(plain)
    }

    /// Hands over what the channel owes.
    fn server_to_client(&mut self) {
        while self.channel.owes() {
            let client = &mut self.client;
            self.channel.flush(|mut records| client.read_tls(&mut records)).unwrap();
            self.client.process_new_packets().unwrap();
            // At the end of what there is it says WouldBlock.
            let _ = io::Read::read_to_end(&mut self.client.reader(), &mut self.heard);
        }
    }

    fn write(&mut self, plain: &[u8]) -> usize {
        let (used, bytes) = self.channel.write(plain, |_| Ok(0)).unwrap();
        assert_eq!(bytes, 0, "the socket has taken nothing");
        self.server_to_client();
        used
    }

    fn heard(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.heard)
    }
}

static VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

#[test]
fn plaintext_passes_both_ways_in_pieces_of_any_size() {
    for version in VERSIONS {
        for piece in [1, 7, 20_000, usize::MAX] {
            let mut pair = Pair::new(version);
            let said: Vec<u8> = (0..50_000u32).map(|number| number as u8).collect();
            io::Write::write_all(&mut pair.client.writer(), &said).unwrap();
            assert_eq!(pair.client_to_server(piece).unwrap(), said);
            let mut heard = Vec::new();
            let mut used = 0;
            while used < said.len() {
                used += pair.write(&said[used..]);
                heard.extend(pair.heard());
            }
            assert_eq!(heard, said);
        }
    }
}

#[test]
fn an_idle_channel_owns_no_buffer() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        pair.write(&[7; 60_000]);
        io::Write::write_all(&mut pair.client.writer(), &[7; 10_000]).unwrap();
        pair.client_to_server(1_000).unwrap();
        let channel = &pair.channel;
        assert_eq!((channel.tail.capacity(), channel.outgoing.capacity()), (0, 0));
    }
}

#[test]
fn what_the_socket_does_not_take_is_owed_and_comes_first() {
    let mut pair = Pair::new(&rustls::version::TLS13);
    let client = &mut pair.client;
    let (used, bytes) = pair
        .channel
        .write(&[1; 40_000], |mut records| {
            records = &records[..1_000];
            client.read_tls(&mut records)
        })
        .unwrap();
    assert_eq!((used, bytes), (40_000, 1_000));
    assert!(pair.channel.owes());
    pair.server_to_client();
    assert_eq!(pair.heard().len(), 40_000);
}

#[test]
fn a_full_socket_loses_nothing() {
    let mut pair = Pair::new(&rustls::version::TLS12);
    let full = |_: &[u8]| Err(io::ErrorKind::WouldBlock.into());
    assert_eq!(pair.channel.write(b"later", full).unwrap(), (5, 0));
    let error = pair.channel.flush(|_| Err(io::ErrorKind::WouldBlock.into())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    pair.server_to_client();
    assert_eq!(pair.heard(), b"later");
}

#[test]
fn an_end_is_told_and_noticed() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        io::Write::write_all(&mut pair.client.writer(), b"bye").unwrap();
        pair.client.send_close_notify();
        assert_eq!(pair.client_to_server(usize::MAX).unwrap(), b"bye");
        assert!(pair.channel.has_ended());
        let never = |_: &mut [u8]| panic!("nothing is read any more");
        assert_eq!(pair.channel.read(never, |_| {}).unwrap(), Received::End);
        pair.write(b"bye");
        pair.channel.close();
        pair.server_to_client();
        assert_eq!(pair.heard(), b"bye");
        let state = pair.client.process_new_packets().unwrap();
        assert!(state.peer_has_closed());
        assert!(pair.channel.write(b"more", |_| Ok(0)).is_err());
    }
}

/// Encrypts records that no client library would send.
struct Forger {
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
}

impl Forger {
    fn new(client: ClientConnection) -> Forger {
        let suite = client.negotiated_cipher_suite().unwrap().tls13().unwrap();
        let (sequence, secrets) = client.dangerous_extract_secrets().unwrap().tx;
        let (key, iv): (AeadKey, Iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv }
            | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
            | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
            _ => panic!("another cipher"),
        };
        Forger { encrypter: suite.aead_alg.encrypter(key, iv), sequence }
    }

    fn record(&mut self, typ: ContentType, content: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(content),
        };
        self.sequence += 1;
        self.encrypter.encrypt(message, self.sequence - 1).unwrap().encode()
    }
}

fn forged() -> (Channel, Forger) {
    let Pair { channel, client, .. } = Pair::new(&rustls::version::TLS13);
    (channel, Forger::new(client))
}

fn feed(channel: &mut Channel, records: &[u8]) -> io::Result<Received> {
    let socket = |into: &mut [u8]| {
        into[..records.len()].copy_from_slice(records);
        Ok(records.len())
    };
    channel.read(socket, |_| {})
}

#[test]
fn half_a_handshake_message_hinders_neither_writing_nor_closing() {
    let (mut channel, mut forger) = forged();
    // The start of a key update; its rest does not come yet.
    let half = forger.record(ContentType::Handshake, &[24, 0]);
    assert_eq!(feed(&mut channel, &half).unwrap(), Received::Bytes(0));
    assert!(channel.write(b"meanwhile", |records| Ok(records.len())).is_ok());
    let rest = forger.record(ContentType::Handshake, &[0, 1, 0]);
    assert_eq!(feed(&mut channel, &rest).unwrap(), Received::Bytes(0));
    assert!(channel.write(b"after", |records| Ok(records.len())).is_ok());
    channel.close();
    assert!(channel.owes());
}

#[test]
fn a_handshake_message_without_end_is_refused() {
    let (mut channel, mut forger) = forged();
    let mut error = None;
    for part in 0..16 {
        let mut content = vec![0; 4_000];
        if part == 0 {
            content[..4].copy_from_slice(&[24, 0, 0xff, 0]);
        }
        let record = forger.record(ContentType::Handshake, &content);
        if let Err(refused) = feed(&mut channel, &record) {
            error = Some(refused);
            break;
        }
    }
    assert_eq!(error.unwrap().kind(), io::ErrorKind::InvalidData);
    assert!(channel.tail.len() < RECORD_BYTES_MAX);
    assert!(channel.write(b"no more", |records| Ok(records.len())).is_err());
    channel.close();
}

#[test]
fn rubbish_is_answered_with_an_alert_and_the_channel_is_over() {
    let (mut channel, mut forger) = forged();
    let half = forger.record(ContentType::Handshake, &[24, 0]);
    feed(&mut channel, &half).unwrap();
    let error = feed(&mut channel, b"\x17\x03\x03\x00\x14not encrypted at all").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(channel.owes(), "the alert");
    assert!(channel.has_ended());
    let mut alert = Vec::new();
    let taken = channel.flush(|records| {
        alert.extend_from_slice(records);
        Ok(records.len())
    });
    assert!(taken.is_ok() && !channel.owes());
    assert!(channel.write(b"no more", |records| Ok(records.len())).is_err());
    channel.close();
    assert!(!channel.owes());
}
