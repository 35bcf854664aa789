//! Which write wins: expected revisions and strategies (routing.md 4.3).

use clasp_router::Strategy;

use crate::support::*;

fn strategies(strategy: Strategy) -> World {
    let mut world = World::configured(|config| {
        config.params.strategies = vec![("/s/**".to_owned(), strategy)];
    });
    world.join("a");
    world.join("b");
    world
}

#[test]
fn the_expected_revision_must_be_the_current_one() {
    let mut world = World::new();
    world.join("a");
    world.send("a", set("/x", 1));
    assert_eq!(world.ask("a", set("/x", 2).expecting(1)), ["ACK /x rev=2"]);
    assert_eq!(world.ask("a", set("/x", 3).expecting(1)), ["ERROR 400 /x"]);
    assert_eq!(world.ask("a", set("/x", 3).expecting(3)), ["ERROR 400 /x"]);
    assert_eq!(world.ask("a", get("/x")), ["SNAPSHOT /x=2@2"]);
}

#[test]
fn expecting_zero_means_that_the_param_must_not_exist() {
    let mut world = World::new();
    world.join("a");
    assert_eq!(world.ask("a", set("/x", 1).expecting(0)), ["ACK /x rev=1"]);
    assert_eq!(world.ask("a", set("/x", 2).expecting(0)), ["ERROR 400 /x"]);
    assert_eq!(world.ask("a", set("/y", 2).expecting(1)), ["ERROR 400 /y"]);
    assert_eq!(world.ask("a", get("/y")), ["ERROR 201 /y"]);
}

#[test]
fn a_refused_write_is_told_to_nobody_else() {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world.send("a", set("/x", 1).expecting(9));
    world.hears_nothing("b");
}

#[test]
fn the_last_write_wins_unless_told_otherwise() {
    let mut world = strategies(Strategy::Max);
    world.send("a", set("/elsewhere", 5));
    assert_eq!(world.ask("b", set("/elsewhere", 1)), ["ACK /elsewhere rev=2"]);
}

#[test]
fn max_accepts_only_greater_numbers_of_the_same_kind() {
    let mut world = strategies(Strategy::Max);
    world.send("a", set("/s/x", 5));
    assert_eq!(world.ask("b", set("/s/x", 5)), ["ERROR 400 /s/x"]);
    assert_eq!(world.ask("b", set("/s/x", 4)), ["ERROR 400 /s/x"]);
    assert_eq!(world.ask("b", set("/s/x", 6)), ["ACK /s/x rev=2"]);
    assert_eq!(world.ask("b", set("/s/x", 0.5)), ["ACK /s/x rev=3"]);
    assert_eq!(world.ask("b", set("/s/x", 0.25)), ["ERROR 400 /s/x"]);
    assert_eq!(world.ask("b", set("/s/x", "text")), ["ACK /s/x rev=4"]);
    assert_eq!(world.ask("b", set("/s/x", i64::MIN)), ["ACK /s/x rev=5"]);
}

#[test]
fn min_accepts_only_smaller_numbers_of_the_same_kind() {
    let mut world = strategies(Strategy::Min);
    world.send("a", set("/s/x", 5.0));
    assert_eq!(world.ask("b", set("/s/x", 5.0)), ["ERROR 400 /s/x"]);
    assert_eq!(world.ask("b", set("/s/x", 5.5)), ["ERROR 400 /s/x"]);
    assert_eq!(world.ask("b", set("/s/x", -5.5)), ["ACK /s/x rev=2"]);
}

#[test]
fn large_integers_are_compared_exactly() {
    let mut world = strategies(Strategy::Max);
    world.send("a", set("/s/x", 1_i64 << 60));
    assert_eq!(world.ask("b", set("/s/x", (1_i64 << 60) + 1)), ["ACK /s/x rev=2"]);
}

#[test]
fn lock_and_merge_accept_everything_while_nobody_holds_the_lock() {
    for strategy in [Strategy::Lock, Strategy::Merge] {
        let mut world = strategies(strategy);
        world.send("a", set("/s/x", 5));
        assert_eq!(world.ask("b", set("/s/x", 1)), ["ACK /s/x rev=2"]);
    }
}

#[test]
fn the_first_matching_strategy_counts() {
    let mut world = World::configured(|config| {
        config.params.strategies =
            vec![("/s/low".to_owned(), Strategy::Min), ("/s/*".to_owned(), Strategy::Max)];
    });
    world.join("a");
    for address in ["/s/low", "/s/high"] {
        world.send("a", set(address, 5));
    }
    assert_eq!(world.ask("a", set("/s/low", 6)), ["ERROR 400 /s/low"]);
    assert_eq!(world.ask("a", set("/s/high", 6)), ["ACK /s/high rev=2"]);
}

#[test]
fn a_strategy_with_a_malformed_pattern_is_refused_at_the_start() {
    let mut config = clasp_router::Config::default();
    config.params.strategies = vec![("no slash".to_owned(), Strategy::Max)];
    assert!(clasp_router::Router::new(config, clasp_router::Ports::default()).is_err());
}

#[test]
fn a_bundle_that_loses_a_conflict_changes_nothing() {
    let mut world = strategies(Strategy::Max);
    world.send("a", set("/s/x", 5));
    assert_eq!(world.ask("b", bundle([set("/y", 1), set("/s/x", 4)])), ["ERROR 400 /s/x"]);
    assert_eq!(world.ask("b", get("/y")), ["ERROR 201 /y"]);
    assert_eq!(world.ask("b", bundle([set("/y", 1), set("/s/x", 6)])), ["ACK rev=2"]);
}
