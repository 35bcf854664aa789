//! The list of places that are allowed to break a rule. It may only shrink: an entry that is not
//! needed any more is a finding, and so is one more entry than [`COUNT`].

use super::Finding;

/// Where the list is: lines of `rule path`, `#` begins a comment.
pub(super) const FILE: &str = "xtask/tidy-exceptions.txt";
/// How many entries the list has. Lower it when one goes; raise it never.
const COUNT: usize = 0;

/// Takes away what the list allows and adds what is wrong with the list.
pub(super) fn apply(findings: Vec<Finding>, list: &str) -> Vec<Finding> {
    apply_counted(findings, list, COUNT)
}

fn apply_counted(mut findings: Vec<Finding>, list: &str, count: usize) -> Vec<Finding> {
    let mut complaints = Vec::new();
    let mut complain = |line: usize, message: String| {
        complaints.push(Finding { rule: "exception", path: FILE.into(), line, message });
    };
    let mut entries = 0;
    for (index, line) in list.lines().enumerate() {
        let entry = line.split('#').next().unwrap_or_default().trim();
        if entry.is_empty() {
            continue;
        }
        entries += 1;
        let (rule, path) = entry.split_once(' ').unwrap_or((entry, ""));
        let before = findings.len();
        findings.retain(|finding| finding.rule != rule || finding.path != path.trim());
        if findings.len() == before {
            complain(index + 1, format!("`{entry}` allows nothing that exists: remove it"));
        }
    }
    if entries != count {
        complain(0, format!("{entries} entries, but COUNT says {count}: it may only shrink"));
    }
    findings.extend(complaints);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &'static str, path: &str) -> Finding {
        Finding { rule, path: path.into(), line: 1, message: String::new() }
    }

    #[test]
    fn an_entry_allows_its_rule_in_its_file_only() {
        let findings =
            vec![finding("head", "a.rs"), finding("head", "b.rs"), finding("mark", "a.rs")];
        let left = apply_counted(findings, "# why\nhead a.rs # made by a tool\n", 1);
        assert_eq!(left, [finding("head", "b.rs"), finding("mark", "a.rs")]);
    }

    #[test]
    fn an_entry_that_allows_nothing_is_found() {
        let left = apply_counted(Vec::new(), "head a.rs", 1);
        assert_eq!((left[0].rule, left[0].line), ("exception", 1));
    }

    #[test]
    fn the_list_does_not_grow() {
        let left = apply_counted(vec![finding("head", "a.rs")], "head a.rs", 0);
        assert_eq!((left.len(), left[0].rule), (1, "exception"));
    }
}
