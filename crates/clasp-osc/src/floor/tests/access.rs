//! Who is admitted, and who gives way.

use super::*;

#[test]
fn forged_sources_take_no_more_than_their_places_and_nobody_elses() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    for number in 0..10_000_u32 {
        let [_, b, c, d] = (number / 200).to_be_bytes();
        let from = SocketAddr::from(([11, b, c, d], 10_000 + (number % 200) as u16));
        desk.send(from, "/a", vec![OscType::Int(1)]);
        assert!(desk.floor.peers() <= SESSIONS_MAX);
    }
    assert!(desk.floor.crowds.values().all(|crowd| *crowd <= SESSIONS_PER_ADDRESS_MAX));
    assert_eq!(desk.router.connections(), 1, "they do not count as the relay's sessions");
    desk.heard();
    desk.set("/osc/b", 2);
    assert_eq!(desk.heard(), ["9000 /b Int(2)"], "who is subscribed stays");
}

#[test]
fn subscribers_of_one_address_are_so_many_and_a_further_one_is_refused() {
    let mut desk = Desk::new();
    for port in 0..100 {
        let from = SocketAddr::from(([10, 0, 0, 1], 20_000 + port));
        desk.send(from, "/clasp/subscribe", vec!["/**".into()]);
    }
    assert_eq!(desk.floor.peers(), SESSIONS_PER_ADDRESS_MAX as usize);
    assert_eq!(desk.drops("full"), 36.0);
}

#[test]
fn what_is_no_packet_makes_no_session() {
    let mut desk = Desk::new();
    desk.raw(peer(1), b"hello");
    desk.raw(peer(2), &vec![0; 65_507]);
    assert_eq!((desk.floor.peers(), desk.drops("malformed")), (0, 2.0));
    desk.raw(peer(3), b"#bundle\0\0\0\0\0\0\0\0\x01");
    assert_eq!(desk.floor.peers(), 1);
}

#[test]
fn packets_from_elsewhere_than_allowed_are_dropped() {
    let config = Config { sources: "10.0.0.0/31".parse().unwrap(), ..Config::default() };
    let mut desk = Desk::with(config, Ports::default());
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    desk.send(peer(2), "/a", vec![OscType::Int(2)]);
    assert_eq!((desk.value("/osc/a"), desk.drops("source")), (Some(Value::Int(1)), 1.0));
}

/// Tokens are lists of scopes; "all" is everything.
struct Spelled;

impl Verifier for Spelled {
    fn verify(&self, token: &str, _: u64) -> Option<Result<Grant, Denied>> {
        let list = if token == "all" { "admin:/**" } else { token };
        let denied = |_| Denied::Invalid("no scopes".into());
        let scopes = Scopes::parse_list(list).map_err(denied);
        Some(scopes.map(|scopes| Grant { scopes: Some(scopes), ..Grant::default() }))
    }
}

fn guarded(guests: Guests) -> Desk {
    let chain = Chain::new(vec![Arc::new(Spelled)], None);
    let ports = Ports { authenticator: Arc::new(chain), ..Ports::default() };
    Desk::with(Config { guests, ..Config::default() }, ports)
}

#[test]
fn where_tokens_are_demanded_a_client_shows_one_first() {
    let mut desk = guarded(Guests::Refused);
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.heard(), Vec::<String>::new());
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    assert!(desk.heard()[0].contains("/clasp/auth"));
    desk.send(peer(1), "/clasp/auth", vec!["nonsense".into()]);
    assert!(desk.heard()[0].contains("/clasp/error String(\"/clasp/auth\")"));
    assert_eq!((desk.floor.peers(), desk.value("/osc/a")), (0, None));
    let token = "write:/osc/a,read:/osc/**";
    desk.send(peer(1), "/clasp/auth", vec![token.into()]);
    assert_eq!(desk.heard(), ["9000 /clasp/auth Bool(true)"]);
    desk.send(peer(1), "/a", vec![OscType::Int(2)]);
    desk.send(peer(1), "/b", vec![OscType::Int(2)]);
    assert_eq!((desk.value("/osc/a"), desk.value("/osc/b")), (Some(Value::Int(2)), None));
    let heard = desk.heard();
    assert!(heard[0].contains("/clasp/error") && heard[0].contains("/osc/b"), "{heard:?}");
}

#[test]
fn clients_without_a_token_come_with_the_doors_and_a_better_one_keeps_their_subscriptions() {
    let usual = clasp_auth::cpsk::Secret::new("read:/osc/**".into());
    let mut desk = guarded(Guests::With(usual));
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.value("/osc/a"), None);
    desk.send(peer(1), "/clasp/auth", vec!["all".into()]);
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.value("/osc/a"), Some(Value::Int(1)));
    desk.heard();
    desk.set("/osc/b", 2);
    assert_eq!(desk.heard(), ["9000 /b Int(2)"]);
}
