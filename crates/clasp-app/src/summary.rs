//! An app config in words, for people.

use crate::config::AppConfig;

/// Attempts and window in words.
fn per(quota: clasp_auth::Quota) -> String {
    format!("{} in {} s", quota.attempts, quota.window_us / 1_000_000)
}

impl AppConfig {
    /// One line: how much of what.
    pub fn outline(&self) -> String {
        let count = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {one}s"),
        };
        let scopes = match &self.scopes {
            Some(scopes) => count(scopes.len(), "scope"),
            None => "default scopes".into(),
        };
        format!(
            "{scopes}, {}, {}, {}",
            count(self.write_rules.len(), "write rule"),
            count(self.visibility.len(), "visibility rule"),
            count(self.redactions.len(), "redaction"),
        )
    }

    /// What it grants: for each part a title, and rows of what is concerned and what holds there.
    pub fn summary(&self) -> Vec<(&'static str, Vec<(String, String)>)> {
        let scopes = match &self.scopes {
            Some(scopes) => scopes.iter().map(|scope| (scope.to_string(), String::new())).collect(),
            None => vec![("those of the relay without an app config".into(), String::new())],
        };
        let write_rules = self.write_rules.iter();
        let write_rules = write_rules.map(|rule| (rule.path.to_string(), rule.to_string()));
        let visibility = self.visibility.iter().map(|rule| (rule.about(), rule.to_string()));
        let redactions = self.redactions.iter();
        let redactions = redactions.map(|part| (part.path().to_string(), part.to_string()));
        let quotas = &self.quotas;
        let guest = quotas.guest.map_or_else(|| "as registrations".into(), per);
        let messages = match quotas.messages_per_second {
            Some(0) => "any number".to_owned(),
            Some(count) => format!("{count} per second and session"),
            None => "as the relay's options say".to_owned(),
        };
        let admin = if self.admin_bypasses_rules { "bypass" } else { "are bound by" };
        vec![
            ("scopes of every user", scopes),
            ("who may write (the first path that fits decides)", write_rules.collect()),
            ("who may see (the first that fits decides)", visibility.collect()),
            ("fields that nobody sees", redactions.collect()),
            (
                "limits",
                [
                    ("failed logins", per(quotas.login)),
                    ("registrations", per(quotas.register)),
                    ("guests", guest),
                    ("messages", messages),
                    ("admin tokens", format!("{admin} the write rules")),
                ]
                .map(|(name, limit)| (name.to_owned(), limit))
                .into(),
            ),
        ]
    }
}
