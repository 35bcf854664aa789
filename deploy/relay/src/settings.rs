//! From the operator's options to the router's settings.

use clasp_router::Config;
use clasp_router::config::{AckPolicy, GetMissing as Missing, InitialSnapshot as Snapshot};
use clasp_router::config::{GroupConfig, ParamConfig, SignalConfig};

use crate::access;
use crate::app::App;
use crate::options::{Ack, GetMissing, InitialSnapshot, Options, StateOptions, WhenFull};

/// The router's settings; what the operator leaves open an application may choose.
pub(crate) fn router(options: &Options, app: Option<&App>) -> Config {
    let ttl = |seconds| if options.state.no_ttl { 0 } else { seconds };
    Config {
        name: options.listen.name.clone(),
        sessions_max: options.sessions.max_sessions as usize,
        subscriptions_per_session_max: options.sessions.max_subscriptions as usize,
        messages_per_second_max: access::messages_per_second(options, app),
        groups: GroupConfig {
            subject_messages_per_second_max: options.gate.max_messages_per_second_subject,
            address_messages_per_second_max: options.gate.max_messages_per_second_address,
            failed_hellos_per_minute_max: options.gate.max_failed_hellos_per_minute,
        },
        ack_publish: options.replies.ack_publish,
        ack: match options.replies.ack {
            Ack::Qos => AckPolicy::Qos,
            Ack::Always => AckPolicy::Always,
        },
        get_missing: match options.replies.get_missing {
            GetMissing::Error => Missing::Error,
            GetMissing::Silent => Missing::Silent,
            GetMissing::Null => Missing::Null,
        },
        initial_snapshot: match options.replies.initial_snapshot {
            InitialSnapshot::Full => Snapshot::Full,
            InitialSnapshot::Empty => Snapshot::Empty,
            InitialSnapshot::UpTo(params) => Snapshot::UpTo(params as usize),
        },
        params: params(&options.state, ttl(options.state.param_ttl)),
        signals: SignalConfig { ttl_s: ttl(options.state.signal_ttl), ..SignalConfig::default() },
        ..Config::default()
    }
}

fn params(options: &StateOptions, ttl_s: u32) -> ParamConfig {
    ParamConfig {
        count_max: options.max_params as usize,
        created_per_session_max: options.max_params_per_session as usize,
        ttl_s,
        reject_new: options.when_full == WhenFull::Reject,
        notify_expiry: options.notify_expiry,
        lock_grace_s: options.lock_grace,
        ..ParamConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn settings(arguments: &[&str]) -> Config {
        router(&Options::parse_from([&["clasp-relay"], arguments].concat()), None)
    }

    #[test]
    fn the_defaults_are_the_routers_own() {
        let (from_options, own) = (settings(&[]), Config::default());
        assert_eq!(format!("{from_options:?}"), format!("{own:?}"));
    }

    #[test]
    fn every_option_arrives() {
        let changed = settings(&[
            "--name=Studio",
            "--max-sessions=0",
            "--max-subscriptions=5",
            "--max-messages-per-second=30",
            "--max-messages-per-second-subject=31",
            "--max-messages-per-second-address=32",
            "--max-failed-hellos-per-minute=33",
            "--ack=always",
            "--ack-publish",
            "--get-missing=null",
            "--initial-snapshot=700",
            "--param-ttl=60",
            "--signal-ttl=61",
            "--max-params=9",
            "--max-params-per-session=8",
            "--when-full=reject",
            "--notify-expiry",
            "--lock-grace=7",
        ]);
        assert_eq!(changed.name, "Studio");
        assert_eq!((changed.sessions_max, changed.subscriptions_per_session_max), (0, 5));
        assert_eq!(changed.messages_per_second_max, 30);
        let groups = &changed.groups;
        assert_eq!(groups.subject_messages_per_second_max, 31);
        assert_eq!(groups.address_messages_per_second_max, 32);
        assert_eq!(groups.failed_hellos_per_minute_max, 33);
        assert_eq!((changed.ack, changed.ack_publish), (AckPolicy::Always, true));
        assert_eq!(changed.get_missing, Missing::Null);
        assert_eq!(changed.initial_snapshot, Snapshot::UpTo(700));
        assert_eq!((changed.params.ttl_s, changed.signals.ttl_s), (60, 61));
        assert_eq!((changed.params.count_max, changed.params.reject_new), (9, true));
        assert_eq!(changed.params.created_per_session_max, 8);
        assert_eq!((changed.params.notify_expiry, changed.params.lock_grace_s), (true, 7));
    }

    #[test]
    fn no_ttl_wins_and_keeps_the_limit_of_params() {
        let changed = settings(&["--no-ttl", "--param-ttl=60"]);
        assert_eq!((changed.params.ttl_s, changed.signals.ttl_s), (0, 0));
        assert_eq!(changed.params.count_max, 100_000);
    }
}
