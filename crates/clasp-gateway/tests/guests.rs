//! Guests of a real router.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_gateway::{Answer, Arrival, Bell, Guest, Introduction, Refused};
use clasp_protocol::message::{Get, Publish, Set, SignalType, Subscribe};
use clasp_protocol::{ErrorCode, Message, RawValue};
use clasp_router::config::{AckPolicy, GetMissing};
use clasp_router::{Config, Now, Ports, Router};

const NOW: Now = Now::new(1_750_000_000_000_000, 60_000_000);

fn router(change: impl FnOnce(&mut Config)) -> Arc<Router> {
    let mut config = Config::default();
    change(&mut config);
    let router = Router::new(config, Ports::default()).expect("the defaults are valid");
    router.tick(NOW);
    router
}

fn enter(router: &Arc<Router>) -> Result<Guest, Refused> {
    let remote = SocketAddr::from(([127, 0, 0, 1], 4_000));
    let who = Introduction { remote, transport: "test", name: "test:guest", token: None };
    Guest::enter(router, &who, Bell::new(), NOW)
}

/// What has come, a line each.
fn heard(guest: &mut Guest) -> Vec<String> {
    let mut lines = Vec::new();
    let closed = guest.collect_all(NOW, |arrival| {
        lines.push(match arrival {
            Arrival::Answer(number, Answer::Done(ack)) => {
                format!("{number}: done {:?}", ack.revision)
            }
            Arrival::Answer(number, Answer::Refused(refused)) => {
                format!("{number}: {}", refused.code)
            }
            Arrival::News(news) => {
                let value = news.value.map(|value| value.to_value());
                let kind = if news.state { "state" } else { news.signal.name() };
                format!("{kind} {} {value:?}", news.address)
            }
            Arrival::Notice(refused) => format!("notice {}", refused.code),
            Arrival::Other(message) => message.kind().name().to_owned(),
        });
    });
    assert_eq!(closed, None);
    lines
}

fn set(address: &str, value: i64) -> Message<'_> {
    Message::Set(Set::new(address, RawValue::int(value)))
}

fn subscribe(pattern: &str) -> Message<'_> {
    Message::Subscribe(Subscribe { id: 1, pattern: pattern.into(), types: 0xFF, options: None })
}

#[test]
fn a_guest_is_told_nothing_before_it_asks() {
    let router = router(|_| {});
    let mut first = enter(&router).unwrap();
    first.ask(&set("/a", 1), false, NOW).unwrap();
    assert_eq!(heard(&mut enter(&router).unwrap()), Vec::<String>::new());
}

#[test]
fn every_request_that_asks_is_answered_once_with_its_number() {
    for ack in [AckPolicy::Qos, AckPolicy::Always] {
        let router = router(|config| {
            config.ack = ack;
            config.get_missing = GetMissing::Silent;
        });
        let mut guest = enter(&router).unwrap();
        let event = Message::Publish(Publish::new("/e", SignalType::Event));
        let missing = Message::Get(Get { address: "/missing".into() });
        for request in [set("/a", 1), event, missing, set("no address", 1), subscribe("/none")] {
            guest.ask(&request, false, NOW).unwrap();
        }
        guest.tell(&set("/a", 2), NOW).unwrap();
        let not_found = ErrorCode::AddressNotFound.code();
        let invalid = ErrorCode::InvalidAddress.code();
        let expected = [
            "1: done Some(1)".to_owned(),
            "2: done None".to_owned(),
            format!("3: {not_found}"),
            format!("4: {invalid}"),
            "5: done None".to_owned(),
        ];
        assert_eq!(heard(&mut guest), expected, "{ack:?}");
    }
}

#[test]
fn a_request_beyond_the_rate_is_answered_too() {
    let router = router(|config| config.messages_per_second_max = 2);
    let mut guest = enter(&router).unwrap();
    for value in 1..=5 {
        guest.ask(&set("/a", value), false, NOW).unwrap();
    }
    let lines = heard(&mut guest);
    let answered: Vec<_> = (1..=5)
        .map(|number| lines.iter().filter(|line| line.starts_with(&format!("{number}:"))).count())
        .collect();
    assert_eq!(answered, [1; 5], "{lines:?}");
}

#[test]
fn state_comes_before_changes_and_bundles_come_as_their_parts() {
    let router = router(|_| {});
    let mut writer = enter(&router).unwrap();
    writer.tell(&set("/p/a", 1), NOW).unwrap();
    let mut reader = enter(&router).unwrap();
    reader.ask(&subscribe("/p/**"), false, NOW).unwrap();
    let event =
        Publish { value: Some(RawValue::bool(true)), ..Publish::new("/p/e", SignalType::Event) };
    let parts = vec![set("/p/b", 2).into(), Message::Publish(event).into()];
    let bundle = clasp_protocol::message::Bundle { timestamp: None, parts };
    writer.tell(&Message::Bundle(bundle), NOW).unwrap();
    let expected = [
        "state /p/a Some(Int(1))",
        "1: done None",
        "param /p/b Some(Int(2))",
        "event /p/e Some(Bool(true))",
    ];
    assert_eq!(heard(&mut reader), expected);
}

#[test]
fn who_is_refused_learns_why() {
    let router = router(|config| config.sessions_max = 1);
    let _first = enter(&router).unwrap();
    let refused = enter(&router).unwrap_err();
    assert!(refused.is(ErrorCode::ServiceUnavailable), "{refused}");
}

#[test]
fn a_guest_that_leaves_lets_go_of_its_locks() {
    let router = router(|_| {});
    let mut holder = enter(&router).unwrap();
    let lock = Set { lock: true, ..Set::new("/a", RawValue::int(1)) };
    holder.ask(&Message::Set(lock), false, NOW).unwrap();
    let mut other = enter(&router).unwrap();
    other.ask(&set("/a", 2), false, NOW).unwrap();
    holder.leave(NOW);
    other.ask(&set("/a", 3), false, NOW).unwrap();
    let held = ErrorCode::LockHeld.code();
    assert_eq!(heard(&mut other), [format!("1: {held}"), "2: done Some(2)".to_owned()]);
}

#[test]
fn a_guest_that_came_apart_takes_nobodys_place() {
    let router = router(|config| config.sessions_max = 1);
    let remote = SocketAddr::from(([127, 0, 0, 1], 4_000));
    let who = Introduction { remote, transport: "test", name: "test:apart", token: None };
    let apart: Vec<Guest> =
        (0..9).map(|_| Guest::enter_apart(&router, &who, Bell::new(), NOW).unwrap()).collect();
    let first = enter(&router).unwrap();
    drop(apart);
    assert!(enter(&router).is_err(), "the limit still holds for others");
    drop(first);
    assert!(enter(&router).is_ok());
}

#[test]
fn a_guest_finds_the_params_that_it_may_get() {
    let scopes = clasp_auth::Scopes::parse_list("write:/a/**").unwrap();
    let chain = clasp_auth::Chain::new(Vec::new(), Some(scopes));
    let ports = Ports { authenticator: Arc::new(chain), ..Ports::default() };
    let limited = Router::new(Config::default(), ports).unwrap();
    let mut guest = enter(&limited).unwrap();
    for address in ["/a/1", "/a/2", "/a/deep/3"] {
        guest.tell(&set(address, 1), NOW).unwrap();
    }
    let find = |guest: &Guest, pattern: &str, count_max: usize| {
        let pattern = pattern.parse().unwrap();
        let wanted = |address: &str| address != "/a/2";
        let mut found = guest.find(&pattern, (&wanted, count_max), NOW);
        found.sort();
        found.iter().map(|address| address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(find(&guest, "/a/*", 9), ["/a/1"]);
    assert_eq!(find(&guest, "/**", 9), ["/a/1", "/a/deep/3"]);
    assert_eq!(find(&guest, "/**", 1).len(), 1);
    assert_eq!(find(&guest, "/b/**", 9), Vec::<String>::new());
}
