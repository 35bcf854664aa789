//! File descriptors: every connection needs one, and the usual soft limit is far below the hard
//! one.

/// Kept free for listeners, files and the runtime's own use.
const RESERVE: u64 = 64;

/// Raises the soft limit to the hard one and tells how it stands. `sessions_max` of 0 means no
/// limit.
pub(crate) fn raise_limit(sessions_max: usize) {
    let before = rlimit::Resource::NOFILE.get_soft().unwrap_or(0);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(now) => {
            tracing::info!("file descriptors: up to {now} (the limit was {before})");
            if now < sessions_max as u64 + RESERVE {
                tracing::warn!(
                    "{now} file descriptors are too few for --max-sessions {sessions_max}; \
                     raise the hard limit (ulimit -Hn, or LimitNOFILE= in a systemd unit)"
                );
            }
        }
        Err(error) => {
            tracing::warn!("cannot raise the limit of {before} file descriptors: {error}");
        }
    }
}
