//! Rules on the workspace: which crate may see which, and that the map names them all.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Finding;
use crate::shell::{self, Outcome, cargo};

/// Each crate and what it may depend on, in dependency order; dev-dependencies included.
const EDGES: &[(&str, &[&str])] = &[
    ("clasp-protocol", &[]),
    ("clasp-json", &["clasp-protocol"]),
    ("clasp-auth", &["clasp-protocol"]),
    ("clasp-tls", &[]),
    ("clasp-router", &["clasp-protocol", "clasp-json", "clasp-auth"]),
    ("clasp-gateway", &["clasp-protocol", "clasp-auth", "clasp-router"]),
    ("clasp-storage", &["clasp-protocol", "clasp-json", "clasp-auth", "clasp-router"]),
    ("clasp-app", &["clasp-protocol", "clasp-auth", "clasp-router"]),
    ("clasp-transport", &["clasp-protocol", "clasp-auth", "clasp-router", "clasp-tls"]),
    (
        "clasp-mqtt",
        &[
            "clasp-protocol",
            "clasp-json",
            "clasp-auth",
            "clasp-router",
            "clasp-gateway",
            "clasp-transport",
        ],
    ),
    (
        "clasp-quic",
        &["clasp-protocol", "clasp-auth", "clasp-router", "clasp-tls", "clasp-transport"],
    ),
    (
        "clasp-osc",
        &[
            "clasp-protocol",
            "clasp-json",
            "clasp-auth",
            "clasp-router",
            "clasp-gateway",
            "clasp-transport",
        ],
    ),
    ("clasp-http", &["clasp-protocol", "clasp-json", "clasp-auth", "clasp-router", "clasp-tls"]),
    ("clasp-discovery", &["clasp-protocol", "clasp-auth", "clasp-http"]),
    (
        "clasp-oscquery",
        &[
            "clasp-protocol",
            "clasp-json",
            "clasp-auth",
            "clasp-router",
            "clasp-gateway",
            "clasp-transport",
            "clasp-osc",
            "clasp-http",
        ],
    ),
    (
        "clasp-rest",
        &[
            "clasp-protocol",
            "clasp-json",
            "clasp-auth",
            "clasp-router",
            "clasp-gateway",
            "clasp-transport",
            "clasp-http",
        ],
    ),
    (
        "clasp-relay",
        &[
            "clasp-protocol",
            "clasp-json",
            "clasp-auth",
            "clasp-router",
            "clasp-gateway",
            "clasp-storage",
            "clasp-app",
            "clasp-tls",
            "clasp-transport",
            "clasp-quic",
            "clasp-osc",
            "clasp-http",
            "clasp-rest",
            "clasp-discovery",
            "clasp-oscquery",
            "clasp-mqtt",
        ],
    ),
    ("xtask", &[]),
];

/// The page that explains the tree.
const MAP: &str = "ARCHITECTURE.md";

/// Checks the manifests of all members and the map.
pub(super) fn findings(root: &Path) -> Outcome<Vec<Finding>> {
    let metadata = shell::output(&mut cargo("metadata --no-deps --format-version 1"))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let map = fs::read_to_string(root.join(MAP)).unwrap_or_default();
    let mut findings = edges(&metadata, EDGES);
    findings.extend(unmapped(&metadata, &map));
    Ok(findings)
}

fn packages(metadata: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.map(|package| (package["name"].as_str().unwrap_or_default(), package))
}

fn edges(metadata: &Value, allowed: &[(&str, &[&str])]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |name: &str, message: String| {
        findings.push(Finding { rule: "edge", path: name.into(), line: 0, message });
    };
    for (name, package) in packages(metadata) {
        let Some((_, permitted)) = allowed.iter().find(|(crate_name, _)| *crate_name == name)
        else {
            find(name, "an unknown crate: say in xtask's EDGES what it may depend on".into());
            continue;
        };
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        for dependency in dependencies.filter(|dependency| dependency["path"].is_string()) {
            let target = dependency["name"].as_str().unwrap_or_default();
            if target != name && !permitted.contains(&target) {
                find(name, format!("must not depend on {target}"));
            }
        }
    }
    findings
}

fn unmapped(metadata: &Value, map: &str) -> Vec<Finding> {
    packages(metadata)
        .filter(|(name, _)| !map.contains(name))
        .map(|(name, _)| Finding {
            rule: "map",
            path: MAP.into(),
            line: 0,
            message: format!("the code map does not name {name}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALLOWED: &[(&str, &[&str])] = &[("low", &[]), ("high", &["low"])];

    fn metadata(name: &str, dependency: &Value) -> Value {
        json!({ "packages": [{ "name": name, "dependencies": [dependency] }] })
    }

    #[test]
    fn a_permitted_edge_and_foreign_crates_are_fine() {
        let own = json!({ "name": "low", "path": "/low", "kind": null });
        assert_eq!(edges(&metadata("high", &own), ALLOWED), []);
        let foreign = json!({ "name": "tokio", "kind": null });
        assert_eq!(edges(&metadata("low", &foreign), ALLOWED), []);
    }

    #[test]
    fn an_upward_edge_is_found_also_for_tests() {
        for kind in [Value::Null, "dev".into(), "build".into()] {
            let up = json!({ "name": "high", "path": "/high", "kind": kind });
            let found = edges(&metadata("low", &up), ALLOWED);
            assert_eq!(found[0].message, "must not depend on high");
        }
    }

    #[test]
    fn a_new_crate_must_be_placed() {
        let found = edges(&json!({ "packages": [{ "name": "new", "dependencies": [] }] }), ALLOWED);
        assert_eq!((found.len(), found[0].path.as_str()), (1, "new"));
    }

    #[test]
    fn a_crate_that_the_map_leaves_out_is_found() {
        let metadata = json!({ "packages": [{ "name": "low" }, { "name": "high" }] });
        let found = unmapped(&metadata, "The crate `low` is first.");
        assert_eq!(found.len(), 1);
        assert!(found[0].message.ends_with("high"));
    }

    #[test]
    fn the_permitted_edges_have_no_cycle() {
        for (index, (name, permitted)) in EDGES.iter().enumerate() {
            for target in *permitted {
                let place = EDGES.iter().position(|(name, _)| name == target);
                assert!(place.is_some_and(|place| place < index), "{name} -> {target}");
            }
        }
    }
}
