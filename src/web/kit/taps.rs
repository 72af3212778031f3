//! When a button was tapped, by the clock of the gateway, and until when its order may be carried
//! out.
//!
//! The clock of a phone is not believed. A page and each heartbeat of its live updates carry a
//! *stamp*, the gateway's monotonic time; the page's script adds what passed since on its own
//! stopwatch and sends the sum with the form. A form without that (no script) is as old as it is
//! when it is read, except right after a standstill of the gateway, when it may have waited.
//! Stamps are not signed: whoever forges one only calls an order of their own younger.

use std::sync::Arc;

use crate::supervisor::clock::Clock;
use crate::supervisor::standstill::Standstill;
use crate::time::MonoMs;

/// How long after the tap an order may still be decided, ms. The page says after ten seconds that
/// the order was not carried out; what is left of them is for the disk and the way back.
pub const MAX_ORDER_AGE_MS: u64 = 7_000;
/// A stopwatch that is ahead by more than this was wrong, ms.
const MAX_AHEAD_MS: u64 = 2_000;

/// Makes stamps and judges taps; clones share it.
#[derive(Debug, Clone)]
pub struct TapClock {
    /// Names this run of the gateway: monotonic time begins anew with each.
    run: Arc<str>,
    clock: Clock,
    standstill: Standstill,
}

impl TapClock {
    /// For the run that `run` names.
    #[must_use]
    pub fn new(run: &str, clock: Clock, standstill: Standstill) -> Self {
        Self {
            run: run.into(),
            clock,
            standstill,
        }
    }

    /// The stamp of now.
    #[must_use]
    pub fn stamp(&self) -> String {
        format!("{}.{}", self.run, self.clock.mono_ms().ms())
    }

    /// Whether a request without a stamp may have waited too long.
    #[must_use]
    pub fn may_have_waited(&self) -> bool {
        self.standstill.is_recent()
    }

    /// Whether a page with this stamp was made by this run, at most so many milliseconds ago.
    #[must_use]
    pub fn is_younger_than(&self, stamp: &str, most_ms: u64) -> bool {
        let Some((run, at)) = stamp.split_once('.') else {
            return false;
        };
        let now = self.clock.mono_ms();
        let at = at.parse::<u64>().map(MonoMs::new);
        *run == *self.run && at.is_ok_and(|at| at <= now && now.since(at) <= most_ms)
    }

    /// Until when the order of this tap may be decided; none = it is too late already.
    /// `tap` is the stamp at the tap, empty = the page has no script.
    #[must_use]
    pub fn deadline(&self, tap: &str) -> Option<MonoMs> {
        let now = self.clock.mono_ms();
        let tapped_at = if tap.is_empty() {
            (!self.may_have_waited()).then_some(now)?
        } else {
            // A tap on a page of an earlier run: how long ago that was, nobody knows.
            let (run, at) = tap.split_once('.')?;
            let at = at.parse::<u64>().ok().filter(|_| *run == *self.run)?;
            let at = MonoMs::new(at);
            (at <= now + MAX_AHEAD_MS).then_some(at)?
        };
        let deadline = tapped_at + MAX_ORDER_AGE_MS;
        (now <= deadline).then_some(deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_order_is_as_old_as_its_tap_and_without_a_stamp_as_young_as_its_arrival() {
        let clock = Clock::manual(0);
        let taps = TapClock::new("0a", clock.clone(), Standstill::new(clock.clone()));
        assert_eq!(taps.stamp(), "0a.0");
        clock.advance(Duration::from_secs(4));
        assert_eq!(
            taps.deadline("0a.1000"),
            Some(MonoMs::new(1_000 + MAX_ORDER_AGE_MS))
        );
        assert_eq!(
            taps.deadline(""),
            Some(MonoMs::new(4_000 + MAX_ORDER_AGE_MS))
        );
        assert_eq!(
            taps.deadline("0a.5000"),
            Some(MonoMs::new(5_000 + MAX_ORDER_AGE_MS))
        );
        for wrong in ["0a.6001", "0b.4000", "0a.", "0a.-1", "4000", "."] {
            assert_eq!(taps.deadline(wrong), None, "{wrong}");
        }
        assert!(taps.is_younger_than("0a.1000", 3_000));
        for old in ["0a.999", "0a.4001", "0b.3000", "3000", ""] {
            assert!(!taps.is_younger_than(old, 3_000), "{old}");
        }
        clock.advance(Duration::from_secs(75));
        assert_eq!(taps.deadline("0a.4000"), None, "75 s later");
        assert_eq!(taps.deadline(""), None, "it may have waited all that time");
        assert!(taps.deadline("0a.79000").is_some(), "this one did not");
    }
}
