//! A router and a few clients, driven by bytes: nothing panics, nothing grows without bound, and
//! whoever is not being closed still gets its PONG.

mod input;
mod peer;

use std::sync::Arc;

use clasp_protocol::{Message, Qos, RawValue};
use clasp_router::config::{Config, OutboxConfig};
use clasp_router::journal::MemoryJournal;
use clasp_router::policy::{Actor, Policy, Visibility};
use clasp_router::{Now, Ports, Router};

use input::Input;
use peer::Peer;

const PEERS: usize = 4;

/// Operations of one run at most.
const STEPS_MAX: usize = 2_000;

const HARD_BYTES: usize = 256 << 10;

const STORE_BYTES: usize = 128 << 10;

/// Room beyond the limits: frames that are never dropped, and the last one that is accepted.
const SLACK_BYTES: usize = 2 << 20;

/// Reads the input as operations of four clients and of the clock.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let router = router(input.byte());
    let mut now = Now::new(1_750_000_000_000_000, 1_000_000);
    let mut peers: Vec<Peer> = (0..PEERS).map(|_| Peer::connect(&router, now)).collect();
    for step in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        let operation = input.byte();
        let place = usize::from(operation) % PEERS;
        match operation / 4 {
            0..4 => {
                drop(peers.remove(place));
                peers.insert(place, Peer::connect(&router, now));
            }
            4..6 => peers[place].reading ^= true,
            6..12 => {
                now = later(now, input.byte());
                router.tick(now);
            }
            12..24 => {
                let bytes = input.bytes();
                peers[place].receive(bytes, now);
            }
            24..28 => {
                let payload = input.bytes();
                peers[place].send_payload(payload, now);
            }
            kind => {
                let message = input::message(&mut input, usize::from(kind), &peers);
                peers[place].send(&message, now);
            }
        }
        peers.iter_mut().for_each(|peer| peer.read(now));
        check_queues(&peers);
        if step % 64 == 0 {
            check_gauges(&router);
        }
    }
    check_gauges(&router);
    finish(&router, peers, now);
}

/// A router whose limits are easily reached; the variant chooses what is built in.
fn router(variant: u8) -> Arc<Router> {
    let mut config = Config {
        sessions_max: PEERS,
        subscriptions_per_session_max: 8,
        snapshot_payload_bytes_max: 1_000,
        messages_per_second_max: if variant & 1 != 0 { 50 } else { 0 },
        outbox: OutboxConfig {
            soft_frames_max: 8,
            soft_bytes_max: 64 << 10,
            hard_frames_max: 32,
            hard_bytes_max: HARD_BYTES,
            total_bytes_max: 512 << 10,
            ..OutboxConfig::default()
        },
        replay_entries_max: 64,
        ..Config::default()
    };
    config.params.count_max = 16;
    config.params.bytes_max = STORE_BYTES;
    config.params.ttl_s = 5;
    config.params.tombstones_max = 32;
    config.params.notify_expiry = variant & 2 != 0;
    config.params.reject_new = variant & 4 != 0;
    config.params.lock_grace_s = u32::from(variant & 8 != 0) * 3;
    config.signals.count_max = 16;
    config.bundles.pending_per_session_max = 8;
    let mut ports = Ports::default();
    if variant & 16 != 0 {
        ports.journal = Some(Arc::new(MemoryJournal::new(64, 64 << 10)));
    }
    if variant & 32 != 0 {
        ports.policy = Arc::new(Rules);
    }
    let router = Router::new(config, ports).expect("there are no patterns to refuse");
    router.tick(Now::new(0, 0));
    router
}

/// Up to some 400 s, in steps of any size.
fn later(now: Now, byte: u8) -> Now {
    let us = u64::from(byte & 0x0F) << ((byte >> 4) + 9);
    Now::new(now.unix_us + us, now.mono_us + us)
}

fn check_queues(peers: &[Peer]) {
    for peer in peers {
        let waiting = peer.connection.outbox().backlog_bytes();
        assert!(waiting <= HARD_BYTES + SLACK_BYTES, "{waiting} bytes wait for one client");
    }
}

fn check_gauges(router: &Router) {
    let families = router.metrics();
    let gauge = |name: &str| {
        let family = families.iter().find(|family| family.name == name);
        family.map_or(0.0, |family| family.samples[0].value)
    };
    assert!(gauge("clasp_state_params_active") <= 16.0);
    assert!(gauge("clasp_signals_active") <= 16.0);
    assert!(gauge("clasp_subscriptions_active") <= (8 * PEERS) as f64);
    assert!(gauge("clasp_bundles_pending") <= 10_000.0);
    // Updates may grow beyond the limit, but not beyond what so many params can hold.
    assert!(gauge("clasp_state_bytes") <= f64::from(16 * 66_000));
    assert!(router.connections() <= PEERS);
}

/// Everybody reads, everybody who is not being closed gets a PONG, and then nothing is left.
fn finish(router: &Arc<Router>, mut peers: Vec<Peer>, now: Now) {
    let now = Now::new(now.unix_us + 2_000_000, now.mono_us + 2_000_000);
    router.tick(now);
    for peer in &mut peers {
        peer.reading = true;
        peer.read(now);
        if peer.is_open() {
            peer.pongs = 0;
            peer.send(&Message::Ping, now);
            peer.read(now);
            assert!(peer.pongs == 1 || !peer.is_open(), "a PING was not answered");
        }
    }
    drop(peers);
    assert_eq!(router.connections(), 0);
    let families = router.metrics();
    for name in ["clasp_sessions_active", "clasp_subscriptions_active", "clasp_queue_bytes"] {
        let family = families.iter().find(|family| family.name == name);
        assert_eq!(family.map_or(0.0, |family| family.samples[0].value), 0.0, "{name}");
    }
}

/// Rules that refuse, change, hide and redact something.
struct Rules;

impl Policy for Rules {
    fn validate(
        &self,
        _: Actor<'_>,
        address: &str,
        _: Option<&RawValue<'_>>,
    ) -> Result<(), String> {
        if address == "/refused" { Err("refused".to_owned()) } else { Ok(()) }
    }

    fn transform(&self, address: &str, _: &RawValue<'_>) -> Option<RawValue<'static>> {
        (address == "/changed").then(|| RawValue::int(1))
    }

    fn filters(&self) -> bool {
        true
    }

    fn visible(&self, _: Actor<'_>, address: &str, _: &RawValue<'_>) -> Visibility {
        match address {
            "/a/b" => Visibility::Withhold,
            "/a" => Visibility::Redacted(RawValue::null()),
            _ => Visibility::Deliver,
        }
    }
}

/// The QoS that two bits choose.
fn qos(byte: u8) -> Qos {
    Qos::from_flags(byte << 6)
}
