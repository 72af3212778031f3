//! How much a device may write into history: entries wear storage, and a chattering relay, or a
//! device in the wrong hands, would write all day.
//!
//! Invariants: a change that a page must show is late at most. The caller holds the last report,
//! tries again, and writes it when the gateway stops; a power cut may lose it, as it may lose a
//! message on its way. Memory is one small record for each device that has an account.

use std::collections::BTreeMap;

use crate::domain::id::DeviceId;
use crate::time::MonoMs;

/// Entries at once: the discovery messages of a bridge with many sensors, a stormy morning.
const BURST: f64 = 200.0;
/// Then one entry in so many milliseconds: 8,640 a day, about 40 MB of storage.
const MS_PER_TOKEN: f64 = 10_000.0;

/// Token buckets by device.
#[derive(Debug, Default)]
pub struct RateLimiter(BTreeMap<DeviceId, (f64, MonoMs)>);

impl RateLimiter {
    /// True when the device may write one entry now; the entry is then charged.
    pub fn try_acquire(&mut self, device: &DeviceId, now: MonoMs) -> bool {
        let (left, at) = self.0.get(device).copied().unwrap_or((BURST, now));
        let left = (left + now.since(at) as f64 / MS_PER_TOKEN).min(BURST);
        let may = left >= 1.0;
        if !may && at != now {
            tracing::debug!(
                device = device.as_str(),
                "device rate limited; latest value deferred"
            );
        }
        self.0
            .insert(device.clone(), (if may { left - 1.0 } else { left }, now));
        may
    }

    /// True when the device may write one entry now; nothing is charged.
    pub fn has_token(&self, device: &DeviceId, now: MonoMs) -> bool {
        self.0
            .get(device)
            .is_none_or(|(left, at)| left + now.since(*at) as f64 / MS_PER_TOKEN >= 1.0)
    }

    /// Gives a charge back: nothing had to be written after all.
    pub fn refund(&mut self, device: &DeviceId) {
        if let Some((left, _)) = self.0.get_mut(device) {
            *left = (*left + 1.0).min(BURST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chattering_device_is_slowed_and_no_other() {
        let (mut budget, noisy, calm) = (
            RateLimiter::default(),
            DeviceId::new("a").expect("id"),
            DeviceId::new("b").expect("id"),
        );
        let taken = (0..86_400_000)
            .step_by(1_000)
            .filter(|ms| budget.try_acquire(&noisy, MonoMs::new(*ms)))
            .count();
        assert!(
            (8_600..=8_900).contains(&taken),
            "{taken} in a day of one each second"
        );
        assert!(budget.try_acquire(&calm, MonoMs::new(86_400_000)));
        let mut fresh = RateLimiter::default();
        for _ in 0..1_000 {
            assert!(
                fresh.try_acquire(&calm, MonoMs::new(5)),
                "what changed nothing costs nothing"
            );
            fresh.refund(&calm);
        }
    }
}
