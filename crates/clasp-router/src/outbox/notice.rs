//! Tells a slow session now and then how much it lost (routing.md 5.3).

use clasp_protocol::ErrorCode;

use crate::broadcast::Broadcast;
use crate::config::OutboxConfig;
use crate::refusal::Refusal;
use clasp_protocol::Qos;

/// Losses of one session within a window of time.
#[derive(Debug, Default)]
pub(super) struct DropWindow {
    drops: u32,
    started_us: u64,
    noticed_us: Option<u64>,
}

impl DropWindow {
    /// Counts losses; gives the notice if one is due.
    pub(super) fn count(
        &mut self,
        fresh: u32,
        limits: &OutboxConfig,
        now_us: u64,
    ) -> Option<Broadcast> {
        let window_us = u64::from(limits.notice_window_s) * 1_000_000;
        if now_us.saturating_sub(self.started_us) > window_us {
            self.started_us = now_us;
            self.drops = 0;
        }
        self.drops += fresh;
        let rested =
            self.noticed_us.is_none_or(|noticed_us| now_us.saturating_sub(noticed_us) >= window_us);
        if self.drops < limits.notice_drops_min || !rested {
            return None;
        }
        self.noticed_us = Some(now_us);
        let text = format!(
            "{} messages to you were dropped within {} s: you read more slowly than they come",
            self.drops, limits.notice_window_s
        );
        let refusal = Refusal::new(ErrorCode::Overloaded, text);
        Broadcast::new(&refusal.to_message(None), Qos::Fire).ok()
    }
}
