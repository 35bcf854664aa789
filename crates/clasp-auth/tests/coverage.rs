//! What a scope lets subscribe to, it lets listen to: coverage never grants what matching would
//! not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use clasp_auth::Scopes;
use clasp_protocol::Pattern;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn who_may_subscribe_may_listen_to_all_that_the_pattern_matches(
        actions in prop::collection::vec("read|write|admin", 3),
        patterns in prop::collection::vec("(/(\\*|\\*\\*|[ab*]{1,3})){1,4}", 3),
        request in "(/(\\*|\\*\\*|[ab*]{1,3})){1,4}",
        addresses in prop::collection::vec("(/[abc]{1,3}){1,5}", 30),
    ) {
        let listed: Vec<String> = actions
            .iter()
            .zip(&patterns)
            .map(|(action, pattern)| format!("{action}:{pattern}"))
            .collect();
        let list = listed.join(",");
        let (Ok(scopes), Ok(request)) = (Scopes::parse_list(&list), Pattern::parse(&request)) else {
            return Ok(());
        };
        if scopes.may_subscribe(&request) {
            for address in addresses.iter().filter(|address| request.matches(address)) {
                prop_assert!(scopes.may_listen(address), "{list} with {request:?} at {address}");
            }
        }
    }
}
