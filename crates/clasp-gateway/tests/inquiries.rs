//! What guests may ask beyond the messages of CLASP: pages of params, and the past since an entry.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use clasp_auth::{Authenticator, Denied, Grant, Scopes};
use clasp_gateway::{Answer, Arrival, Bell, Guest, Introduction};
use clasp_protocol::message::{Publish, Set, SignalType, Subscribe};
use clasp_protocol::{ErrorCode, Message, RawValue};
use clasp_router::journal::{Journal, MemoryJournal};
use clasp_router::{Config, Now, Page, Ports, Router, Wanted};

const NOW: Now = Now::new(1_750_000_000_000_000, 60_000_000);

/// Everybody may do this.
struct Everybody(&'static str);

impl Authenticator for Everybody {
    fn authenticate(&self, _: Option<&str>, _: u64) -> Result<Grant, Denied> {
        let scopes = Scopes::parse_list(self.0).expect("good scopes");
        Ok(Grant { scopes: Some(scopes), ..Grant::default() })
    }
}

fn router(config: Config, scopes: &'static str, entries_max: usize) -> Arc<Router> {
    let journal = (entries_max > 0)
        .then(|| Arc::new(MemoryJournal::new(entries_max, 1 << 20)) as Arc<dyn Journal>);
    let authenticator = Arc::new(Everybody(scopes));
    let ports = Ports { authenticator, journal, ..Ports::default() };
    let router = Router::new(config, ports).expect("the defaults are valid");
    router.tick(NOW);
    router
}

fn enter(router: &Arc<Router>) -> Guest {
    let remote = SocketAddr::from(([127, 0, 0, 1], 4_000));
    let who = Introduction { remote, transport: "test", name: "test:guest", token: None };
    Guest::enter(router, &who, Bell::new(), NOW).expect("everybody may enter")
}

fn fill(guest: &mut Guest, count: i64) {
    for number in 0..count {
        let address = format!("/rig/{number}/level");
        guest
            .tell(&Message::Set(Set::new(address, RawValue::int(number))), NOW)
            .expect("it fits a frame");
    }
}

fn page(guest: &mut Guest, pattern: &str, after: Option<&str>, params_max: usize) -> Page {
    guest.page(&Wanted { pattern, after, params_max }, NOW).expect("it may be read")
}

fn post(guest: &mut Guest, number: i64) {
    let value = Some(RawValue::int(number));
    let event = Publish { value, ..Publish::new("/cue", SignalType::Event) };
    guest.tell(&Message::Publish(event), NOW).expect("it fits a frame");
}

fn subscribe(pattern: &str) -> Subscribe<'_> {
    Subscribe { id: 1, pattern: pattern.into(), types: 0xFF, options: None }
}

/// Addresses and values of the news, and how the requests ended.
fn heard(guest: &mut Guest) -> (Vec<String>, Vec<Result<(), u16>>) {
    let (mut news, mut answers) = (Vec::new(), Vec::new());
    guest.collect_all(NOW, |arrival| match arrival {
        Arrival::News(told) => {
            let value = told.value.as_ref().map(|value| value.to_value());
            news.push(format!("{} {value:?} {}", told.address, told.state));
        }
        Arrival::Answer(_, Answer::Done(_)) => answers.push(Ok(())),
        Arrival::Answer(_, Answer::Refused(refused)) => answers.push(Err(refused.code)),
        _ => {}
    });
    (news, answers)
}

#[test]
fn pages_of_any_size_tell_each_param_once() {
    let router = router(Config::default(), "read:/**,write:/**", 0);
    let mut guest = enter(&router);
    fill(&mut guest, 300);
    guest.tell(&Message::Set(Set::new("/other", RawValue::int(1))), NOW).expect("it fits a frame");
    for size in [1, 7, 299, 300, 301] {
        let (mut told, mut after) = (BTreeSet::new(), None);
        loop {
            let page = page(&mut guest, "/rig/*/level", after.as_deref(), size);
            assert!(page.params.len() <= size);
            for param in &page.params {
                assert!(told.insert(param.address.to_string()), "{} again", param.address);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(told.len(), 300, "in pages of {size}");
    }
}

#[test]
fn a_page_tells_what_the_scopes_allow_and_a_wider_pattern_is_refused() {
    let router = router(Config::default(), "read:/rig/1/**,write:/**", 0);
    let mut guest = enter(&router);
    fill(&mut guest, 30);
    assert_eq!(page(&mut guest, "/rig/1/*", None, 100).params.len(), 1);
    for pattern in ["/rig/**", "/**", "/rig/2/level"] {
        let refused = guest.page(&Wanted { pattern, after: None, params_max: 9 }, NOW);
        assert!(refused.is_err_and(|it| it.is(ErrorCode::Forbidden)), "{pattern}");
    }
    let refused = guest.page(&Wanted { pattern: "rig", after: None, params_max: 9 }, NOW);
    assert!(refused.is_err_and(|it| it.is(ErrorCode::PatternError)));
}

#[test]
fn pages_cost_as_much_as_messages_do() {
    let config = Config { messages_per_second_max: 20, ..Config::default() };
    let router = router(config, "read:/**", 0);
    let mut guest = enter(&router);
    for _ in 0..2 {
        page(&mut guest, "/**", None, 9);
    }
    let refused = guest.page(&Wanted { pattern: "/a", after: None, params_max: 9 }, NOW);
    assert!(refused.is_err_and(|it| it.is(ErrorCode::TooManyRequests)));
}

#[test]
fn who_comes_back_is_told_what_was_journalled_meanwhile_and_no_state() {
    let router = router(Config::default(), "read:/**,write:/**", 1_000);
    let mut writer = enter(&router);
    fill(&mut writer, 3);
    let position = router.settled_sequence().expect("there is a journal");
    for number in 0..600 {
        post(&mut writer, number);
    }
    fill(&mut writer, 1);
    assert!(router.can_resume(position));
    let mut reader = enter(&router);
    reader.resume(&subscribe("/**"), position, NOW);
    let (news, answers) = heard(&mut reader);
    assert_eq!(answers, [Ok(())]);
    let mut expected: Vec<_> =
        (0..600).map(|number| format!("/cue Some(Int({number})) false")).collect();
    expected.push("/rig/0/level Some(Int(0)) false".into());
    assert_eq!(news, expected);
    post(&mut writer, 600);
    assert_eq!(heard(&mut reader).0, ["/cue Some(Int(600)) false"]);
}

#[test]
fn a_past_that_is_gone_or_never_was_cannot_be_resumed() {
    let router = router(Config::default(), "read:/**,write:/**", 10);
    let mut guest = enter(&router);
    assert!(router.can_resume(0), "nothing has happened");
    assert!(!router.can_resume(1), "another journal's entry");
    for number in 0..30 {
        post(&mut guest, number);
    }
    assert!(!router.can_resume(5), "long gone");
    assert!(router.can_resume(30) && router.can_resume(29));
    assert!(!router.can_resume(31));
    let without = self::router(Config::default(), "read:/**", 0);
    assert!(!without.can_resume(0) && without.settled_sequence().is_none());
}

#[test]
fn coming_back_needs_the_same_scopes() {
    let router = router(Config::default(), "read:/rig/**,write:/**", 100);
    let mut guest = enter(&router);
    guest.resume(&subscribe("/**"), 0, NOW);
    assert_eq!(heard(&mut guest).1, [Err(ErrorCode::Forbidden.code())]);
}
