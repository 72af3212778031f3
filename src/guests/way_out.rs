//! The way to the internet over time: which uplink, and whether anybody answers behind it.
//!
//! A new uplink counts as good until probes of it fail; one that failed counts as down until a
//! probe succeeds.

use super::dns::probe::{MAX_FAILURES, PROBE_INTERVAL, RETRY_INTERVAL};
use crate::config::network::UplinkInterface;
use crate::domain::guest::admission::InternetUplink;
use crate::time::MonoMs;

/// The way to the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut {
    current: Option<UplinkInterface>,
    failures: u32,
    next_probe_at: MonoMs,
}

impl Default for WayOut {
    fn default() -> Self {
        Self {
            current: None,
            failures: 0,
            next_probe_at: MonoMs::START,
        }
    }
}

impl WayOut {
    /// The kernel's routes lead this way now; true = it is another one.
    pub fn set_current(&mut self, current: Option<UplinkInterface>, now: MonoMs) -> bool {
        if self.current == current {
            return false;
        }
        self.current = current;
        self.failures = 0;
        self.next_probe_at = now;
        true
    }

    /// Whether a probe is due; the time of the next one is set.
    pub fn probe_is_due(&mut self, now: MonoMs) -> bool {
        if self.current.is_none() || now < self.next_probe_at {
            return false;
        }
        let interval = if self.failures == 0 {
            PROBE_INTERVAL
        } else {
            RETRY_INTERVAL
        };
        self.next_probe_at = now + interval;
        true
    }

    /// The outcome of a probe; true = the status changed.
    pub fn probed(&mut self, answered: bool, now: MonoMs) -> bool {
        let before = self.uplink();
        if answered {
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
            self.next_probe_at = self.next_probe_at.min(now + RETRY_INTERVAL);
        }
        self.uplink() != before
    }

    /// The status.
    #[must_use]
    pub const fn uplink(&self) -> InternetUplink {
        match &self.current {
            Some(_) if self.failures >= MAX_FAILURES => InternetUplink::Down,
            Some(uplink) if uplink.is_metered => InternetUplink::Metered,
            Some(_) => InternetUplink::Free,
            None => InternetUplink::Down,
        }
    }

    /// The uplink by which packets leave.
    #[must_use]
    pub const fn current(&self) -> Option<&UplinkInterface> {
        self.current.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::netd::InterfaceName;

    fn at(ms: u64) -> MonoMs {
        MonoMs::START + ms
    }

    #[test]
    fn an_uplink_is_down_after_looks_that_fail_and_back_after_one_that_does_not() {
        let uplink = |name: &str, is_metered: bool| {
            Some(UplinkInterface {
                interface: InterfaceName::new(name).expect("a name"),
                is_metered,
            })
        };
        let mut way = WayOut::default();
        assert_eq!(way.uplink(), InternetUplink::Down);
        assert!(!way.probe_is_due(at(0)));
        assert!(way.set_current(uplink("eth0", false), at(10)));
        assert_eq!(way.uplink(), InternetUplink::Free);
        assert!(way.probe_is_due(at(10)));
        assert!(!way.probe_is_due(at(11)));
        assert!(!way.probed(false, at(3_010)));
        assert!(way.probe_is_due(at(6_010)));
        assert!(way.probed(false, at(9_000)));
        assert_eq!(way.uplink(), InternetUplink::Down);
        assert!(way.probed(true, at(12_000)));
        assert_eq!(way.uplink(), InternetUplink::Free);
        assert!(way.set_current(uplink("wwan0", true), at(12_100)));
        assert_eq!(way.uplink(), InternetUplink::Metered);
        assert!(!way.set_current(uplink("wwan0", true), at(12_200)));
        assert!(way.set_current(None, at(12_300)));
        assert_eq!(way.uplink(), InternetUplink::Down);
    }
}
