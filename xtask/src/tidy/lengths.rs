//! Lengths of files, functions and lines.

use super::{Finding, Source};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 100;
/// Endings of files that people write by hand.
const WRITTEN: [&str; 6] = [".rs", ".py", ".js", ".mjs", ".ts", ".sh"];

/// The length of a file in any language.
pub(super) fn of_file(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let written = WRITTEN.iter().any(|ending| path.ends_with(ending));
    (written && lines > FILE_LINES_MAX).then(|| Finding {
        rule: "file-length",
        path: path.into(),
        line: 0,
        message: format!("{lines} lines, at most {FILE_LINES_MAX}: split it by responsibility"),
    })
}

/// The lengths of functions (tests apart) and lines of a Rust file.
pub(super) fn of_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, lines) in &source.regions.functions {
        let count = lines.end() + 1 - lines.start();
        if count > FUNCTION_LINES_MAX && !source.in_test(*lines.start()) {
            let message = format!("{name} has {count} lines, at most {FUNCTION_LINES_MAX}");
            findings.push(source.finding("function-length", *lines.start(), message));
        }
    }
    for (index, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > LINE_COLUMNS_MAX {
            let message = format!("{columns} columns, at most {LINE_COLUMNS_MAX}");
            findings.push(source.finding("line-length", index + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<(&'static str, usize)> {
        let source = Source::parse("crates/a/src/x.rs", text.into()).unwrap();
        of_source(&source).iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    #[test]
    fn a_file_may_have_its_maximum_and_no_line_more() {
        assert_eq!(of_file("a.rs", &"x\n".repeat(FILE_LINES_MAX)), None);
        let finding = of_file("a.rs", &"x\n".repeat(FILE_LINES_MAX + 1)).unwrap();
        assert_eq!(finding.rule, "file-length");
        assert_eq!(of_file("data.json", &"x\n".repeat(9_999)), None);
    }

    #[test]
    fn a_function_may_have_its_maximum_and_no_line_more() {
        let body = |lines: usize| format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2));
        assert_eq!(rules(&body(FUNCTION_LINES_MAX)), []);
        assert_eq!(rules(&body(FUNCTION_LINES_MAX + 1)), [("function-length", 1)]);
        assert_eq!(rules(&format!("#[test]\n{}", body(200))), []);
    }

    #[test]
    fn a_long_line_is_found_by_columns_not_bytes() {
        assert_eq!(rules(&format!("// {}", "é".repeat(97))), []);
        assert_eq!(rules(&format!("fn a() {{}}\n// {}", "é".repeat(98))), [("line-length", 2)]);
    }
}
