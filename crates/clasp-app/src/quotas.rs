//! How often may be tried and how much be sent (relay.md 8.7, 10.7, 13.6).

use clasp_auth::Quota;

use crate::document::{Node, Reader};

/// Quotas of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Failed logins.
    pub login: Quota,
    /// Registrations, and guests where they have no quota of their own.
    pub register: Quota,
    /// Guests; absent: they count as registrations.
    pub guest: Option<Quota>,
    /// Messages of one session per second, 0 for no limit; absent: what the operator says.
    pub messages_per_second: Option<u32>,
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas {
            login: Quota::per_seconds(5, 60),
            register: Quota::per_seconds(10, 60),
            guest: None,
            messages_per_second: None,
        }
    }
}

impl Quotas {
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Quotas> {
        let mut members = reader.members(node)?;
        let mut count = |name, min| {
            let node = members.take(name)?;
            reader.count(&node, min)
        };
        let default = Quotas::default();
        let login = (count("login_max_attempts", 1), count("login_window_secs", 1));
        let register = (count("register_max_attempts", 1), count("register_window_secs", 1));
        let guest = (count("guest_max_attempts", 1), count("guest_window_secs", 1));
        let messages_per_second = count("max_messages_per_second", 0);
        members.finish(reader);
        let register = quota(default.register, register);
        let has_guest = guest.0.is_some() || guest.1.is_some();
        Some(Quotas {
            login: quota(default.login, login),
            register,
            guest: has_guest.then(|| quota(register, guest)),
            messages_per_second,
        })
    }
}

fn quota(default: Quota, (attempts, seconds): (Option<u32>, Option<u32>)) -> Quota {
    Quota {
        attempts: attempts.unwrap_or(default.attempts),
        window_us: seconds.map_or(default.window_us, |seconds| u64::from(seconds) * 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Option<Quotas>, String) {
        let (quotas, problems) = Reader::read(json, Quotas::read);
        (quotas, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        assert_eq!(read("{}"), (Some(Quotas::default()), String::new()));
        let login = Quota::per_seconds(3, 60);
        let quotas = read(r#"{"login_max_attempts": 3}"#).0.unwrap();
        assert_eq!(quotas, Quotas { login, ..Quotas::default() });
    }

    #[test]
    fn every_member_arrives() {
        let (quotas, problems) = read(
            r#"{"login_max_attempts": 1, "login_window_secs": 2, "register_max_attempts": 3,
                "register_window_secs": 4, "guest_max_attempts": 5, "guest_window_secs": 6,
                "max_messages_per_second": 7}"#,
        );
        let expected = Quotas {
            login: Quota::per_seconds(1, 2),
            register: Quota::per_seconds(3, 4),
            guest: Some(Quota::per_seconds(5, 6)),
            messages_per_second: Some(7),
        };
        assert_eq!((quotas, problems.as_str()), (Some(expected), ""));
    }

    #[test]
    fn guests_have_the_rest_of_their_quota_from_registrations() {
        let quotas = read(r#"{"register_window_secs": 9, "guest_max_attempts": 1}"#).0.unwrap();
        assert_eq!(quotas.guest, Some(Quota::per_seconds(1, 9)));
    }

    #[test]
    fn nonsense_is_refused() {
        for json in [
            r#"{"login_max_attempts": 0}"#,
            r#"{"login_window_secs": -1}"#,
            r#"{"login_window_secs": 1.5}"#,
            r#"{"login_window_secs": "60"}"#,
            r#"{"max_messages_per_second": 5000000000}"#,
        ] {
            let problems = read(json).1;
            assert!(problems.contains("expected a whole number from"), "{json}: {problems}");
        }
        assert!(read(r#"{"login_attempts": 1}"#).1.contains("did you mean 'login_max_attempts'?"));
    }
}
