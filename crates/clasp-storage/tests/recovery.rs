//! A relay that is started again is where it was.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use clasp_protocol::message::Ttl;
use clasp_router::Config;
use clasp_storage::{ErrorKind, Retention, SqliteJournal, StateFile, StateSource};
use support::relay::{Place, Relay, Setup, assert_same};

fn start(place: Place) -> Relay {
    Relay::start(place, &Setup::default()).unwrap()
}

fn at(relay: &Relay) -> Setup {
    Setup { now: relay.now, ..Setup::default() }
}

fn value(relay: &Relay, address: &str) -> Option<i64> {
    let params = relay.params();
    let param = params.get(address)?;
    match param.value.to_value() {
        clasp_protocol::Value::Int(int) => Some(int),
        _ => None,
    }
}

#[test]
fn the_last_value_comes_back_not_the_first() {
    let mut relay = start(Place::new());
    for value in 1..=5 {
        relay.set("/a", value, None);
    }
    let before = relay.params();
    let again = start(relay.kill());
    assert_eq!(value(&again, "/a"), Some(5));
    assert_eq!(again.params()["/a"].revision, 5);
    assert_eq!(again.params()["/a"].writer, before["/a"].writer);
    assert_eq!(again.params()["/a"].timestamp_us, before["/a"].timestamp_us);
    assert_eq!((again.report.entries, again.report.sets), (5, 5));
}

#[test]
fn an_orderly_end_leaves_nothing_to_replay() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, Some(Ttl::Sliding(60)));
    relay.bundle(&[("/b", 1), ("/c", 2)]);
    let before = relay.params();
    let setup = at(&relay);
    let again = Relay::start(relay.stop(), &setup).unwrap();
    assert_eq!(again.params(), before);
    assert_eq!((again.report.entries, again.report.state_params), (0, 3));
    assert!(matches!(again.report.state, Some(StateSource::Current(_))));
    assert_eq!(again.report.notes, Vec::<String>::new());
    assert!(!again.journal.as_ref().unwrap().opening().unclean);
}

#[test]
fn the_tail_of_the_journal_goes_over_the_state_file() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    relay.set("/gone", 1, Some(Ttl::Absolute(1)));
    assert!(relay.save().is_some());
    relay.set("/a", 2, None);
    relay.set("/b", 1, Some(Ttl::Never));
    relay.wait_s(3);
    relay.publish("/event");
    let before = relay.params();
    let setup = at(&relay);
    let mut again = Relay::start(relay.kill(), &setup).unwrap();
    assert_same(&again.params(), &before);
    assert_eq!((again.report.sets, again.report.deletions), (2, 1));
    again.set("/gone", 9, None);
    assert_eq!(again.params()["/gone"].revision, 2);
}

#[test]
fn a_state_file_alone_is_enough_for_what_it_holds() {
    let setup = Setup { with_journal: false, ..Setup::default() };
    let mut relay = Relay::start(Place::new(), &setup).unwrap();
    relay.set("/a", 1, Some(Ttl::Absolute(60)));
    relay.set("/gone", 1, Some(Ttl::Absolute(1)));
    relay.set("/gone", 2, None);
    relay.wait_s(3);
    let header = relay.save().unwrap();
    assert_eq!((header.params, header.journal, header.revision_floor), (1, None, 2));
    let before = relay.params();
    let setup = Setup { now: relay.now, ..setup };
    let mut again = Relay::start(relay.kill(), &setup).unwrap();
    assert_eq!(again.params(), before);
    again.set("/gone", 3, None);
    assert_eq!(again.params()["/gone"].revision, 3);
}

#[test]
fn nothing_is_written_when_nothing_has_changed() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    assert!(relay.save().is_some());
    relay.publish("/event");
    assert!(relay.save().is_none());
    relay.set("/a", 1, None);
    assert_eq!(relay.save().unwrap().journal.unwrap().sequence, 3);
    std::fs::remove_file(relay.place.state()).unwrap();
    assert!(relay.save().is_some());
}

#[test]
fn reads_that_made_a_life_longer_are_not_forgotten() {
    let mut relay = start(Place::new());
    relay.set("/read", 1, Some(Ttl::Sliding(60)));
    relay.set("/fixed", 1, Some(Ttl::Absolute(120)));
    relay.wait_s(50);
    let get = clasp_protocol::message::Get { address: "/read".into() };
    relay.send(&clasp_protocol::Message::Get(get));
    relay.wait_s(50);
    relay.publish("/sign/of/life");
    let before = relay.params();
    assert_eq!(before.len(), 2);
    let setup = at(&relay);
    let mut again = Relay::start(relay.kill(), &setup).unwrap();
    assert_eq!(value(&again, "/read"), Some(1));
    assert_eq!(again.params()["/fixed"], before["/fixed"]);
    again.wait_s(61);
    assert_eq!(again.params().len(), 0);
}

#[test]
fn lives_that_are_over_stay_over() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    relay.set("/a", 2, Some(Ttl::Absolute(10)));
    relay.save();
    relay.set("/b", 1, Some(Ttl::Absolute(10)));
    let mut setup = at(&relay);
    setup.now.unix_us += 11_000_000;
    let mut again = Relay::start(relay.kill(), &setup).unwrap();
    assert_eq!((again.params().len(), again.report.expired), (0, 2));
    again.set("/a", 3, None);
    assert_eq!(again.params()["/a"].revision, 3);
}

#[test]
fn a_clock_that_stepped_back_loses_nothing() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, Some(Ttl::Absolute(60)));
    relay.save();
    relay.now.unix_us -= 3_600_000_000;
    relay.set("/a", 2, None);
    relay.set("/b", 1, None);
    let before = relay.params();
    let setup = at(&relay);
    let mut again = Relay::start(relay.kill(), &setup).unwrap();
    for (address, param) in again.params() {
        assert_eq!(
            (&param.value, param.revision),
            (&before[&address].value, before[&address].revision)
        );
        assert_eq!(param.timestamp_us, before[&address].timestamp_us);
    }
    again.set("/a", 3, None);
    assert_eq!(again.params()["/a"].revision, 3);
    let mut setup = at(&again);
    setup.now.unix_us -= 3_600_000_000;
    let last = Relay::start(again.kill(), &setup).unwrap();
    assert_eq!((value(&last, "/a"), value(&last, "/b")), (Some(3), Some(1)));
}

#[test]
fn a_journal_that_lost_its_end_does_not_use_numbers_twice() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    relay.journal.as_ref().unwrap().flush().unwrap();
    let early = relay.place.copy();
    relay.set("/a", 2, None);
    relay.set("/a", 3, None);
    relay.save();
    let place = relay.kill();
    for suffix in ["", "-wal"] {
        let name = |place: &Place| format!("{}{suffix}", place.journal().display());
        std::fs::copy(name(&early), name(&place)).unwrap();
    }
    let mut again = start(place);
    assert_eq!(again.params()["/a"].revision, 3);
    assert_eq!(again.report.notes.len(), 1);
    again.set("/a", 4, None);
    assert_eq!(support::all(again.journal.as_ref().unwrap(), "/a").last().unwrap().0, 4);
    assert_eq!(value(&start(again.kill()), "/a"), Some(4));
}

#[test]
fn a_damaged_state_file_gives_way_to_the_one_before() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    relay.save();
    relay.set("/a", 2, None);
    relay.save();
    relay.set("/a", 3, None);
    let place = relay.kill();
    let mut bytes = std::fs::read(place.state()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(place.state(), bytes).unwrap();
    let mut again = start(place);
    assert_eq!(value(&again, "/a"), Some(3));
    assert!(matches!(again.report.state, Some(StateSource::Previous(_))));
    // The damaged file must not take the place of the good one before.
    again.save();
    let previous = format!("{}.previous", again.place.state().display());
    assert!(StateFile::inspect(previous.as_ref()).is_ok());
    assert!(std::fs::exists(format!("{}.damaged", again.place.state().display())).unwrap());
}

#[test]
fn a_state_file_that_is_missing_gives_way_to_the_one_before() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    relay.save();
    relay.set("/a", 2, None);
    relay.save();
    let place = relay.kill();
    std::fs::remove_file(place.state()).unwrap();
    assert_eq!(value(&start(place), "/a"), Some(2));
}

#[test]
fn without_any_readable_state_file_a_relay_does_not_start_unless_told_to() {
    let setup = Setup { with_journal: false, ..Setup::default() };
    let mut relay = Relay::start(Place::new(), &setup).unwrap();
    for number in 0..1_000 {
        relay.set(&format!("/a/{number}"), 1, None);
    }
    relay.save();
    let place = relay.kill();
    let bytes = std::fs::read(place.state()).unwrap();
    let mut bad = bytes.clone();
    bad[bytes.len() / 2] ^= 0x10;
    std::fs::write(place.state(), bad).unwrap();
    let copy = place.copy();
    let refused = Relay::start(place, &setup).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Damaged);
    let text = refused.to_string();
    assert!(text.contains(&*refused.path().to_string_lossy()), "{text}");
    assert!(text.contains("--allow-data-loss"), "{text}");
    let setup = Setup { allow_data_loss: true, ..setup };
    let rest = Relay::start(copy, &setup).unwrap();
    assert!(rest.report.lossy);
    let params = rest.params().len();
    assert!((800..1_000).contains(&params), "{params} of 1,000 params");
}

#[test]
fn another_relays_journal_is_refused() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    let place = relay.stop();
    let mut other = start(Place::new());
    other.set("/b", 1, None);
    let other = other.stop();
    std::fs::copy(other.journal(), place.journal()).unwrap();
    let copy = place.copy();
    let refused = Relay::start(place, &Setup::default()).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Mismatch);
    let setup = Setup { allow_data_loss: true, ..Setup::default() };
    let both = Relay::start(copy, &setup).unwrap();
    assert!(both.report.lossy);
    assert_eq!(value(&both, "/a"), Some(1));
}

#[test]
fn a_new_journal_beside_an_old_state_file_is_told() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    let place = relay.stop();
    std::fs::remove_file(place.journal()).unwrap();
    let mut again = start(place);
    assert_eq!((value(&again, "/a"), again.report.notes.len()), (Some(1), 1));
    again.set("/a", 2, None);
    again.save();
    again.set("/a", 3, None);
    assert_eq!(value(&start(again.kill()), "/a"), Some(3));
}

#[test]
fn a_compacted_journal_needs_its_state_file() {
    let retention = Retention { entries_max: Some(0), ..Retention::default() };
    let mut setup = Setup::default();
    setup.options.retention = retention;
    let mut relay = Relay::start(Place::new(), &setup).unwrap();
    for value in 0..10_000 {
        relay.set(&format!("/a/{}", value % 10), value, None);
        if value % 4_000 == 0 {
            relay.save();
        }
    }
    relay.save();
    relay.save();
    relay.set("/a/0", 1, None);
    relay.save();
    let journal = relay.journal.clone().unwrap();
    journal.flush().unwrap();
    journal.compact().unwrap();
    let stats = journal.stats().unwrap();
    assert!(stats.compacted > 4_000 && stats.first == stats.compacted + 1, "{stats:?}");
    drop(journal);
    let before = relay.params();
    let place = relay.kill();
    let copy = place.copy();
    assert_same(&Relay::start(place, &setup).unwrap().params(), &before);
    std::fs::remove_file(copy.state()).unwrap();
    let without = copy.copy();
    assert_same(&Relay::start(copy, &setup).unwrap().params(), &before);
    std::fs::remove_file(format!("{}.previous", without.state().display())).unwrap();
    let refused = Relay::start(without, &setup).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Mismatch);
}

#[test]
fn a_full_store_comes_back_as_it_was() {
    let mut config = Config::default();
    config.params.count_max = 50;
    let mut setup = Setup { config, ..Setup::default() };
    let mut relay = Relay::start(Place::new(), &setup).unwrap();
    for number in 0..200 {
        relay.set(&format!("/a/{number}"), number, None);
        relay.set(&format!("/a/{number}"), number + 1, None);
    }
    let before = relay.params();
    assert_eq!(before.len(), 50);
    setup.now = relay.now;
    assert_same(&Relay::start(relay.kill(), &setup).unwrap().params(), &before);
}

#[test]
fn a_journal_taken_up_later_adds_what_happened_since() {
    let mut relay = start(Place::new());
    relay.set("/a", 1, None);
    relay.set("/old", 1, None);
    let now = relay.now;
    let journal = relay.stop();
    let without = Setup { with_journal: false, now, ..Setup::default() };
    let place = Place::new();
    std::fs::copy(journal.state(), place.state()).unwrap();
    let mut relay = Relay::start(place, &without).unwrap();
    relay.set("/a", 2, None);
    relay.save();
    let setup = at(&relay);
    let place = relay.kill();
    std::fs::copy(journal.journal(), place.journal()).unwrap();
    let mut again = Relay::start(place, &setup).unwrap();
    assert_eq!(value(&again, "/a"), Some(2));
    again.set("/a", 3, None);
    assert_eq!(value(&start(again.kill()), "/a"), Some(3));
}

#[test]
fn a_journal_does_not_open_twice_even_for_recovery() {
    let relay = start(Place::new());
    let error = SqliteJournal::open(&relay.place.journal(), support::options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
}

#[test]
fn saves_while_somebody_writes_miss_nothing() {
    let mut config = Config::default();
    config.params.count_max = 60;
    let mut setup = Setup { config, ..Setup::default() };
    let mut relay = Relay::start(Place::new(), &setup).unwrap();
    let mut state = relay.state.take().unwrap();
    let (router, now) = (relay.router.clone(), relay.now);
    std::thread::scope(|scope| {
        let saving = scope.spawn(move || {
            for _ in 0..10 {
                state.save(&router, now).unwrap();
            }
        });
        let mut round = 0_i64;
        while !saving.is_finished() {
            round += 1;
            let addresses = [round % 97, round * 7 % 97, round * 31 % 89];
            let addresses = addresses.map(|number| format!("/p/{number}"));
            relay.bundle(&addresses.each_ref().map(|address| (&**address, round)));
        }
    });
    let before = relay.params();
    setup.now = relay.now;
    assert_same(&Relay::start(relay.kill(), &setup).unwrap().params(), &before);
}
