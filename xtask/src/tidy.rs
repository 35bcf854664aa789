//! The house rules, held by a machine: `cargo xtask tidy` lists every place that breaks one.

mod exceptions;
mod lengths;
mod regions;
mod tokens;
mod workspace;

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{self, Outcome, command, root};
use regions::Regions;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    rule: &'static str,
    path: String,
    /// From 1; 0 for the whole file.
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.message)
    }
}

/// A Rust file as the rules see it.
struct Source {
    /// Relative to the root, with slashes.
    path: String,
    text: String,
    regions: Regions,
    /// Every line counts as a test.
    is_test: bool,
}

impl Source {
    fn parse(path: &str, text: String) -> Outcome<Self> {
        let regions = Regions::of(&text).map_err(|error| format!("{path}: {error}"))?;
        Ok(Self { path: path.into(), text, regions, is_test: is_test_path(path) })
    }

    fn in_test(&self, line: usize) -> bool {
        self.is_test || self.regions.tests.iter().any(|test| test.contains(&line))
    }

    fn finding(&self, rule: &'static str, line: usize, message: impl Into<String>) -> Finding {
        Finding { rule, path: self.path.clone(), line, message: message.into() }
    }
}

/// Programs that exist to test, and test modules that fill a file.
fn is_test_path(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    let test_folder = |name: &str| ["tests", "benches", "examples"].contains(&name);
    path.starts_with("interop/")
        || path.starts_with("bench/")
        || path.starts_with("fuzz/")
        || path.ends_with("/tests.rs")
        || folders.any(test_folder)
}

/// Checks the whole tree.
pub(crate) fn run() -> Outcome {
    let root = root();
    let paths = tracked()?;
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    for path in &paths {
        let Ok(text) = fs::read_to_string(root.join(path)) else {
            continue;
        };
        findings.extend(lengths::of_file(path, &text));
        if path.ends_with(".rs") {
            sources.push(Source::parse(path, text)?);
        }
    }
    mark_test_modules(&mut sources);
    for source in &sources {
        findings.extend(lengths::of_source(source));
        findings.extend(tokens::findings(source));
        findings.extend(shape(source));
    }
    findings.extend(workspace::findings(&root)?);
    let list = fs::read_to_string(root.join(exceptions::FILE)).unwrap_or_default();
    let findings = exceptions::apply(findings, &list);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, {} of them Rust: nothing to say", paths.len(), sources.len());
            Ok(())
        }
        count => Err(format!("tidy has {count} findings, listed above")),
    }
}

/// Every file that is or may become part of the repository.
fn tracked() -> Outcome<Vec<String>> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let list = shell::output(&mut command("git", list))?;
    Ok(list.lines().map(str::to_string).collect())
}

/// Marks the files of modules that are compiled for tests only.
fn mark_test_modules(sources: &mut [Source]) {
    let mut tests = HashSet::new();
    for source in sources.iter() {
        let path = Path::new(&source.path);
        let stem = path.file_stem().unwrap_or_default();
        let is_root = ["lib", "main", "mod"].iter().any(|name| stem == *name);
        let folder = if is_root { path.with_file_name("") } else { path.with_extension("") };
        tests.extend(source.regions.test_modules.iter().map(|name| folder.join(name)));
    }
    for source in sources {
        let path = PathBuf::from(&source.path);
        source.is_test |= path.with_extension("").ancestors().any(|place| tests.contains(place));
    }
}

/// Rules on how a file begins and is called.
fn shape(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.path.ends_with("/mod.rs") && !source.is_test {
        let message = "name the file after the module, beside its folder";
        findings.push(source.finding("mod-file", 0, message));
    }
    if !source.text.starts_with("//!") {
        findings.push(source.finding("head", 1, "begin with //! and say what the file owns"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::parse(path, text.into()).unwrap()
    }

    #[test]
    fn test_folders_and_test_files_are_tests() {
        for path in
            ["crates/a/tests/set.rs", "crates/a/src/codec/tests.rs", "interop/rust/src/lib.rs"]
        {
            assert!(is_test_path(path), "{path}");
        }
        for path in ["crates/a/src/lib.rs", "xtask/src/tests_of_others.rs", "deploy/relay/src/x.rs"]
        {
            assert!(!is_test_path(path), "{path}");
        }
    }

    #[test]
    fn a_module_behind_cfg_test_is_a_test_with_all_its_children() {
        let mut sources = [
            source("crates/a/src/lib.rs", "//! A.\n#[cfg(test)]\nmod model;\nmod real;"),
            source("crates/a/src/model.rs", "//! M."),
            source("crates/a/src/model/part.rs", "//! P."),
            source("crates/a/src/real.rs", "//! R.\n#[cfg(test)] mod case;"),
            source("crates/a/src/real/case.rs", "//! C."),
        ];
        mark_test_modules(&mut sources);
        let marks: Vec<bool> = sources.iter().map(|source| source.is_test).collect();
        assert_eq!(marks, [false, true, true, false, true]);
    }

    #[test]
    fn a_file_without_a_head_is_found() {
        assert_eq!(shape(&source("a/src/x.rs", "fn a() {}"))[0].rule, "head");
        assert!(shape(&source("a/src/x.rs", "//! Owns x.\nfn a() {}")).is_empty());
    }

    #[test]
    fn a_mod_file_is_found() {
        assert_eq!(shape(&source("a/src/x/mod.rs", "//! X."))[0].rule, "mod-file");
    }
}
