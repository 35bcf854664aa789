//! What is wrong with an app config, and where.

use std::fmt;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The config cannot be used.
    Error,
    /// Part of the config has no effect; it can be used.
    Warning,
}

/// One problem; shown as `line:column: member: what and what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// Path of the member, such as `write_rules[0].checks[1].lookup`; empty for the whole file.
    pub member: String,
    /// What is wrong and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.member.is_empty() {
            write!(f, "{}: ", self.member)?;
        }
        f.write_str(&self.text)
    }
}

/// The word among `known` that was probably meant, as the end of a sentence.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let distance = |name: &str| strsim::damerau_levenshtein(word, name);
    let closest = known.into_iter().map(|name| (distance(name), name)).min();
    match closest {
        Some((far, name)) if far <= 1 + name.len() / 4 => format!("; did you mean '{name}'?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["write_rules", "scopes", "path"];
        assert_eq!(did_you_mean("write_rule", known), "; did you mean 'write_rules'?");
        assert_eq!(did_you_mean("writeRules", known), "; did you mean 'write_rules'?");
        assert_eq!(did_you_mean("scpoes", known), "; did you mean 'scopes'?");
        assert_eq!(did_you_mean("limits", known), "");
    }
}
