//! Rules on words: left-over marks, skipped tests, stray features, `unwrap`. Strings are no words,
//! and only marks are looked for in comments.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::{Finding, Source};

/// The only file that may ask for cargo features.
const FEATURES_FILE: &str = "deploy/relay/src/doors.rs";
/// Notes to oneself that have to become deeds or issues.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// Macros of unfinished work.
const MACROS: [&str; 3] = ["dbg", "todo", "unimplemented"];

/// Checks every token and comment of a file.
pub(super) fn findings(source: &Source) -> Vec<Finding> {
    let mut findings = marks(source);
    match source.text.parse::<TokenStream>() {
        Ok(stream) => scan(stream, source, &mut findings),
        Err(error) => findings.push(source.finding("syntax", 0, error.to_string())),
    }
    findings
}

fn marks(source: &Source) -> Vec<Finding> {
    let words = |line: &str, mark: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == mark)
    };
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for mark in MARKS.iter().filter(|mark| words(line, mark)) {
            findings.push(source.finding("mark", index + 1, format!("{mark} is left over")));
        }
    }
    findings
}

fn scan(stream: TokenStream, source: &Source, findings: &mut Vec<Finding>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let line = token.span().start().line;
        let before = index.checked_sub(1).and_then(|index| tokens.get(index));
        let rest = &tokens[index + 1..];
        if let TokenTree::Ident(word) = token
            && let Some((rule, message)) = offence(&word.to_string(), before, rest)
        {
            let exempt = match rule {
                "unwrap" => source.in_test(line),
                "feature" => source.path == FEATURES_FILE,
                _ => false,
            };
            if !exempt {
                findings.push(source.finding(rule, line, message));
            }
        }
        if let TokenTree::Group(group) = token {
            if is_punct(before, '#') && begins_with(group, "ignore") {
                let message = "a skipped test proves nothing: mend it or remove it";
                findings.push(source.finding("skipped-test", line, message));
            }
            scan(group.stream(), source, findings);
        }
    }
}

/// What is wrong with `word` between `before` and `rest`.
fn offence(
    word: &str,
    before: Option<&TokenTree>,
    rest: &[TokenTree],
) -> Option<(&'static str, String)> {
    let called = |group: &TokenTree| {
        matches!(group, TokenTree::Group(group) if
        group.delimiter() == Delimiter::Parenthesis)
    };
    match word {
        "unwrap" if is_punct(before, '.') && rest.first().is_some_and(called) => {
            Some(("unwrap", "return the error, or expect() with the invariant".into()))
        }
        "cfg" | "cfg_attr" => {
            let rest = if is_punct(rest.first(), '!') { &rest[1..] } else { rest };
            let Some(TokenTree::Group(condition)) = rest.first() else {
                return None;
            };
            let message = format!("only {FEATURES_FILE} asks for features");
            asks_feature(condition.stream()).then_some(("feature", message))
        }
        name if MACROS.contains(&name) && is_punct(rest.first(), '!') => {
            Some(("mark", format!("{name}! is left over")))
        }
        _ => None,
    }
}

fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

fn begins_with(group: &Group, name: &str) -> bool {
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == name)
}

fn asks_feature(condition: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = condition.into_iter().collect();
    tokens.iter().enumerate().any(|(index, token)| match token {
        TokenTree::Ident(word) => word == "feature" && is_punct(tokens.get(index + 1), '='),
        TokenTree::Group(group) => asks_feature(group.stream()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_in(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        let source = Source::parse(path, text.into()).unwrap();
        findings(&source).iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    fn rules(text: &str) -> Vec<(&'static str, usize)> {
        rules_in("crates/a/src/x.rs", text)
    }

    #[test]
    fn marks_are_found_in_comments_as_whole_words() {
        for mark in MARKS {
            assert_eq!(rules(&format!("fn a() {{}}\n// {mark}: later")), [("mark", 2)]);
            assert_eq!(rules(&format!("// {mark}S and MY_{mark}")), []);
        }
    }

    #[test]
    fn macros_of_unfinished_work_are_found() {
        for name in MACROS {
            assert_eq!(rules(&format!("fn a() {{ b({name}!(1)) }}")), [("mark", 1)]);
            assert_eq!(rules(&format!("fn {name}() {{ {name}() }}")), []);
        }
    }

    #[test]
    fn unwrap_is_found_outside_tests_also_in_macros() {
        assert_eq!(rules("fn a() {\n    b().unwrap();\n}"), [("unwrap", 2)]);
        assert_eq!(rules("fn a() { assert!(b.unwrap()) }"), [("unwrap", 1)]);
        assert_eq!(rules("#[test]\nfn a() {\n    b().unwrap();\n}"), []);
        assert_eq!(rules_in("crates/a/tests/x.rs", "fn a() { b().unwrap() }"), []);
        assert_eq!(rules("fn unwrap() { self.unwrap_or(1); unwrap() }"), []);
        assert_eq!(rules("const A: &str = \".unwrap()\"; // b.unwrap()"), []);
    }

    #[test]
    fn skipped_tests_are_found() {
        assert_eq!(rules("#[test]\n#[ignore]\nfn a() {}"), [("skipped-test", 2)]);
        assert_eq!(rules("#[ignore = \"slow\"]\n#[test]\nfn a() {}"), [("skipped-test", 1)]);
        assert_eq!(rules("fn a() { b.ignore(1); c([ignore]); }"), []);
    }

    #[test]
    fn features_are_found_but_for_one_file() {
        let texts = [
            "#[cfg(feature = \"x\")] fn a() {}",
            "#[cfg(all(unix, not(feature = \"x\")))] fn a() {}",
            "#[cfg_attr(feature = \"x\", inline)] fn a() {}",
            "fn a() -> bool { cfg!(feature = \"x\") }",
        ];
        for text in texts {
            assert_eq!(rules(text), [("feature", 1)], "{text}");
            assert_eq!(rules_in(FEATURES_FILE, text), [], "{text}");
        }
        assert_eq!(rules("#[cfg(unix)] fn a() { let feature = 1; }"), []);
    }
}
