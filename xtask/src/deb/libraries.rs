//! The libraries within the executable, with the texts of their licences, which want to go along.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::shell::{self, Outcome, cargo};

/// Names of files that hold a licence or a notice.
const TEXTS: [&str; 5] = ["license", "licence", "copying", "notice", "copyright"];

/// Each library with its version, licence and texts.
///
/// # Errors
/// Cargo does not tell, or a library's folder cannot be read.
pub(super) fn notices() -> Outcome<String> {
    let tree = "tree -p clasp-relay --features full -e normal,no-proc-macro --prefix none --locked";
    let tree = shell::output(cargo(tree).args(["-f", "{p}"]))?;
    let metadata = shell::output(&mut cargo("metadata --format-version 1 --locked"))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut known: BTreeMap<String, &Value> = BTreeMap::new();
    for package in packages.filter(|package| package["source"].is_string()) {
        let text = |field: &str| package[field].as_str().unwrap_or_default();
        known.insert(format!("{} v{}", text("name"), text("version")), package);
    }
    let mut used: Vec<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    used.sort_unstable();
    used.dedup();
    let mut notices = String::from("Libraries within clasp-relay and their licences.\n");
    for (name, package) in used.iter().filter_map(|name| known.get_key_value(*name)) {
        let licence = package["license"].as_str().unwrap_or("see below");
        notices.push_str(&format!("\n==== {name} ({licence})\n"));
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let folder = manifest.parent().unwrap_or(manifest);
        for text in texts(folder)? {
            notices.push_str(&format!("\n{}\n", text.trim_end()));
        }
    }
    Ok(notices)
}

fn texts(folder: &Path) -> Outcome<Vec<String>> {
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_file() && TEXTS.iter().any(|text| name.starts_with(text)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect())
}
