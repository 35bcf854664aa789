//! The examples of the documentation are app configs without a single complaint.

use clasp_app::AppConfig;

const PAGE: &str = include_str!("../../../docs/app-config.md");

#[test]
fn every_example_is_a_sound_config() {
    let examples: Vec<&str> =
        PAGE.split("```json\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert_eq!(examples.len(), 5);
    for example in examples {
        let parsed = AppConfig::parse(example);
        assert!(parsed.problems.is_empty(), "{example}\n{:#?}", parsed.problems);
    }
}

#[test]
fn every_check_is_on_the_page() {
    for name in [
        "state_field_equals_session",
        "state_not_null",
        "either_state_not_null",
        "value_field_equals_session",
        "segment_equals_session",
        "require_value_field",
        "reject_unless_path_matches",
        "value_in_range",
        "field_unchanged",
    ] {
        assert!(PAGE.contains(&format!("| `{name}` |")), "{name}");
    }
}
